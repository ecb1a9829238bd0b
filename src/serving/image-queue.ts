import { Budget } from '../base/concurrency.js';
import { InputError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { inputOf } from '../formats/resize.js';
import { decodeInput, MAX_IMAGE_PIXELS, probeImage } from '../images/image.js';
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
 */
export class BatchQueue implements ImageQueue {
  readonly #model: Pick<Model, 'manifest' | 'run'>;
  readonly #limits: Pick<Limits, 'imagePixels' | 'batchMs'>;
  readonly #onBatch: (images: number) => void;
  readonly #waiting: (Job & { readonly bytes: Uint8Array })[] = [];
  readonly #ready: Decoded[] = [];
  #decoding = 0;
  /** All images of the queue, including those in the engine. */
  #present = 0;
  #inEngine = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onBatch Called with the size of each batch. */
  constructor(
    model: Pick<Model, 'manifest' | 'run'>,
    limits: Pick<Limits, 'imagePixels' | 'batchMs'>,
    onBatch: (images: number) => void,
  ) {
    this.#model = model;
    this.#limits = limits;
    this.#onBatch = onBatch;
  }

  add(bytes: Uint8Array): Promise<ImageRow> {
    return new Promise((resolve, reject) => {
      this.#present++;
      this.#waiting.push({ bytes, resolve, reject });
      this.#advance();
    });
  }

  addPixels(pixels: Uint8Array): Promise<ImageRow> {
    return new Promise((resolve, reject) => {
      this.#present++;
      this.#ready.push({ pixels, since: performance.now(), resolve, reject });
      this.#advance();
    });
  }

  #advance(): void {
    this.#send();
    while (this.#waiting.length > 0 && this.#decoding + this.#ready.length < AHEAD) {
      const { bytes, ...job } = this.#waiting.shift()!;
      void this.#decode(bytes, job);
    }
  }

  async #decode(bytes: Uint8Array, job: Job): Promise<void> {
    this.#decoding++;
    try {
      await checkHeader(bytes, this.#limits.imagePixels);
      const pixels = await decodeInput(bytes, inputOf(this.#model.manifest.input));
      this.#ready.push({ ...job, pixels, since: performance.now() });
    } catch (reason) {
      this.#present--;
      job.reject(reason);
    }
    this.#decoding--;
    this.#advance();
  }

  #send(): void {
    const ready = this.#ready;
    const full = Math.max(1, Math.min(BATCH, Math.ceil(this.#present / 2)));
    while (this.#inEngine < 2 && ready.length >= full) void this.#compute(ready.splice(0, full));
    if (this.#inEngine > 0 || ready.length === 0) return;
    const left = ready[0]!.since + this.#limits.batchMs - performance.now();
    if (left <= 0) void this.#compute(ready.splice(0, BATCH));
    else
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#advance();
      }, Math.ceil(left));
  }

  async #compute(batch: readonly Decoded[]): Promise<void> {
    const { sizePx } = this.#model.manifest.input;
    const each = sizePx * sizePx * 3;
    const data = new Uint8Array(batch.length * each);
    batch.forEach(({ pixels }, i) => {
      data.set(pixels, i * each);
    });
    const pixels: Tensor<'uint8'> = { dtype: 'uint8', shape: [batch.length, sizePx, sizePx, 3], data };
    this.#inEngine++;
    this.#onBatch(batch.length);
    try {
      const outputs = await this.#model.run(pixels, { handOver: true });
      batch.forEach(({ resolve }, row) => {
        resolve({ outputs: { ...outputs }, row });
      });
    } catch (reason) {
      for (const { reject } of batch) reject(reason);
    }
    this.#inEngine--;
    this.#advance();
    // Last: the clients that were just answered will send as many images again.
    this.#present -= batch.length;
  }
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
