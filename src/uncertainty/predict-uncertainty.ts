import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import type { Tensor } from '../engine/tensor.js';
import type { Manifest, ManifestIntervals } from '../formats/manifest.js';
import { checkLevel } from './conformal.js';
import { intervalsAt, tooFewFor } from './intervals.js';
import { type UnusualGrade, unusualGrade } from './unusual.js';

/** The default level of intervals. */
export const DEFAULT_LEVEL = 0.9;

/** The uncertainty of a prediction. */
export interface PredictionUncertainty {
  readonly low?: number | null;
  readonly high?: number | null;
  readonly scale?: number;
  readonly unusual?: true;
  readonly unlike?: UnusualGrade;
  readonly distance?: number;
}

/** Computes the uncertainty of a model's predictions from its outputs. */
export interface UncertaintyOf {
  /** The outputs it needs in addition to `value`. */
  readonly outputs: readonly string[];
  of(value: number, outputs: Readonly<Record<string, Tensor>>, row: number): PredictionUncertainty;
}

/**
 * The uncertainty by the model of `manifest`, with intervals at `level`; empty for a model without intervals.
 *
 * @throws UsageError for a level outside 0 to 1, and for a level with a model without intervals.
 */
export function uncertaintyOf(
  { intervals }: Pick<Manifest, 'intervals'>,
  where: string,
  level?: number,
  onMessage?: (line: string) => void,
): UncertaintyOf {
  if (level !== undefined) checkLevel(level);
  if (intervals === undefined) {
    if (level === undefined) return { outputs: [], of: () => ({}) };
    throw new UsageError(expected(option('level'), `a model with intervals`, `${where} without`, 'train again'));
  }
  const intervalOf = intervalsAt(intervals, level ?? DEFAULT_LEVEL);
  if (intervalOf === undefined) onMessage?.(`warning: ${tooFewFor(intervals, level ?? DEFAULT_LEVEL)}`);
  const unusual = unusualOf(intervals.unusual);
  return {
    outputs: ['scale', ...unusual.outputs],
    of(value, outputs, row) {
      const scale = Number(outputs.scale!.data[row]);
      const [low, high] = intervalOf?.(value, scale) ?? [null, null];
      return { low, high, scale, ...unusual.of(name => Number(outputs[name]!.data[row])) };
    },
  };
}

/** Out-of-distribution detection by the outputs. */
function unusualOf({ stage, ...limits }: ManifestIntervals['unusual']) {
  const name = stage === null ? 'distance' : 'unlikeness';
  return {
    outputs: [name, 'activation'],
    of(output: (name: string) => number): Pick<PredictionUncertainty, 'unusual' | 'unlike' | 'distance'> {
      const distance = output(name);
      const unlike = unusualGrade({ unlikeness: distance, activation: output('activation') }, limits);
      return unlike === undefined ? {} : { unusual: true, unlike, distance };
    },
  };
}
