import type { Limits } from './limits.js';
import { Problem } from './problem.js';

/**
 * The body of a request, read no further than the limits allow; what its Content-Length says only makes a refusal come sooner.
 *
 * The stream of a refused body is left as it is: cancelling it would close the connection before the answer is sent.
 *
 * @param hold Called with the size of each piece before it is kept; may throw.
 * @throws Problem 413 for a body that is too large, 408 for one that takes too long, 400 for one that breaks off.
 */
export async function readBody(
  request: Request,
  { bodyBytes, bodyMs }: Pick<Limits, 'bodyBytes' | 'bodyMs'>,
  hold: (bytes: number) => void,
): Promise<Buffer> {
  const tooLarge = () => new Problem(413, `expected a body of at most ${bodyBytes} bytes, got more`);
  if (Number(request.headers.get('content-length')) > bodyBytes) throw tooLarge();
  if (request.body === null) return Buffer.alloc(0);
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const seconds = bodyMs / 1000;
    timer = setTimeout(() => reject(new Problem(408, `expected the body within ${seconds} s, got a part`)), bodyMs);
  });
  const brokenOff = (cause: unknown) => {
    throw Object.assign(new Problem(400, 'expected a whole body, got one that breaks off'), { cause });
  };
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read().catch(brokenOff), late]);
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
