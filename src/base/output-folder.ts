import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { expected, InputError, reasonOf } from './errors.js';
import { type FileLock, lockFile, withLock } from './file-lock.js';
import { syncFolder } from './files.js';
import { option } from './options.js';
import { partialPath } from './partials.js';

/** A folder of results that appears atomically. Until `close` it holds the lock of its path. */
export interface OutputFolder {
  /** Final path. */
  readonly path: string;
  /** Writes a file into it; `name` may lie in a sub-folder. */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** Moves the folder to its path; an existing one is moved aside first, and its new path is returned. */
  commit(): Promise<string | undefined>;
  /** Releases the lock and removes uncommitted files. */
  close(): Promise<void>;
}

/** What to do with an existing folder at the path. Default: an error. */
export interface OutputFolderOptions {
  /** True moves it aside. */
  readonly force?: boolean;
  /** True moves the results into it, replacing files of the same names and keeping all others. */
  readonly merge?: boolean;
}

/**
 * Creates a folder of results for `path`. Files are written beside it and moved there by `commit`.
 *
 * @throws InputError, before any work, if `path` exists and is not allowed to, cannot be written, or is locked.
 */
export async function createOutputFolder(
  path: string,
  { force = false, merge = false }: OutputFolderOptions = {},
): Promise<OutputFolder> {
  const target = resolve(path);
  const unwritable = (cause: unknown) =>
    cause instanceof InputError
      ? cause
      : new InputError(expected(path, 'a folder that can be written', `"${reasonOf(cause)}"`), { cause });
  const refuseExisting = () => {
    if (force || merge || !existsSync(target)) return;
    throw new InputError(
      expected(
        path,
        'a new folder',
        'one that exists',
        `choose another, or add ${option('force', true)} to move it aside`,
      ),
    );
  };
  refuseExisting();
  const partial = partialPath(target);
  const folders = new Set([partial]);
  let lock: FileLock | undefined;
  try {
    await mkdir(dirname(target), { recursive: true });
    lock = await lockFile(path);
    await finishCommit(target);
    refuseExisting();
    await mkdir(partial);
  } catch (cause) {
    await lock?.release();
    throw unwritable(cause);
  }
  return {
    path,
    async write(name, content) {
      try {
        const file = join(partial, name);
        for (let folder = dirname(file); folder !== partial; folder = dirname(folder)) folders.add(folder);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content, { flush: true });
      } catch (cause) {
        throw unwritable(cause);
      }
    },
    async commit() {
      try {
        for (const folder of folders) await syncFolder(folder);
        const aside = await putInPlace(partial, target, merge);
        await syncFolder(dirname(target));
        return aside;
      } catch (cause) {
        throw unwritable(cause);
      }
    },
    async close() {
      await rm(partial, { recursive: true, force: true });
      await lock.release();
    },
  };
}

// A process killed during a commit leaves the complete results under one of these names, for `finishCommit`.
const replacement = (target: string): string => join(dirname(target), `.${basename(target)}.replacement`);
const addition = (target: string): string => join(dirname(target), `.${basename(target)}.addition`);

/** Moves `complete` to `target`; returns the new path of a folder that was moved aside. */
async function putInPlace(complete: string, target: string, merge: boolean): Promise<string | undefined> {
  if (!existsSync(target)) {
    await rename(complete, target);
    return undefined;
  }
  if (merge) {
    await rename(complete, addition(target));
    await mergeInto(target, addition(target));
    return undefined;
  }
  // Node cannot exchange two folders atomically: after the second of these renames, both are complete and none is at `target`.
  await rename(complete, replacement(target));
  const aside = await moveAside(target);
  try {
    await rename(replacement(target), target);
  } catch (cause) {
    await rename(aside, target);
    await rm(replacement(target), { recursive: true });
    throw cause;
  }
  return aside;
}

/** Moves the files of `added` into `target` and removes `added`. */
async function mergeInto(target: string, added: string): Promise<void> {
  const changed = new Set([target]);
  for (const entry of await readdir(added, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const place = join(target, relative(added, file));
    await mkdir(dirname(place), { recursive: true });
    await rename(file, place);
    for (let folder = dirname(place); folder !== target; folder = dirname(folder)) changed.add(folder);
  }
  for (const folder of changed) await syncFolder(folder);
  await rm(added, { recursive: true });
}

/**
 * Completes a commit at `target` that was interrupted by a kill; if the existing folder was not moved aside yet, that one is kept.
 * The caller holds the lock of `target`.
 */
async function finishCommit(target: string): Promise<void> {
  if (existsSync(addition(target))) await mergeInto(target, addition(target));
  if (!existsSync(replacement(target))) return;
  if (existsSync(target)) await rm(replacement(target), { recursive: true });
  else await rename(replacement(target), target);
}

/**
 * For readers of results: completes an interrupted replacement of the folder at `path`. True if the folder was missing and is there now.
 */
export async function recoverFolder(path: string): Promise<boolean> {
  const target = resolve(path);
  if (existsSync(target) || !existsSync(replacement(target))) return false;
  await withLock(target, () => finishCommit(target), { waitMs: 10_000 });
  return existsSync(target);
}

/** Renames the file or folder at `path` to `PATH.old-1`, or the next free number; returns the new path. */
export async function moveAside(path: string): Promise<string> {
  const names = new Set(await readdir(dirname(path)));
  let count = 1;
  while (names.has(`${basename(path)}.old-${count}`)) count++;
  const aside = `${path}.old-${count}`;
  await rename(path, aside);
  return aside;
}
/**
 * Refuses an output folder that the input is in, or is: it would be moved aside with what is read from it.
 *
 * @throws InputError
 */
export function checkOutside(out: string, input: string): void {
  const [made, read] = [resolve(out), resolve(input)];
  if (read !== made && !read.startsWith(made + sep)) return;
  const got = read === made ? 'the folder of the input' : `one that ${input} lies in`;
  throw new InputError(expected(out, 'a folder for results', got, 'choose another'));
}
