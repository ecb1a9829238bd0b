import { expected, InputError, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';

/** A thinned table of the scores of `images` calibration images: the scores at `ranks`, from 1, in ascending order. */
export interface ScoreTable {
  readonly images: number;
  readonly ranks: readonly number[];
  readonly scores: readonly number[];
}

// Ranks kept: 100 evenly spaced ones, and the highest 20 for high levels. Between them the next higher one counts, so that an interval
// covers at most 1 % of the images more than requested, and never fewer.
const EVEN_RANKS = 100;
const TOP_RANKS = 20;
// Significant digits; scores are rounded up, so that intervals can only widen.
const DIGITS = 6;

/**
 * The rank, from 1, of the score that a new score does not exceed with probability `level`: `ceil((n + 1) level)`; above n where n scores
 * are too few for that level.
 *
 * Reference: Lei et al. 2018, https://arxiv.org/abs/1604.04173
 */
export function conformalRank(images: number, level: number): number {
  checkLevel(level);
  // The product may exceed an integer by rounding alone.
  return Math.ceil((images + 1) * level - 1e-9);
}

/** The least number of calibration scores for `level`: 9 for 0.9, 99 for 0.99. */
export const fewestScores = (level: number): number => Math.ceil(level / (1 - level) - 1e-9);

/**
 * @throws UsageError unless `level` is between 0 and 1, exclusive.
 */
export function checkLevel(level: number): void {
  if (!(level > 0 && level < 1)) {
    throw new UsageError(expected(option('level'), 'a share above 0 and below 1', `${level}`, 'write 90 % as 0.9'));
  }
}

/**
 * The table of `scores`, in any order.
 *
 * @throws InputError for a score that is not a finite number of 0 or above.
 */
export function scoreTable(scores: ArrayLike<number>): ScoreTable {
  const sorted = Float64Array.from(scores).sort();
  const images = sorted.length;
  const wrong = sorted.find(score => !(score >= 0 && Number.isFinite(score)));
  if (wrong !== undefined) throw new InputError(expected('scoreTable', 'finite scores of 0 or above', `${wrong}`));
  const ranks = new Set<number>();
  for (let step = 1; step <= EVEN_RANKS; step++) ranks.add(Math.ceil((step * images) / EVEN_RANKS));
  for (let rank = Math.max(1, images - TOP_RANKS + 1); rank <= images; rank++) ranks.add(rank);
  const kept = [...ranks].filter(rank => rank > 0).sort((a, b) => a - b);
  return { images, ranks: kept, scores: kept.map(rank => roundUp(sorted[rank - 1]!)) };
}

/** The score that a new one does not exceed with a probability of at least `level`; undefined where the table has too few. */
export function scoreAt({ images, ranks, scores }: ScoreTable, level: number): number | undefined {
  const rank = conformalRank(images, level);
  const at = ranks.findIndex(kept => kept >= rank);
  return at === -1 ? undefined : scores[at];
}

/** `score` rounded up to six digits. */
export function roundUp(score: number): number {
  const rounded = Number(score.toPrecision(DIGITS));
  return rounded >= score ? rounded : Number((score * (1 + 10 ** (1 - DIGITS))).toPrecision(DIGITS));
}
