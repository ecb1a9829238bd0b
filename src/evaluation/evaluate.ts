import { expected, InputError } from '../base/errors.js';
import type { Skipped } from '../datasets/dataset.js';
import { bootstrapInterval, type Interval } from '../metrics/bootstrap.js';
import {
  meanAbsoluteError,
  meanBias,
  meanSquaredError,
  r2Score,
  regressionLine,
  rootMeanSquaredError,
  shareWithin,
} from '../metrics/regression.js';
import {
  coverageAt,
  evaluateUncertainty,
  type UncertainPrediction,
  type UncertaintyEvaluation,
} from '../uncertainty/coverage.js';
import type { IntervalScores } from '../uncertainty/intervals.js';
import type { UnusualGrade } from '../uncertainty/unusual.js';
import { type ColumnErrors, errorsByColumn } from './columns.js';
import { errorsOfSubset, groupByLabel, type SubsetErrors } from './groups.js';
import { errorsBySlice, type ImageProperties, type Slice } from './slices.js';
import { evaluationWarnings } from './warnings.js';

/** A model's prediction for one image, with its label. */
export interface Prediction {
  /** The image's path as the data set names it. */
  readonly file: string;
  /** The true value. */
  readonly label: number;
  /** The predicted value. */
  readonly value: number;
  /** The expected size of the error, in the target's unit; absent for models without intervals. */
  readonly scale?: number | undefined;
  /** True if the image is unlike the training images. */
  readonly unusual?: boolean | undefined;
  /** How it is unlike them; present with `unusual`. */
  readonly unlike?: UnusualGrade | undefined;
  /** The other cells of its row in the table, by column. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
  readonly properties?: ImageProperties | undefined;
}

/** The errors of the images whose label lies from `from` (included) to `to` (excluded). */
export interface GroupErrors extends SubsetErrors {
  readonly from: number;
  readonly to: number;
  /** Of their intervals, as in UncertaintyEvaluation; absent for models without intervals. */
  readonly coverage90?: number | null;
  readonly intervalWidth90?: number | null;
  readonly coverage80?: number | null;
  readonly intervalWidth80?: number | null;
}

/** RMSE and MAE in the target's unit. */
export interface ErrorPair {
  readonly rmse: number;
  readonly mae: number;
}

/** The regression line of predictions on labels. */
export interface Slope {
  /** The rise of predictions per unit of the true value; below 1 is regression to the mean. */
  readonly value: number;
  readonly interval95: Interval;
}

/**
 * How good a model's predictions are; `JSON.stringify` of it is what `evaluate --json` prints. What is said of intervals is there
 * where the model has them.
 */
export interface Evaluation extends Partial<UncertaintyEvaluation> {
  /** Images with a prediction, which all metrics are about. */
  readonly images: number;
  /** Files that could not be used. */
  readonly skipped: readonly Skipped[];
  readonly mse: number;
  readonly rmse: number;
  readonly mae: number;
  /** Share of the variance explained, at most 1; null where it is not defined: for a single image or equal labels. */
  readonly r2: number | null;
  /** Share of the predictions within 5 of the label, 0 to 1. */
  readonly cs5: number;
  /** Mean of prediction - label: above 0 predictions are too high. */
  readonly bias: number;
  /** By label, ascending, in the groups of `groupByLabel`. */
  readonly byGroup: readonly GroupErrors[];
  /** Null if all labels are equal, or there are fewer than three. */
  readonly slope: Slope | null;
  /** By the other columns of the table. */
  readonly byColumn: readonly ColumnErrors[];
  /** By properties of the images. */
  readonly slices: readonly Slice[];
  /** The errors of always predicting the mean, or the median, of the training labels. */
  readonly baseline: { readonly mean: ErrorPair; readonly median: ErrorPair };
  /** 95 % bootstrap confidence intervals over the choice of images. */
  readonly interval95: { readonly rmse: Interval; readonly mae: Interval };
  /** Reasons not to trust these metrics, a sentence or two each. */
  readonly warnings: readonly string[];
}

/** Mean and median of the training labels, which the baselines predict. */
export interface TrainingLabels {
  readonly mean: number;
  readonly median: number;
}

export interface EvaluateOptions {
  readonly trainingLabels: TrainingLabels;
  /** Files without a prediction, passed on as they are. Default none. */
  readonly skipped?: readonly Skipped[];
  /** Start of the bootstrap's random numbers. Default 0. */
  readonly seed?: number;
  /** What the model's intervals are made from; without it, or where a prediction has no scale, nothing is said of them. */
  readonly intervals?: IntervalScores | undefined;
  /** What the model takes, for telling small images. Default 0: none are small. */
  readonly sizePx?: number;
}

/**
 * The metrics of `predictions`, by group, with those of the baselines, confidence intervals and warnings.
 *
 * The constant comes from the training labels, as the model itself does: the mean of the test labels would know too much.
 * Throws InputError where there are no predictions or one is not a finite number.
 */
export function evaluate(
  predictions: readonly Prediction[],
  { trainingLabels, skipped = [], seed = 0, intervals, sizePx = 0 }: EvaluateOptions,
): Evaluation {
  if (predictions.length === 0) {
    const why = skipped[0] === undefined ? '' : ` (${skipped.length} skipped, the first because: ${skipped[0].reason})`;
    throw new InputError(expected('evaluate', 'at least one image with a prediction', `none${why}`));
  }
  const wrong = predictions.find(({ label, value }) => !Number.isFinite(label) || !Number.isFinite(value));
  if (wrong !== undefined) {
    const got = Number.isFinite(wrong.label) ? `a prediction of ${wrong.value}` : `a label of ${wrong.label}`;
    throw new InputError(expected(wrong.file, 'finite numbers', got));
  }

  const yTrue = Float64Array.from(predictions, ({ label }) => label);
  const yPred = Float64Array.from(predictions, ({ value }) => value);
  const r2 = r2Score(yTrue, yPred);
  const measured = {
    mse: meanSquaredError(yTrue, yPred),
    rmse: rootMeanSquaredError(yTrue, yPred),
    mae: meanAbsoluteError(yTrue, yPred),
    r2: Number.isNaN(r2) ? null : r2,
    cs5: shareWithin(yTrue, yPred, 5),
    bias: meanBias(yTrue, yPred),
  };
  const uncertainty =
    intervals && predictions.every(isDoubtful) ? evaluateUncertainty(predictions, intervals) : undefined;
  const baseline = { mean: errorsOf(yTrue, trainingLabels.mean), median: errorsOf(yTrue, trainingLabels.median) };
  return {
    images: predictions.length,
    skipped,
    ...measured,
    byGroup: groupByLabel(yTrue).map(({ from, to, indices }) => ({
      from,
      to,
      ...errorsOfSubset(yTrue, yPred, indices, seed),
      ...(intervals && groupCoverage(indices.map(i => predictions[i]!).filter(isDoubtful), intervals)),
    })),
    slope: slopeOf(yTrue, yPred),
    byColumn: errorsByColumn(
      predictions.map(({ columns }) => columns),
      yTrue,
      yPred,
      seed,
    ),
    slices: errorsBySlice(
      predictions.map(({ properties }) => properties),
      sizePx,
      yTrue,
      yPred,
      seed,
    ),
    baseline,
    interval95: bootstrapInterval(yTrue, yPred, { seed }),
    warnings: evaluationWarnings(yTrue, yPred, {
      ...measured,
      baseline,
      coverage90: uncertainty?.coverage90,
      unlike: uncertainty?.unlike,
    }),
    ...uncertainty,
  };
}

const isDoubtful = (prediction: Prediction): prediction is Prediction & UncertainPrediction =>
  prediction.scale !== undefined;

function groupCoverage(group: readonly UncertainPrediction[], intervals: IntervalScores): Partial<GroupErrors> {
  if (group.length === 0) return {};
  const [at90, at80] = [coverageAt(group, intervals, 0.9), coverageAt(group, intervals, 0.8)];
  return {
    coverage90: at90?.coverage ?? null,
    intervalWidth90: at90?.width ?? null,
    coverage80: at80?.coverage ?? null,
    intervalWidth80: at80?.width ?? null,
  };
}

function slopeOf(yTrue: Float64Array, yPred: Float64Array): Slope | null {
  if (yTrue.length < 3) return null;
  const { slope, interval95 } = regressionLine(yTrue, yPred);
  return Number.isNaN(slope) ? null : { value: slope, interval95 };
}

/** The errors of always predicting `constant`. */
function errorsOf(yTrue: Float64Array, constant: number): ErrorPair {
  const answers = new Float64Array(yTrue.length).fill(constant);
  return { rmse: rootMeanSquaredError(yTrue, answers), mae: meanAbsoluteError(yTrue, answers) };
}
