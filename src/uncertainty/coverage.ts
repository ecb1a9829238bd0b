import { mean } from '../metrics/statistics.js';
import { type IntervalScores, intervalsAt } from './intervals.js';
import type { UnusualGrade } from './unusual.js';

/** The share of targets within their prediction intervals, and the mean interval width in the target's unit. */
export interface Coverage {
  /** The requested coverage, 0 to 1. */
  readonly level: number;
  /** The measured coverage, 0 to 1. */
  readonly coverage: number;
  readonly width: number;
}

/** The errors on the images that remain when those with the widest intervals are set aside. */
export interface KeptErrors {
  /** 0 to 1. */
  readonly kept: number;
  readonly rmse: number;
  readonly mae: number;
}

export interface UncertaintyEvaluation {
  /** At 90 % and 80 %; null where the model has too few calibration images for the level. */
  readonly coverage90: number | null;
  readonly intervalWidth90: number | null;
  readonly coverage80: number | null;
  readonly intervalWidth80: number | null;
  /** By requested level, ascending. */
  readonly calibration: readonly Coverage[];
  /** By kept share, descending from 1. */
  readonly riskCoverage: readonly KeptErrors[];
  /** Number of out-of-distribution images. */
  readonly unusual: number;
  /** Their numbers by grade. */
  readonly unlike: Readonly<Record<UnusualGrade, number>>;
}

/** A prediction with its uncertainty. */
export interface UncertainPrediction {
  readonly label: number;
  readonly value: number;
  readonly scale: number;
  readonly unusual?: boolean | undefined;
  readonly unlike?: UnusualGrade | undefined;
}

const LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];
const KEPT = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];

/** The coverage of `predictions`, at least one, at `level`; null where the model has too few calibration images for it. */
export function coverageAt(
  predictions: readonly UncertainPrediction[],
  scores: IntervalScores,
  level: number,
): Coverage | null {
  const intervalOf = intervalsAt(scores, level);
  if (intervalOf === undefined) return null;
  let [covered, width] = [0, 0];
  for (const { label, value, scale } of predictions) {
    const [low, high] = intervalOf(value, scale);
    if (label >= low && label <= high) covered++;
    width += (high - low) / predictions.length;
  }
  return { level, coverage: covered / predictions.length, width };
}

/** Evaluates the prediction intervals of `predictions`, at least one. */
export function evaluateUncertainty(
  predictions: readonly UncertainPrediction[],
  scores: IntervalScores,
): UncertaintyEvaluation {
  const at90 = coverageAt(predictions, scores, 0.9);
  const at80 = coverageAt(predictions, scores, 0.8);
  const graded = (grade: UnusualGrade) => predictions.filter(({ unlike }) => unlike === grade).length;
  return {
    coverage90: at90?.coverage ?? null,
    intervalWidth90: at90?.width ?? null,
    coverage80: at80?.coverage ?? null,
    intervalWidth80: at80?.width ?? null,
    calibration: LEVELS.flatMap(level => coverageAt(predictions, scores, level) ?? []),
    riskCoverage: riskCoverage(predictions, scores),
    unusual: predictions.filter(({ unusual }) => unusual === true).length,
    unlike: { kind: graded('kind'), source: graded('source') },
  };
}

function riskCoverage(predictions: readonly UncertainPrediction[], scores: IntervalScores): KeptErrors[] {
  const intervalOf = intervalsAt(scores, 0.9);
  const byWidth = predictions.map(({ label, value, scale }) => {
    const [low, high] = intervalOf?.(value, scale) ?? [0, scale];
    return { width: high - low, error: value - label };
  });
  byWidth.sort((a, b) => a.width - b.width);
  const counts = [...new Set(KEPT.map(kept => Math.max(1, Math.round(kept * predictions.length))))];
  return counts.map(count => {
    const errors = byWidth.slice(0, count).map(({ error }) => error);
    return {
      kept: count / predictions.length,
      rmse: Math.sqrt(mean(errors.map(error => error * error))),
      mae: mean(errors.map(Math.abs)),
    };
  });
}
