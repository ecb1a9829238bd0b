import { expected, InputError } from '../base/errors.js';
import { mean } from './statistics.js';

/** @throws InputError if the lengths differ or are 0 */
export function checkPairs(where: string, yTrue: ArrayLike<number>, yPred: ArrayLike<number>): void {
  if (yPred.length !== yTrue.length) {
    throw new InputError(expected(where, `${yTrue.length} predictions, one a true value`, String(yPred.length)));
  }
  if (yTrue.length === 0) throw new InputError(expected(where, 'at least one pair of values', 'none'));
}

/** The mean of `f(yPred - yTrue)` over all pairs. */
function meanOfErrors(
  where: string,
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
  f: (error: number) => number,
): number {
  checkPairs(where, yTrue, yPred);
  let sum = 0;
  for (let i = 0; i < yTrue.length; i++) sum += f(yPred[i]! - yTrue[i]!);
  return sum / yTrue.length;
}

/**
 * sum((yPred - yTrue)^2) / N, in the target's unit squared.
 *
 * @throws InputError if the lengths differ or are 0, as all metrics here do.
 *
 * Reference: sklearn.metrics.mean_squared_error.
 */
export function meanSquaredError(yTrue: ArrayLike<number>, yPred: ArrayLike<number>): number {
  return meanOfErrors('meanSquaredError', yTrue, yPred, error => error * error);
}

/**
 * The square root of `meanSquaredError`, in the target's unit; it weighs large errors more than the MAE.
 *
 * Reference: sklearn.metrics.root_mean_squared_error.
 */
export function rootMeanSquaredError(yTrue: ArrayLike<number>, yPred: ArrayLike<number>): number {
  return Math.sqrt(meanOfErrors('rootMeanSquaredError', yTrue, yPred, error => error * error));
}

/**
 * sum(|yPred - yTrue|) / N, in the target's unit.
 *
 * Reference: sklearn.metrics.mean_absolute_error.
 */
export function meanAbsoluteError(yTrue: ArrayLike<number>, yPred: ArrayLike<number>): number {
  return meanOfErrors('meanAbsoluteError', yTrue, yPred, Math.abs);
}

/** sum(yPred - yTrue) / N, in the target's unit; positive if predictions are too high. */
export function meanBias(yTrue: ArrayLike<number>, yPred: ArrayLike<number>): number {
  return meanOfErrors('meanBias', yTrue, yPred, error => error);
}

/** The share, 0 to 1, of absolute errors of at most `tolerance` (in the target's unit). CS(5) is `shareWithin(..., 5)`. */
export function shareWithin(yTrue: ArrayLike<number>, yPred: ArrayLike<number>, tolerance: number): number {
  return meanOfErrors('shareWithin', yTrue, yPred, error => (Math.abs(error) <= tolerance ? 1 : 0));
}

/**
 * The share of the variance of `yTrue` that the predictions explain, 1 - sum((yPred - yTrue)^2) / sum((yTrue - mean)^2).
 *
 * 1 is perfect, 0 equals always predicting the mean of `yTrue`, negative is worse. NaN if all of `yTrue` are equal, or for one pair.
 *
 * Reference: sklearn.metrics.r2_score, but for equal values.
 */
export function r2Score(yTrue: ArrayLike<number>, yPred: ArrayLike<number>): number {
  checkPairs('r2Score', yTrue, yPred);
  const center = mean(yTrue);
  let residual = 0;
  let total = 0;
  for (let i = 0; i < yTrue.length; i++) {
    residual += (yPred[i]! - yTrue[i]!) ** 2;
    total += (yTrue[i]! - center) ** 2;
  }
  return total === 0 ? Number.NaN : 1 - residual / total;
}

/**
 * The least-squares line `yPred = intercept + slope * yTrue`, with the 95 % interval of its slope. A slope below 1 is regression to the
 * mean: high values are predicted too low, and low ones too high. The interval is robust to heteroscedastic errors. NaN if all of
 * `yTrue` are equal.
 *
 * Reference: scipy.stats.linregress; interval: White 1980, https://doi.org/10.2307/1912934, with n / (n - 2) (HC1 of statsmodels).
 */
export function regressionLine(
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
): { readonly intercept: number; readonly slope: number; readonly interval95: readonly [low: number, high: number] } {
  checkPairs('regressionLine', yTrue, yPred);
  const n = yTrue.length;
  const [center, height] = [mean(yTrue), mean(yPred)];
  let products = 0;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    products += (yTrue[i]! - center) * (yPred[i]! - height);
    squares += (yTrue[i]! - center) ** 2;
  }
  const slope = squares > 0 ? products / squares : Number.NaN;
  let sandwich = 0;
  for (let i = 0; i < n; i++) {
    const off = yTrue[i]! - center;
    sandwich += (off * (yPred[i]! - height - slope * off)) ** 2;
  }
  const half = (1.96 * Math.sqrt((sandwich * n) / Math.max(1, n - 2))) / squares;
  return { intercept: height - slope * center, slope, interval95: [slope - half, slope + half] };
}
