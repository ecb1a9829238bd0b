import type { z } from 'zod';
import type { Limits } from './limits.js';
import { Problem } from './problem.js';
import { readBody } from './read-body.js';
import { faultOf } from './request-images.js';

const MOST_BYTES = 64 * 2 ** 10;

/**
 * The JSON of a small request, checked.
 *
 * @throws Problem 415 for another content type, 413 beyond 64 KiB, 400 for what is no JSON or another one, 408 where it takes too long.
 */
export async function readJson<T extends z.ZodType>(
  request: Request,
  schema: T,
  { bodyMs }: Pick<Limits, 'bodyMs'>,
): Promise<z.infer<T>> {
  const type = (request.headers.get('Content-Type') ?? '').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json') {
    const got = type === '' ? 'none' : JSON.stringify(type.slice(0, 80));
    throw new Problem(415, `Content-Type: expected application/json, got ${got}`);
  }
  const body = await readBody(request, { bodyBytes: MOST_BYTES, bodyMs }, () => {});
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw Object.assign(new Problem(400, 'expected JSON, got a body that is none'), { cause });
  }
  const checked = schema.safeParse(json);
  if (!checked.success) throw new Problem(400, faultOf(checked.error, json, 'the body'));
  return checked.data;
}
