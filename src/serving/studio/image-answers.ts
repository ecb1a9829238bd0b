import { stat } from 'node:fs/promises';
import { Budget } from '../../base/concurrency.js';
import { InputError } from '../../base/errors.js';
import { previewWebp } from '../../images/image.js';
import { readSource } from '../../images/read-source.js';
import { busy, Problem } from '../problem.js';

/** Images decoded at a time; node has four threads for it, and predictions need some too. */
const AT_ONCE = 2;
const MOST_WAITING = 1000;
/** A disk that hangs, such as a network drive, must not block other images. */
const MOST_MS = 30_000;
/** Size of the cache of answers. */
const KEPT_BYTES = 64 * 2 ** 20;

/** Thumbnails of images: made a few at a time, and cached. */
export class ImageAnswers {
  private readonly kept = new Map<string, Uint8Array<ArrayBuffer>>();
  private keptBytes = 0;
  private pending = 0;
  private readonly slots = new Budget(AT_ONCE);

  /**
   * The image at `path` as WebP, or 304 if the client has it.
   *
   * @param ifNoneMatch The header If-None-Match.
   * @throws Problem 404 if it is gone, 422 if it cannot be read, 503 if a thousand others wait or reading takes longer than 30 s.
   */
  async answer(path: string, edgePx: number, ifNoneMatch: string | undefined): Promise<Response> {
    const { mtimeMs, size } = await stat(path).catch((cause: unknown) => {
      throw new Problem(404, 'the image is gone').causedBy(cause);
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
    if (this.pending >= AT_ONCE + MOST_WAITING) throw busy(503, 'too many images are waiting; try again later');
    this.pending++;
    try {
      return await this.slots.run(1, async () => {
        const preview = readSource(path).then(bytes => previewWebp(bytes, edgePx));
        return new Uint8Array(await withinTime(preview));
      });
    } catch (cause) {
      if (!(cause instanceof InputError)) throw cause;
      throw new Problem(422, cause.message).causedBy(cause);
    } finally {
      this.pending--;
    }
  }

  private keep(key: string, body: Uint8Array<ArrayBuffer>): void {
    // Moved to the end: the least recently used is first.
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

/** The result of `work`. @throws Problem 503 after 30 s */
async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(busy(503, `reading the image took longer than ${MOST_MS / 1000} s`)), MOST_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
