import type { z } from 'zod';
import { InputError } from '../base/errors.js';
import { predictJson } from '../formats/http.js';
import { Problem } from './problem.js';
import { readForm } from './read-form.js';

/** An image of a request: its bytes, or why there are none. */
export type RequestImage = Uint8Array | InputError;

/** What a body may be, as people are told. */
const TYPES = 'multipart/form-data, an image type, application/octet-stream or application/json';
/** Beside images a form may have a few fields, so that the first that is unknown can be named. */
const SPARE_PARTS = 8;

type Reader = (body: Buffer, type: string, most: number) => readonly RequestImage[] | Promise<readonly RequestImage[]>;

/**
 * How the images of a body of this content type are found.
 *
 * @param type The header as it came; null where there is none.
 * @throws Problem 415 for any other type, and for a compressed body.
 */
export function imageReader(type: string | null, encoding: string | null): Reader {
  if (encoding !== null && encoding !== 'identity')
    throw new Problem(415, `expected a body without Content-Encoding, got ${JSON.stringify(encoding.slice(0, 40))}`);
  const essence = (type ?? '').split(';')[0]!.trim().toLowerCase();
  if (essence === 'multipart/form-data') return fromMultipart;
  if (essence === 'application/json') return fromJson;
  if (essence.startsWith('image/') || essence === 'application/octet-stream') return body => [body];
  const got = essence === '' ? 'none' : JSON.stringify(essence.slice(0, 80));
  throw new Problem(415, `Content-Type: expected ${TYPES}, got ${got}`);
}

/** The fields called `image`. File names and types of the parts are not looked at. */
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

function fromJson(body: Buffer, _: string, most: number): readonly RequestImage[] {
  // Base64 has none of these characters. Parsed, each value takes many times the byte that it takes here.
  const values = 2 * most + 16;
  if ([',', '[', '{'].some(mark => countUpTo(body, mark, values) === values)) throw tooMany(most);
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw Object.assign(new Problem(400, 'expected JSON, got a body that is none'), { cause });
  }
  const checked = predictJson.safeParse(json);
  if (!checked.success) throw new Problem(422, faultOf(checked.error, json, 'the body'));
  return checkCount(checked.data.images, most).map(fromBase64);
}

/**
 * The bytes of base64 as programs write it: standard or URL-safe, with or without padding and line breaks, alone or in a data URI.
 *
 * Reference: RFC 4648, sections 4 and 5; RFC 2397
 */
function fromBase64(text: string): RequestImage {
  const uri = /^\s*data:[^,]*,/i.exec(text.slice(0, 300))?.[0] ?? '';
  if (uri !== '' && !/;\s*base64,$/i.test(uri))
    return new InputError('expected a data URI in base64, got one in another form');
  // Buffer.from takes anything and leaves out what it does not know.
  const other = /[^A-Za-z0-9+/_=\s-]|=(?!=?\s*$)/.exec(text.slice(uri.length));
  if (other !== null) {
    const got = JSON.stringify(String.fromCodePoint(other.input.codePointAt(other.index)!));
    return new InputError(`expected base64, got ${got} as character ${uri.length + other.index + 1}`);
  }
  const digits = text.slice(uri.length).replace(/[\s=]+/g, '');
  // Each of its characters is 6 bits: one alone behind whole groups of four is no byte.
  if (digits.length % 4 === 1) return new InputError('expected whole base64, got one that is cut short');
  return Buffer.from(digits, 'base64');
}

function checkCount<T>(images: readonly T[], most: number): readonly T[] {
  if (images.length === 0) throw new Problem(422, 'expected at least one image, got none');
  if (images.length > most) throw tooMany(most);
  return images;
}

const tooMany = (most: number) => new Problem(413, `expected at most ${most} images in a request, got more`);

/** How often `mark` stands in the bytes, `most` at most. */
function countUpTo(bytes: Buffer, mark: string, most: number): number {
  let count = 0;
  for (let at = bytes.indexOf(mark); at !== -1 && count < most; at = bytes.indexOf(mark, at + mark.length)) count++;
  return count;
}

/** The first fault that a schema found in `input`, as one line; `whole` is what the input is called. */
export function faultOf(error: z.ZodError, input: unknown, whole: string): string {
  const { path, message } = error.issues[0]!;
  const got = path.reduce((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
  const where = path.length === 0 ? whole : path.join('.');
  return `${where}: ${message.slice(0, 200)}, got ${JSON.stringify(got)?.slice(0, 40) ?? 'none'}`;
}
