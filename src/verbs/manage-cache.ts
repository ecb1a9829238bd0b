import { type Dirent, existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { expected, InputError, UsageError } from '../base/errors.js';
import { tryLockFile } from '../base/file-lock.js';
import { defaultCacheDir, pathFault, resourceError } from '../base/files.js';
import { partialPath, sweepPartials } from '../base/partials.js';
import { HASH_BYTES } from '../features/hashes.js';
import { isBeingWritten, RECORD_BYTES, segmentNames } from '../features/segments.js';

/** What the folders of a cache hold: their names. */
export const CACHE_KINDS = ['features', 'facts', 'faces', 'hub', 'int8', 'framing', 'duplicates'] as const;

/** Something that is removed as a whole. */
export interface CacheEntry {
  /**
   * `features` of one backbone and size, `facts` and descriptors of images, cropped `faces`, downloads from the `hub`, calibrations of
   * `int8`, the `framing` of faces in a data set, its `duplicates`.
   */
  readonly kind: (typeof CACHE_KINDS)[number];
  readonly name: string;
  readonly path: string;
  /** Images with a row or a crop in it; null for other kinds. */
  readonly images: number | null;
  readonly bytes: number;
  /** ISO 8601. */
  readonly lastUsed: string;
}

/** What lies in a cache; the keys of `cache --json`. */
export interface CacheListing {
  readonly cacheDir: string;
  /** Those that were used last first. */
  readonly entries: readonly CacheEntry[];
  readonly bytes: number;
}

/** What pruning came to; the keys of `cache --prune --json`. */
export interface PruneResult extends CacheListing {
  readonly removed: readonly CacheEntry[];
  readonly removedBytes: number;
  /** Entries that would have been removed, but that a process writes to. */
  readonly inUse: readonly CacheEntry[];
}

export interface PruneOptions {
  /** Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** Removes what was not used for so many seconds. Default: no limit. */
  readonly olderThanSeconds?: number | undefined;
  /** Removes what was not used for longest until at most so many bytes are left. Default: no limit. */
  readonly maxBytes?: number | undefined;
}

/**
 * Lists what the cache holds. Files that eyeball has not put there are left out.
 *
 * @param options.cacheDir Default: `defaultCacheDir()`.
 * @throws InputError where `cacheDir` is no folder
 *
 * @example
 * ```ts
 * import { listCache } from 'eyeball-ml';
 *
 * const { entries, bytes } = await listCache();
 * for (const { kind, name, images } of entries) console.log(kind, name, images);
 * console.log(`${bytes} bytes`);
 * ```
 */
export async function listCache({
  cacheDir = defaultCacheDir(),
}: {
  readonly cacheDir?: string | undefined;
} = {}): Promise<CacheListing> {
  if (existsSync(cacheDir) && !(await stat(cacheDir)).isDirectory())
    throw new InputError(expected(cacheDir, 'the folder of a cache', 'a file'));
  const entries: CacheEntry[] = [];
  for (const kind of CACHE_KINDS) {
    for (const entry of await visible(join(cacheDir, kind))) {
      const path = join(cacheDir, kind, entry.name);
      const found = kind === 'hub' ? await revisions(path) : [path];
      for (const at of found) entries.push(await entryAt(kind, at));
    }
  }
  entries.sort((a, b) => (a.lastUsed < b.lastUsed ? 1 : -1));
  return { cacheDir, entries, bytes: sum(entries) };
}

/**
 * Removes what was not used for long, or as much of it as a limit of size asks for; all of it can be computed or downloaded again.
 * Features that a running process is adding to are kept.
 *
 * @throws UsageError without a limit; InputError where `cacheDir` is no folder; ResourceError where something cannot be removed
 *
 * @example
 * ```ts
 * import { pruneCache } from 'eyeball-ml';
 *
 * const { removed, bytes } = await pruneCache({ olderThanSeconds: 30 * 24 * 3600, maxBytes: 5e9 });
 * console.log(`${removed.length} entries removed, ${bytes} bytes left`);
 * ```
 */
export async function pruneCache({ cacheDir, olderThanSeconds, maxBytes }: PruneOptions): Promise<PruneResult> {
  if (olderThanSeconds === undefined && maxBytes === undefined)
    throw new UsageError('pruning needs a limit: give `olderThanSeconds`, `maxBytes` or both');
  const { cacheDir: root, entries, bytes } = await listCache({ cacheDir });
  for (const kind of CACHE_KINDS) await sweepPartials(join(root, kind));
  const oldest = olderThanSeconds === undefined ? '' : new Date(Date.now() - 1000 * olderThanSeconds).toISOString();
  const removed: CacheEntry[] = [];
  const inUse: CacheEntry[] = [];
  let left = bytes;
  for (const entry of entries.toReversed()) {
    const isTooOld = entry.lastUsed < oldest;
    if (!isTooOld && (maxBytes === undefined || left <= maxBytes)) continue;
    if (await remove(entry)) {
      removed.push(entry);
      left -= entry.bytes;
    } else inUse.push(entry);
  }
  return { ...(await listCache({ cacheDir })), removed, removedBytes: sum(removed), inUse };
}

const sum = (entries: readonly CacheEntry[]): number => entries.reduce((total, { bytes }) => total + bytes, 0);

/** What is in a folder, names that begin with a dot (locks, unfinished files) aside; nothing where there is no folder. */
async function visible(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((thrown: unknown) => {
    if (pathFault(thrown, folder) !== 'ENOENT') throw thrown;
    return [];
  });
  return entries.filter(({ name }) => !name.startsWith('.'));
}

async function revisions(repository: string): Promise<string[]> {
  return (await visible(repository)).map(({ name }) => join(repository, name));
}

async function entryAt(kind: CacheEntry['kind'], path: string): Promise<CacheEntry> {
  const own = await stat(path);
  const files = own.isDirectory() ? await filesIn(path) : [own];
  const bytes = files.reduce((total, { size }) => total + size, 0);
  // The time of a folder with features or crops is set whenever it is used, that of a download is its file's.
  const times = kind === 'hub' ? files.map(({ mtimeMs }) => mtimeMs) : [own.mtimeMs];
  const name = kind === 'hub' ? `${basename(dirname(path)).replace('--', '/')} ${basename(path)}` : basename(path);
  const images = kind === 'features' || kind === 'facts' ? await rowsIn(path) : kind === 'faces' ? files.length : null;
  const lastUsed = new Date(Math.max(...times, 0)).toISOString();
  return { kind, name, path: resolve(path), images, bytes, lastUsed };
}

async function filesIn(folder: string): Promise<{ readonly size: number; readonly mtimeMs: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return await Promise.all(
    entries.filter(entry => entry.isFile()).map(entry => stat(join(entry.parentPath, entry.name))),
  );
}

/** Images that have a row in the segments of a folder. */
async function rowsIn(folder: string): Promise<number> {
  const hashes = new Set<string>();
  for (const name of await segmentNames(folder)) {
    const index = await readFile(join(folder, `${name}.index`));
    for (let at = 0; at + RECORD_BYTES <= index.length; at += RECORD_BYTES)
      hashes.add(index.toString('hex', at, at + HASH_BYTES));
  }
  return hashes.size;
}

/** Removes an entry; false where a process is writing to it. */
async function remove({ kind, path }: CacheEntry): Promise<boolean> {
  try {
    const lock = await tryLockFile(path);
    if (lock === undefined) return false;
    try {
      if (kind === 'features' || kind === 'facts') {
        for (const name of await segmentNames(path)) if (await isBeingWritten(path, name)) return false;
      }
      // Gone at once under its name: no process finds half of it.
      const doomed = partialPath(path);
      await rename(path, doomed);
      await rm(doomed, { recursive: true });
    } finally {
      await lock.release();
    }
    // A repository without another revision.
    if (kind === 'hub') await rmdir(dirname(path)).catch(() => {});
    return true;
  } catch (cause) {
    throw resourceError(path, cause);
  }
}
