import { isUtf8 } from 'node:buffer';
import { type Dirent, existsSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { expected, InputError, reasonOf, throwIfAborted } from '../base/errors.js';
import { kindOf, pathFault } from '../base/files.js';
import type { Skipped } from './dataset.js';
import { misspelled } from './name-index.js';

/** Folders read, or links followed, concurrently; libuv has four threads for the file system. */
export const AT_ONCE = 8;

/** A folder to be read. */
export interface Visit {
  /** Path relative to the root, with forward slashes; empty for the root itself. */
  readonly path: string;
  /** Real paths of the linked folders that led here. */
  readonly links: readonly string[];
}

const TOP: Visit = { path: '', links: [] };

/** Direct content of a folder. */
export interface Content {
  /** Paths relative to the root, with forward slashes, unordered. */
  readonly files: readonly string[];
  readonly folders: readonly Visit[];
  /** Entries that are neither file nor folder. */
  readonly skipped: readonly Skipped[];
}

/** The visible files at and below a folder. */
export interface Listing {
  /** Paths relative to the root, with forward slashes, in code-unit order. */
  readonly files: readonly string[];
  /** Entries that are neither file nor folder: broken links, pipes. */
  readonly skipped: readonly Skipped[];
}

/**
 * All files below `root`, recursively, by one readdir for each folder and no stat of regular files.
 *
 * Ignored names (see isIgnored) are left out. Symbolic links are followed, except into a folder that contains the link.
 *
 * @param shown The root as the user wrote it, for errors.
 * @param from Folders of the root, from readFolder, to be listed alone. Default: all, and the root's own files.
 * @throws InputError if a folder cannot be read; AbortedError
 */
export async function listFiles(
  root: string,
  shown: string,
  { from = [TOP], signal }: { from?: readonly Visit[]; signal?: AbortSignal | undefined } = {},
): Promise<Listing> {
  const files: string[] = [];
  const skipped: Skipped[] = [];
  let level = from;
  while (level.length > 0) {
    const below: Visit[] = [];
    await mapBounded(level, AT_ONCE, async visit => {
      throwIfAborted(signal);
      const content = await readFolder(root, shown, visit);
      for (const file of content.files) files.push(file);
      for (const folder of content.folders) below.push(folder);
      for (const file of content.skipped) skipped.push(file);
    });
    level = below;
  }
  return { files: files.sort(), skipped };
}

// Names that operating systems and NAS devices add to folders, in lower case.
const SYSTEM_NAMES = new Set([
  '__macosx',
  '@eadir',
  '@recycle',
  '@tmp',
  '#recycle',
  '#snapshot',
  '$recycle.bin',
  'recycler',
  'system volume information',
  'lost+found',
  'network trash folder',
  'temporary items',
  'thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
  'icon\r',
]);

/** True for names that are never data: hidden ones (leading dot), and files and folders of operating systems. */
export const isIgnored = (name: string): boolean => name.startsWith('.') || SYSTEM_NAMES.has(name.toLowerCase());

/**
 * The entries of a folder whose names are not UTF-8, which a string cannot name.
 *
 * @param prefix Prepended to their names in `file`.
 */
export async function unreadableNames(
  folder: string,
  prefix: string,
  entries: readonly Pick<Dirent, 'name'>[],
): Promise<Skipped[]> {
  // Node's replacement character for bytes that are not UTF-8.
  if (!entries.some(({ name }) => name.includes('\uFFFD'))) return [];
  const names = await readdir(folder, { encoding: 'buffer' });
  const escaped = (name: Buffer) =>
    name.toString('latin1').replace(/[^ -~]/g, byte => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  const reason = 'expected a name in UTF-8, got bytes of another encoding; rename it';
  return names
    .filter(name => !isUtf8(name) && !isIgnored(escaped(name)))
    .map(name => ({ file: prefix + escaped(name), reason }));
}

/** The visible content of one folder of `root`, by default `root` itself; see listFiles for links and errors. */
export async function readFolder(root: string, shown: string, at = TOP): Promise<Content> {
  let entries: Dirent[];
  try {
    entries = await readdir(join(root, at.path), { withFileTypes: true });
  } catch (thrown) {
    throw await pathError(join(shown, at.path), 'a folder that can be read', thrown);
  }
  const files: string[] = [];
  const folders: Visit[] = [];
  const skipped = await unreadableNames(join(root, at.path), at.path === '' ? '' : `${at.path}/`, entries);
  const symbolic: string[] = [];
  for (const entry of entries) {
    if (isIgnored(entry.name)) continue;
    // Names that are not UTF-8 are in `skipped`.
    if (skipped.length > 0 && entry.name.includes('\uFFFD') && !existsSync(join(root, at.path, entry.name))) continue;
    const path = at.path === '' ? entry.name : `${at.path}/${entry.name}`;
    if (entry.isFile()) files.push(path);
    else if (entry.isDirectory()) folders.push({ path, links: at.links });
    else if (entry.isSymbolicLink()) symbolic.push(path);
    else skipped.push({ file: path, reason: `expected a file, got ${kindOf(entry)}` });
  }
  await mapBounded(symbolic, AT_ONCE, async path => {
    try {
      const target = await stat(join(root, path));
      if (target.isFile()) files.push(path);
      else if (target.isDirectory()) {
        const [here, there] = await Promise.all([realpath(join(root, at.path)), realpath(join(root, path))]);
        // Two folders that link to each other come back to a real path that was visited.
        if (`${here}${sep}`.startsWith(`${there}${sep}`) || at.links.includes(there)) {
          skipped.push({ file: path, reason: 'expected a file, got a link to a folder that it lies in' });
        } else folders.push({ path, links: [...at.links, there] });
      } else skipped.push({ file: path, reason: `expected a file, got a link to ${kindOf(target)}` });
    } catch (thrown) {
      skipped.push({
        file: path,
        reason: `expected a file, got a broken link (${pathFault(thrown, join(shown, path))})`,
      });
    }
  });
  return { files, folders, skipped };
}

/** Runs `work` on every item, at most `atOnce` concurrently; rejects with the first error. */
export async function mapBounded<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}

/** The code of a file system error, such as ENOENT; else the error's text. */
export function codeOf(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' ? code : reasonOf(thrown);
}

/** The error for a path that cannot be used as `what`; `shown` is the path as the user wrote it. */
export async function pathError(shown: string, what: string, thrown: unknown): Promise<InputError> {
  const code = codeOf(thrown);
  const { got, wayOut } =
    code === 'ENOENT'
      ? ((await misspelled(shown)) ?? { got: 'nothing there', wayOut: 'check the path' })
      : code === 'EACCES' || code === 'EPERM'
        ? { got: `no permission to read it (${code})`, wayOut: 'change its permissions' }
        : { got: reasonOf(thrown), wayOut: undefined };
  return new InputError(expected(shown, what, got, wayOut), { cause: thrown });
}
