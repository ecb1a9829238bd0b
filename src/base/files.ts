import { closeSync, constants, type Dirent, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open, utimes } from 'node:fs/promises';
import { EyeballError, ResourceError, reasonOf } from './errors.js';

// What the file system says where the path itself is at fault: another path may be fine. Anything else (no space, too many open files,
// a disk or a network that fails) would be met with every path.
const PATH_FAULTS = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG', 'ENXIO', 'EINVAL'];

/**
 * The code of what is wrong with a path, such as ENOENT.
 *
 * @param thrown What the file system threw; the caller may go on without the file.
 * @param shown The path as the user knows it.
 * @throws ResourceError where the fault is not in the path; what is no error of the file system as it is.
 */
export function pathFault(thrown: unknown, shown: string): string {
  const { code } = thrown as NodeJS.ErrnoException;
  if (thrown instanceof EyeballError || typeof code !== 'string') throw thrown;
  if (!PATH_FAULTS.includes(code)) throw resourceError(shown, thrown);
  return code;
}

/** The error for what the machine lacked while it read or wrote `shown`. */
export function resourceError(shown: string, thrown: unknown): ResourceError {
  const { code } = thrown as NodeJS.ErrnoException;
  const wayOut =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? '; make room on its disk'
      : code === 'EMFILE' || code === 'ENFILE'
        ? '; raise the limit of open files (ulimit -n)'
        : '';
  return new ResourceError(`${shown}: ${reasonOf(thrown)}${wayOut}`, { cause: thrown });
}

/** What an entry is that is not a regular file. */
export function kindOf(entry: Dirent | Stats): string {
  if (entry.isDirectory()) return 'a folder';
  if (entry.isFIFO()) return 'a pipe';
  if (entry.isSocket()) return 'a socket';
  return 'a device';
}

/**
 * How files are opened for reading. Without O_NONBLOCK opening a named pipe waits for a writer, for ever, in one of the few threads that
 * open files. Windows has neither flag.
 */
export const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/**
 * The bytes of a regular file. A pipe or a device, whose end might never come, is refused and not waited for.
 *
 * @throws Error what the file system says, with its code; for a pipe or a device its kind, such as "a pipe", with the code ENXIO. To be
 * wrapped by the caller, who knows what the file is for.
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  const file = await open(path, READ_FLAGS);
  try {
    refuseOthers(await file.stat());
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The same at once. */
export function readRegularFileSync(path: string): Buffer {
  const file = openSync(path, READ_FLAGS);
  try {
    refuseOthers(fstatSync(file));
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Folders are refused by reading them. */
function refuseOthers(stats: Stats): void {
  if (!stats.isFile() && !stats.isDirectory()) throw Object.assign(new Error(kindOf(stats)), { code: 'ENXIO' });
}

/**
 * The text of a file; undefined where the path leads to none that can be read.
 *
 * @throws ResourceError where the fault is not in the path
 */
export async function readIfThere(path: string): Promise<string | undefined> {
  return (await readBytesIfThere(path))?.toString();
}

/** The same of its bytes. */
export async function readBytesIfThere(path: string): Promise<Buffer | undefined> {
  return await readRegularFile(path).catch((thrown: unknown) => {
    pathFault(thrown, path);
    return undefined;
  });
}

/** Makes now the time of a file's or folder's last change, which says when it was used last; not where it cannot be written or has gone. */
export async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch((thrown: NodeJS.ErrnoException) => {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(thrown.code!)) throw thrown;
  });
}
