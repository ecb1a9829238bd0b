import { Budget } from '../base/concurrency.js';
import { InputError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { decodeImage, MAX_IMAGE_PIXELS, probeImage } from '../images/image.js';
import { sniffFormat } from '../images/image-format.js';
import type { FaceInImage } from '../model/face-in-image.js';
import type { Model } from '../model/model.js';
import type { Limits } from './limits.js';

/** The outputs of a batch, and the row of one image in them. */
export interface ImageRow {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly row: number;
}

/** The queue of images of all requests in front of the engine. */
export interface ImageQueue {
  /** Runs the model on an encoded image. @throws InputError if it cannot be decoded; Error if the engine fails. */
  add(bytes: Uint8Array): Promise<ImageRow>;
  /** Runs the model on decoded pixels: uint8 RGB `[sizePx, sizePx, 3]`. @throws Error if the engine fails. */
  addPixels(pixels: Uint8Array): Promise<ImageRow>;
}

interface Job {
  resolve(row: ImageRow): void;
  reject(reason: unknown): void;
}

interface Decoded extends Job {
  readonly pixels: Uint8Array;
  readonly since: number;
}

// 25 images are a batch; at most two batches are decoded ahead, and two are in the engine.
const BATCH = 25;
const AHEAD = 2 * BATCH;

/**
 * A queue that decodes images on the thread pool and computes them in batches of 25. With fewer than 50 images, a batch is half of them, so
 * that one half is decoded while the other is computed. An idle engine gets a smaller batch once its first image has waited for `batchMs`.
 *
 * @param onBatch Called with the size of each batch.
 */
export function createImageQueue(
  { manifest, run }: Pick<Model, 'manifest' | 'run'>,
  { imagePixels, batchMs }: Pick<Limits, 'imagePixels' | 'batchMs'>,
  onBatch: (images: number) => void,
): ImageQueue {
  const { sizePx } = manifest.input;
  const waiting: (Job & { readonly bytes: Uint8Array })[] = [];
  const ready: Decoded[] = [];
  let decoding = 0;
  // All images of the queue, including those in the engine.
  let present = 0;
  let inEngine = 0;
  let timer: NodeJS.Timeout | undefined;

  async function decode(bytes: Uint8Array): Promise<Uint8Array> {
    await checkHeader(bytes, imagePixels);
    return decodeImage(bytes, { width: sizePx, height: sizePx });
  }

  function advance(): void {
    send();
    while (waiting.length > 0 && decoding + ready.length < AHEAD) {
      const { bytes, ...job } = waiting.shift()!;
      decoding++;
      decode(bytes)
        .then(
          pixels => {
            ready.push({ ...job, pixels, since: performance.now() });
          },
          reason => {
            present--;
            job.reject(reason);
          },
        )
        .finally(() => {
          decoding--;
          advance();
        });
    }
  }

  function send(): void {
    const full = Math.max(1, Math.min(BATCH, Math.ceil(present / 2)));
    while (inEngine < 2 && ready.length >= full) compute(ready.splice(0, full));
    if (inEngine > 0 || ready.length === 0) return;
    const left = ready[0]!.since + batchMs - performance.now();
    if (left <= 0) compute(ready.splice(0, BATCH));
    else if (timer === undefined) {
      timer = setTimeout(() => {
        timer = undefined;
        advance();
      }, Math.ceil(left));
    }
  }

  function compute(batch: readonly Decoded[]): void {
    const each = sizePx * sizePx * 3;
    const data = new Uint8Array(batch.length * each);
    batch.forEach(({ pixels }, i) => {
      data.set(pixels, i * each);
    });
    const pixels: Tensor<'uint8'> = { dtype: 'uint8', shape: [batch.length, sizePx, sizePx, 3], data };
    inEngine++;
    onBatch(batch.length);
    run(pixels, { handOver: true })
      .then(
        outputs => {
          batch.forEach(({ resolve }, row) => {
            resolve({ outputs: { ...outputs }, row });
          });
        },
        reason => {
          for (const { reject } of batch) reject(reason);
        },
      )
      .finally(() => {
        inEngine--;
        advance();
        // Last: the clients that were just answered will send as many images again.
        present -= batch.length;
      });
  }

  return {
    add: bytes =>
      new Promise((resolve, reject) => {
        present++;
        waiting.push({ bytes, resolve, reject });
        advance();
      }),
    addPixels: pixels =>
      new Promise((resolve, reject) => {
        present++;
        ready.push({ pixels, since: performance.now(), resolve, reject });
        advance();
      }),
  };
}

/**
 * Refuses an image by its header.
 *
 * @throws InputError if it has more pixels than `imagePixels`, is an animation, or cannot be read.
 */
export async function checkHeader(bytes: Uint8Array, imagePixels: number): Promise<void> {
  const format = sniffFormat(bytes);
  // At the maximum, decodeImage itself checks the header of other formats.
  if (imagePixels >= MAX_IMAGE_PIXELS && format !== 'gif' && format !== 'webp') return;
  const { width, height, frames } = await probeImage(bytes);
  if (frames > 1)
    throw new InputError(`expected a still image, got an animation of ${frames} frames; send one of them`);
  if (width * height > imagePixels)
    throw new InputError(`expected at most ${imagePixels} pixels, got ${width} x ${height}`);
}

/** A face, and its row in the outputs of a batch. */
export interface FaceRow {
  readonly face: FaceInImage;
  readonly row: ImageRow;
}

// Each decodes a photo of up to 64 MB; one is decoded while the detector runs on the other.
const IMAGES_AT_ONCE = 2;

/**
 * A function that detects the faces of an image, the largest first, and runs the model on each. It handles two images at a time, and throws
 * InputError if the image cannot be read or has no face.
 */
export function createFaceFinder(
  { cropFaces }: Pick<Model, 'cropFaces'>,
  { imagePixels }: Pick<Limits, 'imagePixels'>,
  queue: ImageQueue,
): (bytes: Uint8Array) => Promise<FaceRow[]> {
  const slots = new Budget(IMAGES_AT_ONCE);
  return bytes =>
    slots.run(1, async () => {
      await checkHeader(bytes, imagePixels);
      const crops = await cropFaces(bytes);
      return await Promise.all(crops.map(async ({ face, pixels }) => ({ face, row: await queue.addPixels(pixels) })));
    });
}
