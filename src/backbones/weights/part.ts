import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { isAbandoned } from '../../base/partials.js';
import { MARK_PATTERN, processMark } from '../../base/process-mark.js';

const tagsSchema = z.object({ etag: z.string().optional(), linked: z.string().optional() });

/** What the server called the content that a part is the beginning of. */
export interface Tags {
  /** ETag of the host that sent the bytes, with its quotes. */
  readonly etag?: string | undefined;
  /** SHA-256 of the whole content, as the hub announced it. */
  readonly linked?: string | undefined;
}

/**
 * The beginning of a download, kept beside `path` until it is whole: a folder with the bytes and the tags they came with.
 *
 * While it grows it is `<path>.part-<mark>-<random>`, with the mark of its process, which alone writes to it; left behind it is
 * `<path>.part`. A process takes it over by renaming it, which succeeds for one process only: two downloads at once never write to
 * the same file.
 */
export class Part {
  private constructor(
    private readonly path: string,
    private readonly folder: string,
  ) {}

  /** The part that an earlier download left behind, `<path>.part` or that of a process that is gone; else a new one. */
  static async claim(path: string): Promise<Part> {
    await mkdir(dirname(path), { recursive: true });
    const part = new Part(path, `${path}.part-${processMark()}-${randomBytes(4).toString('hex')}`);
    for (const left of [`${path}.part`, ...(await abandonedParts(path))]) {
      const claimed = await rename(left, part.folder).then(() => true, ignoring(false, 'ENOENT'));
      if (claimed) return part;
    }
    await mkdir(part.folder);
    return part;
  }

  get dataPath(): string {
    return join(this.folder, 'data');
  }

  /** Bytes at hand. */
  async sizeBytes(): Promise<number> {
    return stat(this.dataPath).then(stats => stats.size, ignoring(0, 'ENOENT'));
  }

  async tags(): Promise<Tags> {
    const text = await readFile(join(this.folder, 'tags.json'), 'utf8').catch(ignoring('{}', 'ENOENT'));
    try {
      return tagsSchema.parse(JSON.parse(text));
    } catch {
      // Half-written as the process died: the bytes cannot be told from another content's, and are not used.
      return {};
    }
  }

  /** Drops the bytes; the next ones will be the beginning of what `tags` name. */
  async restart(tags: Tags): Promise<void> {
    await rm(this.dataPath, { force: true });
    await writeFile(join(this.folder, 'tags.json'), JSON.stringify(tags));
  }

  /** Makes the bytes, which are whole, the file at `path`, with `sha256` beside it; the part is gone after. */
  async publish(sha256: string): Promise<void> {
    const checksum = join(this.folder, 'sha256');
    await writeFile(checksum, `${sha256}\n`);
    for (const file of [checksum, this.dataPath]) await sync(file);
    // A crash between the two leaves a checksum that does not match: the file is then downloaded again.
    await rename(checksum, checksumPath(this.path));
    await rename(this.dataPath, this.path);
    await rm(this.folder, { recursive: true });
  }

  /** Leaves the bytes behind for the next download; nothing, where there are none. */
  async release(): Promise<void> {
    if ((await this.sizeBytes()) > 0) {
      // EPERM is what Windows says of a folder that is there.
      const left = await rename(this.folder, `${this.path}.part`).then(
        () => true,
        ignoring(false, 'ENOTEMPTY', 'EEXIST', 'EPERM'),
      );
      if (left) return;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Where the checksum of the file at `path` is kept. */
export function checksumPath(path: string): string {
  return `${path}.sha256`;
}

const OWNED = new RegExp(`^\\.part-(${MARK_PATTERN})-[0-9a-f]{8}$`);

async function abandonedParts(path: string): Promise<string[]> {
  const parts: string[] = [];
  for (const name of await readdir(dirname(path))) {
    const mark = name.startsWith(basename(path)) ? OWNED.exec(name.slice(basename(path).length))?.[1] : undefined;
    const part = join(dirname(path), name);
    if (mark !== undefined && (await isAbandoned(part, mark))) parts.push(part);
  }
  return parts;
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ignoring<T>(value: T, ...codes: readonly string[]): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (codes.includes(error.code ?? '')) return value;
    throw error;
  };
}
