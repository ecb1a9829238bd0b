import { expected, UsageError } from '../base/errors.js';
import { MAX_PICTURE_PIXELS } from '../data/picture.js';

/** How much a service takes on. */
export interface Limits {
  /** Bytes of one body. Default 32 MiB. */
  readonly bodyBytes: number;
  /** Time that a body may take to arrive, in ms. Default 30,000. */
  readonly bodyMs: number;
  /** Bytes of all bodies that are held at a time. Default 256 MiB. */
  readonly heldBytes: number;
  /** Pixels of one picture, by its header. Default MAX_PICTURE_PIXELS, and no more. */
  readonly picturePixels: number;
  /** Pictures of one request. Default 64, or `clientPictures` where that is less. */
  readonly requestPictures: number;
  /** Pictures of one client, by its address, that are waiting or worked on. Default 128, or `queuePictures` where that is less. */
  readonly clientPictures: number;
  /** Pictures of all clients that are waiting or worked on. Default 256. */
  readonly queuePictures: number;
  /** Time in ms that a decoded picture waits for others to share its batch, while the engine is idle. Default 5. */
  readonly batchMs: number;
}

/** The limits with `given` in the place of defaults. @throws UsageError where one would make another unreachable. */
export function resolveLimits(given: { readonly [K in keyof Limits]?: Limits[K] | undefined } = {}): Limits {
  const queuePictures = given.queuePictures ?? 256;
  const clientPictures = given.clientPictures ?? Math.min(128, queuePictures);
  const requestPictures = given.requestPictures ?? Math.min(64, clientPictures);
  const picturePixels = given.picturePixels ?? MAX_PICTURE_PIXELS;
  if (clientPictures > queuePictures) throw tooMany('--per-client', '--queue', queuePictures, clientPictures);
  if (requestPictures > clientPictures)
    throw tooMany('--max-pictures', '--per-client', clientPictures, requestPictures);
  if (picturePixels > MAX_PICTURE_PIXELS)
    throw new UsageError(expected('--max-pixels', `at most ${MAX_PICTURE_PIXELS}`, `${picturePixels}`));
  const bodyBytes = given.bodyBytes ?? 32 * 2 ** 20;
  return {
    bodyBytes,
    bodyMs: given.bodyMs ?? 30_000,
    heldBytes: given.heldBytes ?? Math.max(256 * 2 ** 20, bodyBytes),
    picturePixels,
    requestPictures,
    clientPictures,
    queuePictures,
    batchMs: given.batchMs ?? 5,
  };
}

const tooMany = (option: string, other: string, limit: number, got: number) =>
  new UsageError(expected(option, `at most the ${limit} of ${other}`, `${got}`));
