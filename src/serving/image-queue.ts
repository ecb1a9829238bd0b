import { InputError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { decodeImage, MAX_IMAGE_PIXELS, probeImage } from '../images/image.js';
import { sniffFormat } from '../images/image-format.js';
import type { Model } from '../model/model.js';
import type { Limits } from './limits.js';

/** The outputs of a batch, and the row of one image in them. */
export interface ImageRow {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly row: number;
}

/** Images of all requests on their way to the engine. */
export interface ImageQueue {
  /** Sends an image through the model. @throws InputError where it cannot be read; Error where the engine fails. */
  add(bytes: Uint8Array): Promise<ImageRow>;
  /** Sends pixels through the model that are decoded already: uint8 RGB `[sizePx, sizePx, 3]`. @throws Error where the engine fails. */
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

// 25 images are a batch, two batches are decoded ahead of the engine, and two are in its hands.
const BATCH = 25;
const AHEAD = 2 * BATCH;

/**
 * A queue whose images are decoded on the thread pool and computed in batches of 25, or of half of the images that are there where
 * those are fewer than 50: so one half is decoded while the other is computed. A batch that is not full goes to an idle engine once its
 * first image has waited for `batchMs`.
 *
 * @param onBatch Called with the number of images of each batch.
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
  // All that are here, in the engine included.
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
        // Not before: clients that are answered now are about to send as much again.
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
 * @throws InputError where it has more pixels than `imagePixels`, is an animation, or cannot be read.
 */
export async function checkHeader(bytes: Uint8Array, imagePixels: number): Promise<void> {
  const format = sniffFormat(bytes);
  // Without a limit of its own, decodeImage looks at the header for us.
  if (imagePixels >= MAX_IMAGE_PIXELS && format !== 'gif' && format !== 'webp') return;
  const { width, height, frames } = await probeImage(bytes);
  if (frames > 1)
    throw new InputError(`expected a still image, got an animation of ${frames} frames; send one of them`);
  if (width * height > imagePixels)
    throw new InputError(`expected at most ${imagePixels} pixels, got ${width} x ${height}`);
}
