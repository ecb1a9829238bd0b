import type { Profile } from './profile.js';

/** The progress of a long operation. */
export interface Progress {
  /** Name of the phase, a verb in -ing form: `extracting features`. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** Unit of `done` and `total`, plural: `images`. */
  readonly unit: string;
  /** Current part of the phase: `epoch 3 of 30`. */
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
/** Speed of a phase. */
export interface PaceReading {
  /** Time since the start of the phase. */
  readonly seconds: number;
  /** Units per second since then; 0 while nothing is done. */
  readonly rate: number;
  /** Estimated time to the end; 0 while unknown. */
  readonly secondsLeft: number;
}

/** Measures the speed of each phase from progress reports. */
export class Pace {
  private phase: string | undefined;
  private started = 0;
  private last = 0;

  /** @param now The clock in ms. Default: `performance.now`. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Whether a report of this phase would start a new one. */
  isNew(phase: string): boolean {
    return this.phase !== phase;
  }

  read({ phase, done, total }: Progress): PaceReading {
    const now = this.now();
    // A restarted phase of the same name is a new one.
    if (this.phase !== phase || done < this.last) {
      this.phase = phase;
      this.started = now;
    }
    this.last = done;
    const seconds = (now - this.started) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    return { seconds, rate, secondsLeft: rate > 0 ? (total - done) / rate : 0 };
  }

  /** Ends the phase: the next report starts a new one. */
  end(): void {
    this.phase = undefined;
  }
}

/** The context of one of several equal tasks: progress is that of all as one phase, and messages, which the first fit has given, are left out. */
export const foldContext = (
  { signal, onProgress }: RunContext,
  phase: string,
  fold: number,
  folds: number,
): RunContext => ({
  signal,
  onProgress: ({ done, total, unit, stage }) =>
    onProgress?.({
      phase,
      detail: `fold ${fold + 1} of ${folds}`,
      done: fold * total + done,
      total: folds * total,
      unit,
      stage,
    }),
});
