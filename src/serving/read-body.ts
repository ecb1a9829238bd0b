import type * as z from 'zod';
import type { Limits } from './limits.js';
import { firstIssue, Problem } from './problem.js';

// Smaller bodies of a known size are counted first and read at once, which takes half the time.
const SMALL_BYTES = 2 ** 18;
const MOST_JSON_BYTES = 64 * 2 ** 10;

/**
 * The body of a request, read up to the limits. Content-Length is used only to refuse earlier.
 *
 * The stream of a refused body is not cancelled: that would close the connection before the answer is sent.
 *
 * @param limits.exactLength Whether Content-Length is known to be right.
 * @param hold Called with the size of each piece that is kept; may throw.
 * @throws Problem 413 for a body that is too large, 408 for one that is too slow, 400 for one that is cut off.
 */
export async function readBody(
  request: Request,
  limits: Pick<Limits, 'bodyBytes' | 'bodyMs'> & { exactLength?: boolean | undefined },
  hold: (bytes: number) => void,
): Promise<Buffer> {
  const { bodyBytes, bodyMs, exactLength = false } = limits;
  const tooLarge = () => new Problem(413, `expected a body of at most ${bodyBytes} bytes, got more`);
  const promised = request.headers.get('content-length');
  if (Number(promised) > bodyBytes) throw tooLarge();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const problem = new Problem(408, `expected the body within ${bodyMs / 1000} s, got a part`);
    timer = setTimeout(() => reject(problem), bodyMs);
  });
  const cutOff = (cause: unknown) => {
    throw new Problem(400, 'the body ended early').causedBy(cause);
  };
  try {
    if (exactLength && promised !== null && Number(promised) <= SMALL_BYTES) {
      hold(Number(promised));
      return Buffer.from(await Promise.race([request.arrayBuffer().catch(cutOff), late]));
    }
    if (request.body === null) return Buffer.alloc(0);
    const reader = (request.body as ReadableStream<Uint8Array>).getReader();
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const { done, value } = await Promise.race([reader.read().catch(cutOff), late]);
      if (done) return Buffer.concat(chunks, size);
      size += value.length;
      if (size > bodyBytes) throw tooLarge();
      hold(value.length);
      chunks.push(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The media type of a header Content-Type, in lower case, without parameters. */
export const mediaTypeOf = (header: string | null): string => (header ?? '').split(';')[0]!.trim().toLowerCase();

/** The refusal of a content type. */
export const unsupportedType = (supported: string, type: string): Problem =>
  new Problem(
    415,
    `Content-Type: expected ${supported}, got ${type === '' ? 'none' : JSON.stringify(type.slice(0, 80))}`,
  );

/** The JSON of a body. @throws Problem 400 */
export function parseJsonBody(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new Problem(400, 'the body is not valid JSON').causedBy(cause);
  }
}

/**
 * The JSON of a small request, checked.
 *
 * @throws Problem 415 for another content type, 413 beyond 64 KiB, 400 for invalid JSON, 408 for a body that is too slow.
 */
export async function readJson<T extends z.ZodType>(
  request: Request,
  schema: T,
  { bodyMs }: Pick<Limits, 'bodyMs'>,
): Promise<z.infer<T>> {
  const type = mediaTypeOf(request.headers.get('Content-Type'));
  if (type !== 'application/json') throw unsupportedType('application/json', type);
  const json = parseJsonBody(await readBody(request, { bodyBytes: MOST_JSON_BYTES, bodyMs }, () => {}));
  const checked = schema.safeParse(json);
  if (!checked.success) throw new Problem(400, firstIssue(checked.error, json, 'the body'));
  return checked.data;
}
