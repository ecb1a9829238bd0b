import { AbortedError } from '../../base/errors.js';
import { contextOf, type RunContext } from '../../base/progress.js';

/** The time of a search. */
export class SearchClock {
  /**
   * @param budgetSeconds From `startedMs` on.
   * @param stop Once aborted, nothing more is tried.
   * @param startedMs Of `performance.now()`.
   */
  constructor(
    readonly budgetSeconds: number,
    private readonly stop: AbortSignal | undefined,
    private readonly startedMs = performance.now(),
  ) {}

  get secondsSpent(): number {
    return (performance.now() - this.startedMs) / 1000;
  }

  /** Until the end of the budget; 0 once nothing more may be tried. */
  get secondsLeft(): number {
    return this.stop?.aborted ? 0 : Math.max(0, this.budgetSeconds - this.secondsSpent);
  }

  /**
   * The result of `work`, and the seconds that it took; undefined where it was not done after `seconds`, or the search was stopped before.
   *
   * @throws AbortedError once the signal of the context is aborted.
   */
  async within<T>(
    seconds: number,
    context: RunContext,
    work: (context: RunContext) => Promise<T>,
  ): Promise<{ readonly result: T; readonly seconds: number } | undefined> {
    if (seconds <= 0 || this.stop?.aborted) return undefined;
    const signals = [AbortSignal.timeout(Math.ceil(1000 * Math.min(seconds, 1e6)))];
    for (const signal of [this.stop, context.signal]) if (signal !== undefined) signals.push(signal);
    const startedMs = performance.now();
    try {
      const result = await work({ ...contextOf(context), signal: AbortSignal.any(signals) });
      return { result, seconds: (performance.now() - startedMs) / 1000 };
    } catch (thrown) {
      if (thrown instanceof AbortedError && !context.signal?.aborted) return undefined;
      throw thrown;
    }
  }

  /** A context whose progress is the time of the search: what is done below it reports under `detail`. */
  progress({ signal, onProgress, profile }: RunContext, detail: () => string): RunContext {
    return {
      signal,
      profile,
      onProgress: ({ stage }) =>
        onProgress?.({
          phase: 'searching',
          detail: detail(),
          // Another phase follows, so it does not end.
          done: Math.min(Math.floor(this.secondsSpent), Math.ceil(this.budgetSeconds) - 1),
          total: Math.ceil(this.budgetSeconds),
          unit: 's',
          stage,
        }),
    };
  }
}
