import type { Interval } from '../metrics/bootstrap.js';
import { checkLevel, fewestScores, type ScoreTable, scoreAt, scoreTable } from '../metrics/conformal.js';
import { groupByLabel } from './groups.js';

/** Calibration scores of the pictures whose true number lies from `from` (included) to `to` (excluded); null: no end on that side. */
export interface ScoreGroup extends ScoreTable {
  readonly from: number | null;
  readonly to: number | null;
}

/** What intervals at any level are made from. */
export interface IntervalScores {
  /** By true number, ascending, side by side over all numbers; a single one where pictures are few. */
  readonly groups: readonly ScoreGroup[];
  /** Of all pictures. */
  readonly pooled: ScoreTable;
}

// The finite-sample correction widens the interval of 100 pictures by one in a hundred of them; of 50 by two.
const FEWEST_IN_GROUP = 100;

/**
 * Calibration of intervals `value -+ q scale` on pictures that the model never saw. The score of a picture is `|y - value| / scale`.
 * Scores are kept by true number, in groups as `groupByLabel` makes them, neighbours joined until each has 100 pictures.
 *
 * @param yTrue `[N]`, finite; N at least 1.
 * @param value `[N]`: what the model says, in the target's unit.
 * @param scale `[N]`, above 0: the size of the error that is expected of each picture, in the target's unit.
 * @throws InputError where a score is not finite.
 * Reference: Lei et al. 2018, https://arxiv.org/abs/1604.04173; by true number: Vovk 2012, label-conditional conformal predictors,
 * https://arxiv.org/abs/1209.2673
 */
export function calibrateIntervals(
  yTrue: ArrayLike<number>,
  value: ArrayLike<number>,
  scale: ArrayLike<number>,
): IntervalScores {
  const scores = Float64Array.from(yTrue, (y, i) => Math.abs(y - value[i]!) / scale[i]!);
  const groups = joined(groupByLabel(yTrue)).map(({ from, indices }, i, all) => ({
    from: i === 0 ? null : from,
    to: all[i + 1]?.from ?? null,
    ...scoreTable(indices.map(at => scores[at]!)),
  }));
  return { groups, pooled: scoreTable(scores) };
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

/** The interval of a picture from its value and its scale, in the target's unit. */
export type IntervalOf = (value: number, scale: number) => Interval;

/**
 * The intervals that hold a new picture's true number with a probability of at least `level`, for pictures of the kind that was
 * calibrated on, and not only on the whole but for each group of true numbers: an interval is the hull of all numbers whose
 * score the pictures of their own group do not rule out. Where a group has too few pictures for the level, all pictures together
 * give one factor, and the promise is of the whole alone; undefined where they too are too few.
 *
 * @throws UsageError unless `level` lies between 0 and 1.
 */
export function intervalsAt({ groups, pooled }: IntervalScores, level: number): IntervalOf | undefined {
  checkLevel(level);
  const bounds = groups.map(group => ({
    from: group.from ?? Number.NEGATIVE_INFINITY,
    to: group.to ?? Number.POSITIVE_INFINITY,
    factor: scoreAt(group, level),
  }));
  if (bounds.some(({ factor }) => factor === undefined)) {
    const factor = scoreAt(pooled, level);
    return factor === undefined ? undefined : (value, scale) => [value - factor * scale, value + factor * scale];
  }
  return (value, scale) => {
    let [low, high] = [value, value];
    for (const { from, to, factor } of bounds) {
      const lowest = Math.max(value - factor! * scale, from);
      const highest = Math.min(value + factor! * scale, to);
      if (lowest > highest) continue;
      low = Math.min(low, lowest);
      high = Math.max(high, highest);
    }
    return [low, high];
  };
}

/** The sentence for a level that needs more pictures than were calibrated on. */
export function tooFewFor({ pooled }: IntervalScores, level: number): string {
  return (
    `${percent(level)} intervals need ${fewestScores(level)} calibration pictures or more, and the model has ${pooled.images}: ` +
    'none are given; ask for a lower level, or train on more pictures'
  );
}

/** A share in per cent with as many digits as it needs: `90 %`, `99.5 %`. */
const percent = (share: number): string => `${Number((100 * share).toPrecision(6))} %`;
