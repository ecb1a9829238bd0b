import { createRandom } from '../base/random.js';
import { mean } from '../metrics/statistics.js';
import { binsOf } from '../training/loss.js';
import type { LabelDensities } from './label-densities.js';

export interface LabelScores {
  /** The mislabel probability, `[N]`. */
  readonly scores: Float64Array;
  /** The estimated share of wrong labels. */
  readonly share: number;
}

// Wrong labels drawn per sample: 1,000 samples give 4,000 of them.
const DRAWS = 4;
const ATTEMPTS = 20;

/**
 * Known wrong labels, `[N]` each: those of other samples drawn at random, if possible farther away than `least`.
 */
export function drawOthers(places: Float64Array, least: number, seed: number): Float64Array[] {
  const random = createRandom(seed, 'wrong labels');
  return Array.from({ length: DRAWS }, () =>
    places.map(place => {
      let other = place;
      for (let i = 0; i < ATTEMPTS && !(Math.abs(other - place) > least); i++) {
        other = places[random.integer(places.length)]!;
      }
      return other;
    }),
  );
}

// Kernel width of the histogram, in bins.
const SMOOTH_BINS = 2;
// Lower limit of an image's label density as a share of the density of all labels, so that one wrong prediction gives no certainty.
const LEAST_DENSITY = 1e-3;
// Share, and least number, of the wrong labels above a limit from which it estimates their share; with fewer the estimate is noisy. On
// 10,000 faces with 20 % of the labels exchanged, limits from 0.1 to 0.6 give 21 to 24 %, smaller ones 16 to 27 %.
const LEAST_ABOVE = 0.1;
const FEWEST_ABOVE = 10;

/**
 * The mislabel probability of each label.
 *
 * First a likelihood ratio, wrong against right: the density of a right label is that of its image, the density of a wrong one that of all
 * labels, except those so close to the prediction that they do no harm. Then these ratios are compared with the ratios of known wrong
 * labels, `others`: the probability is the number of such ratios that a share of wrong labels would give, over the number found. The share
 * is the largest one that no limit contradicts.
 *
 * On 10,000 faces with 5 % of the labels exchanged, the exception raises the area under the curve from 0.960 to 0.966.
 *
 * @param conflicting Samples with a duplicate of another label: one of both is wrong, so their prior odds are even.
 * Reference: local false discovery rate: Efron et al. 2001, https://doi.org/10.1198/016214501753382129; the share: Storey 2002,
 * https://doi.org/10.1111/1467-9868.00346
 */
export function scoreLabels(
  places: Float64Array,
  others: readonly Float64Array[],
  { expected, density, othersDensity }: LabelDensities,
  conflicting: ReadonlySet<number> = new Set(),
): LabelScores {
  const typicalError = mean(expected.map((value, i) => Math.abs(places[i]! - value)));
  const ofAll = densityOf(places);
  const ratiosOf = (labels: Float64Array, densities: Float64Array) =>
    labels.map((label, i) => {
      const overall = ofAll(label);
      const distance = typicalError > 0 ? (label - expected[i]!) / typicalError : 0;
      const harm = 1 - Math.exp(-0.5 * distance ** 2);
      return (overall * harm) / (densities[i]! + LEAST_DENSITY * overall);
    });
  const ratios = ratiosOf(places, density);
  const wrong = Float64Array.from(others.flatMap((labels, at) => [...ratiosOf(labels, othersDensity[at]!)])).sort();
  const order = Array.from({ length: places.length }, (_, i) => i).sort((a, b) => ratios[b]! - ratios[a]!);

  // From the highest ratio down: the samples with this ratio, and the share of wrong labels between it and the next higher.
  const steps: { count: number; wrong: number }[] = [];
  let share = 1;
  for (let from = 0, next = wrong.length; from < order.length; ) {
    const ratio = ratios[order[from]!]!;
    let to = from + 1;
    while (to < order.length && ratios[order[to]!] === ratio) to++;
    const before = next;
    while (next > 0 && wrong[next - 1]! >= ratio) next--;
    steps.push({ count: to - from, wrong: (before - next) / wrong.length });
    const above = 1 - next / wrong.length;
    if (above >= LEAST_ABOVE && above * order.length >= FEWEST_ABOVE)
      share = Math.min(share, to / order.length / above);
    from = to;
  }
  const byRank = falling(steps.map(({ count, wrong: part }) => ({ count, sum: part * share * order.length })));
  const even = (score: number) => {
    const odds = (score / Math.max(1 - score, 1e-9)) * ((1 - share) / Math.max(share, 1e-9));
    return odds / (1 + odds);
  };
  const scores = new Float64Array(order.length);
  order.forEach((index, rank) => {
    // A ratio of 0: the label equals the prediction.
    const score = ratios[index] === 0 ? 0 : byRank[rank]!;
    scores[index] = conflicting.has(index) ? Math.max(score, even(score)) : score;
  });
  return { scores, share };
}

interface Pool {
  readonly count: number;
  readonly sum: number;
}

/**
 * Isotonic regression: the closest non-increasing means within 0 to 1, one per counted sample, minus a tiny slope that keeps ranks distinct.
 *
 * Reference: pool adjacent violators: Barlow, Bartholomew, Bremner, Brunk 1972, Statistical Inference under Order Restrictions
 */
function falling(steps: readonly Pool[]): number[] {
  const pools: Pool[] = [];
  for (let pool of steps) {
    for (let last = pools.at(-1); last && last.sum * pool.count <= pool.sum * last.count; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  }
  const means = pools.flatMap(({ sum, count }) => Array<number>(count).fill(Math.min(1, sum / count)));
  return means.map((mean, rank) => mean * (1 - (1e-6 * rank) / means.length));
}

/** The density of all labels: a histogram over `binsOf` smoothed by a Gaussian of two bins. */
function densityOf(places: Float64Array): (place: number) => number {
  const bins = binsOf(Array.from(places));
  const step = bins[1]! - bins[0]!;
  const binOf = (place: number) => Math.round((place - bins[0]!) / step);
  const counts = new Float64Array(bins.length);
  for (const place of places) counts[binOf(place)]!++;
  const kernel = (distance: number) => Math.exp(-0.5 * (distance / SMOOTH_BINS) ** 2);
  const smooth = counts.map((_, at) => {
    // Normalized at the ends, where a part of the kernel has no bins.
    const weights = counts.map((_, other) => kernel(other - at));
    const total = weights.reduce((a, b) => a + b, 0);
    return counts.reduce((sum, n, other) => sum + n * weights[other]!, 0) / (total * places.length * step);
  });
  return place => smooth[binOf(place)]!;
}
