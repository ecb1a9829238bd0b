import type { Evaluation, TrainingLabels } from '../evaluation/evaluate.js';
import { type Format, formatFor, formatPercent } from './format.js';

export interface SummaryOptions {
  /** The target's name: `age`. */
  readonly target: string;
  /** Its unit: `years`. */
  readonly unit?: string | undefined;
  readonly trainingLabels: TrainingLabels;
}

/** The number format of an evaluation's figures, by the size of its errors. */
export function formatOf({ rmse, baseline }: Evaluation, unit: string | undefined): Format {
  return formatFor(Math.max(rmse, baseline.mean.rmse), unit);
}

/**
 * An evaluation in three or four sentences of plain text: the mean absolute error, that of the baseline, the explained variance and the
 * bias.
 */
export function summarize(evaluation: Evaluation, { target, unit, trainingLabels }: SummaryOptions): string {
  const { images, mae, bias, r2, baseline, interval95 } = evaluation;
  const format = formatOf(evaluation, unit);
  if (images === 1) {
    const direction = bias > 0 ? ', too high' : bias < 0 ? ', too low' : '';
    return `The prediction is ${format.quantity(mae)} off${direction}.`;
  }

  const [low, high] = interval95.mae;
  const sentences = [
    `On average a prediction is ${format.quantity(mae)} off (95 % interval ${format.figure(low)} to ${format.figure(high)}).`,
  ];
  const isMedian = baseline.median.mae <= baseline.mean.mae;
  const baselineMae = isMedian ? baseline.median.mae : baseline.mean.mae;
  const center = isMedian ? trainingLabels.median : trainingLabels.mean;
  const prediction = `the ${isMedian ? 'median' : 'mean'} ${target} of the training images, ${format.prediction(center)},`;
  const gain = baselineMae > 0 ? 1 - mae / baselineMae : 0;
  sentences.push(
    `Always predicting ${prediction} would be ${format.figure(baselineMae)} off: ` +
      (gain > 0 ? `the error of the model is ${formatPercent(gain)} lower.` : 'the model is no better than that.'),
  );
  if (r2 !== null && r2 > 0) sentences.push(`It explains ${formatPercent(r2)} of the variance.`);
  // A bias below a tenth of the mean absolute error is not a model's main problem.
  sentences.push(
    Math.abs(bias) > 0.1 * mae
      ? `On average its predictions are ${format.quantity(Math.abs(bias))} too ${bias > 0 ? 'high' : 'low'}.`
      : 'On average its predictions are neither too high nor too low.',
  );
  return sentences.join(' ');
}
