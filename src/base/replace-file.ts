import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { syncFolder } from './output-folder.js';

/** What a file is written from. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Puts a file at `path`, in place of an earlier one: whole and on disk, or not at all. Its folder is made if it is not there.
 *
 * It is written beside `path` under a hidden name; what killed runs left there is removed first. One process at a time
 * writes to a path, one time after the other. What the file system throws is thrown on; the earlier file is then as it was.
 */
export async function replaceFile(path: string, content: FileContent): Promise<void> {
  const target = resolve(path);
  const folder = dirname(target);
  const partial = join(folder, `.${basename(target)}.${randomBytes(4).toString('hex')}.partial`);
  try {
    await mkdir(folder, { recursive: true });
    await removePartials(target);
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

/** Removes what killed runs of `replaceFile` left beside the file at `path`. */
export async function removePartials(path: string): Promise<void> {
  const target = resolve(path);
  const folder = dirname(target);
  const prefix = `.${basename(target)}.`;
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cause;
  });
  for (const name of names) {
    const isOurs = name.startsWith(prefix) && /^[0-9a-f]{8}\.partial$/.test(name.slice(prefix.length));
    if (isOurs) await rm(join(folder, name), { force: true });
  }
}
