import { randomBytes } from 'node:crypto';
import { rmdirSync, unlinkSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expected, InputError, throwIfAborted } from './errors.js';
import { partialPath, sweepPartials } from './partials.js';
import { MARK_PATTERN, pidOf, processMark, processRuns } from './process-mark.js';

// A lock is a folder with one file, named by its holder's process mark and a random part. It is created under another name and
// renamed, which fails if a non-empty lock exists. Taking over a dead process's lock removes the file of exactly that holder, so two
// processes that take over cannot remove each other's new lock.
const OWNER = new RegExp(`^(${MARK_PATTERN})\\.[0-9a-f]{8}$`);

// The holder renews the modification time of its file. It matters only to processes on other machines or in other containers, which
// cannot look the holder up.
const RENEW_MS = 10_000;
const ABANDONED_MS = 120_000;

// Codes of renaming onto, or removing, a non-empty folder on Linux, macOS and Windows.
const NOT_EMPTY = new Set(['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES', 'EBUSY']);

const LONGEST_PAUSE_MS = 50;
// A lock without a holder that still cannot be taken holds foreign files.
const MOST_VAIN_TRIES = 100;

/** The files of the locks that this process holds. */
const held = new Set<string>();
process.once('exit', () => {
  for (const file of held) {
    try {
      unlinkSync(file);
      rmdirSync(dirname(file));
    } catch {
      // The next process that wants the lock takes it over.
    }
  }
});

/** How long to wait for a held lock. */
export interface LockOptions {
  /** Milliseconds; 0 fails immediately, Infinity waits forever. Default 0. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A held lock. */
export interface FileLock {
  /** Releases the lock; later calls do nothing. */
  release(): Promise<void>;
}

/**
 * Acquires the lock of `path`, a file or folder that need not exist: the folder `.NAME.lock` beside it, whose parent must exist.
 *
 * The lock of a killed process is taken over immediately, that of another machine or container two minutes after its last renewal.
 *
 * @throws InputError if it is still held after `waitMs`; AbortedError once the signal is aborted; errors of the file system.
 */
export async function lockFile(path: string, { waitMs = 0, signal }: LockOptions = {}): Promise<FileLock> {
  const target = resolve(path);
  const lock = join(dirname(target), `.${basename(target)}.lock`);
  const start = performance.now();
  await sweepPartials(dirname(target));
  for (let tries = 1; ; tries++) {
    throwIfAborted(signal);
    const taken = await tryToTake(lock);
    if (taken !== undefined) return taken;
    const holder = await currentHolder(lock);
    if (holder === undefined && tries < MOST_VAIN_TRIES) continue;
    if (performance.now() - start >= waitMs) {
      if (holder === undefined) throw new InputError(expected(lock, 'a lock of eyeball', 'other files', 'remove it'));
      throw new InputError(`${path}: process ${pidOf(holder)} is writing it; wait until that has ended, or stop it`);
    }
    // Randomized, so that two waiting processes do not retry in step.
    const pauseMs = Math.min(1.2 ** tries, LONGEST_PAUSE_MS) * (0.5 + Math.random());
    await wait(pauseMs, undefined, { signal }).catch(() => throwIfAborted(signal));
  }
}

/** Acquires the lock of `path` as `lockFile` does; undefined if it is held. */
export async function tryLockFile(path: string): Promise<FileLock | undefined> {
  const target = resolve(path);
  const lock = join(dirname(target), `.${basename(target)}.lock`);
  await sweepPartials(dirname(target));
  // Retry if the holder has ended.
  return (await tryToTake(lock)) ?? ((await currentHolder(lock)) === undefined ? await tryToTake(lock) : undefined);
}

/** Runs `work` under the lock of `path`; see `lockFile`. */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const lock = await lockFile(path, options);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** Undefined if the lock is held. */
async function tryToTake(lock: string): Promise<FileLock | undefined> {
  const owner = `${processMark()}.${randomBytes(4).toString('hex')}`;
  const prepared = partialPath(lock);
  await mkdir(prepared);
  try {
    await writeFile(join(prepared, owner), '');
    await rename(prepared, lock);
  } catch (cause) {
    await rm(prepared, { recursive: true, force: true });
    if (!NOT_EMPTY.has((cause as NodeJS.ErrnoException).code!)) throw cause;
    return undefined;
  }
  return heldLock(lock, join(lock, owner));
}

function heldLock(lock: string, file: string): FileLock {
  const renewing = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => {}), RENEW_MS).unref();
  held.add(file);
  return {
    async release() {
      if (!held.delete(file)) return;
      clearInterval(renewing);
      await unlink(file).catch(missing);
      await removeEmpty(lock);
    },
  };
}

/** The mark of the running process that holds the lock; undefined if it is free. Removes files of ended holders. */
async function currentHolder(lock: string): Promise<string | undefined> {
  for (const name of (await readdir(lock).catch(missing)) ?? []) {
    const mark = OWNER.exec(name)?.[1];
    if (mark === undefined) continue;
    const runs = await processRuns(mark);
    if (runs === 'yes' || (runs === 'unknown' && !(await isAbandoned(join(lock, name))))) return mark;
    await unlink(join(lock, name)).catch(missing);
  }
  await removeEmpty(lock);
  return undefined;
}

/** True if a holder on another machine has stopped renewing its file, by the clock of the shared disk. */
async function isAbandoned(file: string): Promise<boolean> {
  const probe = partialPath(dirname(file));
  await writeFile(probe, '');
  const [now, renewed] = [await stat(probe), await stat(file).catch(missing)];
  await rm(probe, { force: true });
  return renewed !== undefined && now.mtimeMs - renewed.mtimeMs > ABANDONED_MS;
}

/** Removes the folder of a free lock, unless another process has acquired it meanwhile. */
async function removeEmpty(lock: string): Promise<void> {
  await rmdir(lock).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT' && !NOT_EMPTY.has(cause.code!)) throw cause;
  });
}

function missing(cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== 'ENOENT') throw cause;
}
