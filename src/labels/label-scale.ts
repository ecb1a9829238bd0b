import { extent } from '../metrics/statistics.js';

/** A scale on which labels are spread out. */
export interface LabelScale {
  /** The labels on the scale, `[N]`, in their order. */
  readonly places: Float64Array;
  /** The label at a point of the scale: interpolated between known ones, beyond them the outermost. */
  labelAt(place: number): number;
}

const BINS = 101;
// Bins. Labels are skewed where this many adjacent bins hold more than half of them.
const WINDOW = 10;

/**
 * The labels themselves where they are spread out over their range, as ages are. Where more than half are within a tenth of it, as prices
 * are, their ranks from 0 to 100; equal labels share their middle rank.
 *
 * @param labels Finite numbers `[N]`, at least one.
 */
export function labelScale(labels: Float64Array): LabelScale {
  return isSpread(labels) ? { places: labels, labelAt: place => place } : rankScale(labels);
}

function isSpread(labels: Float64Array): boolean {
  const { min, max } = extent(labels);
  if (max === min) return true;
  const counts = new Uint32Array(BINS);
  for (const label of labels) counts[Math.floor(((label - min) / (max - min)) * (BINS - 1))]!++;
  let inside = counts.subarray(0, WINDOW).reduce((a, b) => a + b, 0);
  let most = inside;
  for (let end = WINDOW; end < BINS; end++) {
    inside += counts[end]! - counts[end - WINDOW]!;
    most = Math.max(most, inside);
  }
  return 2 * most <= labels.length;
}

function rankScale(labels: Float64Array): LabelScale {
  const sorted = labels.toSorted();
  // Each distinct label and its middle rank.
  const values: number[] = [];
  const ranks: number[] = [];
  for (let from = 0; from < sorted.length; ) {
    let to = from + 1;
    while (to < sorted.length && sorted[to] === sorted[from]) to++;
    values.push(sorted[from]!);
    ranks.push((50 * (from + to)) / sorted.length);
    from = to;
  }
  return {
    places: labels.map(label => ranks[lastAtOrBelow(values, label)]!),
    labelAt(place) {
      const at = lastAtOrBelow(ranks, place);
      if (at < 0) return values[0]!;
      if (at === ranks.length - 1) return values[at]!;
      const share = (place - ranks[at]!) / (ranks[at + 1]! - ranks[at]!);
      return values[at]! + share * (values[at + 1]! - values[at]!);
    },
  };
}

/** The index of the last of `sorted` at or below `value`; -1 where there is none. */
function lastAtOrBelow(sorted: readonly number[], value: number): number {
  let [low, high] = [-1, sorted.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sorted[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
