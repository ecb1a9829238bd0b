import { regressionLine } from '../metrics/regression.js';
import type { Head } from '../training/head.js';

/** The line that predictions follow: `value = intercept + slope * truth` on average. */
export interface BiasLine {
  readonly intercept: number;
  readonly slope: number;
}

// Under this, stretching would make the errors of single images ten times larger and more.
const LEAST_SLOPE = 0.1;

/**
 * The line of predictions on truth, by least squares; undefined where it rises by less than 0.1, so that nothing can be corrected by it.
 *
 * @param yTrue `[N]`, N at least 2.
 */
export function fitBiasLine(yTrue: ArrayLike<number>, yPred: ArrayLike<number>): BiasLine | undefined {
  const { intercept, slope } = regressionLine(yTrue, yPred);
  return slope >= LEAST_SLOPE ? { intercept, slope } : undefined;
}

/** The head whose value is `(value - intercept) / slope`: what it works in is moved, so the graph does nothing more. */
export function correctHead(head: Head, { intercept, slope }: BiasLine): Head {
  const move = (value: number) => (value - intercept) / slope;
  if (head.bins !== undefined) return { ...head, bins: head.bins.map(move) };
  const { mean, std } = head.target ?? { mean: 0, std: 1 };
  return { ...head, target: { mean: move(mean), std: std / slope } };
}
