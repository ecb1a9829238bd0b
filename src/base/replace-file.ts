import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncFolder } from './output-folder.js';
import { partialPath, sweepPartials } from './partials.js';

/** What a file is written from. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Puts a file at `path`, in place of an earlier one: whole and on disk, or not at all. Its folder is made if it is not there.
 *
 * It is written beside `path` under a hidden name. Of two processes that write at the same time the later one wins; who must
 * not lose what the other wrote takes the lock of `path` first (`withLock`). What the file system throws is thrown on; the earlier
 * file is then as it was.
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
    await rm(partial, { force: true }).catch(() => {}); // the first failure is the one to tell
    throw cause;
  }
}
