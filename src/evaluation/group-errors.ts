import { errorIntervals, type Interval } from '../metrics/bootstrap.js';
import { meanAbsoluteError, meanBias, rootMeanSquaredError } from '../metrics/regression.js';

/** How far off the predictions of some images are. */
export interface SubsetErrors {
  readonly images: number;
  readonly rmse: number;
  readonly mae: number;
  readonly bias: number;
  /** How far chance in the choice of images moves the two: 95 % intervals, by the bootstrap or what it comes to. */
  readonly interval95: { readonly mae: Interval; readonly bias: Interval };
}

/** The errors of the images `indices`, at least one. */
export function errorsOfSubset(
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
  indices: readonly number[],
  seed: number,
): SubsetErrors {
  const truth = Float64Array.from(indices, i => yTrue[i]!);
  const predicted = Float64Array.from(indices, i => yPred[i]!);
  return {
    images: indices.length,
    rmse: rootMeanSquaredError(truth, predicted),
    mae: meanAbsoluteError(truth, predicted),
    bias: meanBias(truth, predicted),
    interval95: errorIntervals(
      truth.map((y, i) => predicted[i]! - y),
      { seed },
    ),
  };
}
