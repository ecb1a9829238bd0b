import { closeSync, constants, type Dirent, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { mkdir, open, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EyeballError, InputError, ResourceError, reasonOf } from './errors.js';
import { option } from './options.js';
import { partialPath, sweepPartials } from './partials.js';

// Codes of the file system that concern this path alone: another path may work. All others (no space, too many open files, a failing disk
// or network) would occur with every path.
const PATH_FAULTS = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG', 'ENXIO', 'EINVAL'];

/**
 * The code of an error that concerns this path alone, such as ENOENT; the caller may go on without the file.
 *
 * @param thrown An error of the file system.
 * @param shown The path as the user wrote it.
 * @throws ResourceError where the machine is at fault; `thrown` itself if it is no error of the file system.
 */
export function pathFault(thrown: unknown, shown: string): string {
  const { code } = thrown as NodeJS.ErrnoException;
  if (thrown instanceof EyeballError || typeof code !== 'string') throw thrown;
  if (!PATH_FAULTS.includes(code)) throw resourceError(shown, thrown);
  return code;
}

/** The error for a resource that the machine lacked while it read or wrote `shown`. */
export function resourceError(shown: string, thrown: unknown): ResourceError {
  const { code } = thrown as NodeJS.ErrnoException;
  const wayOut =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? '; free space on its disk'
      : code === 'EMFILE' || code === 'ENFILE'
        ? '; raise the limit of open files (ulimit -n)'
        : '';
  return new ResourceError(`${shown}: ${reasonOf(thrown)}${wayOut}`, { cause: thrown });
}

/** The kind of an entry that is not a regular file, with its article. */
export function kindOf(entry: Dirent | Stats): string {
  if (entry.isDirectory()) return 'a folder';
  if (entry.isFIFO()) return 'a pipe';
  if (entry.isSocket()) return 'a socket';
  return 'a device';
}

/**
 * Flags for opening files to read. Without O_NONBLOCK, opening a named pipe blocks one of libuv's few threads until a writer comes.
 * Windows has neither flag.
 */
export const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/**
 * The bytes of a regular file. Pipes and devices are refused, since they might never end.
 *
 * @throws the error of the file system; for a pipe or a device an Error with its kind as text ("a pipe") and the code ENXIO. The caller
 * wraps it.
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  const file = await open(path, READ_FLAGS);
  try {
    refuseSpecial(await file.stat());
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** `readRegularFile`, synchronously. */
export function readRegularFileSync(path: string): Buffer {
  const file = openSync(path, READ_FLAGS);
  try {
    refuseSpecial(fstatSync(file));
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Folders are not refused here: reading them fails. */
function refuseSpecial(stats: Stats): void {
  if (!stats.isFile() && !stats.isDirectory()) throw Object.assign(new Error(kindOf(stats)), { code: 'ENXIO' });
}

/**
 * The text of a file; undefined where there is none at `path` that can be read.
 *
 * @throws ResourceError where the machine is at fault, not the path
 */
export async function readIfThere(path: string): Promise<string | undefined> {
  return (await readBytesIfThere(path))?.toString();
}

/** `readIfThere` for bytes. */
export async function readBytesIfThere(path: string): Promise<Buffer | undefined> {
  return await readRegularFile(path).catch((thrown: unknown) => {
    pathFault(thrown, path);
    return undefined;
  });
}

/** Sets the modification time of a file or folder to now, as the time of its last use; does nothing where it is missing or read-only. */
export async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch((thrown: NodeJS.ErrnoException) => {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(thrown.code!)) throw thrown;
  });
}

/** Content that a file can be written from. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Writes a file atomically and durably: after this the file at `path` is complete and on disk, or the previous one is unchanged. Creates
 * the folder if it is missing.
 *
 * The content is written to a hidden file beside `path`, synced and renamed. Of two concurrent writers the later one wins; a caller
 * that must not lose the other's changes takes the lock of `path` first (`withLock`).
 *
 * @throws the error of the file system
 */
export async function replaceFile(path: string, content: FileContent): Promise<void> {
  const target = resolve(path);
  const folder = dirname(target);
  const partial = partialPath(target);
  try {
    await mkdir(folder, { recursive: true });
    await sweepPartials(folder);
    const handle = await open(partial, 'wx');
    try {
      await writeFile(handle, content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, target);
    await syncFolder(folder);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => {}); // the first failure is the one to report
    throw cause;
  }
}

/** Syncs the entries of a folder to disk, so that renames in it survive a power loss. Windows has no such call and needs none. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  await handle.sync();
  await handle.close();
}

/**
 * A value cached as JSON at `path`: read from there, or made by `make` and written there.
 *
 * @param parse Checks the JSON; where it throws, the value is made again.
 * @throws InputError where `path` cannot be written; whatever `make` throws.
 */
export async function cachedJson<T>(path: string, parse: (json: unknown) => T, make: () => Promise<T>): Promise<T> {
  const text = await readIfThere(path);
  if (text !== undefined) await touch(path);
  try {
    if (text !== undefined) return parse(JSON.parse(text));
  } catch {
    // Damaged, or written by another version.
  }
  const made = await make();
  try {
    await replaceFile(path, JSON.stringify(made));
  } catch (cause) {
    throw new InputError(
      `${path}: cannot be written: ${reasonOf(cause)}; choose another cache folder with ${option('cacheDir')}`,
      { cause },
    );
  }
  return made;
}

/** The default folder of features and downloads: `$XDG_CACHE_HOME/eyeball`, else `~/.cache/eyeball`. */
export function defaultCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'eyeball');
}
