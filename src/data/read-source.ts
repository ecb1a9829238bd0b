import { closeSync, fstatSync, open, read } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { reasonOf } from '../base/errors.js';

// A video that lies among the pictures is not read to find out what it is.
const MAX_FILE_BYTES = 100 * 2 ** 20;
const MAX_DOWNLOAD_BYTES = 50 * 2 ** 20;
const TIMEOUT_MS = 30_000;

/** True for `http:` and `https:` addresses. */
export const isUrl = (source: string): boolean => /^https?:\/\//i.test(source);

/**
 * The encoded bytes of a picture: of a file (100 MB at most), of an address (50 MB and 30 s at most), or as they are.
 *
 * @throws Error with a reason of one line, without the name of the source.
 */
export async function readSource(source: string | Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
  if (typeof source !== 'string') return source;
  if (isUrl(source)) return await download(source, signal);
  try {
    return await readBytes(source);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error('expected a picture, got no such file', { cause });
    if (code === 'EISDIR') throw new Error('expected a picture, got a folder', { cause });
    throw cause;
  }
}

const openFile = promisify(open);
const readInto = promisify(read);

// Half the processor time of node:fs/promises, which counts for small pictures: it opens, asks and closes by way of more promises.
async function readBytes(path: string): Promise<Uint8Array> {
  const file = await openFile(path, 'r');
  try {
    const stats = fstatSync(file);
    // Of a pipe nobody knows how much is to come.
    if (!stats.isFile() && !stats.isDirectory()) return await readFile(path);
    const { size } = stats;
    if (size > MAX_FILE_BYTES)
      throw new Error(`expected at most ${MAX_FILE_BYTES / 2 ** 20} MB, got ${Math.ceil(size / 2 ** 20)} MB`);
    const bytes = new Uint8Array(size);
    let at = 0;
    for (let got = -1; at < size && got !== 0; at += got)
      got = (await readInto(file, bytes, at, size - at, null)).bytesRead;
    return bytes.subarray(0, at);
  } finally {
    closeSync(file);
  }
}

async function download(url: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) });
    if (!response.ok) throw new Error(`expected a picture, got status ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > MAX_DOWNLOAD_BYTES) throw new Error(`expected at most ${MAX_DOWNLOAD_BYTES / 2 ** 20} MB, got more`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (cause) {
    if (limit.aborted) throw new Error(`expected an answer within ${TIMEOUT_MS / 1000} s, got none`, { cause });
    const inner = (cause as { cause?: unknown }).cause;
    throw new Error(reasonOf(inner ?? cause), { cause });
  }
}
