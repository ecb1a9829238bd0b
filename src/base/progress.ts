import type { Profile } from './profile.js';

/** The progress of a long operation. */
export interface Progress {
  /** What is being done, as a verb in its -ing form: `extracting features`. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** What `done` and `total` count, in the plural: `images`. */
  readonly unit: string;
  /** The part of the phase that is under way: `epoch 3 of 30`. */
  readonly detail?: string | undefined;
  /** How many of `done` came from a cache; a rate computed from `done` includes them. */
  readonly cached?: number | undefined;
  /** The stage of the whole operation, from 1. */
  readonly stage?: { readonly number: number; readonly of: number } | undefined;
}

/** What every long operation takes: callbacks for progress and messages, and a signal to stop it. */
export interface RunContext {
  /** Called often while the operation runs; it should return quickly. Default: none. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called with a line of text: a warning, the result of an epoch. Default: none. */
  readonly onMessage?: ((line: string) => void) | undefined;
  /** Once aborted, the operation fails with AbortedError as soon as it can, and leaves no partial output. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** Receives the time of each stage. Default: none. */
  readonly profile?: Profile | undefined;
}

/** The part of an operation's options that the operations below it take. Passing all options could override a default there with `undefined`. */
export const contextOf = ({ onProgress, onMessage, signal, profile }: RunContext): RunContext => ({
  onProgress,
  onMessage,
  signal,
  profile,
});

/** The contexts of the stages of an operation that has `of` of them: progress reported to the context of stage `number` has that `stage`. */
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
