import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { expected, InputError, reasonOf } from './errors.js';

/** A folder of results that appears whole or not at all. */
export interface OutputFolder {
  /** Where the results will be. */
  readonly path: string;
  /** Writes a file into it; `name` may lie in a sub-folder. */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** Puts the folder in its place; an older one is moved aside first. Returns where to, if there was one. */
  commit(): Promise<string | undefined>;
  /** Removes what was written; does nothing after `commit`. */
  discard(): Promise<void>;
}

/**
 * Starts a folder of results at `path`. Files are written beside it and moved there by `commit`.
 *
 * @param options.force True allows that `path` exists.
 * @param options.alone True where no other process can be writing to `path`: what killed ones left beside it is removed. Default false.
 * @throws InputError, before any work is done, where `path` exists without `force` or cannot be written.
 */
export async function createOutputFolder(
  path: string,
  { force, alone = false }: { readonly force: boolean; readonly alone?: boolean },
): Promise<OutputFolder> {
  const target = resolve(path);
  if (existsSync(target) && !force) {
    throw new InputError(
      expected(path, 'a new folder', 'one that exists', 'choose another, or add `force: true` to move it aside'),
    );
  }
  const partial = join(dirname(target), `.${basename(target)}.${randomBytes(4).toString('hex')}.partial`);
  const unwritable = (cause: unknown) =>
    new InputError(expected(path, 'a folder that can be written', `"${reasonOf(cause)}"`), { cause });
  try {
    if (alone) await removePartials(target);
    await mkdir(partial, { recursive: true });
  } catch (cause) {
    throw unwritable(cause);
  }
  return {
    path,
    async write(name, content) {
      try {
        await mkdir(dirname(join(partial, name)), { recursive: true });
        await writeFile(join(partial, name), content, { flush: true });
      } catch (cause) {
        throw unwritable(cause);
      }
    },
    async commit() {
      try {
        await syncFolder(partial);
        const aside = existsSync(target) ? await moveAside(target) : undefined;
        try {
          await rename(partial, target);
        } catch (cause) {
          if (aside !== undefined) await rename(aside, target);
          throw cause;
        }
        await syncFolder(dirname(target));
        return aside;
      } catch (cause) {
        throw unwritable(cause);
      }
    },
    discard: () => rm(partial, { recursive: true, force: true }),
  };
}

/** Removes what killed runs left beside `path`: files and folders that were not yet put in its place. */
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
    if (isOurs) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function moveAside(target: string): Promise<string> {
  const names = new Set(await readdir(dirname(target)));
  let count = 1;
  while (names.has(`${basename(target)}.old-${count}`)) count++;
  const aside = `${target}.old-${count}`;
  await rename(target, aside);
  return aside;
}

/** Puts the names in the folder `path` on disk: a rename survives a power cut from then on. Windows has no such call and needs none. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  await handle.sync();
  await handle.close();
}
