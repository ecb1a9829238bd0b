import { standardDeviation } from '../metrics/statistics.js';

/** Under this many images the figures are mostly chance: the 95 % interval of the MAE of normal errors is then +-27 %. */
const FEW_IMAGES = 30;
/** A model whose predictions spread less than this share of the labels' spread is called near-constant. */
const MIN_SPREAD = 0.2;

/** The figures of an evaluation that a warning can follow from. */
interface Measured {
  readonly rmse: number;
  readonly r2: number | null;
  readonly baseline: { readonly mean: { readonly rmse: number } };
}

/**
 * What a reader must know before believing the metrics, with what to do about it:
 *
 * - fewer than 30 images;
 * - a near-constant answer: the standard deviation of `yPred` is under 20 % of that of `yTrue`;
 * - an RMSE no lower than that of always answering the mean of the training labels;
 * - else, an R2 of 0 or less: worse than the mean of the labels at hand, though better than that of the training labels.
 *
 * Only the first can be said of a single image. Where all labels are equal it says so, and only the first besides.
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
      `Only ${images} ${images === 1 ? 'image was' : 'images were'} measured: chance moves these figures a lot. ` +
        `Measure on ${FEW_IMAGES} at the very least, better on several hundred.`,
    );
  }

  const spread = standardDeviation(yTrue);
  if (spread === 0) {
    if (images > 1)
      warnings.push(
        `Every label is ${yTrue[0]}: there is no variance to explain, so R2 is not defined, and errors say little. Measure on ` +
          'images whose labels differ.',
      );
    return warnings;
  }
  const share = standardDeviation(yPred) / spread;
  if (share < MIN_SPREAD) {
    warnings.push(
      `The model answers almost the same number for every image: its predictions spread ${Math.round(share * 100)} % as ` +
        'much as the labels. It has learnt little from the images. Train longer or with a higher learning rate, try ' +
        'the ridge solver or another backbone, and check that the labels belong to their images.',
    );
  }
  if (rmse >= baseline.mean.rmse) {
    warnings.push(
      'The model is no better than always answering the mean of the training labels. Do not use it. Check that these ' +
        'images are of the kind it was trained on and that their labels are right, or train with more images.',
    );
  } else if (r2 !== null && r2 <= 0) {
    warnings.push(
      'The mean of the labels measured here would have been a better answer than the model (R2 is not above 0). These ' +
        'labels are distributed otherwise than the training labels: train with images like these.',
    );
  }
  return warnings;
}
