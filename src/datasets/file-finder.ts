import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { posix, resolve } from 'node:path';
import { throwIfAborted } from '../base/errors.js';
import { kindOf, pathFault } from '../base/files.js';
import type { Skipped } from './dataset.js';
import { AT_ONCE, isIgnored, mapBounded, unreadableNames } from './listing.js';
import { isImageName, NameIndex, type Spelling } from './name-index.js';

/** Result for a name: the matching file's path, relative like the name, and how the spellings differ; several candidates; or why there is none. */
export type FoundFile =
  | { readonly file: string; readonly differs: readonly Spelling[] }
  | { readonly file: string; readonly candidates: readonly string[] }
  | { readonly file: string; readonly reason: string };

/** Listing of a folder. */
interface Listed {
  /** Relative to the root if the name was, with forward slashes; `.` for the root. */
  readonly path: string;
  readonly differs: readonly Spelling[];
  readonly files: NameIndex;
  readonly folders: NameIndex;
  /** Names of regular files, without links. */
  readonly plain: ReadonlySet<string>;
}

/** Finds the files that a table names, relative to a root folder. Each folder is listed once. */
export class FileFinder {
  private readonly listed = new Map<string, Promise<readonly Listed[]>>();
  /** Names that are not UTF-8 in the listed folders. */
  readonly unreadable: Skipped[] = [];

  constructor(
    private readonly root: string,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /**
   * Looks up each name: exactly, then by other spellings (see NameIndex), then with `/` for each `\`.
   *
   * @param names normalized paths with forward slashes
   */
  async find(names: Iterable<string>): Promise<ReadonlyMap<string, FoundFile>> {
    const found = new Map<string, FoundFile>();
    const lost = await this.findAll(names, name => name, found);
    const windows = lost.filter(name => name.includes('\\'));
    const slashed = (name: string) => posix.normalize(name.replaceAll('\\', '/'));
    await this.findAll(windows, slashed, found);
    return found;
  }

  /** Images in the folders of these files that are not in `files`. */
  async unnamed(files: ReadonlySet<string>): Promise<string[]> {
    const folders = new Set([...files].map(file => posix.dirname(file)));
    const unnamed: string[] = [];
    for (const folder of folders) {
      const [listed] = await this.list(folder);
      for (const name of listed?.plain ?? []) {
        const file = posix.join(folder, name);
        if (isImageName(name) && !isIgnored(name) && !files.has(file)) unnamed.push(file);
      }
    }
    return unnamed.sort();
  }

  /** Looks up each name after `spelled`, and returns those that match no file. */
  private async findAll(
    names: Iterable<string>,
    spelled: (name: string) => string,
    found: Map<string, FoundFile>,
  ): Promise<string[]> {
    const byFolder = new Map<string, string[]>();
    for (const name of names) {
      const folder = posix.dirname(spelled(name));
      const others = byFolder.get(folder);
      if (others === undefined) byFolder.set(folder, [name]);
      else others.push(name);
    }
    const lost: string[] = [];
    await mapBounded([...byFolder], AT_ONCE, async ([folder, inside]) => {
      throwIfAborted(this.signal);
      const listed = await this.list(folder);
      await mapBounded(inside, AT_ONCE, async name => {
        const file = await this.inFolders(listed, spelled(name));
        const bySlashes = spelled(name) !== name;
        if ('reason' in file) {
          lost.push(name);
          if (!bySlashes) found.set(name, file);
        } else if ('differs' in file && bySlashes) found.set(name, { ...file, differs: ['slashes', ...file.differs] });
        else found.set(name, file);
      });
    });
    return lost;
  }

  /** Looks up `file` in the folders that match its folder. */
  private async inFolders(folders: readonly Listed[], file: string): Promise<FoundFile> {
    if (folders.length === 0) {
      const reason = await whyNoFile(resolve(this.root, file));
      // A folder that cannot be listed may still hold the file.
      return reason === undefined ? { file, differs: [] } : { file, reason };
    }
    const all = await Promise.all(folders.map(listed => this.inFolder(listed, file)));
    const found = all.filter(each => !('reason' in each));
    if (found.length <= 1) return found[0] ?? all[0]!;
    const candidates = found.flatMap(each => ('candidates' in each ? each.candidates : [each.file]));
    return { file, candidates: candidates.toSorted() };
  }

  private async inFolder(listed: Listed, file: string): Promise<FoundFile> {
    const name = posix.basename(file);
    const meant = listed.files.find(name);
    if (meant === undefined)
      return { file, reason: `expected a file, got ${listed.folders.has(name) ? 'a folder' : 'nothing there'}` };
    const path = (name: string) => posix.join(listed.path, name);
    if ('candidates' in meant) return { file, candidates: meant.candidates.map(path) };
    const there = path(meant.name);
    // Only links need a call of stat each.
    const reason = listed.plain.has(meant.name) ? undefined : await whyNoFile(resolve(this.root, there));
    return reason === undefined ? { file: there, differs: [...listed.differs, ...meant.differs] } : { file, reason };
  }

  /** The listing of a folder, or of those that match it by another spelling. */
  private list(folder: string): Promise<readonly Listed[]> {
    let listed = this.listed.get(folder);
    if (listed === undefined) {
      listed = this.read(folder);
      this.listed.set(folder, listed);
    }
    return listed;
  }

  private async read(folder: string): Promise<readonly Listed[]> {
    const at = resolve(this.root, folder);
    const entries = await readdir(at, { withFileTypes: true }).catch((thrown: unknown) => {
      pathFault(thrown, at);
      return undefined;
    });
    if (entries !== undefined) return [await this.listing(folder, [], entries)];
    const above = posix.dirname(folder);
    if (above === folder) return [];
    const name = posix.basename(folder);
    const meant: Listed[] = [];
    for (const parent of await this.list(above)) {
      for (const alike of parent.folders.findAll(name)) {
        const path = posix.join(parent.path, alike.name);
        // It exists and cannot be read.
        if (path === folder) continue;
        const differs = [...parent.differs, ...alike.differs];
        for (const there of await this.list(path)) meant.push({ ...there, differs });
      }
    }
    return meant;
  }

  private async listing(path: string, differs: readonly Spelling[], entries: readonly Dirent[]): Promise<Listed> {
    const unreadable = await unreadableNames(resolve(this.root, path), path === '.' ? '' : `${path}/`, entries);
    for (const file of unreadable) this.unreadable.push(file);
    const isFolder = (entry: Dirent) => entry.isDirectory();
    return {
      path,
      differs,
      files: new NameIndex(entries.filter(entry => !isFolder(entry)).map(({ name }) => name)),
      folders: new NameIndex(
        entries.filter(entry => isFolder(entry) || entry.isSymbolicLink()).map(({ name }) => name),
      ),
      plain: new Set(entries.filter(entry => entry.isFile()).map(({ name }) => name)),
    };
  }
}

async function whyNoFile(path: string): Promise<string | undefined> {
  try {
    const entry = await stat(path);
    return entry.isFile() ? undefined : `expected a file, got ${kindOf(entry)}`;
  } catch (thrown) {
    const code = pathFault(thrown, path);
    return `expected a file, got ${code === 'ENOENT' ? 'nothing there' : code}`;
  }
}
