import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MARK_PATTERN, processMark, processRuns } from './process-mark.js';

// Names contain the writer's process mark: only leftovers of ended processes are removed. Those of other machines and containers, whose
// state is unknown, are removed after a week.
const NAME = new RegExp(`^\\.eyeball-(${MARK_PATTERN})-[0-9a-f]{8}\\.partial$`);
const ABANDONED_MS = 7 * 24 * 3600 * 1000;

// Folders swept by this process: sweeping lists the folder, which may hold a hundred thousand images.
const swept = new Set<string>();

/** A new hidden name beside `path`, for a file or folder that is renamed to `path` once it is complete. */
export function partialPath(path: string): string {
  return join(dirname(resolve(path)), `.eyeball-${processMark()}-${randomBytes(4).toString('hex')}.partial`);
}

/** Removes partial files of killed processes in `folder`, once per process; does nothing if the folder is missing. */
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

/** True if the process of `mark`, which wrote `path`, has ended; for other machines, if `path` is unchanged for a week. */
export async function isAbandoned(path: string, mark: string): Promise<boolean> {
  const runs = await processRuns(mark);
  if (runs !== 'unknown') return runs === 'no';
  const changed = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined; // renamed by its process
    throw cause;
  });
  return changed !== undefined && Date.now() - changed.mtimeMs > ABANDONED_MS;
}
