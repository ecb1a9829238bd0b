import { significant } from '../base/text.js';
import type { Interval } from '../metrics/bootstrap.js';
import { extent, median } from '../metrics/statistics.js';
import { checkLevel, conformalRank, fewestScores, roundUp, type ScoreTable, scoreAt, scoreTable } from './conformal.js';
import { strataOf } from './strata.js';

/**
 * The images whose true number lies from `from` (included) to `to` (excluded, but for the last). The first begins at the lowest number that was
 * calibrated on and the last ends at the highest: nothing is known of numbers beyond.
 */
export interface IntervalGroup {
  readonly from: number;
  readonly to: number;
  readonly images: number;
  /** Where the errors of the group lie, in scales: above 0 its predictions are too low. */
  readonly centre: number;
  /**
   * One a level of IntervalScores: an interval at that level has the numbers y of the group with `|y - value - centre scale| <= factor
   * scale`; null where the group is too small for it.
   */
  readonly factors: readonly (number | null)[];
}

/** Where intervals end at the latest, in the target's unit; infinite where there is no end. */
export interface IntervalEnds {
  readonly low: number;
  readonly high: number;
}

/** What intervals at any level are made from. */
export interface IntervalScores {
  /** Ascending; 0.01 apart, and finer at the upper end. */
  readonly levels: readonly number[];
  /** By true number, ascending, side by side over all numbers; none where images are too few for more than one. */
  readonly groups: readonly IntervalGroup[];
  /** Scores `|y - value| / scale` of all images. */
  readonly pooled: ScoreTable;
  /** No interval reaches beyond these. Default: no ends. */
  readonly ends?: IntervalEnds | undefined;
}

/** Share of the range of the labels that intervals reach beyond it at the most. */
const BEYOND_LABELS = 0.1;

/**
 * Where intervals end: at the limits of the values that are possible; on a side without one, a tenth of the labels' range beyond the labels.
 *
 * @param labels `[N]`, those that the model was trained on, held-out ones included.
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
// The finite-sample correction widens the interval of 100 images by one in a hundred of them; of 50 by two.
const FEWEST_IN_GROUP = 100;
// Share of its median error that a group's scores are moved by. All of it moves neighbours so far apart that what lies between them
// widens the hull: on faces 90 % are 21.0 years wide then, 20.6 so.
const MOVED = 0.5;
// A factor from n images holds somewhat more or fewer of all others: with the level raised by so many standard deviations of that,
// it holds as many as asked in three of four calibrations.
const SURE = 0.67;
// The factors of the groups depend on each other; after a few rounds they stay.
const ROUNDS = 4;

/**
 * Calibration of intervals on images that the model never saw: by true number, in groups as `strataOf` makes them, neighbours joined
 * until each has 100 images. Predictions shrink to the mean, so that one factor for all images would hold far fewer of the rare
 * numbers than of the others.
 *
 * @param yTrue `[N]`, finite; N at least 1.
 * @param value `[N]`: what the model says, in the target's unit.
 * @param scale `[N]`, above 0: the size of the error that is expected of each image, in the target's unit.
 * @param ends Where intervals end; values count as the nearer end where they lie outside, as `intervalsAt` takes them. Default: nowhere.
 * @throws InputError where a score is not finite.
 * Reference: Lei et al. 2018, https://arxiv.org/abs/1604.04173; by true number: Vovk 2012, label-conditional conformal predictors,
 * https://arxiv.org/abs/1209.2673; a margin so that it holds for most calibrations: proposition 2 there
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
  const cut = joined(strataOf(yTrue));
  if (cut.length === 1) return { levels: LEVELS, groups: [], pooled, ends };
  const { min, max } = extent(yTrue);
  const groups = cut.map(({ from, indices }, i) => ({
    from: i === 0 ? min : from,
    to: cut[i + 1]?.from ?? max,
    images: indices.length,
    centre: Number((MOVED * median(indices.map(at => errors[at]!))).toPrecision(4)),
  }));
  // needs[g][i]: the factor of group g at which its part of the interval of image i reaches the true number, or goes beyond it.
  const needs = groups.map(group => Float64Array.from(yTrue, (y, i) => needOf(group, y, inside[i]!, scale[i]!)));
  const byLevel = LEVELS.map(level => factorsAt(level, cut, needs));
  return {
    levels: LEVELS,
    groups: groups.map((group, g) => ({ ...group, factors: byLevel.map(factors => factors[g]!) })),
    pooled,
    ends,
  };
}

/** `x`, or the nearer end where it lies beyond. */
const within = (ends: IntervalEnds | undefined, x: number): number =>
  ends === undefined ? x : Math.min(Math.max(x, ends.low), ends.high);

function needOf({ from, to, centre }: Omit<IntervalGroup, 'factors'>, y: number, value: number, scale: number): number {
  const [low, high] = y >= value ? [Math.max(from, y), to] : [from, Math.min(to, y)];
  if (low > high) return Number.POSITIVE_INFINITY;
  const middle = value + centre * scale;
  return Math.max(low - middle, middle - high, 0) / scale;
}

/**
 * The least factor of each group with which the hulls hold `level` of its images, finite-sample correction and a margin for the
 * chance of this calibration included. The hull that a group needs may be there through others already, so each is found given the others, a few times over.
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
      const raised = level + SURE * Math.sqrt((level * (1 - level)) / sorted.length);
      const needed = raised < 1 ? sorted[conformalRank(sorted.length, raised) - 1] : undefined;
      factors[g] = needed === undefined ? null : roundUp(needed);
    });
  }
  return factors;
}

/** Groups of 100 or more: each takes its upper neighbours until it has as many, the last one what is left. */
function joined(groups: readonly { readonly from: number; readonly indices: readonly number[] }[]) {
  const out: { from: number; indices: number[] }[] = [];
  for (const { from, indices } of groups) {
    const last = out.at(-1);
    // Not by spread: a group of a whole data set would be too many arguments.
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

/** The interval of an image from its value and its scale, in the target's unit. */
export type IntervalOf = (value: number, scale: number) => Interval;

/**
 * The intervals that hold a new image's true number with a probability of `level`, for images of the kind that was calibrated on, and
 * not only over all but in each group of true numbers: an interval is the hull of all numbers whose score the images of their own
 * group do not rule out. Between two levels of `scores` the upper one counts. Where a group has too few images for the level, all
 * images together give one factor, and the promise is of all together; undefined where they too are too few. No interval reaches beyond
 * the ends of `scores`: a value beyond one counts as that end, and the interval then lies on this side of it.
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

/** The sentence for a level that needs more images than were calibrated on. */
export function tooFewFor({ pooled }: IntervalScores, level: number): string {
  return (
    `${percent(level)} intervals need ${fewestScores(level)} calibration images or more, and the model has ${pooled.images}: ` +
    'none are given; ask for a lower level, or train on more images'
  );
}

/** A share in per cent with as many digits as it needs: `90 %`, `99.5 %`. */
const percent = (share: number): string => `${significant(100 * share, 6)} %`;
