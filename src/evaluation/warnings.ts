import { standardDeviation } from '../metrics/statistics.js';

/** With fewer images figures are too uncertain: the 95 % interval of the MAE of normal errors is then +-27 %. */
const FEW_IMAGES = 30;
/** Predictions whose standard deviation is below this share of that of the labels are nearly constant. */
const MIN_SPREAD = 0.2;

/** The figures that warnings depend on. */
interface Measured {
  readonly rmse: number;
  readonly r2: number | null;
  readonly baseline: { readonly mean: { readonly rmse: number } };
}

/**
 * Reasons not to trust the metrics, each with what to do about it:
 *
 * - fewer than 30 images;
 * - nearly constant predictions: the standard deviation of `yPred` is under 20 % of that of `yTrue`;
 * - an RMSE no lower than that of the baseline (always predicting the mean of the training labels);
 * - else, an R2 of 0 or less: worse than predicting the mean of the evaluated labels.
 *
 * A single image has only the first warning. If all labels are equal, a warning says so in place of the last three.
 */
export function evaluationWarnings(
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
  { rmse, r2, baseline }: Measured,
): string[] {
  const warnings: string[] = [];
  const images = yTrue.length;
  if (images < FEW_IMAGES) {
    warnings.push(
      `Only ${images} ${images === 1 ? 'image was' : 'images were'} evaluated: these figures are very uncertain. ` +
        `Evaluate on at least ${FEW_IMAGES}, better on several hundred.`,
    );
  }

  const spread = standardDeviation(yTrue);
  if (spread === 0) {
    if (images > 1)
      warnings.push(
        `Every label is ${yTrue[0]}, so R2 is not defined and errors say little. Evaluate on images whose labels differ.`,
      );
    return warnings;
  }
  const share = standardDeviation(yPred) / spread;
  if (share < MIN_SPREAD) {
    warnings.push(
      `The model predicts almost the same value for every image: the standard deviation of its predictions is ${Math.round(share * 100)} % ` +
        'of that of the labels. It has learned little from the images. Train longer or with a higher learning rate, try ' +
        'the ridge solver or another backbone, and check that the labels match the images.',
    );
  }
  if (rmse >= baseline.mean.rmse) {
    warnings.push(
      'The model is no better than the baseline (always predicting the mean of the training labels). Do not use it. Check ' +
        'that these images resemble the training images and that their labels are correct, or train on more images.',
    );
  } else if (r2 !== null && r2 <= 0) {
    warnings.push(
      'Always predicting the mean of these labels would be better than the model (R2 is not above 0). These labels are ' +
        'distributed differently than the training labels: train on images like these.',
    );
  }
  return warnings;
}
