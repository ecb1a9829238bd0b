import type { Evaluation, TrainingLabels } from '../evaluation/evaluate.js';
import { type Format, formatFor, formatPercent } from './format.js';

export interface SummaryOptions {
  /** What the number is called: `age`. */
  readonly target: string;
  /** What it is counted in: `years`. */
  readonly unit?: string | undefined;
  readonly trainingLabels: TrainingLabels;
}

/** The digits that the figures of an evaluation are written with, from the size of its errors. */
export function formatOf({ rmse, baseline }: Evaluation, unit: string | undefined): Format {
  return formatFor(Math.max(rmse, baseline.mean.rmse), unit);
}

/**
 * What the numbers of an evaluation mean, in three or four sentences of plain text: the average error, what a constant
 * answer would have done, the variance explained, and whether the answers are too high or too low on the whole.
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
  const constant = isMedian ? baseline.median.mae : baseline.mean.mae;
  const centre = isMedian ? trainingLabels.median : trainingLabels.mean;
  const answer = `the ${isMedian ? 'median' : 'mean'} ${target} of the training images, ${format.prediction(centre)},`;
  const gain = constant > 0 ? 1 - mae / constant : 0;
  sentences.push(
    `Always answering ${answer} would be ${format.figure(constant)} off: ` +
      (gain > 0 ? `the model takes away ${formatPercent(gain)} of that.` : 'the model is no better than that.'),
  );
  if (r2 !== null && r2 > 0) sentences.push(`It explains ${formatPercent(r2)} of the variance.`);
  // A bias of less than a tenth of the average error is not what is wrong with a model.
  sentences.push(
    Math.abs(bias) > 0.1 * mae
      ? `Its answers are ${format.quantity(Math.abs(bias))} too ${bias > 0 ? 'high' : 'low'} on the whole.`
      : 'On the whole its answers are neither too high nor too low.',
  );
  return sentences.join(' ');
}
