import { createHash } from 'node:crypto';

/** The SHA-256 of bytes, or of text as UTF-8, as 64 hexadecimal digits. */
export const sha256Hex = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

const CHUNK = 2 ** 16;

/** The SHA-256 of texts joined by `separator`, without the joined text in memory. */
export function sha256OfJoined(texts: Iterable<string>, separator: string): string {
  const hash = createHash('sha256');
  let chunk = '';
  let isFirst = true;
  for (const text of texts) {
    chunk += isFirst ? text : separator + text;
    isFirst = false;
    if (chunk.length < CHUNK) continue;
    hash.update(chunk);
    chunk = '';
  }
  return hash.update(chunk).digest('hex');
}
