import { standardDeviation } from '../metrics/statistics.js';
import type { UnusualGrade } from '../uncertainty/unusual.js';

/** With fewer images figures are too uncertain: the 95 % interval of the MAE of normal errors is then +-27 %. */
const FEW_IMAGES = 30;
/** Predictions whose standard deviation is below this share of that of the labels are nearly constant. */
const MIN_SPREAD = 0.2;

/** More than this share of images unlike those of the training are most of them. */
const MOST = 0.5;
/** A coverage is too low where it is further below the requested one than this, and three standard errors more. */
const COVERAGE_SLACK = 0.01;

/** The figures that warnings depend on. */
interface Measured {
  readonly rmse: number;
  readonly r2: number | null;
  /** Mean of prediction - label. */
  readonly bias: number;
  readonly baseline: { readonly mean: { readonly rmse: number } };
  /** Of 90 % intervals; null or left out where there are none. */
  readonly coverage90?: number | null | undefined;
  /** Numbers of images unlike those of the training. */
  readonly unlike?: Readonly<Record<UnusualGrade, number>> | undefined;
}

/**
 * The warning where most of `images` are unlike the training images, in two grades: most are of another kind; or most are of another kind or
 * from another source. Undefined where most are like them.
 */
export function unlikeWarning(
  { kind, source }: Readonly<Record<UnusualGrade, number>>,
  images: number,
): string | undefined {
  if (kind > MOST * images) {
    return (
      `${kind} of ${images} images are of another kind than the training images: do not rely on their predictions. ` +
      'Predict images like those of the training, or train on images like these.'
    );
  }
  if (kind + source > MOST * images) {
    return (
      `${kind + source} of ${images} images are unlike the training images, ${source} of them as from another source: errors may be larger ` +
      'than stated, and intervals too narrow. Adapt the model to some of them with labels (eyeball adapt), or train on images like these.'
    );
  }
  return undefined;
}

function coverageWarning(images: number, { coverage90, bias, rmse }: Measured): string | undefined {
  if (coverage90 === null || coverage90 === undefined || images < FEW_IMAGES) return undefined;
  const standardError = Math.sqrt((0.9 * 0.1) / images);
  if (coverage90 >= 0.9 - COVERAGE_SLACK - 3 * standardError) return undefined;
  const isBiased = Math.abs(bias) > (2 * rmse) / Math.sqrt(images);
  const shift = ` and predictions are ${Math.abs(bias).toPrecision(2)} too ${bias > 0 ? 'high' : 'low'} on average,`;
  return (
    `90 % intervals contain only ${Math.round(100 * coverage90)} % of the labels,${isBiased ? shift : ''} as on images from another source than ` +
    'the training images. Adapt the model to some of these with labels (eyeball adapt), or train on images like these.'
  );
}

/**
 * Reasons not to trust the metrics, each with what to do about it:
 *
 * - fewer than 30 images;
 * - nearly constant predictions: the standard deviation of `yPred` is under 20 % of that of `yTrue`;
 * - an RMSE no lower than that of the baseline (always predicting the mean of the training labels);
 * - else, an R2 of 0 or less: worse than predicting the mean of the evaluated labels;
 * - most images unlike the training images, in two grades;
 * - 90 % intervals that contain too few labels.
 *
 * A single image has only the first warning. If all labels are equal, a warning says so in place of all others after it.
 */
export function evaluationWarnings(yTrue: ArrayLike<number>, yPred: ArrayLike<number>, measured: Measured): string[] {
  const { rmse, r2, baseline, unlike } = measured;
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
  const unlikeThese = unlike && unlikeWarning(unlike, images);
  for (const warning of [unlikeThese, coverageWarning(images, measured)])
    if (warning !== undefined) warnings.push(warning);
  return warnings;
}
