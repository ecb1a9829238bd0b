import { expected, UsageError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { intervalsAt, tooFewFor } from '../evaluation/intervals.js';
import { checkLevel } from '../metrics/conformal.js';
import type { Manifest } from './manifest.js';

/** The level of intervals where nobody asks for another. */
export const DEFAULT_LEVEL = 0.9;

/** What a prediction says of its doubt. */
export interface Doubt {
  readonly low?: number | null;
  readonly high?: number | null;
  readonly scale?: number;
  readonly unusual?: true;
  readonly distance?: number;
}

/** How a model's outputs become intervals and warnings. */
export interface DoubtOf {
  /** The outputs that this needs beside `value`. */
  readonly outputs: readonly string[];
  of(value: number, outputs: Readonly<Record<string, Tensor>>, row: number): Doubt;
}

/**
 * What the model of `manifest` can say of its doubt at `level`: nothing, where it has no intervals.
 *
 * @throws UsageError for a level outside 0 to 1, and for one that is asked of a model without intervals.
 */
export function doubtOf(
  { intervals }: Pick<Manifest, 'intervals'>,
  where: string,
  level?: number,
  onMessage?: (line: string) => void,
): DoubtOf {
  if (level !== undefined) checkLevel(level);
  if (intervals === undefined) {
    if (level === undefined) return { outputs: [], of: () => ({}) };
    throw new UsageError(expected('--level', `a model with intervals`, `${where} without`, 'train again'));
  }
  const intervalOf = intervalsAt(intervals, level ?? DEFAULT_LEVEL);
  if (intervalOf === undefined) onMessage?.(`warning: ${tooFewFor(intervals, level ?? DEFAULT_LEVEL)}`);
  return {
    outputs: ['scale', 'distance'],
    of(value, outputs, row) {
      const scale = Number(outputs.scale!.data[row]);
      const [low, high] = intervalOf?.(value, scale) ?? [null, null];
      const distance = Number(outputs.distance!.data[row]);
      // Not "above": what is no number is nothing usual.
      return { low, high, scale, ...(!(distance <= intervals.unusual.distance) && { unusual: true, distance }) };
    },
  };
}
