import {
  abs,
  add,
  div,
  less,
  logSoftmax,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  softmax,
  square,
  sub,
  where,
} from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { extent } from '../metrics/statistics.js';
import type { HeadOutput } from './head.js';

export const lossNames = ['mse', 'mae', 'huber', 'distribution'] as const;
export type LossName = (typeof lossNames)[number];

/** The validation error that selects the best epoch of a training with this loss. */
export const selectionMetric = (loss: LossName): 'mse' | 'mae' => (loss === 'mse' ? 'mse' : 'mae');

/** The scale of the labels. */
export interface LossScale {
  /** The labels' standard deviation. Errors are divided by it, so that one learning rate suits all units. */
  readonly std: number;
  /** For `distribution`. */
  readonly bins?: Float32Array | undefined;
}

// Standard deviation of a soft label in bins: two years where a bin is a year. An error of one year then costs little, ten nearly the maximum.
const SIGMA_BINS = 2;
// Weight of the distance of the expected value: without it the spread is learned rather than the center.
const DISTANCE_SHARE = 0.05;

/**
 * The mean loss of a batch, a scalar.
 *
 * `mse`, `mae` and `huber` (delta: one standard deviation) take the error in standard deviations. `distribution` is the cross-entropy
 * between the outputs and a Gaussian around the label, plus 0.05 times the distance of the expected value in bins.
 *
 * @param target Labels `[N]`, in their own unit.
 * @param weight Sample weights, `[N]`, mean 1.
 * Reference: distribution: Gao et al., https://arxiv.org/abs/1611.01731 (DLDL), and https://arxiv.org/abs/1807.03848 (DLDL-v2)
 */
export function buildLoss(
  name: LossName,
  { outputs, unclamped: value }: Pick<HeadOutput, 'outputs' | 'unclamped'>,
  target: Value,
  weight: Value,
  { std, bins }: LossScale,
): Value {
  const mean = (losses: Value) => reduceMean(mul(losses, weight), [0]);
  const error = std === 1 ? sub(value, target) : div(sub(value, target), std);
  const size = abs(error);
  switch (name) {
    case 'mse':
      return mean(square(error));
    case 'mae':
      return mean(size);
    case 'huber':
      return mean(where(less(size, 1), mul(square(error), 0.5), sub(size, 0.5)));
    case 'distribution': {
      const { graph } = value;
      const width = bins![1]! - bins![0]!;
      const distance = div(sub(graph.float(bins!), reshape(target, [-1, 1])), width); // [N, B]
      const soft = softmax(mul(square(distance), -0.5 / SIGMA_BINS ** 2));
      const crossEntropy = mul(reduceSum(mul(soft, logSoftmax(outputs)), [1]), -1);
      return mean(add(crossEntropy, mul(abs(sub(value, target)), DISTANCE_SHARE / width)));
    }
  }
}

const FEWEST_UNIT_BINS = 50;
const MOST_UNIT_BINS = 200;
const BINS = 101;
// Least half range of the bins as a share of their center: a bin is then 16 float32 steps wide.
const LEAST_HALF_RANGE = 1e-4;

/**
 * Equally spaced bin centers for a distribution over these labels, ascending: one per integer where all labels are integers that span 50
 * to 200 values, as ages do; else 101 over their range, or over 1 or more around a single value.
 */
export function binsOf(labels: readonly number[]): Float32Array {
  const { min, max } = extent(labels);
  const units = max - min + 1;
  const whole = labels.every(Number.isInteger) && units >= FEWEST_UNIT_BINS && units <= MOST_UNIT_BINS;
  const count = whole ? units : BINS;
  const center = (min + max) / 2;
  const half = Math.max(max > min ? (max - min) / 2 : 0.5, LEAST_HALF_RANGE * Math.abs(center));
  return Float32Array.from({ length: count }, (_, i) => center - half + (2 * half * i) / (count - 1));
}

// A label ten times rarer than average weighs three times as much; the limit is five times.
const MOST_WEIGHT = 5;
const MOST_ROUNDS = 100; // a few suffice unless nearly a fifth of the labels are rare

/**
 * Sample weights that emphasize rare labels: the inverse square root of the label density, which is the histogram over `binsOf` smoothed
 * by a Gaussian of two bins; mean 1, at most 5.
 *
 * Reference: Yang et al., https://arxiv.org/abs/2102.09554 (label distribution smoothing)
 */
export function balanceWeights(labels: readonly number[]): Float32Array {
  const bins = binsOf(labels);
  const step = bins[1]! - bins[0]!;
  const binOf = (label: number) => Math.round((label - bins[0]!) / step);
  const counts = new Float64Array(bins.length);
  for (const label of labels) counts[binOf(label)]!++;
  const density = counts.map((_, at) =>
    counts.reduce((sum, count, other) => sum + count * Math.exp(-0.5 * ((other - at) / SIGMA_BINS) ** 2), 0),
  );
  const raw = labels.map(label => 1 / Math.sqrt(density[binOf(label)]!));
  // Capping lowers the mean, so weights are scaled again until it is 1.
  let weights = raw;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const mean = weights.reduce((a, b) => a + b, 0) / weights.length;
    if (Math.abs(mean - 1) < 1e-6) break;
    weights = weights.map(weight => Math.min(weight / mean, MOST_WEIGHT));
  }
  return Float32Array.from(weights);
}
