import type { Progress } from './progress.js';

/** How fast a phase goes. */
export interface PaceReading {
  /** Time since the phase began. */
  readonly seconds: number;
  /** Units a second since then; 0 while nothing is done. */
  readonly rate: number;
  /** Time until the end at this rate; 0 while it is unknown. */
  readonly secondsLeft: number;
}

/** Measures how fast work goes, phase by phase, from its reports of progress. */
export class Pace {
  private phase: string | undefined;
  private started = 0;
  private last = 0;

  /** @param now The clock in ms. Default: `performance.now`. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Whether the next report with this phase begins another one. */
  isNew(phase: string): boolean {
    return this.phase !== phase;
  }

  /** Takes a report. */
  read({ phase, done, total }: Progress): PaceReading {
    const now = this.now();
    // A phase of the same name that starts over is another one.
    if (this.phase !== phase || done < this.last) {
      this.phase = phase;
      this.started = now;
    }
    this.last = done;
    const seconds = (now - this.started) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    return { seconds, rate, secondsLeft: rate > 0 ? (total - done) / rate : 0 };
  }

  /** Forgets the phase: the next report begins one. */
  end(): void {
    this.phase = undefined;
  }
}
