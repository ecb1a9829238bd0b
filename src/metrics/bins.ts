import { extent, quantile } from './statistics.js';

/** A bin of labels from `from` (inclusive) to `to` (exclusive), with their indices. */
export interface LabelGroup {
  readonly from: number;
  readonly to: number;
  readonly indices: readonly number[];
}

/** Edges at multiples of the smallest round step, from at or below the minimum to above the maximum. */
export function roundEdges(values: ArrayLike<number>, maxBins: number): number[] {
  const { min, max } = extent(values);
  const largest = Math.max(Math.abs(min), Math.abs(max));
  // A smaller step cannot be inverted in float64: such labels are one group around 0.
  if (largest < 1e-300) return edgesOfStep(1, min, max);
  // A spread at the limit of float64's precision counts as none.
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
export function edgesOfStep(step: number, min: number, max: number): number[] {
  // Division instead of multiplication by a step below 1: 3 / 10 is 0.3, and 3 * 0.1 is not.
  const inverse = Math.round(1 / step);
  const edgeAt = (k: number) => (step < 1 ? k / inverse : k * step);
  let k = Math.floor(min / step);
  if (edgeAt(k + 1) <= min) k++;
  const edges = [edgeAt(k)];
  while (edges.at(-1)! <= max) edges.push(edgeAt(++k));
  return edges;
}

/** Edges of `groups` groups of about equal size, rounded to two digits; equal edges are merged. */
export function quantileEdges(labels: ArrayLike<number>, groups: number): number[] {
  const sorted = Float64Array.from(labels).sort();
  const { min, max } = extent(sorted);
  const edges = [roundDigits(min, Math.floor)];
  for (let i = 1; i < groups; i++) {
    const edge = roundDigits(quantile(sorted, i / groups), Math.round);
    if (edge > edges.at(-1)! && edge <= max) edges.push(edge);
  }
  const last = roundDigits(max, Math.ceil);
  edges.push(last > max ? last : max === 0 ? 1 : roundDigits(max, x => Math.ceil(x) + 1));
  return edges;
}

/** `value` rounded to two digits by `round`. */
function roundDigits(value: number, round: (x: number) => number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log10(Math.abs(value))) - 1;
  return exponent < 0
    ? round(value * 10 ** -exponent) / 10 ** -exponent
    : round(value / 10 ** exponent) * 10 ** exponent;
}

/** The last index whose edge is at or below `value`. */
export function binOf(edges: readonly number[], value: number): number {
  let low = 0;
  let high = edges.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (edges[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The labels between neighboring edges, without empty groups. */
export function cut(labels: ArrayLike<number>, edges: readonly number[]): LabelGroup[] {
  const bins = edges.slice(1).map(() => [] as number[]);
  for (let i = 0; i < labels.length; i++) bins[binOf(edges, labels[i]!)]!.push(i);
  return bins
    .map((indices, i) => ({ from: edges[i]!, to: edges[i + 1]!, indices }))
    .filter(({ indices }) => indices.length > 0);
}

/** The size of the largest group. */
export function fullest(groups: readonly LabelGroup[]): number {
  return groups.reduce((most, { indices }) => Math.max(most, indices.length), 0);
}
