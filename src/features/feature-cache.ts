import { closeSync, openSync, readSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expected, InputError, internal, reasonOf } from '../base/errors.js';
import { touch } from '../base/files.js';
import { option } from '../base/options.js';
import type { Random } from '../base/random.js';
import { sha256Hex } from '../base/sha256.js';
import { type ArrayOf, arrayTypes } from '../engine/tensor.js';
import { HASH_BYTES, joinSegments, type OwnSegment, RECORD_BYTES, segmentNames, startSegment } from './segments.js';

// Attempts to read a folder that keeps changing; rows that are not found are computed again.
const MOST_TRIES = 5;

/** The cache key of an image: 128 bits of the SHA-256 of its file, in hex. */
export function contentHash(bytes: Uint8Array): string {
  return sha256Hex(bytes).slice(0, 2 * HASH_BYTES);
}

/** The type of the values of a row; float16 as its bits. */
export type RowType = 'float32' | 'float16';

/** The feature rows of a data set on disk: `length` rows of `width` values. */
export interface FeatureRows<D extends RowType = 'float32'> {
  readonly length: number;
  readonly width: number;
  /** The rows `indices`: `[indices.length, width]`. */
  read(indices: ArrayLike<number>): ArrayOf<D>;
}

/** Up to this size columns are copied into memory, where each epoch reads them. */
const COPIED_BYTES = 1e9;

/** The columns in `ranges` of each row, one after the other. */
export function columnsAt(
  rows: FeatureRows,
  ranges: readonly { readonly from: number; readonly to: number }[],
): FeatureRows {
  const width = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  const { length } = rows;
  const columns: FeatureRows = {
    length,
    width,
    read(indices) {
      const out = new Float32Array(indices.length * width);
      const data = rows.read(indices);
      for (let i = 0, at = 0; i < indices.length; i++) {
        const row = data.subarray(i * rows.width, (i + 1) * rows.width);
        for (const { from, to } of ranges) {
          out.set(row.subarray(from, to), at);
          at += to - from;
        }
      }
      return out;
    },
  };
  return 4 * length * width > COPIED_BYTES ? columns : inMemory(columns);
}

function inMemory({ length, width, read }: FeatureRows): FeatureRows {
  const table = new Float32Array(length * width);
  for (let row = 0; row < length; row++) table.set(read([row]), row * width);
  return {
    length,
    width,
    read(indices) {
      const out = new Float32Array(indices.length * width);
      for (let i = 0; i < indices.length; i++) {
        out.set(table.subarray(indices[i]! * width, (indices[i]! + 1) * width), i * width);
      }
      return out;
    },
  };
}

/** The rows at `positions` as a table. */
export function rowsAt<D extends RowType>(rows: FeatureRows<D>, positions: readonly number[]): FeatureRows<D> {
  return {
    length: positions.length,
    width: rows.width,
    read: indices => rows.read(Array.from(indices, index => positions[index]!)),
  };
}

/** Rows of images, and of their mirrored versions where those are cached too. */
export interface MirroredRows<D extends RowType = 'float32'> {
  readonly rows: FeatureRows<D>;
  /** Of the same images in the same order. */
  readonly mirrored?: FeatureRows<D> | undefined;
}

/** The rows `indices`; with `random` and mirrored rows, each row or its mirrored version with probability 1/2. */
export function readEither<D extends RowType>(
  { rows, mirrored }: MirroredRows<D>,
  indices: readonly number[],
  random: Random | undefined,
): ArrayOf<D> {
  if (mirrored === undefined || random === undefined) return rows.read(indices);
  const { width } = rows;
  const places = indices.map((_, place) => place);
  const chosen = places.filter(() => random.uniform() < 0.5);
  const out = rows.read(indices);
  const other = mirrored.read(chosen.map(place => indices[place]!));
  chosen.forEach((place, i) => {
    out.set(other.subarray(i * width, (i + 1) * width) as never, place * width);
  });
  return out;
}

interface Place {
  /** File descriptor of the segment's rows. */
  readonly rows: number;
  readonly row: number;
  readonly crc: number;
  verified: boolean;
}

/** Features on disk by the content of their image; never all in memory. */
export class FeatureCache<D extends RowType = 'float32'> {
  private readonly rowBytes: number;
  private readonly places = new Map<string, Place>();
  private readonly descriptors: number[] = [];
  private own: (OwnSegment & { count: number }) | undefined;

  private constructor(
    private readonly folder: string,
    readonly width: number,
    readonly dtype: D,
  ) {
    this.rowBytes = width * arrayTypes[dtype].BYTES_PER_ELEMENT;
  }

  /**
   * Opens or creates the cache in `folder` for rows of `width` values of type `dtype`.
   *
   * @throws InputError where the folder cannot be created or read.
   */
  static async open<D extends RowType>(folder: string, width: number, dtype: D): Promise<FeatureCache<D>> {
    const cache = new FeatureCache(folder, width, dtype);
    try {
      await mkdir(folder, { recursive: true });
      await touch(folder);
      await joinSegments(folder, cache.rowBytes);
      // Another process may join segments at the same time: listed ones are then gone, and their rows are in a new one.
      for (let tries = 1; !(await cache.openSegments()); tries++) if (tries === MOST_TRIES) break;
    } catch (cause) {
      cache.closeDescriptors();
      throw new InputError(
        expected(
          folder,
          'a folder for cached features',
          `"${reasonOf(cause)}"`,
          `choose another with ${option('cacheDir')}`,
        ),
        {
          cause,
        },
      );
    }
    return cache;
  }

  /** True where the image has an intact row. A row that does not match its checksum is removed from the index. */
  has(hash: string): boolean {
    const place = this.places.get(hash);
    if (place === undefined) return false;
    if (!place.verified) {
      const row = new Uint8Array(this.rowBytes);
      if (readAt(place.rows, row, place.row * row.byteLength) && crc32(row) === place.crc) place.verified = true;
      else this.places.delete(hash);
    }
    return place.verified;
  }

  /** Appends the rows `[hashes.length, width]` of these images; they survive a kill once this has resolved. */
  async append(hashes: readonly string[], rows: ArrayOf<D>): Promise<void> {
    if (rows.length !== hashes.length * this.width) throw internal(`${rows.length} numbers for ${hashes.length} rows`);
    try {
      if (this.own === undefined) {
        // The folder may have been pruned.
        await mkdir(this.folder, { recursive: true });
        this.own = { ...(await startSegment(this.folder)), count: 0 };
      }
      const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
      const records = Buffer.alloc(hashes.length * RECORD_BYTES);
      const each = this.rowBytes;
      hashes.forEach((hash, i) => {
        const crc = crc32(bytes.subarray(i * each, (i + 1) * each));
        records.write(hash, i * RECORD_BYTES, 'hex');
        records.writeUInt32LE(crc, i * RECORD_BYTES + HASH_BYTES);
        this.places.set(hash, { rows: this.own!.rows.fd, row: this.own!.count + i, crc, verified: true });
      });
      await this.own.rows.writeFile(bytes);
      await this.own.index.writeFile(records);
      this.own.count += hashes.length;
    } catch (cause) {
      throw new InputError(
        expected(
          this.folder,
          'room for cached features',
          `"${reasonOf(cause)}"`,
          `choose another with ${option('cacheDir')}`,
        ),
        {
          cause,
        },
      );
    }
  }

  /** The rows of these images in their order; each must be cached. */
  rows(hashes: readonly string[]): FeatureRows<D> {
    const { width, rowBytes, dtype } = this;
    const places = hashes.map(hash => this.places.get(hash) ?? missing(hash));
    return {
      length: hashes.length,
      width,
      read(indices) {
        const out = new arrayTypes[dtype](indices.length * width) as ArrayOf<D>;
        for (let i = 0; i < indices.length; ) {
          // Adjacent rows on disk are read together.
          const first = places[indices[i]!]!;
          let run = 1;
          while (i + run < indices.length && follows(first, run, places[indices[i + run]!]!)) run++;
          const target = new Uint8Array(out.buffer, i * rowBytes, run * rowBytes);
          if (!readAt(first.rows, target, first.row * rowBytes)) throw internal('a cached row is gone');
          i += run;
        }
        return out;
      },
    };
  }

  /** Closes the files; rows cannot be read afterwards. */
  async close(): Promise<void> {
    await this.own?.close();
    this.closeDescriptors();
  }

  /** False where a segment disappeared while it was opened. */
  private async openSegments(): Promise<boolean> {
    this.closeDescriptors();
    this.places.clear();
    let isComplete = true;
    for (const name of await segmentNames(this.folder)) {
      const isThere = await this.openSegment(name).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT') return false;
        throw cause;
      });
      isComplete &&= isThere;
    }
    return isComplete;
  }

  private async openSegment(name: string): Promise<true> {
    const path = join(this.folder, name);
    const rows = openSync(`${path}.rows`, 'r');
    this.descriptors.push(rows);
    const index = await readFile(`${path}.index`);
    for (let row = 0; (row + 1) * RECORD_BYTES <= index.byteLength; row++) {
      const at = row * RECORD_BYTES;
      const hash = index.toString('hex', at, at + HASH_BYTES);
      this.places.set(hash, { rows, row, crc: index.readUInt32LE(at + HASH_BYTES), verified: false });
    }
    return true;
  }

  private closeDescriptors(): void {
    for (const descriptor of this.descriptors.splice(0)) closeSync(descriptor);
  }
}

function follows(first: Place, distance: number, place: Place): boolean {
  return place.rows === first.rows && place.row === first.row + distance;
}

function missing(hash: string): never {
  throw internal(`no cached row for ${hash}`);
}

/** Fills `target` from `position` on; false where the file ends early. */
function readAt(descriptor: number, target: Uint8Array, position: number): boolean {
  let done = 0;
  while (done < target.byteLength) {
    const count = readSync(descriptor, target, done, target.byteLength - done, position + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}
