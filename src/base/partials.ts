import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MARK_PATTERN, processMark, processRuns } from './process-mark.js';

// A name says who writes: only what a process left that has ended is removed. Whether one of another machine or container has
// ended cannot be known; no run takes that long.
const NAME = new RegExp(`^\\.eyeball-(${MARK_PATTERN})-[0-9a-f]{8}\\.partial$`);
const ABANDONED_MS = 7 * 24 * 3600 * 1000;

// Sweeping costs a listing of the folder, which may hold a hundred thousand images.
const swept = new Set<string>();

/** A new hidden name beside `path`, for what is moved to `path` once it is complete. */
export function partialPath(path: string): string {
  return join(dirname(resolve(path)), `.eyeball-${processMark()}-${randomBytes(4).toString('hex')}.partial`);
}

/** Removes what killed processes left unfinished in `folder`, the first time that this process asks; nothing where there is no folder. */
export async function sweepPartials(folder: string): Promise<void> {
  const place = resolve(folder);
  if (swept.has(place)) return;
  swept.add(place);
  const names = await readdir(place).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cause;
  });
  for (const name of names) {
    const mark = NAME.exec(name)?.[1];
    if (mark !== undefined && (await isAbandoned(join(place, name), mark))) {
      await rm(join(place, name), { recursive: true, force: true });
    }
  }
}

/** True where the process of `mark`, which made the file or folder at `path`, has ended; of another machine, after a week without a change. */
export async function isAbandoned(path: string, mark: string): Promise<boolean> {
  const runs = await processRuns(mark);
  if (runs !== 'unknown') return runs === 'no';
  const changed = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined; // its process has put it into place
    throw cause;
  });
  return changed !== undefined && Date.now() - changed.mtimeMs > ABANDONED_MS;
}
