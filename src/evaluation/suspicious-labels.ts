import { type IntervalScores, intervalsAt } from '../uncertainty/intervals.js';
import type { Prediction } from './evaluate.js';

/** An image whose label lies outside its 99 % interval. */
export interface SuspiciousLabel {
  readonly file: string;
  readonly label: number;
  readonly value: number;
  /** The 99 % interval. */
  readonly low: number;
  readonly high: number;
}

/** The level of the interval outside of which a label is suspicious. */
export const SUSPICIOUS_LEVEL = 0.99;

/**
 * The images whose label lies outside the 99 % interval, by distance from it in scales, descending. One of a hundred correct labels is
 * among them; the others are wrong labels or unusual images. Empty for models without such intervals.
 */
export function suspiciousLabels(
  predictions: readonly Prediction[],
  scores: IntervalScores | undefined,
): SuspiciousLabel[] {
  const intervalOf = scores && intervalsAt(scores, SUSPICIOUS_LEVEL);
  if (intervalOf === undefined) return [];
  const outside = predictions.flatMap(({ file, label, value, scale }) => {
    if (scale === undefined) return [];
    const [low, high] = intervalOf(value, scale);
    const distance = Math.max(low - label, label - high) / scale;
    return distance > 0 ? [{ distance, suspect: { file, label, value, low, high } }] : [];
  });
  return outside.sort((a, b) => b.distance - a.distance).map(({ suspect }) => suspect);
}
