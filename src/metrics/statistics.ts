import { expected, InputError } from '../base/errors.js';

/** @throws InputError if `values` is empty */
function checkNotEmpty(where: string, values: ArrayLike<number>): void {
  if (values.length === 0) throw new InputError(expected(where, 'at least one value', 'none'));
}

/** The arithmetic mean, sum(x) / N, clamped to the range of the values against rounding. @throws InputError if `values` is empty */
export function mean(values: ArrayLike<number>): number {
  checkNotEmpty('mean', values);
  let [sum, min, max] = [0, values[0]!, values[0]!];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  // The sum is rounded: the mean of ten times 0.1 would be below 0.1.
  return Math.min(Math.max(sum / values.length, min), max);
}

/**
 * The population standard deviation, sqrt(sum((x - mean)^2) / N); 0 for one value.
 *
 * @throws InputError if `values` is empty
 *
 * Reference: numpy.std with its default ddof=0.
 */
export function standardDeviation(values: ArrayLike<number>): number {
  checkNotEmpty('standardDeviation', values);
  const center = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - center) ** 2;
  return Math.sqrt(sum / values.length);
}

/**
 * The quantile `p` in [0, 1] of `sorted` (ascending), linearly interpolated.
 *
 * @throws InputError if `sorted` is empty
 *
 * Reference: numpy.quantile with its default method "linear".
 */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  checkNotEmpty('quantile', sorted);
  const position = p * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (position - below) * (high - low);
}

/** The median; the mean of the middle two if N is even. @throws InputError if `values` is empty */
export function median(values: ArrayLike<number>): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/** The minimum and maximum. @throws InputError if `values` is empty */
export function extent(values: ArrayLike<number>): { readonly min: number; readonly max: number } {
  checkNotEmpty('extent', values);
  let min = values[0]!;
  let max = values[0]!;
  for (let i = 1; i < values.length; i++) {
    if (values[i]! < min) min = values[i]!;
    if (values[i]! > max) max = values[i]!;
  }
  return { min, max };
}

/** Labels in five numbers. */
export interface LabelStatistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  readonly std: number;
}

/** The labels of a data set in five numbers. */
export function labelStatistics(labels: ArrayLike<number>): LabelStatistics {
  return { ...extent(labels), mean: mean(labels), median: median(labels), std: standardDeviation(labels) };
}
