import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { InputError } from '../base/errors.js';
import { predictJson } from '../formats/http.js';
import { firstIssue, Problem } from './problem.js';
import { mediaTypeOf, parseJsonBody, unsupportedType } from './read-body.js';

/** The origin of a request. */
export interface From {
  /** The client, such as its IP address. */
  readonly client?: string | undefined;
  /** Whether Content-Length is known to be right. */
  readonly exactLength?: boolean | undefined;
}

/** The environment of the service's routes. */
export type Env = { readonly Bindings: From };

/** An image of a request: its bytes, or the reason why it has none. */
export type RequestImage = Uint8Array | InputError;

/** The supported content types, as error messages name them. */
const TYPES = 'multipart/form-data, an image type, application/octet-stream or application/json';
/** A form may have this many fields beyond the limit of images, so that the first unknown one can be named. */
const SPARE_PARTS = 8;
// Other requests run between two pieces.
const PIECE_BYTES = 2 ** 16;
const PART_LIMITS = { headerPairs: 32, headerSize: 2 ** 13, fieldSize: 2 ** 10 };

type Reader = (body: Buffer, type: string, most: number) => readonly RequestImage[] | Promise<readonly RequestImage[]>;

/**
 * The function that extracts the images from a body of this content type.
 *
 * @param type The header as sent; null if absent.
 * @throws Problem 415 for an unsupported type, and for a compressed body.
 */
export function imageReader(type: string | null, encoding: string | null): Reader {
  if (encoding !== null && encoding !== 'identity')
    throw new Problem(415, `expected a body without Content-Encoding, got ${JSON.stringify(encoding.slice(0, 40))}`);
  const mediaType = mediaTypeOf(type);
  if (mediaType === 'multipart/form-data') return fromMultipart;
  if (mediaType === 'application/json') return fromJson;
  if (mediaType.startsWith('image/') || mediaType === 'application/octet-stream') return body => [body];
  throw unsupportedType(TYPES, mediaType);
}

/** The fields called `image`. File names and types of the parts are ignored. */
async function fromMultipart(body: Buffer, type: string, most: number): Promise<readonly RequestImage[]> {
  const { parts, hasMore } = await readForm(body, type, most + SPARE_PARTS);
  if (hasMore) throw tooMany(most);
  const unknown = parts.find(({ name }) => name !== 'image');
  if (unknown !== undefined) {
    const got = JSON.stringify(unknown.name.slice(0, 40));
    throw new Problem(422, `expected fields called "image", got one called ${got}`);
  }
  return checkCount(
    parts.map(({ chunks }) =>
      chunks === undefined ? new InputError('expected a file, got a text field') : Buffer.concat(chunks),
    ),
    most,
  );
}

/** A field of a form. */
interface FormPart {
  readonly name: string;
  /** The content of a file; undefined for a text field. */
  readonly chunks: readonly Uint8Array[] | undefined;
}

/**
 * The fields of a multipart form, in order. Reading stops after `most` fields; `hasMore` says so.
 *
 * @param type The header Content-Type, from which the parser takes the boundary.
 * @throws Problem 400 for a type without a boundary and for a damaged body.
 */
async function readForm(
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
    // The parser reports the same error.
    stream.on('error', () => {});
  });
  function* pieces() {
    for (let at = 0; at < body.length && !hasMore; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
  }
  try {
    await pipeline(Readable.from(pieces(), { objectMode: false }), parser);
  } catch (cause) {
    if (!hasMore) throw new Problem(400, 'the multipart body is damaged').causedBy(cause);
  }
  return { parts, hasMore };
}

function parserOf(type: string, parts: number): BusboyInstance {
  try {
    return new Busboy({ headers: { 'content-type': type }, limits: { ...PART_LIMITS, parts } });
  } catch (cause) {
    throw new Problem(400, 'Content-Type: expected a boundary, got none').causedBy(cause);
  }
}

function fromJson(body: Buffer, _: string, most: number): readonly RequestImage[] {
  // A parsed value takes many times the byte that it takes here, so values are counted first. Base64 has none of these characters.
  const values = 2 * most + 16;
  if ([',', '[', '{'].some(mark => countUpTo(body, mark, values) === values)) throw tooMany(most);
  const json = parseJsonBody(body);
  const checked = predictJson.safeParse(json);
  if (!checked.success) throw new Problem(422, firstIssue(checked.error, json, 'the body'));
  return checkCount(checked.data.images, most).map(fromBase64);
}

/**
 * The bytes of base64, standard or URL-safe, with or without padding and line breaks, plain or as a data URI.
 *
 * Reference: RFC 4648, sections 4 and 5; RFC 2397
 */
function fromBase64(text: string): RequestImage {
  const uri = /^\s*data:[^,]*,/i.exec(text.slice(0, 300))?.[0] ?? '';
  if (uri !== '' && !/;\s*base64,$/i.test(uri)) return new InputError('the data URI is not in base64');
  // Buffer.from ignores characters that are not base64.
  const other = /[^A-Za-z0-9+/_=\s-]|=(?!=?\s*$)/.exec(text.slice(uri.length));
  if (other !== null) {
    const got = JSON.stringify(String.fromCodePoint(other.input.codePointAt(other.index)!));
    return new InputError(`invalid base64: ${got} at character ${uri.length + other.index + 1}`);
  }
  const characters = text.slice(uri.length).replace(/[\s=]+/g, '');
  // A character has 6 bits: one alone after whole groups of four is less than a byte.
  if (characters.length % 4 === 1) return new InputError('the base64 is cut off');
  return Buffer.from(characters, 'base64');
}

function checkCount<T>(images: readonly T[], most: number): readonly T[] {
  if (images.length === 0) throw new Problem(422, 'expected at least one image, got none');
  if (images.length > most) throw tooMany(most);
  return images;
}

const tooMany = (most: number) => new Problem(413, `expected at most ${most} images in a request, got more`);

/** The number of occurrences of `mark`, at most `most`. */
function countUpTo(bytes: Buffer, mark: string, most: number): number {
  let count = 0;
  for (let at = bytes.indexOf(mark); at !== -1 && count < most; at = bytes.indexOf(mark, at + mark.length)) count++;
  return count;
}
