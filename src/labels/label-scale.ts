import { extent } from '../metrics/statistics.js';

/** A scale on which labels lie well apart. */
export interface LabelScale {
  /** The labels on it, `[N]`, in the order of what it was made from. */
  readonly places: Float64Array;
  /** The label at a place: between two known ones in proportion, beyond them the outermost. */
  labelAt(place: number): number;
}

const BINS = 101;
// Of the bins: where these alone hold more than half of the labels, the others hold next to none.
const WINDOW = 10;

/**
 * Labels themselves where they are spread out over their range, as ages are; where more than half lie within a tenth of it, as
 * prices do, their ranks, from 0 to 100, equal labels sharing the middle one. What is told on that scale holds for any unit and any skew.
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
  // Each distinct label and the middle of its ranks.
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

/** The place of the last of `sorted` that is at or below `value`; -1 where there is none. */
function lastAtOrBelow(sorted: readonly number[], value: number): number {
  let [low, high] = [-1, sorted.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sorted[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
