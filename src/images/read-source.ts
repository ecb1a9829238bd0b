import { closeSync, createReadStream, fstatSync, open, read } from 'node:fs';
import { promisify } from 'node:util';
import { EyeballError, InputError, reasonOf } from '../base/errors.js';
import { kindOf, pathFault, READ_FLAGS } from '../base/files.js';

// A video that lies among the images is not read to find out what it is.
const MAX_FILE_BYTES = 100 * 2 ** 20;
const MAX_DOWNLOAD_BYTES = 50 * 2 ** 20;
const TIMEOUT_MS = 30_000;

/** True for `http:` and `https:` addresses. */
export const isUrl = (source: string): boolean => /^https?:\/\//i.test(source);

/**
 * The encoded bytes of an image: of a file (100 MB at most), of an address (50 MB and 30 s at most), or as they are. What is no regular
 * file is refused and not waited for: in a data set, a file may have been replaced by a named pipe or a link to a device.
 *
 * @throws InputError with a reason of one line, without the name of the source; ResourceError where the machine is at fault.
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
 * The same of a source that the user named: it may be a pipe too, such as `/dev/stdin` (100 MB and 30 s at most).
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

// Half the processor time of node:fs/promises, which counts for small images: it opens, asks and closes by way of more promises.
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

/** The bytes of a pipe, of which it is not known how many are to come. */
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

/** What `work` gives, unless it takes longer than 30 s or `signal` is aborted. */
async function inTime<T>(signal: AbortSignal | undefined, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const both = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  // A pipe without a writer is not even opened: nothing else ends the wait.
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
