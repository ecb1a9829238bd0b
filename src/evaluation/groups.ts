import { extent, quantile } from '../metrics/statistics.js';

/** The labels from `from` (included) to `to` (excluded), and the places in the list they came from. */
export interface LabelGroup {
  readonly from: number;
  readonly to: number;
  readonly indices: readonly number[];
}

/** A bar of a histogram: how many values lie from `from` (included) to `to` (excluded). */
export interface HistogramBin {
  readonly from: number;
  readonly to: number;
  readonly images: number;
}

const MAX_GROUPS = 12;
const QUANTILE_GROUPS = 8;

/**
 * The labels in groups that a person would have chosen, ascending, empty ones left out.
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
  const quantiles = cut(labels, quantileEdges(labels));
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

/** Edges from the multiple of the smallest round step at or below the minimum to the one above the maximum. */
function roundEdges(values: ArrayLike<number>, maxBins: number): number[] {
  const { min, max } = extent(values);
  const largest = Math.max(Math.abs(min), Math.abs(max));
  // A step of less than this cannot be inverted in float64: for such labels everything is one group around 0.
  if (largest < 1e-300) return edgesOfStep(1, min, max);
  // A spread at the limit of float64's digits is none: steps that small could not be told apart.
  if (max - min <= largest * 1e-12) return edgesOfStep(10 ** Math.floor(Math.log10(largest)), min, max);

  let allWhole = true;
  for (let i = 0; i < values.length && allWhole; i++) allWhole = Number.isInteger(values[i]!);
  const first = Math.floor(Math.log10((max - min) / maxBins));
  for (let exponent = allWhole ? Math.max(first, 0) : first; ; exponent++) {
    for (const digit of [1, 2, 5]) {
      const edges = edgesOfStep(digit * 10 ** exponent, min, max);
      if (edges.length - 1 <= maxBins) return edges;
    }
  }
}

/** Multiples of `step` that enclose [min, max): the last edge is above `max`. */
function edgesOfStep(step: number, min: number, max: number): number[] {
  // A step under 1 is divided by, not multiplied with: 3 / 10 is 0.3 where 3 * 0.1 is not.
  const inverse = Math.round(1 / step);
  const edgeAt = (k: number) => (step < 1 ? k / inverse : k * step);
  let k = Math.floor(min / step);
  if (edgeAt(k + 1) <= min) k++;
  const edges = [edgeAt(k)];
  while (edges.at(-1)! <= max) edges.push(edgeAt(++k));
  return edges;
}

function quantileEdges(labels: ArrayLike<number>): number[] {
  const sorted = Float64Array.from(labels).sort();
  const { min, max } = extent(sorted);
  const edges = [roundDigits(min, Math.floor)];
  for (let i = 1; i < QUANTILE_GROUPS; i++) {
    const edge = roundDigits(quantile(sorted, i / QUANTILE_GROUPS), Math.round);
    if (edge > edges.at(-1)! && edge <= max) edges.push(edge);
  }
  const last = roundDigits(max, Math.ceil);
  edges.push(last > max ? last : max === 0 ? 1 : roundDigits(max, x => Math.ceil(x) + 1));
  return edges;
}

/** `value` with two digits, rounded by `round`. */
function roundDigits(value: number, round: (x: number) => number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log10(Math.abs(value))) - 1;
  return exponent < 0
    ? round(value * 10 ** -exponent) / 10 ** -exponent
    : round(value / 10 ** exponent) * 10 ** exponent;
}

/** The last place whose edge is at or below `value`. */
function binOf(edges: readonly number[], value: number): number {
  let low = 0;
  let high = edges.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (edges[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

function cut(labels: ArrayLike<number>, edges: readonly number[]): LabelGroup[] {
  const bins = edges.slice(1).map(() => [] as number[]);
  for (let i = 0; i < labels.length; i++) bins[binOf(edges, labels[i]!)]!.push(i);
  return bins
    .map((indices, i) => ({ from: edges[i]!, to: edges[i + 1]!, indices }))
    .filter(({ indices }) => indices.length > 0);
}

function fullest(groups: readonly LabelGroup[]): number {
  return groups.reduce((most, { indices }) => Math.max(most, indices.length), 0);
}
