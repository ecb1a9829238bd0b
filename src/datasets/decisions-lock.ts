import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { withLock } from '../base/file-lock.js';

// A change takes some milliseconds, but other processes may take the lock first many times, and the machine may be busy.
const WAIT_MS = 60_000;

/**
 * Does `work`, which reads the decisions file and writes it anew, while no other process does the same; its folder is made.
 *
 * @throws InputError where another process holds the file for 60 s; what the file system throws.
 */
export async function changeDecisionsFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  return await withLock(path, work, { waitMs: WAIT_MS });
}
