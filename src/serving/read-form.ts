import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { Problem } from './problem.js';

/** A field of a form. */
export interface FormPart {
  readonly name: string;
  /** The content of a file; undefined for a text field. */
  readonly chunks: readonly Uint8Array[] | undefined;
}

// Between two pieces others have their turn, and the parts are counted.
const PIECE_BYTES = 2 ** 16;
const LIMITS = { headerPairs: 32, headerSize: 2 ** 13, fieldSize: 2 ** 10 };

/**
 * The fields of a multipart form, in order, and whether it has more than `most`: then it is read no further.
 *
 * @param type The header Content-Type. The parser that splits the body takes the boundary from it, so both agree on it.
 * @throws Problem 400 for a type without a boundary and for a damaged body.
 */
export async function readForm(
  body: Buffer,
  type: string,
  most: number,
): Promise<{ readonly parts: readonly FormPart[]; readonly hasMore: boolean }> {
  const parser = parserOf(type, most);
  const parts: FormPart[] = [];
  let hasMore = false;
  parser.on('partsLimit', () => {
    hasMore = true;
  });
  parser.on('field', name => parts.push({ name: name ?? '', chunks: undefined }));
  parser.on('file', (name, stream) => {
    const chunks: Uint8Array[] = [];
    parts.push({ name: name ?? '', chunks });
    stream.on('data', chunk => chunks.push(chunk));
    // The parser says so too.
    stream.on('error', () => {});
  });
  function* pieces() {
    for (let at = 0; at < body.length && !hasMore; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
  }
  try {
    await pipeline(Readable.from(pieces(), { objectMode: false }), parser);
  } catch (cause) {
    if (!hasMore)
      throw Object.assign(new Problem(400, 'expected a whole multipart body, got a damaged one'), { cause });
  }
  return { parts, hasMore };
}

function parserOf(type: string, parts: number): BusboyInstance {
  try {
    return new Busboy({ headers: { 'content-type': type }, limits: { ...LIMITS, parts } });
  } catch (cause) {
    throw Object.assign(new Problem(400, 'Content-Type: expected a boundary, got none'), { cause });
  }
}
