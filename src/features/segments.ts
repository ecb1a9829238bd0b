import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type FileLock, tryLockFile } from '../base/file-lock.js';
import { syncFolder } from '../base/files.js';
import { partialPath, sweepPartials } from '../base/partials.js';
import { MARK_PATTERN, processMark, processRuns } from '../base/process-mark.js';
import { HASH_BYTES } from './hashes.js';

// A cache folder has segments of two files each: NAME.rows, the concatenated feature rows, and NAME.index, a record per row: 16 bytes of the
// image's SHA-256 and the CRC-32 of the row. A process appends to a segment of its own, rows before records, and never to an existing one: a
// kill leaves at most rows without a record, and processes cannot damage each other's data. The name of a segment begins with the mark of the
// process that writes it; one of joined segments has no mark. NAME.writing, an empty file, exists until the segment is complete.
export const RECORD_BYTES = HASH_BYTES + 4;

const MARKED = new RegExp(`^(${MARK_PATTERN})\\.[0-9a-f]{16}$`);

/** Each takes an open file. */
const MOST_SEGMENTS = 8;
const BLOCK_BYTES = 4 * 2 ** 20;
/** A segment of another machine or container counts as finished a week after its start. */
const ABANDONED_MS = 7 * 24 * 3600 * 1000;

/** Paths, without extension, of the segments that this process writes. */
const writing = new Set<string>();

/** A segment that is being written. */
export interface OwnSegment {
  readonly rows: FileHandle;
  readonly index: FileHandle;
  close(): Promise<void>;
}

/** Starts a segment of this process in `folder`. */
export async function startSegment(folder: string): Promise<OwnSegment> {
  const path = join(folder, `${processMark()}.${randomBytes(8).toString('hex')}`);
  writing.add(path);
  await writeFile(`${path}.writing`, '');
  const rows = await open(`${path}.rows`, 'wx+');
  const index = await open(`${path}.index`, 'wx');
  return {
    rows,
    index,
    async close() {
      await rows.close();
      await index.close();
      writing.delete(path);
      await rm(`${path}.writing`, { force: true });
    },
  };
}

/** The names of the segments in `folder`, without extension. */
export async function segmentNames(folder: string): Promise<string[]> {
  const files = new Set(await readdir(folder));
  const names = [...files].filter(file => file.endsWith('.index')).map(file => file.slice(0, -'.index'.length));
  // An index without rows is not a segment.
  return names.filter(name => files.has(`${name}.rows`)).sort();
}

/** True where a process writes the segment, or may write it. */
export async function isBeingWritten(folder: string, name: string): Promise<boolean> {
  const mark = MARKED.exec(name)?.[1];
  if (mark === undefined || !existsSync(join(folder, `${name}.writing`))) return false;
  if (mark === processMark()) return writing.has(join(folder, name));
  const runs = await processRuns(mark);
  if (runs !== 'unknown') return runs === 'yes';
  return Date.now() - (await stat(join(folder, `${name}.writing`))).mtimeMs < ABANDONED_MS;
}

/**
 * Joins the finished segments of `folder` into one where there are more than eight, except one that is larger than all others together. Rows,
 * of `rowBytes` bytes, are copied; damaged and repeated ones are dropped. Safe with other processes and kills: a segment is removed once its
 * rows are on disk in another. Does nothing where the folder cannot be written.
 */
export async function joinSegments(folder: string, rowBytes: number): Promise<void> {
  if ((await segmentNames(folder)).length <= MOST_SEGMENTS) return;
  let lock: FileLock | undefined;
  try {
    lock = await tryLockFile(folder);
    // Otherwise another process joins them.
    if (lock !== undefined) await joinFinished(folder, rowBytes);
  } catch (thrown) {
    // The disk is full or read-only: the segments stay as they are.
    if (typeof (thrown as NodeJS.ErrnoException).code !== 'string') throw thrown;
  } finally {
    await lock?.release();
  }
}

async function joinFinished(folder: string, rowBytes: number): Promise<void> {
  await sweepPartials(folder);
  const finished: { readonly path: string; readonly size: number }[] = [];
  for (const name of await segmentNames(folder)) {
    if (await isBeingWritten(folder, name)) continue;
    const path = join(folder, name);
    finished.push({ path, size: (await stat(`${path}.rows`)).size });
  }
  finished.sort((a, b) => a.size - b.size);
  const [largest, ...others] = finished.toReversed();
  const sum = others.reduce((total, { size }) => total + size, 0);
  const joined = largest !== undefined && largest.size > sum ? others : finished;
  if (joined.length < 2) return;
  const target = join(folder, randomBytes(8).toString('hex'));
  const [rows, index] = [partialPath(`${target}.rows`), partialPath(`${target}.index`)];
  try {
    const kept = await copyRows(
      joined.map(({ path }) => path),
      { rows, index },
      rowBytes,
    );
    if (kept === 0) return;
    await rename(rows, `${target}.rows`);
    await rename(index, `${target}.index`);
    await syncFolder(folder);
  } finally {
    for (const path of [rows, index]) await rm(path, { force: true });
  }
  for (const { path } of joined)
    for (const end of ['index', 'rows', 'writing']) await rm(`${path}.${end}`, { force: true });
  await removeOrphans(folder);
}

/** Copies the intact rows of the segments, one per image, with their records; returns their number. */
async function copyRows(
  segments: readonly string[],
  to: { readonly rows: string; readonly index: string },
  rowBytes: number,
): Promise<number> {
  const seen = new Set<string>();
  const records: Buffer[] = [];
  const out = await open(to.rows, 'wx');
  try {
    for (const path of segments) {
      const index = await readFile(`${path}.index`);
      const rows = await open(`${path}.rows`, 'r');
      try {
        const count = Math.floor(index.length / RECORD_BYTES);
        const each = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
        for (let first = 0; first < count; first += each) {
          const block = Buffer.alloc(Math.min(each, count - first) * rowBytes);
          const { bytesRead } = await rows.read(block, 0, block.length, first * rowBytes);
          const kept: Buffer[] = [];
          for (let i = 0; (i + 1) * rowBytes <= bytesRead; i++) {
            const record = index.subarray((first + i) * RECORD_BYTES, (first + i + 1) * RECORD_BYTES);
            const row = block.subarray(i * rowBytes, (i + 1) * rowBytes);
            const hash = record.toString('hex', 0, HASH_BYTES);
            if (seen.has(hash) || crc32(row) !== record.readUInt32LE(HASH_BYTES)) continue;
            seen.add(hash);
            records.push(record);
            kept.push(row);
          }
          await out.writeFile(Buffer.concat(kept));
        }
      } finally {
        await rows.close();
      }
    }
    await out.sync();
  } finally {
    await out.close();
  }
  const index = await open(to.index, 'wx');
  try {
    await index.writeFile(Buffer.concat(records));
    await index.sync();
  } finally {
    await index.close();
  }
  return records.length;
}

/** Removes the files of killed writers that have no index. */
async function removeOrphans(folder: string): Promise<void> {
  const files = new Set(await readdir(folder));
  for (const file of files) {
    const [, name] = /^(.*)\.(?:rows|writing)$/.exec(file) ?? [];
    if (name === undefined || files.has(`${name}.index`) || (await isBeingWritten(folder, name))) continue;
    await rm(join(folder, file), { force: true });
  }
}
