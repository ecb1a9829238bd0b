import { createRandom, type Random } from '../base/random.js';
import { clamped, type ValueRange } from '../base/value-range.js';
import type { Tensor } from '../engine/tensor.js';
import { stretchMap } from '../images/explanation-overlay.js';
import { blur } from './blur.js';
import {
  BLOCK_PX,
  blocksAcross,
  copyRectangle,
  deleteBlocks,
  type Faithfulness,
  faithfulnessOf,
  markedBlocks,
  randomBlocks,
} from './deletion.js';

/**
 * The attribution method: `cam`, a class activation map; `gradient`, the gradient times the activations of a stage; `occlusion`, the
 * change of the prediction when a part is blurred.
 */
export type ExplainMethod = 'cam' | 'gradient' | 'occlusion';

/** The explanation of a prediction. */
export interface Explanation {
  readonly value: number;
  /** The value before clamping, which is what the explanation is of; absent if it is the same. */
  readonly unclamped?: number;
  /** The prediction for the blurred image, which the image is compared with. */
  readonly baseline: number;
  readonly method: ExplainMethod;
  /**
   * The contribution of each block of 8 x 8 px to the prediction, compared with the blurred image: above 0 raises it. `[B, B]`, row by
   * row, B the number of blocks along the image's edge.
   */
  readonly blocks: Tensor<'float32'>;
  readonly faithfulness: Faithfulness;
}

/** The parts of a model that explanations need. */
export interface ExplainedModel {
  readonly sizePx: number;
  /** The range that values are clamped to. Default: no clamping. */
  readonly range?: ValueRange | undefined;
  /** The predictions for images, uint8 RGB `[N, H, W, 3]`, before they are clamped: the output `unclamped` if there is one. */
  values(pixels: Tensor<'uint8'>): Promise<ArrayLike<number>>;
  /** Runs an attribution model (`attributionModel`); without it, images are explained by occlusion. */
  readonly attribution?:
    | {
        readonly method: 'cam' | 'gradient';
        readonly partlyBlurred: number;
        map(pixels: Tensor<'uint8'>): Promise<Tensor<'float32'>>;
      }
    | undefined;
}

// Shares of the image's edge. Measured with the default model, 224 px, on 32 and 40 faces by the gradient of its 28 x 28 stage: a blur of
// 5 px, smoothed by 24 px, passed the deletion test on 88 to 93 %; a blur of 16 px on 59 to 78 %, for the gradient tells little of
// such large changes. In a map that is not smoothed both signs lie side by side among the largest, and deleting both cancels.
const BLUR = 1 / 45;
const SMOOTHING = 1 / 10;
/** Edge of the parts that are blurred at random for `gradient`. */
const PART = 1 / 8;
// Windows twice as wide as their distance, 10 x 10 of them.
const WINDOWS = 10;
const BATCH = 25;

/**
 * Explains an image, uint8 RGB `[H, W, 3]` at the model's input size.
 *
 * @param seed Start of the random draws, a whole number.
 */
export async function explain(pixels: Uint8Array, model: ExplainedModel, seed: number): Promise<Explanation> {
  const { sizePx, attribution } = model;
  const blurred = blur(pixels, sizePx, BLUR * sizePx);
  const versions = { image: pixels, blurred, sizePx };
  const map =
    attribution === undefined
      ? await occlusionMap(versions, model)
      : await attribution.map(
          stack(
            [pixels, blurred, ...partlyBlurred(versions, attribution.partlyBlurred, createRandom(seed, 'parts'))],
            sizePx,
          ),
        );
  const blocks = blocksOf(map, sizePx);
  // The same draws for each image, so that explanations do not depend on each other.
  const draws = randomBlocks(sizePx, createRandom(seed, 'deletion'));
  const deleted = [markedBlocks(blocks, sizePx), ...draws].map(chosen => deleteBlocks(pixels, blurred, sizePx, chosen));
  const [unclamped, baseline, marked, ...random] = await valuesOf([pixels, blurred, ...deleted], model);
  const across = blocksAcross(sizePx);
  const value = model.range === undefined ? unclamped! : clamped(unclamped!, model.range);
  return {
    value,
    ...(value !== unclamped && { unclamped: unclamped! }),
    baseline: baseline!,
    method: attribution?.method ?? 'occlusion',
    blocks: { dtype: 'float32', shape: [across, across], data: blocks },
    faithfulness: faithfulnessOf(unclamped!, marked!, random),
  };
}

interface Versions {
  readonly image: Uint8Array;
  readonly blurred: Uint8Array;
  readonly sizePx: number;
}

/** Versions of an image of which about half is blurred, in pairs: what is blurred in one is sharp in the other. */
function partlyBlurred({ image, blurred, sizePx }: Versions, count: number, random: Random): Uint8Array[] {
  const edge = Math.max(1, Math.round(PART * sizePx));
  return Array.from({ length: count / 2 }, () => {
    const pair = [Uint8Array.from(image), Uint8Array.from(image)] as const;
    const [x, y] = [random.integer(edge), random.integer(edge)];
    for (let top = -y; top < sizePx; top += edge) {
      for (let left = -x; left < sizePx; left += edge) {
        const to = pair[random.integer(2)]!;
        copyRectangle(blurred, to, sizePx, { left, top, right: left + edge, bottom: top + edge });
      }
    }
    return pair;
  }).flat();
}

/** The decrease of the prediction when a window is blurred: float32 `[10, 10]`. */
async function occlusionMap({ image, blurred, sizePx }: Versions, model: ExplainedModel): Promise<Tensor<'float32'>> {
  const at = (place: number) => Math.round((place * sizePx) / WINDOWS);
  const half = (place: number) => Math.round(((place + 0.5) * sizePx) / WINDOWS - sizePx / WINDOWS);
  const hidden = Array.from({ length: WINDOWS ** 2 }, (_, i) => {
    const [row, column] = [Math.floor(i / WINDOWS), i % WINDOWS];
    const out = Uint8Array.from(image);
    const [left, top] = [half(column), half(row)];
    copyRectangle(blurred, out, sizePx, { left, top, right: left + at(2), bottom: top + at(2) });
    return out;
  });
  const [value, ...without] = await valuesOf([image, ...hidden], model);
  const data = Float32Array.from(without, each => value! - each);
  return { dtype: 'float32', shape: [WINDOWS, WINDOWS], data };
}

async function valuesOf(images: readonly Uint8Array[], model: ExplainedModel): Promise<number[]> {
  const values: number[] = [];
  for (let at = 0; at < images.length; at += BATCH) {
    const some = await model.values(stack(images.slice(at, at + BATCH), model.sizePx));
    for (let i = 0; i < some.length; i++) values.push(some[i]!);
  }
  return values;
}

function stack(images: readonly Uint8Array[], sizePx: number): Tensor<'uint8'> {
  const each = 3 * sizePx ** 2;
  const data = new Uint8Array(images.length * each);
  for (const [i, image] of images.entries()) data.set(image, i * each);
  return { dtype: 'uint8', shape: [images.length, sizePx, sizePx, 3], data };
}

/** A map `[H, W]` by blocks, smoothed. */
function blocksOf(map: Tensor<'float32'>, sizePx: number): Float32Array {
  const across = blocksAcross(sizePx);
  return smooth(stretchMap(map, across, across).data, across, (SMOOTHING * sizePx) / BLOCK_PX);
}

/** Gaussian means with this standard deviation in blocks; at the edges, of the blocks that exist. */
function smooth(blocks: Float32Array, across: number, sigma: number): Float32Array {
  const weights = Array.from({ length: across }, (_, i) => Math.exp(-(i ** 2) / (2 * sigma ** 2)));
  const lines = Array.from({ length: across }, (_, i) => {
    const row = Array.from({ length: across }, (_, j) => weights[Math.abs(i - j)]!);
    const total = row.reduce((sum, weight) => sum + weight, 0);
    return row.map(weight => weight / total);
  });
  const alongRows = (from: ArrayLike<number>, at: (line: number, i: number) => number) => {
    const out = new Float64Array(from.length);
    for (let line = 0; line < across; line++) {
      for (let i = 0; i < across; i++) {
        for (let j = 0; j < across; j++) out[at(line, i)]! += lines[i]![j]! * from[at(line, j)]!;
      }
    }
    return out;
  };
  const rows = alongRows(blocks, (line, i) => line * across + i);
  return Float32Array.from(alongRows(rows, (line, i) => i * across + line));
}
