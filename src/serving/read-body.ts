import type { Limits } from './limits.js';
import { Problem } from './problem.js';

// A body that is no larger is counted before it is there and read at once, which takes half the time.
const SMALL_BYTES = 2 ** 18;

/**
 * The body of a request, read no further than the limits allow; what its Content-Length says only makes a refusal come sooner.
 *
 * The stream of a refused body is left as it is: cancelling it would close the connection before the answer is sent.
 *
 * @param limits.exactLength Whether a Content-Length is right for certain.
 * @param hold Called with the size of what is kept, piece by piece; may throw.
 * @throws Problem 413 for a body that is too large, 408 for one that takes too long, 400 for one that breaks off.
 */
export async function readBody(
  request: Request,
  {
    bodyBytes,
    bodyMs,
    exactLength = false,
  }: Pick<Limits, 'bodyBytes' | 'bodyMs'> & { exactLength?: boolean | undefined },
  hold: (bytes: number) => void,
): Promise<Buffer> {
  const tooLarge = () => new Problem(413, `expected a body of at most ${bodyBytes} bytes, got more`);
  const promised = request.headers.get('content-length');
  if (Number(promised) > bodyBytes) throw tooLarge();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const seconds = bodyMs / 1000;
    timer = setTimeout(() => reject(new Problem(408, `expected the body within ${seconds} s, got a part`)), bodyMs);
  });
  const brokenOff = (cause: unknown) => {
    throw Object.assign(new Problem(400, 'expected a whole body, got one that breaks off'), { cause });
  };
  try {
    if (exactLength && promised !== null && Number(promised) <= SMALL_BYTES) {
      hold(Number(promised));
      return Buffer.from(await Promise.race([request.arrayBuffer().catch(brokenOff), late]));
    }
    if (request.body === null) return Buffer.alloc(0);
    const reader = (request.body as ReadableStream<Uint8Array>).getReader();
    const chunks: Uint8Array[] = [];
    let size = 0;
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
