import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { expected, InputError, reasonOf } from '../../base/errors.js';
import { kindOf, READ_FLAGS } from '../../base/files.js';
import { arrayTypes, type DType, sizeOf, type Tensor, tensor } from '../../engine/tensor.js';

const MAX_QUOTED = 120;

/** `text` from a file, quoted for an error: at most 120 characters of it, line breaks and control characters escaped. */
export function quote(text: string): string {
  const short = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A weights file that is open for reading: every read is exact or an InputError. */
export class WeightsFile {
  private constructor(
    readonly path: string,
    readonly sizeBytes: number,
    private readonly handle: FileHandle,
  ) {}

  /** Calls `work` with the open file at `path` and closes it after; throws InputError where it is missing, a folder or empty. */
  static async use<T>(path: string, work: (file: WeightsFile) => Promise<T>): Promise<T> {
    const handle = await open(path, READ_FLAGS).catch((cause: NodeJS.ErrnoException) => {
      const got = cause.code === 'ENOENT' ? 'no such file' : `"${reasonOf(cause)}"`;
      throw new InputError(expected(path, 'a file of weights', got), { cause });
    });
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new InputError(expected(path, 'a file of weights', kindOf(stats)));
      if (stats.size === 0) throw new InputError(expected(path, 'a file of weights', 'an empty file'));
      return await work(new WeightsFile(path, stats.size, handle));
    } finally {
      await handle.close();
    }
  }

  /** `length` bytes from `position` on, in a buffer of their own; throws InputError where the file ends before. */
  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (position + length > this.sizeBytes) throw this.cutShort(position + length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      // Node refuses reads of 2 GiB and more.
      const step = Math.min(length - done, 2 ** 30);
      const { bytesRead } = await this.handle.read(bytes, done, step, position + done);
      if (bytesRead === 0) throw this.cutShort(position + length);
      done += bytesRead;
    }
    return bytes;
  }

  /** The InputError for this file in the project's one form. */
  error(what: string, got: string, wayOut?: string): InputError {
    return new InputError(expected(this.path, what, got, wayOut));
  }

  /** The descriptor, for a reader that brings its own calls. */
  get fd(): number {
    return this.handle.fd;
  }

  private cutShort(end: number): InputError {
    return this.error(`at least ${end} bytes`, `${this.sizeBytes}`, 'the file may be cut short: get it again');
  }
}

/** The SHA-256 of the file at `path` as 64 hexadecimal digits, read as a stream. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, ...(signal && { signal }) })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

/** The number of elements of `shape`, or undefined where it cannot be counted exactly. */
export function countOf(shape: readonly number[]): number | undefined {
  const count = sizeOf(shape);
  return Number.isSafeInteger(count) ? count : undefined;
}

/** Bytes of one element. */
export function itemSizeOf(dtype: DType): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}

/** The tensor over the little-endian bytes of `buffer`, not copied; they start at its first byte and hold nothing else. */
export function tensorOver(dtype: DType, shape: readonly number[], buffer: ArrayBuffer): Tensor {
  return tensor(dtype, shape, new arrayTypes[dtype](buffer));
}
