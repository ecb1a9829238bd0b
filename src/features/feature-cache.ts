import { closeSync, openSync, readSync } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expected, InputError, internal, reasonOf } from '../base/errors.js';
import { touch } from '../base/files.js';
import { option } from '../base/options.js';
import type { Random } from '../base/random.js';
import { sha256Hex } from '../base/sha256.js';
import { type ArrayOf, arrayTypes } from '../engine/tensor.js';
import { HASH_BYTES, HashNumbers } from './hashes.js';
import { joinSegments, type OwnSegment, RECORD_BYTES, segmentNames, startSegment } from './segments.js';

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

/** Content hashes in hex; arrays of them fit. */
export interface Hashes {
  readonly length: number;
  at(index: number): string | undefined;
}

const UNVERIFIED = 0;
const VERIFIED = 1;
const DAMAGED = 2;

/** Where the rows of images are on disk, in columns: some 45 bytes a row, where objects take 200. */
class Places {
  private numbers = new HashNumbers();
  private descriptors = new Int32Array(0);
  private rows = new Int32Array(0);
  private crcs = new Uint32Array(0);
  private states = new Uint8Array(0);

  /** Forgets all rows and makes room for `count`. */
  clear(count: number): void {
    this.numbers = new HashNumbers(count);
    this.resize(count);
  }

  /** The number of an image's place; -1 where it has none. */
  numberOf(hash: string): number {
    return this.numbers.numberOf(hash);
  }

  set(hash: string, descriptor: number, row: number, crc: number, state: number): void {
    const number = this.numbers.add(hash);
    if (number >= this.rows.length) this.resize(Math.max(256, Math.ceil(number * 1.5)));
    this.descriptors[number] = descriptor;
    this.rows[number] = row;
    this.crcs[number] = crc;
    this.states[number] = state;
  }

  /** Of `number`, the file descriptor of the segment's rows. */
  descriptor(number: number): number {
    return this.descriptors[number]!;
  }

  /** Of `number`, its row in the segment. */
  row(number: number): number {
    return this.rows[number]!;
  }

  crc(number: number): number {
    return this.crcs[number]!;
  }

  state(number: number): number {
    return this.states[number]!;
  }

  setState(number: number, state: number): void {
    this.states[number] = state;
  }

  /** Whether `other` is the place `distance` rows after `first`. */
  follows(first: number, distance: number, other: number): boolean {
    const { descriptors, rows } = this;
    return descriptors[other] === descriptors[first] && rows[other] === rows[first]! + distance;
  }

  private resize(count: number): void {
    const { descriptors, rows, crcs, states } = this;
    this.descriptors = new Int32Array(count);
    this.rows = new Int32Array(count);
    this.crcs = new Uint32Array(count);
    this.states = new Uint8Array(count);
    const kept = Math.min(count, rows.length);
    this.descriptors.set(descriptors.subarray(0, kept));
    this.rows.set(rows.subarray(0, kept));
    this.crcs.set(crcs.subarray(0, kept));
    this.states.set(states.subarray(0, kept));
  }
}

/** Features on disk by the content of their image; never all in memory. */
export class FeatureCache<D extends RowType = 'float32'> {
  private readonly rowBytes: number;
  private readonly places = new Places();
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

  /** True where the image has an intact row. A row that does not match its checksum counts as missing. */
  has(hash: string): boolean {
    const { places, rowBytes } = this;
    const place = places.numberOf(hash);
    if (place < 0) return false;
    if (places.state(place) === UNVERIFIED) {
      const row = new Uint8Array(rowBytes);
      const isIntact =
        readAt(places.descriptor(place), row, places.row(place) * rowBytes) && crc32(row) === places.crc(place);
      places.setState(place, isIntact ? VERIFIED : DAMAGED);
    }
    return places.state(place) === VERIFIED;
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
        this.places.set(hash, this.own!.rows.fd, this.own!.count + i, crc, VERIFIED);
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
  rows(hashes: Hashes): FeatureRows<D> {
    const { width, places } = this;
    const numbers = new Int32Array(hashes.length);
    for (let i = 0; i < numbers.length; i++) {
      const hash = hashes.at(i)!;
      const number = places.numberOf(hash);
      if (number < 0 || places.state(number) === DAMAGED) throw internal(`no cached row for ${hash}`);
      numbers[i] = number;
    }
    return { length: hashes.length, width, read: indices => this.readRows(numbers, indices) };
  }

  /** Closes the files; rows cannot be read afterwards. */
  async close(): Promise<void> {
    await this.own?.close();
    this.closeDescriptors();
  }

  /** The rows of which `numbers[index]` are the places, for each of `indices`. */
  private readRows(numbers: Int32Array, indices: ArrayLike<number>): ArrayOf<D> {
    const { width, rowBytes, dtype, places } = this;
    const out = new arrayTypes[dtype](indices.length * width) as ArrayOf<D>;
    for (let i = 0; i < indices.length; ) {
      // Adjacent rows on disk are read together.
      const first = numbers[indices[i]!]!;
      let run = 1;
      while (i + run < indices.length && places.follows(first, run, numbers[indices[i + run]!]!)) run++;
      const target = new Uint8Array(out.buffer, i * rowBytes, run * rowBytes);
      if (!readAt(places.descriptor(first), target, places.row(first) * rowBytes))
        throw internal('a cached row is gone');
      i += run;
    }
    return out;
  }

  /** False where a segment disappeared while it was opened. */
  private async openSegments(): Promise<boolean> {
    this.closeDescriptors();
    const names = await segmentNames(this.folder);
    const sizes = await Promise.all(
      names.map(name =>
        stat(join(this.folder, `${name}.index`)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    this.places.clear(Math.floor(sizes.reduce((sum, size) => sum + size, 0) / RECORD_BYTES));
    let isComplete = true;
    for (const name of names) {
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
      this.places.set(hash, rows, row, index.readUInt32LE(at + HASH_BYTES), UNVERIFIED);
    }
    return true;
  }

  private closeDescriptors(): void {
    for (const descriptor of this.descriptors.splice(0)) closeSync(descriptor);
  }
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
