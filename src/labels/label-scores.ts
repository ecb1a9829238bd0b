import { createRandom } from '../base/random.js';
import { mean } from '../metrics/statistics.js';
import { binsOf } from '../training/loss.js';
import type { LabelBeliefs } from './label-beliefs.js';

export interface LabelScores {
  /** The probability that the label is wrong, `[N]`. */
  readonly scores: Float64Array;
  /** The estimated share of wrong labels. */
  readonly share: number;
}

// Draws a sample: with 4, a thousand samples give four thousand wrong labels to compare with.
const DRAWS = 4;
const ATTEMPTS = 20;

/**
 * Labels that the samples might wrongly have, `[N]` each: those of other samples drawn at random, farther away than `least` where
 * there are such.
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

// Width of the smoothed histogram, in bins.
const SMOOTH_BINS = 2;
// Of the density of all labels: an image's own is never believed to be less, so that one wrong belief is not certainty.
const LEAST_DENSITY = 1e-3;
// Of the wrong labels, so many must lie above a limit for it to tell their share: a smaller part is luck. On 10,000 faces with 20 % of the
// labels exchanged, limits from a tenth to six tenths say 21 to 24 %, smaller ones 16 to 27 %.
const LEAST_ABOVE = 0.1;
const FEWEST_ABOVE = 10;

/**
 * The probability that each label is wrong.
 *
 * First, how much better a wrong label explains it than a right one, by Bayes' rule: a right one comes from what the image suggests, a wrong
 * one from the labels of all images, but for those so near to the expected one that they would do no harm. Then that ratio is
 * set against what it is for labels that are wrong for certain, `others`: where the samples have as many ratios of a size as a share of
 * wrong labels would make, the label is wrong, whatever the heads believe in numbers. The share is the largest one that no limit contradicts.
 *
 * Measured on 10,000 faces with 5 % of the labels exchanged: leaving the near ones out raises the area under the curve from 0.960 to 0.966.
 *
 * @param conflicting Samples of which a duplicate has another label: one of both is wrong, so they start at even odds.
 * Reference: local false discovery rate: Efron et al. 2001, https://doi.org/10.1198/016214501753382129; the share: Storey 2002,
 * https://doi.org/10.1111/1467-9868.00346
 */
export function scoreLabels(
  places: Float64Array,
  others: readonly Float64Array[],
  { expected, density, othersDensity }: LabelBeliefs,
  conflicting: ReadonlySet<number> = new Set(),
): LabelScores {
  const typicalError = mean(expected.map((value, i) => Math.abs(places[i]! - value)));
  const ofAll = labelDensity(places);
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

  // From the highest ratio down: how many samples share it, and how many of the wrong ones lie between it and the next higher.
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
    // A ratio of 0: the label is what the image suggests.
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
 * The nearest means that never rise, within 0 to 1, one for each of the `count`s together; strictly falling by a hair, so that ranks survive.
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

/** The density of labels, by a histogram over `binsOf` smoothed by a Gaussian of two bins. */
function labelDensity(places: Float64Array): (place: number) => number {
  const bins = binsOf(Array.from(places));
  const step = bins[1]! - bins[0]!;
  const binOf = (place: number) => Math.round((place - bins[0]!) / step);
  const counts = new Float64Array(bins.length);
  for (const place of places) counts[binOf(place)]!++;
  const kernel = (distance: number) => Math.exp(-0.5 * (distance / SMOOTH_BINS) ** 2);
  const smooth = counts.map((_, at) => {
    // At the ends, where half of the kernel has no bins, the other half counts for all.
    const weights = counts.map((_, other) => kernel(other - at));
    const total = weights.reduce((a, b) => a + b, 0);
    return counts.reduce((sum, n, other) => sum + n * weights[other]!, 0) / (total * places.length * step);
  });
  return place => smooth[binOf(place)]!;
}
