import { significant } from '../base/text.js';
import { cut, edgesOfStep, fullest, type LabelGroup, quantileEdges, roundEdges } from '../metrics/bins.js';
import type { Interval } from '../metrics/bootstrap.js';
import { extent, median } from '../metrics/statistics.js';
import { checkLevel, conformalRank, fewestScores, roundUp, type ScoreTable, scoreAt, scoreTable } from './conformal.js';

/**
 * The images whose true value is from `from` (inclusive) to `to` (exclusive, but for the last group). The first begins at the lowest
 * calibrated value, the last ends at the highest.
 */
export interface IntervalGroup {
  readonly from: number;
  readonly to: number;
  readonly images: number;
  /** The shift of the group's errors, in scales: above 0 its predictions are too low. */
  readonly centre: number;
  /**
   * One per level of IntervalScores: the interval at that level contains the values y of the group with `|y - value - centre scale| <= factor
   * scale`; null where the group is too small for it.
   */
  readonly factors: readonly (number | null)[];
}

/** The limits that no interval exceeds, in the target's unit; infinite for none. */
export interface IntervalEnds {
  readonly low: number;
  readonly high: number;
}

/** The calibration that gives intervals at any level. */
export interface IntervalScores {
  /** Ascending in steps of 0.01, finer at the upper end. */
  readonly levels: readonly number[];
  /** By true value, ascending and adjacent; none where there are too few images for two. */
  readonly groups: readonly IntervalGroup[];
  /** Scores `|y - value| / scale` of all images. */
  readonly pooled: ScoreTable;
  /** No interval reaches beyond these. Default: no ends. */
  readonly ends?: IntervalEnds | undefined;
}

/** How far intervals may extend beyond the labels, as a share of their range. */
const BEYOND_LABELS = 0.1;

/**
 * The limits of intervals: those of the possible values, or, on a side without one, a tenth of the labels' range beyond the labels.
 *
 * @param labels `[N]`, of the training and the held-out images.
 */
export function intervalEnds(
  labels: ArrayLike<number>,
  { min: low, max: high }: { readonly min: number; readonly max: number } = NO_LIMITS,
): IntervalEnds {
  const { min, max } = extent(labels);
  const margin = BEYOND_LABELS * (max - min);
  return {
    low: Number.isFinite(low) ? low : min - margin,
    high: Number.isFinite(high) ? high : max + margin,
  };
}

const NO_LIMITS = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

const LEVELS = [...Array.from({ length: 98 }, (_, i) => (i + 1) / 100), 0.985, 0.99, 0.995, 0.999];
// The finite-sample correction adds 1 % of the images for 100 of them, 2 % for 50.
const FEWEST_IN_GROUP = 100;
// The share of a group's median error that its scores are shifted by. With all of it, neighboring groups move so far apart that the hull
// widens: 90 % intervals on faces are 21.0 years wide, against 20.6.
const SHIFT = 0.5;
// The coverage of a factor from n images varies: with the level raised by this many standard deviations, it reaches the requested one in
// three of four calibrations.
const MARGIN = 0.67;
// The factors of the groups depend on each other, and converge in a few rounds.
const ROUNDS = 4;

/**
 * Calibrates intervals on images that the model was not fitted on, by groups of the true value (`strataOf`), joined until each has 100
 * images. Predictions shrink to the mean, so one factor for all images would cover rare values far less often than the others.
 *
 * @param yTrue `[N]`, finite; N at least 1.
 * @param value `[N]`: the predictions, in the target's unit.
 * @param scale `[N]`, above 0: the expected size of each error, in the target's unit.
 * @param ends The limits of the intervals; values beyond them are clamped, here and in `intervalsAt`. Default: none.
 * @throws InputError where a score is not finite.
 * Reference: Lei et al. 2018, https://arxiv.org/abs/1604.04173; by true value: Vovk 2012, label-conditional conformal predictors,
 * https://arxiv.org/abs/1209.2673; the margin: proposition 2 there
 */
export function calibrateIntervals(
  yTrue: ArrayLike<number>,
  value: ArrayLike<number>,
  scale: ArrayLike<number>,
  ends?: IntervalEnds,
): IntervalScores {
  const inside = Float64Array.from(value, each => within(ends, each));
  const errors = Float64Array.from(yTrue, (y, i) => (y - inside[i]!) / scale[i]!);
  const pooled = scoreTable(errors.map(Math.abs));
  const strata = joined(strataOf(yTrue));
  if (strata.length === 1) return { levels: LEVELS, groups: [], pooled, ends };
  const { min, max } = extent(yTrue);
  const groups = strata.map(({ from, indices }, i) => ({
    from: i === 0 ? min : from,
    to: strata[i + 1]?.from ?? max,
    images: indices.length,
    centre: Number((SHIFT * median(indices.map(at => errors[at]!))).toPrecision(4)),
  }));
  // needs[g][i]: the factor of group g from which its part of the interval of image i reaches the true value or beyond.
  const needs = groups.map(group => Float64Array.from(yTrue, (y, i) => needOf(group, y, inside[i]!, scale[i]!)));
  const byLevel = LEVELS.map(level => factorsAt(level, strata, needs));
  return {
    levels: LEVELS,
    groups: groups.map((group, g) => ({ ...group, factors: byLevel.map(factors => factors[g]!) })),
    pooled,
    ends,
  };
}

/** `x`, clamped to the ends. */
const within = (ends: IntervalEnds | undefined, x: number): number =>
  ends === undefined ? x : Math.min(Math.max(x, ends.low), ends.high);

function needOf({ from, to, centre }: Omit<IntervalGroup, 'factors'>, y: number, value: number, scale: number): number {
  const [low, high] = y >= value ? [Math.max(from, y), to] : [from, Math.min(to, y)];
  if (low > high) return Number.POSITIVE_INFINITY;
  const middle = value + centre * scale;
  return Math.max(low - middle, middle - high, 0) / scale;
}

/**
 * The least factor of each group with which the hulls cover `level` of its images, with finite-sample correction and margin. Other groups may
 * already cover an image, so each factor is found given the others, in a few rounds.
 */
function factorsAt(
  level: number,
  groups: readonly { readonly indices: readonly number[] }[],
  needs: readonly Float64Array[],
): (number | null)[] {
  const factors: (number | null)[] = groups.map(() => -1);
  for (let round = 0; round < ROUNDS; round++) {
    groups.forEach(({ indices }, g) => {
      const reached = (at: number) =>
        factors.some((factor, other) => other !== g && factor !== null && needs[other]![at]! <= factor);
      const sorted = Float64Array.from(indices, at => (round > 0 && reached(at) ? 0 : needs[g]![at]!)).sort();
      const raised = level + MARGIN * Math.sqrt((level * (1 - level)) / sorted.length);
      const needed = raised < 1 ? sorted[conformalRank(sorted.length, raised) - 1] : undefined;
      factors[g] = needed === undefined ? null : roundUp(needed);
    });
  }
  return factors;
}

/** Groups of 100 or more: each is joined with the next ones until it has as many, the last with what is left. */
function joined(groups: readonly { readonly from: number; readonly indices: readonly number[] }[]) {
  const out: { from: number; indices: number[] }[] = [];
  for (const { from, indices } of groups) {
    const last = out.at(-1);
    // concat, since spreading a large group would exceed the number of arguments.
    if (last !== undefined && last.indices.length < FEWEST_IN_GROUP) last.indices = last.indices.concat(indices);
    else out.push({ from, indices: [...indices] });
  }
  const [rest, before] = [out.at(-1)!, out.at(-2)];
  if (before !== undefined && rest.indices.length < FEWEST_IN_GROUP) {
    before.indices = before.indices.concat(rest.indices);
    out.pop();
  }
  return out;
}

/** The interval of an image from its value and scale, in the target's unit. */
export type IntervalOf = (value: number, scale: number) => Interval;

/**
 * Intervals that contain the true value of a new image of the calibrated kind with probability `level`, overall and in each group of true
 * values: an interval is the hull of all values whose score the images of their own group do not rule out. Between two levels of `scores`
 * the upper one counts. Where a group has too few images for the level, one factor from all images is used, which holds overall alone;
 * undefined where all are too few. Intervals are clamped to the ends of `scores`, and so are values.
 *
 * @throws UsageError unless `level` lies between 0 and 1.
 */
export function intervalsAt(scores: IntervalScores, level: number): IntervalOf | undefined {
  checkLevel(level);
  const { ends } = scores;
  const open = openIntervalsAt(scores, level);
  if (open === undefined || ends === undefined) return open;
  return (value, scale) => {
    const [low, high] = open(within(ends, value), scale);
    return [within(ends, low), within(ends, high)];
  };
}

function openIntervalsAt({ levels, groups, pooled }: IntervalScores, level: number): IntervalOf | undefined {
  const at = levels.findIndex(known => known >= level - 1e-9);
  const bounds = groups.flatMap(({ from, to, centre, factors }) => {
    const factor = factors[at] ?? null;
    if (factor === null) return [];
    return [{ from, to, low: centre - factor, high: centre + factor }];
  });
  if (groups.length === 0 || bounds.length < groups.length) {
    const factor = scoreAt(pooled, level);
    if (factor === undefined) return undefined;
    const [lowest, highest] = [
      groups[0]?.from ?? Number.NEGATIVE_INFINITY,
      groups.at(-1)?.to ?? Number.POSITIVE_INFINITY,
    ];
    return (value, scale) => [
      Math.min(value, Math.max(value - factor * scale, lowest)),
      Math.max(value, Math.min(value + factor * scale, highest)),
    ];
  }
  return (value, scale) => {
    let [low, high] = [value, value];
    for (const bound of bounds) {
      const lowest = Math.max(value + bound.low * scale, bound.from);
      const highest = Math.min(value + bound.high * scale, bound.to);
      if (lowest > highest) continue;
      low = Math.min(low, lowest);
      high = Math.max(high, highest);
    }
    return [low, high];
  };
}

/** The message for a level that needs more calibration images. */
export function tooFewFor({ pooled }: IntervalScores, level: number): string {
  return (
    `${percent(level)} intervals need ${fewestScores(level)} calibration images or more, and the model has ${pooled.images}: ` +
    'none are given; use a lower level, or train on more images'
  );
}

/** A share in percent: `90 %`, `99.5 %`. */
const percent = (share: number): string => `${significant(100 * share, 6)} %`;

const MAX_STRATA = 12;
const QUANTILE_STRATA = 8;

/**
 * The non-empty strata of labels that intervals are calibrated by, ascending: by tens where all labels are within 0 to 120 and span 40 or
 * more; else at most twelve of one round width; eight quantiles where one of those would have more than half of the labels. They determine
 * the bytes of a model, so they are separate from the groups of reports (`groupByLabel`).
 *
 * @throws InputError where there are no labels.
 */
export function strataOf(labels: ArrayLike<number>): LabelGroup[] {
  const { min, max } = extent(labels);
  if (min >= 0 && max <= 120 && max - min >= 40) return cut(labels, edgesOfStep(10, min, max));
  const even = cut(labels, roundEdges(labels, MAX_STRATA));
  if (fullest(even) * 2 <= labels.length) return even;
  const quantiles = cut(labels, quantileEdges(labels, QUANTILE_STRATA));
  return fullest(quantiles) < fullest(even) ? quantiles : even;
}
