import { expected, UsageError } from '../base/errors.js';
import { createRandom } from '../base/random.js';
import { checkPairs } from './regression.js';
import { mean, quantile, standardDeviation } from './statistics.js';

/** Lower and upper end of an interval, in the unit of the bounded value. */
export type Interval = readonly [low: number, high: number];

export interface BootstrapOptions {
  /** Random seed, any integer. Default 0. */
  readonly seed?: number;
  /** Number of resamples, at least 1. Default 1000. */
  readonly resamples?: number;
  /** Confidence level, above 0 and below 1. Default 0.95. */
  readonly level?: number;
}

/**
 * Percentile bootstrap intervals of RMSE and MAE, both from the same resamples.
 *
 * They estimate how the two metrics vary between test sets of the same kind and size, not the error of a single prediction. This draws
 * N x resamples random numbers: one to two seconds for 50,000 pairs. The same seed gives the same interval.
 *
 * @throws InputError if the lengths differ or are 0, UsageError for options out of range.
 *
 * Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
 */
export function bootstrapInterval(
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
  { seed = 0, resamples = 1000, level = 0.95 }: BootstrapOptions = {},
): { readonly rmse: Interval; readonly mae: Interval } {
  checkPairs('bootstrapInterval', yTrue, yPred);
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new UsageError(expected('bootstrapInterval', 'a whole number of resamples from 1', String(resamples)));
  }
  if (!(level > 0 && level < 1)) {
    throw new UsageError(expected('bootstrapInterval', 'a level between 0 and 1', String(level)));
  }

  const n = yTrue.length;
  const absolute = new Float64Array(n);
  for (let i = 0; i < n; i++) absolute[i] = Math.abs(yPred[i]! - yTrue[i]!);

  const random = createRandom(seed, 'bootstrap');
  const rmse = new Float64Array(resamples);
  const mae = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    let sumOfSquares = 0;
    for (let draw = 0; draw < n; draw++) {
      const error = absolute[random.integer(n)]!;
      sum += error;
      sumOfSquares += error * error;
    }
    rmse[resample] = Math.sqrt(sumOfSquares / n);
    mae[resample] = sum / n;
  }
  rmse.sort();
  mae.sort();
  const tail = (1 - level) / 2;
  return {
    rmse: [quantile(rmse, tail), quantile(rmse, 1 - tail)],
    mae: [quantile(mae, tail), quantile(mae, 1 - tail)],
  };
}

// The mean of so many values is approximately normal, so resampling is not needed.
const NORMAL_FROM = 2000;

/**
 * 95 % intervals of the mean absolute error and the bias of `errors` (prediction - true value): percentile bootstrap, or the normal
 * approximation from 2,000 errors on. They take milliseconds, so that every group can have them.
 *
 * @param errors `[N]`, N at least 1.
 * @param seed Random seed. Default 0.
 */
export function errorIntervals(
  errors: ArrayLike<number>,
  { seed = 0 }: Pick<BootstrapOptions, 'seed'> = {},
): { readonly mae: Interval; readonly bias: Interval } {
  const n = errors.length;
  const sizes = Float64Array.from(errors, Math.abs);
  if (n >= NORMAL_FROM) return { mae: normalInterval(sizes), bias: normalInterval(errors) };
  const random = createRandom(seed, 'group bootstrap');
  const resamples = 1000;
  const mae = new Float64Array(resamples);
  const bias = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    for (let draw = 0; draw < n; draw++) {
      const at = random.integer(n);
      mae[resample]! += sizes[at]! / n;
      bias[resample]! += errors[at]! / n;
    }
  }
  const ends = (sorted: Float64Array): Interval => [quantile(sorted, 0.025), quantile(sorted, 0.975)];
  return { mae: ends(mae.sort()), bias: ends(bias.sort()) };
}

function normalInterval(values: ArrayLike<number>): Interval {
  const center = mean(values);
  const half = (1.96 * standardDeviation(values)) / Math.sqrt(values.length);
  return [center - half, center + half];
}
