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

/** What training makes small. */
export const lossNames = ['mse', 'mae', 'huber', 'distribution'] as const;
export type LossName = (typeof lossNames)[number];

/** The error by which the best epoch of a training with this loss is chosen. */
export const judgeOf = (loss: LossName): 'mse' | 'mae' => (loss === 'mse' ? 'mse' : 'mae');

/** What a loss is to know of the labels. */
export interface LossScale {
  /** Errors are divided by it: the labels' standard deviation, so that one learning rate suits all units. */
  readonly std: number;
  /** For `distribution`. */
  readonly bins?: Float32Array | undefined;
}

// Width of a soft label in bins: two years where bins are years. One year off then costs little, ten cost nearly all.
const SIGMA_BINS = 2;
// How much of the distribution's loss is the distance of its expected value: without it the spread is learned, not the centre.
const DISTANCE_SHARE = 0.05;

/**
 * The mean loss of a batch, a scalar.
 *
 * `mse`, `mae` and `huber` (its bend at one standard deviation) are of the error in standard deviations. `distribution` is the
 * cross-entropy between the outputs and a Gaussian around the label, plus a twentieth of the expected value's distance in bins.
 *
 * @param target Labels `[N]`, in their own unit.
 * @param weight What each sample counts, `[N]`, 1 on average.
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
// Half the range of bins, at least, beside where it lies: a bin is then 16 steps of float32 wide.
const LEAST_HALF_RANGE = 1e-4;

/**
 * The bins of a distribution over these labels, ascending and equally far apart: one a whole number where all labels are whole
 * and span 50 to 200 of them, as ages do; 101 over their range otherwise, over 1 or more around the only label there is.
 */
export function binsOf(labels: readonly number[]): Float32Array {
  const { min, max } = extent(labels);
  const units = max - min + 1;
  const whole = labels.every(Number.isInteger) && units >= FEWEST_UNIT_BINS && units <= MOST_UNIT_BINS;
  const count = whole ? units : BINS;
  const centre = (min + max) / 2;
  const half = Math.max(max > min ? (max - min) / 2 : 0.5, LEAST_HALF_RANGE * Math.abs(centre));
  return Float32Array.from({ length: count }, (_, i) => centre - half + (2 * half * i) / (count - 1));
}

// A label ten times rarer than the mean counts three times as much; nothing counts more than five times.
const MOST_WEIGHT = 5;
const MOST_ROUNDS = 100; // a few are enough unless nearly a fifth of all labels are rare

/**
 * What each label counts so that rare ones are learned too: the inverse square root of the density around it, the histogram over
 * `binsOf` smoothed by a Gaussian of two bins; 1 on average, 5 at most.
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
  // What the cap takes from some goes to all, until the mean is 1.
  let weights = raw;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const mean = weights.reduce((a, b) => a + b, 0) / weights.length;
    if (Math.abs(mean - 1) < 1e-6) break;
    weights = weights.map(weight => Math.min(weight / mean, MOST_WEIGHT));
  }
  return Float32Array.from(weights);
}
