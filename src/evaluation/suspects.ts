import { type IntervalScores, intervalsAt } from '../uncertainty/intervals.js';
import type { Prediction } from './evaluate.js';

/** An image whose label lies where hardly any true number would. */
export interface Suspect {
  readonly file: string;
  readonly label: number;
  readonly value: number;
  /** The interval that holds 99 of 100 true numbers. */
  readonly low: number;
  readonly high: number;
}

/** The share of true numbers that intervals are asked to hold before a label outside is called suspicious. */
export const SUSPECT_LEVEL = 0.99;

/**
 * The images whose label lies outside of the interval of 99 %, the farthest for its expected error first. Of a hundred right labels one
 * is here by chance; more are wrong labels, or images unlike those of the training. None where the model has no such intervals.
 */
export function suspectsOf(predictions: readonly Prediction[], scores: IntervalScores | undefined): Suspect[] {
  const intervalOf = scores && intervalsAt(scores, SUSPECT_LEVEL);
  if (intervalOf === undefined) return [];
  const outside = predictions.flatMap(({ file, label, value, scale }) => {
    if (scale === undefined) return [];
    const [low, high] = intervalOf(value, scale);
    const distance = Math.max(low - label, label - high) / scale;
    return distance > 0 ? [{ distance, suspect: { file, label, value, low, high } }] : [];
  });
  return outside.sort((a, b) => b.distance - a.distance).map(({ suspect }) => suspect);
}
