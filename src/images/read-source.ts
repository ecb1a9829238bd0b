import { closeSync, createReadStream, fstatSync, open, read } from 'node:fs';
import { promisify } from 'node:util';
import { EyeballError, InputError, reasonOf } from '../base/errors.js';
import { kindOf, pathFault, READ_FLAGS } from '../base/files.js';

// A video among the images is not read to find out its type.
const MAX_FILE_BYTES = 100 * 2 ** 20;
const MAX_DOWNLOAD_BYTES = 50 * 2 ** 20;
const TIMEOUT_MS = 30_000;

/** True for `http:` and `https:` addresses. */
export const isUrl = (source: string): boolean => /^https?:\/\//i.test(source);

/**
 * The encoded bytes of an image from a file (at most 100 MB) or a URL (at most 50 MB and 30 s); bytes are returned unchanged. Pipes and
 * devices are refused without waiting for them.
 *
 * @throws InputError with a one-line reason without the name of the source; ResourceError if the machine is at fault.
 */
export async function readSource(source: string | Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
  if (typeof source !== 'string') return source;
  if (isUrl(source)) return await download(source, signal);
  try {
    const read = await readBytes(source);
    if (read instanceof Uint8Array) return read;
    throw new InputError(`expected an image, got ${read.kind}`);
  } catch (cause) {
    throw withReason(cause, source);
  }
}

/**
 * `readSource` for a source that the user named, which may be a pipe such as `/dev/stdin` (at most 100 MB and 30 s).
 *
 * @throws Error as readSource does.
 */
export async function readNamedSource(source: string | Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
  if (typeof source !== 'string' || isUrl(source)) return await readSource(source, signal);
  try {
    const read = await readBytes(source);
    return read instanceof Uint8Array ? read : await inTime(signal, limit => readStream(source, limit));
  } catch (cause) {
    throw withReason(cause, source);
  }
}

function withReason(cause: unknown, source: string): unknown {
  if (cause instanceof EyeballError || typeof (cause as NodeJS.ErrnoException).code !== 'string') return cause;
  const code = pathFault(cause, source);
  const got =
    code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'a folder' : `a file that cannot be read (${code})`;
  return new InputError(`expected an image, got ${got}`, { cause });
}

const openFile = promisify(open);
const readInto = promisify(read);

// Half the CPU time of node:fs/promises, which matters for small images: that uses more promises to open, stat and close.
async function readBytes(path: string): Promise<Uint8Array | { readonly kind: string }> {
  const file = await openFile(path, READ_FLAGS);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile() && !stats.isDirectory()) return { kind: kindOf(stats) };
    const { size } = stats;
    if (size > MAX_FILE_BYTES) throw tooLarge(size);
    const bytes = new Uint8Array(size);
    let at = 0;
    for (let got = -1; at < size && got !== 0; at += got)
      got = (await readInto(file, bytes, at, size - at, null)).bytesRead;
    return bytes.subarray(0, at);
  } finally {
    closeSync(file);
  }
}

/** The bytes of a pipe, whose length is unknown. */
async function readStream(path: string, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of createReadStream(path, { signal })) {
    size += chunk.length;
    if (size > MAX_FILE_BYTES) throw tooLarge(size);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (size: number) =>
  new InputError(`expected at most ${MAX_FILE_BYTES / 2 ** 20} MB, got ${Math.ceil(size / 2 ** 20)} MB`);

/** The result of `work`, limited to 30 s and by `signal`. */
async function inTime<T>(signal: AbortSignal | undefined, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const both = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  // A pipe without a writer is not even opened; only this ends the wait.
  const ended = new Promise<never>((_, reject) => {
    both.addEventListener('abort', () => reject(both.reason), { once: true });
  });
  try {
    return await Promise.race([work(both), ended]);
  } catch (cause) {
    if (limit.aborted) throw new InputError(`expected an answer within ${TIMEOUT_MS / 1000} s, got none`, { cause });
    throw cause;
  }
}

const download = (url: string, signal: AbortSignal | undefined): Promise<Uint8Array> =>
  inTime(signal, limit => fetchBytes(url, limit));

async function fetchBytes(url: string, signal: AbortSignal): Promise<Uint8Array> {
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new InputError(`expected an image, got status ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > MAX_DOWNLOAD_BYTES)
        throw new InputError(`expected at most ${MAX_DOWNLOAD_BYTES / 2 ** 20} MB, got more`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (cause) {
    const inner = (cause as { cause?: unknown }).cause;
    throw new InputError(reasonOf(inner ?? cause), { cause });
  }
}
