import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { MAX_IMAGE_PIXELS } from '../images/image.js';
import { busy } from './problem.js';

/** The limits of a service. */
export interface Limits {
  /** Size of one body in bytes. Default: 32 MiB. */
  readonly bodyBytes: number;
  /** Time for a body to arrive, in ms. Default: 30,000. */
  readonly bodyMs: number;
  /** Total size in bytes of all bodies in memory. Default: 256 MiB. */
  readonly heldBytes: number;
  /** Pixels of one image, from its header. Default and maximum: MAX_IMAGE_PIXELS. */
  readonly imagePixels: number;
  /** Images per request. Default: 64, or `clientImages` if that is less. */
  readonly requestImages: number;
  /** Pending images per client address. Default: 128, or `queueImages` if that is less. */
  readonly clientImages: number;
  /** Pending images of all clients. Default: 256. */
  readonly queueImages: number;
  /** Time in ms that a decoded image waits for a fuller batch while the engine is idle. Default: 5. */
  readonly batchMs: number;
}

/** The limits, with defaults where `given` has none. @throws UsageError if one limit makes another unreachable. */
export function resolveLimits(given: { readonly [K in keyof Limits]?: Limits[K] | undefined } = {}): Limits {
  const queueImages = given.queueImages ?? 256;
  const clientImages = given.clientImages ?? Math.min(128, queueImages);
  const requestImages = given.requestImages ?? Math.min(64, clientImages);
  const imagePixels = given.imagePixels ?? MAX_IMAGE_PIXELS;
  if (clientImages > queueImages)
    throw tooMany(option('clientImages'), option('queueImages'), queueImages, clientImages);
  if (requestImages > clientImages)
    throw tooMany(option('requestImages'), option('clientImages'), clientImages, requestImages);
  if (imagePixels > MAX_IMAGE_PIXELS)
    throw new UsageError(expected(option('imagePixels'), `at most ${MAX_IMAGE_PIXELS}`, `${imagePixels}`));
  const bodyBytes = given.bodyBytes ?? 32 * 2 ** 20;
  return {
    bodyBytes,
    bodyMs: given.bodyMs ?? 30_000,
    heldBytes: given.heldBytes ?? Math.max(256 * 2 ** 20, bodyBytes),
    imagePixels,
    requestImages,
    clientImages,
    queueImages,
    batchMs: given.batchMs ?? 5,
  };
}

const tooMany = (where: string, other: string, limit: number, got: number) =>
  new UsageError(expected(where, `at most the ${limit} of ${other}`, `${got}`));

/** Counts pending images and the bytes in memory, and refuses requests beyond the limits. */
export class Admission {
  private readonly byClient = new Map<string, number>();
  private imageCount = 0;
  private byteCount = 0;

  constructor(private readonly limits: Pick<Limits, 'queueImages' | 'clientImages' | 'heldBytes'>) {}

  /** Images that are queued or in work. */
  get images(): number {
    return this.imageCount;
  }

  get full(): boolean {
    return this.imageCount >= this.limits.queueImages;
  }

  /**
   * Checks that `count` more images of a client are within the limits.
   *
   * @throws Problem 503 if the queue has too little room, 429 if the client has too many images in it.
   */
  check(client: string, count: number): void {
    const { queueImages, clientImages } = this.limits;
    if (this.imageCount + count > queueImages)
      throw busy(503, `expected at most ${queueImages} images at a time, got more; try again later`);
    if ((this.byClient.get(client) ?? 0) + count > clientImages)
      throw busy(429, `expected at most ${clientImages} images of a client at a time, got more; wait for the answers`);
  }

  /** Admits `count` images of a client; the result releases them. @throws Problem as check does */
  enter(client: string, count: number): () => void {
    this.check(client, count);
    this.add(client, count);
    return () => this.add(client, -count);
  }

  /** Adds to the bytes in memory; a negative number releases them. @throws Problem 503 beyond the limit. */
  hold(bytes: number): void {
    if (bytes > 0 && this.byteCount + bytes > this.limits.heldBytes)
      throw busy(503, `expected at most ${this.limits.heldBytes} bytes of images at a time, got more; try again later`);
    this.byteCount += bytes;
  }

  private add(client: string, count: number): void {
    this.imageCount += count;
    const now = (this.byClient.get(client) ?? 0) + count;
    if (now === 0) this.byClient.delete(client);
    else this.byClient.set(client, now);
  }
}
