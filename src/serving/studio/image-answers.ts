import { stat } from 'node:fs/promises';
import { InputError } from '../../base/errors.js';
import { previewWebp } from '../../images/image.js';
import { readSource } from '../../images/read-source.js';
import { busy, Problem } from '../problem.js';

/** Decoding at a time; node has four threads for it, and images to predict need some too. */
const AT_ONCE = 2;
const MOST_WAITING = 1000;
/** A disk that hangs, as one over a network can, must not hold up the images of others. */
const MOST_MS = 30_000;
/** Bytes of images that are kept for the next who asks. */
const KEPT_BYTES = 64 * 2 ** 20;

/** Small versions of images, as answers to requests: a few are made at a time, and what was made lately is kept. */
export class ImageAnswers {
  private readonly kept = new Map<string, Uint8Array<ArrayBuffer>>();
  private keptBytes = 0;
  private working = 0;
  private readonly waiting: (() => void)[] = [];

  /**
   * The image at `path` as WebP, or 304 where the client has it already.
   *
   * @param ifNoneMatch The header of that name.
   * @throws Problem 404 where it is gone, 422 where it cannot be read, 503 where a thousand others wait or reading takes longer than 30 s.
   */
  async answer(path: string, edgePx: number, ifNoneMatch: string | undefined): Promise<Response> {
    const { mtimeMs, size } = await stat(path).catch((cause: unknown) => {
      throw Object.assign(new Problem(404, 'expected an image, got a file that is gone'), { cause });
    });
    const tag = `"${Math.round(mtimeMs).toString(36)}-${size.toString(36)}-${edgePx}"`;
    const headers = { ETag: tag, 'Cache-Control': 'private, max-age=60, stale-while-revalidate=3600' };
    if (ifNoneMatch?.split(/\s*,\s*/).includes(tag)) return new Response(null, { status: 304, headers });
    const key = `${tag} ${path}`;
    const body = this.kept.get(key) ?? (await this.make(path, edgePx));
    this.keep(key, body);
    return new Response(body, { headers: { ...headers, 'Content-Type': 'image/webp' } });
  }

  private async make(path: string, edgePx: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.working >= AT_ONCE) {
      if (this.waiting.length >= MOST_WAITING) throw busy(503, 'expected room for an image, got a thousand that wait');
      await new Promise<void>(resolve => this.waiting.push(resolve));
    }
    this.working++;
    try {
      return new Uint8Array(await withinTime(readSource(path).then(bytes => previewWebp(bytes, edgePx))));
    } catch (cause) {
      if (!(cause instanceof InputError)) throw cause;
      throw Object.assign(new Problem(422, cause.message), { cause });
    } finally {
      this.working--;
      this.waiting.shift()?.();
    }
  }

  private keep(key: string, body: Uint8Array<ArrayBuffer>): void {
    // Put at the end: what was not asked for longest is at the beginning.
    if (this.kept.delete(key)) this.keptBytes -= body.length;
    this.kept.set(key, body);
    this.keptBytes += body.length;
    for (const [oldest, { length }] of this.kept) {
      if (this.keptBytes <= KEPT_BYTES) break;
      this.kept.delete(oldest);
      this.keptBytes -= length;
    }
  }
}

/** What `work` gives. @throws Problem 503 after 30 s */
async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(busy(503, `expected the image within ${MOST_MS / 1000} s, got none`)), MOST_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
