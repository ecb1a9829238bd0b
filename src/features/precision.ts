import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { Backbone, Precision } from '../backbones/backbone.js';
import { mapAhead } from '../base/concurrency.js';
import { expected, InputError, UnsupportedOpError } from '../base/errors.js';
import { cachedJson } from '../base/files.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Dataset } from '../datasets/dataset.js';
import { calibrations } from '../engine/quantize/ranges.js';
import type { Tensor } from '../engine/tensor.js';
import { decodeInput } from '../images/image.js';
import { readSource } from '../images/read-source.js';
import { findQuantization, int8Build, LEAST_AGREEMENT, measureSpeedup, networkOf } from './quantize-backbone.js';

// Images used: half for the ranges, half to measure the agreement. They are chosen by a hash of their names, so that an image added to 1,000
// changes the choice in one of ten cases only; any change invalidates all cached features.
const SAMPLE = 96;
const FEWEST = 32;
const LEAST_SPEEDUP = 1.1;
// Part of the cache key: increase it when the same weights and images give other values.
const QUANTIZER_VERSION = 2;

/**
 * The backbone at `precision`: for int8 its convolutions, residual sums and pooling in 8 bits, calibrated on 48 images of the data set.
 * Deterministic for the same backbone and images; the calibration is cached in `cacheDir`.
 *
 * @returns With `auto` the given backbone where int8 is not faster, not accurate enough, or not what its device computes; `onMessage` gets the
 * reason.
 * @throws InputError for int8 on fewer than 32 readable images, a network without convolutions, or values in it that are not finite;
 * UnsupportedOpError for a network with operations that eyeball's graphs do not have.
 */
export async function backboneAt(
  precision: Precision,
  backbone: Backbone,
  dataset: Dataset,
  cacheDir: string,
  context: RunContext = {},
): Promise<Backbone> {
  if (precision === 'fp32') return backbone;
  if (backbone.device !== undefined) {
    context.onMessage?.(`precision fp32: ${option('device', backbone.device)} has no arithmetic in int8`);
    return backbone;
  }
  try {
    const network = networkOf(backbone);
    const pixels = await samplePixels(backbone, dataset, context);
    const path = join(cacheDir, 'int8', keyOf(backbone, pixels));
    const find = () => findQuantization(backbone, network, pixels, context);
    const quantization = await cachedJson(`${path}.json`, json => schema.parse(json), find);
    const { agreement, ranges, keep } = quantization;
    const measure = () => measureSpeedup(backbone, network, quantization, pixels);
    const speedup =
      precision === 'auto'
        ? await cachedJson(`${path}-speed.json`, json => z.number().parse(json), measure)
        : undefined;
    const taken = speedup === undefined || (agreement.mean >= LEAST_AGREEMENT && speedup >= LEAST_SPEEDUP);
    const rest = [...network.kept].map(([op, count]) => (count === 1 ? op : `${count} ${op}`));
    if (keep.length > 0) rest.push('the first and the last convolution');
    context.onMessage?.(
      `precision ${taken ? 'int8' : 'fp32'}: ${speedup === undefined ? '' : `int8 is ${speedup.toFixed(1)} times as fast here, `}` +
        `the features in int8 agree to ${agreement.mean.toFixed(3)}, in the worst hundredth to ${agreement.worst.toFixed(3)}; ` +
        `fp32 in it: ${rest.join(', ') || 'nothing'}`,
    );
    if (!taken) return backbone;
    if (agreement.mean < LEAST_AGREEMENT)
      context.onMessage?.(
        `warning: features in int8 agree with those in fp32 to ${agreement.mean.toFixed(3)} only, less than ${LEAST_AGREEMENT}; ` +
          `compare the errors of both, or use ${option('precision', 'fp32')}`,
      );
    const { buildTrainable: _, ...frozen } = backbone;
    const identity = JSON.stringify([QUANTIZER_VERSION, backbone.sha256, ranges, keep]);
    const sha256 = sha256Hex(identity);
    return { ...frozen, sha256, precision: 'int8', build: int8Build(network, quantization) };
  } catch (thrown) {
    if (precision === 'int8' || !(thrown instanceof InputError || thrown instanceof UnsupportedOpError)) throw thrown;
    context.onMessage?.(`precision fp32: ${thrown.message}`);
    return backbone;
  }
}

const schema = z.object({
  calibration: z.enum(calibrations),
  agreement: z.object({ mean: z.number(), worst: z.number() }),
  images: z.int(),
  ranges: z.record(z.string(), z.object({ min: z.number(), max: z.number() })),
  keep: z.array(z.string()),
});

function keyOf({ name, sha256, sizePx, normalization }: Backbone, pixels: Tensor<'uint8'>): string {
  const identity = JSON.stringify([QUANTIZER_VERSION, sha256, sizePx, normalization]);
  return `${name.replaceAll('/', '--')}-${createHash('sha256').update(identity).update(pixels.data).digest('hex').slice(0, 16)}`;
}

async function samplePixels(backbone: Backbone, dataset: Dataset, context: RunContext): Promise<Tensor<'uint8'>> {
  const { samples, root } = dataset;
  const { sizePx } = backbone;
  const hashed = samples.map(({ file }) => ({ file, hash: sha256Hex(file) }));
  const chosen = hashed.sort((a, b) => (a.hash < b.hash ? -1 : 1)).slice(0, SAMPLE);
  const decode = async (i: number) => {
    const { file } = chosen[i]!;
    try {
      return await decodeInput(await readSource(resolve(root, file)), backbone);
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      // Feature extraction reports the reason.
      return undefined;
    }
  };
  const images: Uint8Array[] = [];
  for await (const pixels of mapAhead(chosen.length, 16, decode, context.signal))
    if (pixels !== undefined) images.push(pixels);
  if (images.length < FEWEST) {
    const wayOut = `take more images, or ${option('precision', 'fp32')}`;
    throw new InputError(
      expected(option('precision', 'int8'), `at least ${FEWEST} images to calibrate on`, `${images.length}`, wayOut),
    );
  }
  const each = sizePx * sizePx * 3;
  const data = new Uint8Array(images.length * each);
  for (const [i, image] of images.entries()) data.set(image, i * each);
  return { dtype: 'uint8', shape: [images.length, sizePx, sizePx, 3], data };
}
