import type { Profile } from './profile.js';

/** How far a long piece of work is. */
export interface Progress {
  /** What is being done, as a verb in its -ing form: `extracting features`. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** What `done` and `total` count, in the plural: `images`. */
  readonly unit: string;
  /** The part of the phase that is under way: `epoch 3 of 30`. */
  readonly detail?: string | undefined;
  /** How many of `done` came from a cache, so that a rate would say nothing about the work. */
  readonly cached?: number | undefined;
  /** Which stage of the whole command this is, from 1. */
  readonly stage?: { readonly number: number; readonly of: number } | undefined;
}

/** What every long operation takes: somebody to tell, and a way to be told to stop. */
export interface RunContext {
  /** Called as work goes on, often; it should return at once. Default: nobody is told. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called with a line of text where something is worth reading: a warning, the line of an epoch. Default: nobody is told. */
  readonly onMessage?: ((line: string) => void) | undefined;
  /** Once aborted, the work ends with AbortedError as soon as it can, and leaves nothing half-written. */
  readonly signal?: AbortSignal | undefined;
  /** Told where the time goes. Default: nobody. */
  readonly profile?: Profile | undefined;
}

/** The part of an operation's options that the operations below it take. Passing all options on would let any of them override a default there. */
export const contextOf = ({ onProgress, onMessage, signal, profile }: RunContext): RunContext => ({
  onProgress,
  onMessage,
  signal,
  profile,
});

/** A watch for each stage of a command that has `of` of them: progress that is reported to the watch of `number` carries that stage. */
export const stagesOf =
  (context: RunContext, of: number): ((number: number) => RunContext) =>
  number => ({
    ...contextOf(context),
    onProgress: progress => context.onProgress?.({ ...progress, stage: { number, of } }),
  });
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
