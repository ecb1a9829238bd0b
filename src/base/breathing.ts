import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from './errors.js';

// Far less than the engine takes for the images that it has in hand.
const LONGEST_MS = 5;

/**
 * For loops that compute without waiting for anything: what it returns is awaited in each round, and now and then lets all else of this
 * thread have its turn: the engine's next batch, progress, Ctrl-C.
 *
 * @throws AbortedError, from what it returns, once `signal` is aborted.
 */
export function breathing(signal?: AbortSignal): () => Promise<void> | undefined {
  let last = performance.now();
  const breathe = async () => {
    await setImmediate();
    throwIfAborted(signal);
    last = performance.now();
  };
  return () => (performance.now() - last < LONGEST_MS ? undefined : breathe());
}
