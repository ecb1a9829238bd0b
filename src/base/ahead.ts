import { throwIfAborted } from './errors.js';

/**
 * The results of `work(0)`, `work(1)`, ... `work(count - 1)` in that order, with up to `limit` of them under way at a time: work runs
 * ahead of whoever takes the results, and what is held is bounded.
 *
 * @throws AbortedError once `signal` is aborted; whatever `work` throws.
 */
export async function* ahead<T>(
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
        // One that fails while an earlier one is waited for is heard in its turn; until then it must not count as unhandled.
        result.catch(() => {});
        pending.push(result);
      }
      const result = await pending.shift()!;
      throwIfAborted(signal);
      yield result;
    }
  } finally {
    // Nothing is left under way when the taker goes on.
    await Promise.allSettled(pending);
  }
}
