import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from './errors.js';
import { step } from './profile.js';
import { contextOf, type RunContext } from './progress.js';

/**
 * Yields the results of `work(0)` ... `work(count - 1)` in that order, with at most `limit` of them started and not yet taken.
 * Work runs ahead of the consumer, and memory is bounded.
 *
 * @throws AbortedError once `signal` is aborted; whatever `work` throws.
 */
export async function* mapAhead<T>(
  count: number,
  limit: number,
  work: (index: number) => Promise<T>,
  signal?: AbortSignal,
): AsyncGenerator<T> {
  const pending: Promise<T>[] = [];
  try {
    for (let next = 0, done = 0; done < count; done++) {
      throwIfAborted(signal);
      while (next < count && pending.length < limit) {
        const result = work(next++);
        // A failure is thrown when its turn comes; until then it must not count as an unhandled rejection.
        result.catch(() => {});
        pending.push(result);
      }
      const result = await pending.shift()!;
      throwIfAborted(signal);
      yield result;
    }
  } finally {
    // No work is left running after the consumer has stopped.
    await Promise.allSettled(pending);
  }
}

/**
 * Runs `main` and `side` concurrently and returns both results. Only `main` reports progress until it has ended, since a progress
 * line shows one phase; `name` is the profile's step for the time that `side` takes after that. If one fails, the other is aborted
 * and has ended before this throws.
 */
export async function runConcurrently<A, B>(
  context: RunContext,
  main: (context: RunContext) => Promise<A>,
  name: string,
  side: (context: RunContext) => Promise<B>,
): Promise<[A, B]> {
  const failed = new AbortController();
  const signal = context.signal === undefined ? failed.signal : AbortSignal.any([context.signal, failed.signal]);
  let mainRuns = true;
  const sideContext: RunContext = {
    ...contextOf(context),
    signal,
    profile: undefined,
    onProgress: progress => {
      if (!mainRuns) context.onProgress?.(progress);
    },
  };
  const second = side(sideContext);
  const first = main({ ...contextOf(context), signal });
  const both = first.then(async result => {
    mainRuns = false;
    return [result, await step(context.profile, name, () => second)] as [A, B];
  });
  try {
    // Rejects with the first failure.
    await Promise.all([first, second]);
    return await both;
  } catch (thrown) {
    failed.abort();
    await Promise.allSettled([first, second, both]);
    throw thrown;
  }
}

// Far less than the engine needs for the batches that it has.
const YIELD_AFTER_MS = 5;

/**
 * Cooperative yielding for long synchronous loops: await the returned function's result in each round. Every 5 ms it yields to the event loop,
 * so that engine batches, progress and Ctrl-C are handled.
 *
 * @throws AbortedError, from the awaited result, once `signal` is aborted.
 */
export function cooperativeYield(signal?: AbortSignal): () => Promise<void> | undefined {
  let last = performance.now();
  const yieldNow = async () => {
    await setImmediate();
    throwIfAborted(signal);
    last = performance.now();
  };
  return () => (performance.now() - last < YIELD_AFTER_MS ? undefined : yieldNow());
}

/** A semaphore with weights: tasks run concurrently while the sum of their amounts stays within a total, in the order of the calls. */
export class Budget {
  private used = 0;
  private readonly waiting: { readonly amount: number; readonly start: () => void }[] = [];

  /** @param total Upper limit of the sum; a task that needs more runs alone. */
  constructor(private readonly total: number) {}

  async run<T>(amount: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(amount, this.total);
    if (this.waiting.length > 0 || this.used + taken > this.total)
      await new Promise<void>(start => this.waiting.push({ amount: taken, start }));
    else this.used += taken;
    try {
      return await work();
    } finally {
      this.used -= taken;
      for (let next = this.waiting[0]; next && this.used + next.amount <= this.total; next = this.waiting[0]) {
        this.waiting.shift();
        this.used += next.amount;
        next.start();
      }
    }
  }
}
