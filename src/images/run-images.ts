import { mapAhead } from '../base/concurrency.js';
import { InputError } from '../base/errors.js';
import { during, type Profile } from '../base/profile.js';
import type { Tensor } from '../engine/tensor.js';
import type { ModelInput } from '../formats/resize.js';
import { decodeInputWithWarning } from './image.js';
import type { ImageWarning } from './image-format.js';

/** Images to run a model on. */
export interface ImageRun {
  /** Computes the outputs for `pixels`, uint8 RGB `[N, H, W, 3]`; may take over their memory. */
  compute(pixels: Tensor<'uint8'>): Promise<Record<string, Tensor>>;
  /** The size of the images in `pixels`, and how they are resized. */
  readonly input: ModelInput;
  /** Number of images; each is identified by its index. */
  readonly count: number;
  /** The encoded bytes of an image; undefined skips it. */
  read(index: number): Promise<Uint8Array | undefined>;
  readonly signal?: AbortSignal | undefined;
  readonly profile?: Profile | undefined;
}

/** Results of a batch: outputs with a row for each of `indices`, and failed images. */
export interface ImageResults {
  readonly indices: readonly number[];
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly failed: readonly { readonly index: number; readonly reason: string }[];
  /** Images among `indices` with a warning. */
  readonly warned: readonly { readonly index: number; readonly warning: ImageWarning }[];
  /** Number of images that this batch completes, skipped ones included. */
  readonly settled: number;
}

// Larger batches gain nothing on CPU and cost memory; smaller ones leave threads idle.
const BATCH = 12;
// Batches in the engine: for each of two copies of a model one being computed and one queued.
const IN_ENGINE = 4;
// Images being read and decoded concurrently: as many as the engine has.
const AHEAD = IN_ENGINE * BATCH;

/**
 * Runs the model on all images, in order and in batches. Reading and decoding run ahead of the engine on the thread pool, four batches
 * are queued in the engine, and memory is bounded whatever the count.
 *
 * @throws AbortedError once the signal is aborted; errors of `read` other than InputError.
 */
export async function* runImages(run: ImageRun): AsyncGenerator<ImageResults> {
  const inEngine: Promise<ImageResults>[] = [];
  const end = run.profile?.start('way');
  try {
    for await (const batch of decodedBatches(run)) {
      const results = settle(run, batch);
      // It is awaited later; until then a failure must not count as an unhandled rejection.
      results.catch(() => {});
      inEngine.push(results);
      if (inEngine.length === IN_ENGINE) yield await inEngine.shift()!;
    }
    while (inEngine.length > 0) yield await inEngine.shift()!;
  } finally {
    end?.();
  }
}

interface DecodedBatch extends Omit<ImageResults, 'outputs'> {
  readonly pixels: readonly Uint8Array[];
}

async function settle({ compute, input, profile }: ImageRun, batch: DecodedBatch): Promise<ImageResults> {
  const { pixels, ...rest } = batch;
  const { sizePx } = input;
  if (pixels.length === 0) return { ...rest, outputs: {} };
  const each = sizePx * sizePx * 3;
  const data = new Uint8Array(pixels.length * each);
  pixels.forEach((image, i) => {
    data.set(image, i * each);
  });
  const images: Tensor<'uint8'> = { dtype: 'uint8', shape: [pixels.length, sizePx, sizePx, 3], data };
  return { ...rest, outputs: await during(profile, 'compute', () => compute(images)) };
}

async function* decodedBatches({ count, read, input, signal, profile }: ImageRun): AsyncGenerator<DecodedBatch> {
  const decode = async (index: number) => {
    try {
      const bytes = await during(profile, 'read', () => read(index));
      return { index, ...(bytes && (await decodeInputWithWarning(bytes, input, profile))) };
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      return { index, reason: thrown.message };
    }
  };
  const empty = () => ({
    indices: [] as number[],
    pixels: [] as Uint8Array[],
    failed: [] as { index: number; reason: string }[],
    warned: [] as { index: number; warning: ImageWarning }[],
  });
  let batch = empty();
  let settled = 0;
  for await (const result of mapAhead(count, AHEAD, decode, signal)) {
    settled++;
    if ('reason' in result) batch.failed.push({ index: result.index, reason: result.reason! });
    else if (result.pixels !== undefined) {
      batch.indices.push(result.index);
      batch.pixels.push(result.pixels);
      if (result.warning !== undefined) batch.warned.push({ index: result.index, warning: result.warning });
    }
    // Skipped images are reported in chunks too, for progress.
    if (batch.pixels.length === BATCH || settled === 40 * BATCH) {
      yield { ...batch, settled };
      batch = empty();
      settled = 0;
    }
  }
  if (settled > 0) yield { ...batch, settled };
}
