import type { ManifestIntervals } from '../formats/manifest.js';
import { extent } from '../metrics/statistics.js';
import { conformalRank, roundUp } from './conformal.js';
import { coverageAt } from './coverage.js';
import {
  calibrateIntervals,
  type IntervalEnds,
  type IntervalOf,
  type IntervalScores,
  intervalEnds,
  intervalsAt,
} from './intervals.js';
import { type UnusualLimits, unusualLimits } from './unusual.js';

/** Labeled images with the values and scales of a model, all `[N]`. */
export interface CalibrationRows {
  readonly labels: Float64Array;
  /** The predictions, clamped, by a model that was fitted without them. */
  readonly value: Float64Array;
  /** The expected size of each error, above 0. */
  readonly scale: Float64Array;
}

/** Limits of possible values. */
type Limits = Parameters<typeof intervalEnds>[1];

/** Intervals for a new source: scores, and the factor of all scales. */
export interface Recalibrated {
  readonly scores: IntervalScores;
  /** 1 where the scores are of the new images. */
  readonly widthFactor: number;
  /** True where the scores are of the new images, not of the training. */
  readonly anew: boolean;
}

// Two groups of true values of 100 images each: see FEWEST_IN_GROUP of intervals.ts.
const FEWEST_FOR_GROUPS = 200;
// Narrower intervals by few images often cover too few labels of others: a factor of 0.80 from 10 faces, 83 %.
const FEWEST_TO_NARROW = 50;
/** The level at which the factor of few images is exact. */
const LEVEL = 0.9;

/**
 * Fits the intervals of a model to a new source. From 200 images on they are calibrated anew. With fewer, the groups and the scores of the
 * training stay, and all scales get one factor: the smallest by which the 90 % intervals contain `ceil(0.9 (N + 1))` of the labels, so that
 * those of new images do with a probability of 90 %. With fewer than 50 images the factor is 1 or more.
 *
 * @param range Limits of possible values.
 */
export function recalibrate(scores: IntervalScores, rows: CalibrationRows, range: Limits): Recalibrated {
  const { labels, value, scale } = rows;
  const count = labels.length;
  const widened = widenedTo(scores, labels, range);
  if (count >= FEWEST_FOR_GROUPS)
    return { scores: calibrateIntervals(labels, value, scale, widened.ends), widthFactor: 1, anew: true };
  const intervalOf = intervalsAt(widened, LEVEL);
  if (intervalOf === undefined) return { scores: widened, widthFactor: 1, anew: false };
  const needed = Array.from(labels, (label, i) => factorNeeded(intervalOf, label, value[i]!, scale[i]!)).sort(
    (a, b) => a - b,
  );
  const factor = roundUp(needed[Math.min(count, conformalRank(count, LEVEL)) - 1]!);
  return { scores: widened, widthFactor: count < FEWEST_TO_NARROW ? Math.max(1, factor) : factor, anew: false };
}

/** The same calibration for labels that may lie beyond those of the training. */
function widenedTo(
  scores: IntervalScores,
  labels: ArrayLike<number>,
  range: Limits,
): IntervalScores & { readonly ends: IntervalEnds } {
  const own = intervalEnds(labels, range);
  const { min, max } = extent(labels);
  const last = scores.groups.length - 1;
  return {
    ...scores,
    groups: scores.groups.map((group, i) => ({
      ...group,
      from: i === 0 ? Math.min(group.from, min) : group.from,
      to: i === last ? Math.max(group.to, max) : group.to,
    })),
    ends: {
      low: Math.min(scores.ends?.low ?? own.low, own.low),
      high: Math.max(scores.ends?.high ?? own.high, own.high),
    },
  };
}

const LARGEST_FACTOR = 1e6;
const HALVINGS = 40;

/** The smallest factor of the scale by which the interval contains the label, to six digits. */
function factorNeeded(intervalOf: IntervalOf, label: number, value: number, scale: number): number {
  const contains = (factor: number) => {
    const [low, high] = intervalOf(value, factor * scale);
    return label >= low && label <= high;
  };
  let [low, high] = [Math.log(1 / LARGEST_FACTOR), Math.log(LARGEST_FACTOR)];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (contains(Math.exp(middle))) high = middle;
    else low = middle;
  }
  return Math.exp(high);
}

/**
 * Limits that also hold for images of a new source, of which 1 % or fewer are beyond them: the wider of the model's and of its own.
 *
 * @param unlikeness `[N]`, N at least 1.
 * @param activation `[N]`
 */
export function widenedUnusual(
  { stage, ...limits }: ManifestIntervals['unusual'],
  unlikeness: Float64Array,
  activation: Float64Array,
): ManifestIntervals['unusual'] {
  const own: UnusualLimits = unusualLimits(unlikeness, activation, stage === null ? 2 : 1);
  return {
    stage,
    distance: Math.max(limits.distance, own.distance),
    far: Math.max(limits.far, own.far),
    activation: Math.min(limits.activation, own.activation),
    faint: Math.min(limits.faint, own.faint),
    share: Math.max(limits.share, own.share),
  };
}

/** Of 90 % intervals; null where there are too few images for them. */
export interface MeasuredCoverage {
  readonly coverage90: number | null;
  readonly intervalWidth90: number | null;
}

/** The coverage of the rows by the intervals of `scores`. */
export function coverageOf(scores: IntervalScores, { labels, value, scale }: CalibrationRows): MeasuredCoverage {
  const predictions = Array.from(labels, (label, row) => ({ label, value: value[row]!, scale: scale[row]! }));
  const at90 = coverageAt(predictions, scores, 0.9);
  return { coverage90: at90?.coverage ?? null, intervalWidth90: at90?.width ?? null };
}

/** The coverage of each fold by intervals that were recalibrated without it, over all rows. */
export function crossCoverage(
  scores: IntervalScores,
  rows: CalibrationRows,
  parts: readonly (readonly number[])[],
  range: Limits,
): MeasuredCoverage {
  let [covered, width] = [0, 0];
  for (const [fold, part] of parts.entries()) {
    const others = parts.flatMap((other, i) => (i === fold ? [] : other));
    const own = recalibrate(scores, rowsAt(rows, others), range);
    const { labels, value, scale } = rowsAt(rows, part);
    const found = coverageOf(own.scores, { labels, value, scale: scale.map(each => each * own.widthFactor) });
    if (found.coverage90 === null || found.intervalWidth90 === null) return found;
    covered += (found.coverage90 * part.length) / rows.labels.length;
    width += (found.intervalWidth90 * part.length) / rows.labels.length;
  }
  return { coverage90: covered, intervalWidth90: width };
}

function rowsAt({ labels, value, scale }: CalibrationRows, indices: readonly number[]): CalibrationRows {
  const at = (column: Float64Array) => Float64Array.from(indices, row => column[row]!);
  return { labels: at(labels), value: at(value), scale: at(scale) };
}
