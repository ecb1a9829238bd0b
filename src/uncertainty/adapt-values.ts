import { throwIfAborted } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { mean } from '../metrics/statistics.js';
import type { Head } from '../training/head.js';
import { predictRows } from '../training/out-of-fold.js';
import { fitRidge } from '../training/ridge.js';

/** What of a model is refitted: nothing; an offset; offset and slope; these, and a linear head on the features for what they leave. */
export type AdaptationMethod = 'none' | 'bias' | 'slope' | 'head';

/** A correction of predictions: `intercept + slope * value`, and what a linear head on the features adds to it. */
export interface Correction {
  readonly intercept: number;
  readonly slope: number;
  readonly head?: Head | undefined;
}

/** Labeled images of a new source, as a model predicts them; rows of equal groups are in one fold. */
export interface AdaptationRows {
  /** `[N]`: the labels. */
  readonly labels: Float64Array;
  /** `[N]`: the predictions before clamping. */
  readonly value: Float64Array;
  readonly features: FeatureRows;
}

/** What was tried. */
export interface Attempt {
  readonly method: AdaptationMethod;
  /** `[N]`: each corrected by a correction that was fitted without its fold. */
  readonly value: Float64Array;
}

// The slope of a new source is assumed to be 1 give or take this, and its offset to have the spread of the errors: one image more.
const SLOPE_SPREAD = 0.25;
// With a smaller slope the predictions say next to nothing about this source.
const LEAST_SLOPE = 0.1;
/** Fewer images cannot tell which of a thousand features matter. */
export const FEWEST_FOR_HEAD = 100;

/**
 * The correction that minimizes the squared errors of the rows `indices`, shrunk to none: the fewer rows, the more.
 *
 * The offset is `n / (n + 1)` of the mean error. The slope is that of a ridge regression of labels on predictions whose penalty takes slopes
 * to be normal around 1 with a standard deviation of 0.25. With `head`, a ridge on the features is fitted to the errors that are left.
 *
 * @param indices At least one.
 */
export async function fitCorrection(
  { labels, value, features }: AdaptationRows,
  indices: readonly number[],
  method: AdaptationMethod,
  context: RunContext = {},
): Promise<Correction> {
  if (method === 'none') return { intercept: 0, slope: 1 };
  const count = indices.length;
  const center = mean(indices.map(row => value[row]!));
  const errors = indices.map(row => labels[row]! - value[row]!);
  const offset = mean(errors);
  const shift = (offset * count) / (count + 1);
  if (method === 'bias') return { intercept: shift, slope: 1 };
  let [squares, products, variance] = [0, 0, 0];
  indices.forEach((row, i) => {
    squares += (value[row]! - center) ** 2;
    products += (value[row]! - center) * (errors[i]! - offset);
    variance += (errors[i]! - offset) ** 2 / count;
  });
  const penalty = variance / SLOPE_SPREAD ** 2;
  const slope = Math.max(LEAST_SLOPE, 1 + (squares + penalty > 0 ? products / (squares + penalty) : 0));
  const line = { intercept: center + shift - slope * center, slope };
  if (method === 'slope') return line;
  const rest = labels.map((label, row) => label - line.intercept - line.slope * value[row]!);
  const { head } = await fitRidge({ rows: features, labels: rest, train: indices, validation: [] }, context);
  return { ...line, head };
}

/** The corrected values of the rows `indices`, before clamping. */
export async function correctedValues(
  { intercept, slope, head }: Correction,
  { value, features }: AdaptationRows,
  indices: readonly number[],
): Promise<Float64Array> {
  const added = head && (await predictRows(head, features, indices)).value;
  return Float64Array.from(indices, (row, i) => intercept + slope * value[row]! + (added?.[i] ?? 0));
}

/**
 * Tries the methods by cross-validation, the simplest first, and returns the best with its out-of-fold values, and the others. A method
 * with more parameters is better only where its squared errors are smaller by more than one standard error of the difference.
 *
 * @param parts The folds: every row in one of them.
 * @param clamp Predictions are clamped by it before their errors count.
 */
export async function chooseAdaptation(
  rows: AdaptationRows,
  parts: readonly (readonly number[])[],
  clamp: (value: number) => number,
  { onProgress, signal }: RunContext = {},
): Promise<{ readonly best: Attempt; readonly tried: readonly Attempt[] }> {
  const { labels } = rows;
  const methods: AdaptationMethod[] = ['none', 'bias', 'slope'];
  if (labels.length >= FEWEST_FOR_HEAD) methods.push('head');
  const tried: Attempt[] = [];
  let best: Attempt | undefined;
  for (const [at, method] of methods.entries()) {
    const value = new Float64Array(labels.length);
    for (const [fold, part] of parts.entries()) {
      throwIfAborted(signal);
      const others = parts.flatMap((other, i) => (i === fold ? [] : other)).sort((a, b) => a - b);
      const correction = await fitCorrection(rows, others, method, { signal });
      const corrected = await correctedValues(correction, rows, part);
      part.forEach((row, i) => {
        value[row] = clamp(corrected[i]!);
      });
      const done = at * parts.length + fold + 1;
      onProgress?.({ phase: 'cross-validating', done, total: methods.length * parts.length, unit: 'fits' });
    }
    const attempt = { method, value };
    tried.push(attempt);
    if (best === undefined || isBetter(labels, best.value, value)) best = attempt;
  }
  return { best: best!, tried };
}

/** Whether the squared errors of `next` are smaller than those of `than` by more than one standard error of the mean difference. */
function isBetter(yTrue: Float64Array, than: Float64Array, next: Float64Array): boolean {
  const gains = yTrue.map((y, i) => (than[i]! - y) ** 2 - (next[i]! - y) ** 2);
  const gain = mean(gains);
  const variance = mean(gains.map(each => (each - gain) ** 2));
  return gain > Math.sqrt(variance / gains.length);
}
