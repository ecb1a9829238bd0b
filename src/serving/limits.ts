import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { MAX_IMAGE_PIXELS } from '../images/image.js';

/** How much a service takes on. */
export interface Limits {
  /** Bytes of one body. Default 32 MiB. */
  readonly bodyBytes: number;
  /** Time that a body may take to arrive, in ms. Default 30,000. */
  readonly bodyMs: number;
  /** Bytes of all bodies that are held at a time. Default 256 MiB. */
  readonly heldBytes: number;
  /** Pixels of one image, by its header. Default MAX_IMAGE_PIXELS, and no more. */
  readonly imagePixels: number;
  /** Images of one request. Default 64, or `clientImages` where that is less. */
  readonly requestImages: number;
  /** Images of one client, by its address, that are waiting or worked on. Default 128, or `queueImages` where that is less. */
  readonly clientImages: number;
  /** Images of all clients that are waiting or worked on. Default 256. */
  readonly queueImages: number;
  /** Time in ms that a decoded image waits for others to share its batch, while the engine is idle. Default 5. */
  readonly batchMs: number;
}

/** The limits with `given` in the place of defaults. @throws UsageError where one would make another unreachable. */
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
