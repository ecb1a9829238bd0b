import { binOf, cut, edgesOfStep, fullest, type LabelGroup, quantileEdges, roundEdges } from '../metrics/bins.js';
import { errorIntervals, type Interval } from '../metrics/bootstrap.js';
import { meanAbsoluteError, meanBias, rootMeanSquaredError } from '../metrics/regression.js';
import { extent } from '../metrics/statistics.js';

/** A bin of a histogram: the number of values from `from` (included) to `to` (excluded). */
export interface HistogramBin {
  readonly from: number;
  readonly to: number;
  readonly images: number;
}

const MAX_GROUPS = 12;
const QUANTILE_GROUPS = 8;

/**
 * The labels in groups with round edges, ascending, without empty groups.
 *
 * - Labels that look like ages or percentages (all within 0 to 120, at least 40 apart) go by tens: [0, 10), [10, 20) ...
 * - All others go by the smallest step of 1, 2 or 5 times a power of ten that needs at most twelve groups (so five or more
 *   where labels are spread out); whole numbers never by less than 1.
 * - Where one such group would hold more than half of the labels (prices, counts), eight quantiles make the groups instead,
 *   their edges rounded to two digits; unless those are no more even.
 * - Labels that are all equal are one group as wide as their leading digit: 37 lies in [30, 40).
 *
 * Throws InputError where there are no labels.
 */
export function groupByLabel(labels: ArrayLike<number>): LabelGroup[] {
  const { min, max } = extent(labels);
  if (min >= 0 && max <= 120 && max - min >= 40) return cut(labels, edgesOfStep(10, min, max));

  const even = cut(labels, roundEdges(labels, MAX_GROUPS));
  if (fullest(even) * 2 <= labels.length) return even;
  const quantiles = cut(labels, quantileEdges(labels, QUANTILE_GROUPS));
  return fullest(quantiles) < fullest(even) ? quantiles : even;
}

/**
 * Counts of `values` in bars of one width, empty ones within the range included, at most `maxBins` (default 60) of them.
 * Edges are round numbers; whole numbers get bars no narrower than 1. Throws InputError where `values` is empty.
 */
export function histogram(values: ArrayLike<number>, maxBins = 60): HistogramBin[] {
  const edges = roundEdges(values, maxBins);
  const counts = new Array<number>(edges.length - 1).fill(0);
  for (let i = 0; i < values.length; i++) counts[binOf(edges, values[i]!)]!++;
  return counts.map((images, i) => ({ from: edges[i]!, to: edges[i + 1]!, images }));
}

/** The errors of a subset of images. */
export interface SubsetErrors {
  readonly images: number;
  readonly rmse: number;
  readonly mae: number;
  readonly bias: number;
  /** 95 % confidence intervals of the two over the choice of images: the bootstrap or its closed form. */
  readonly interval95: { readonly mae: Interval; readonly bias: Interval };
}

/** The errors of the images `indices`, at least one. */
export function errorsOfSubset(
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
  indices: readonly number[],
  seed: number,
): SubsetErrors {
  const trueValues = Float64Array.from(indices, i => yTrue[i]!);
  const predicted = Float64Array.from(indices, i => yPred[i]!);
  return {
    images: indices.length,
    rmse: rootMeanSquaredError(trueValues, predicted),
    mae: meanAbsoluteError(trueValues, predicted),
    bias: meanBias(trueValues, predicted),
    interval95: errorIntervals(
      trueValues.map((y, i) => predicted[i]! - y),
      { seed },
    ),
  };
}
