import { significant } from '../base/text.js';
import { isClamped, rangeText } from '../base/value-range.js';
import { type Manifest, type ManifestIntervals, valueRangeOf } from '../formats/manifest.js';

/** The paragraphs of a card about the uncertainty of a model's predictions. */
export function limitsOf({ target, intervals, biasCorrection, configuration }: Manifest): string[] {
  const range = valueRangeOf({ configuration });
  const unit = target.unit === null ? '' : ` ${target.unit}`;
  const paragraphs: string[] = [];
  if (intervals === undefined) {
    paragraphs.push('It predicts no intervals: there were too few images to calibrate them.');
  } else {
    const on =
      intervals.method === 'split'
        ? `${intervals.pooled.images} images held out of training`
        : `${intervals.pooled.images} images, each predicted by one of ${intervals.folds} heads that were fitted without it (the final head was fitted on all, ` +
          'so intervals are slightly too wide rather than too narrow)';
    paragraphs.push(
      `Each prediction has an interval, computed from \`scale\`, float32 \`[N]\`, and calibrated (conformal prediction) on ${on}. For images like the ` +
        'training images it contains the true value at the requested rate, 90 % by default' +
        `${intervals.groups.length > 1 ? `, in each of ${intervals.groups.length} ranges of true values` : ''}.`,
      unusualLimitsText(intervals.unusual),
    );
  }
  if (isClamped(range)) {
    paragraphs.push(
      `Predictions and the ends of intervals are clamped: each is ${rangeText(range)}${unit}. \`unclamped\`, float32 \`[N]\`, is the value before clamping.`,
    );
  }
  if (intervals !== undefined) {
    const { low, high } = intervals.ends;
    paragraphs.push(`No interval reaches below ${significant(low, 4)} or above ${significant(high, 4)}${unit}.`);
  }
  if (biasCorrection !== undefined) {
    const { slope, images, before, after } = biasCorrection;
    paragraphs.push(
      `Regression to the mean was corrected: on ${images} held-out images predictions rose by ${significant(slope, 4)} per unit of the true value, and are now ` +
        `divided by that slope. This changed their errors: RMSE ${significant(before.rmse, 4)} to ${significant(after.rmse, 4)}${unit}, MAE ${significant(before.mae, 4)} to ${significant(after.mae, 4)}${unit}.`,
    );
  } else {
    paragraphs.push(
      'Its predictions shrink toward the mean, as those of every regression model: high values are predicted too low, low values too high.',
    );
  }
  return paragraphs;
}

function unusualLimitsText({ stage, distance, far, activation, faint, share }: ManifestIntervals['unusual']): string {
  const output = stage === null ? '`distance`' : '`unlikeness`';
  const show = (value: number) => significant(value, 4);
  return (
    `An image is unusual where ${output} is above ${show(distance)}, or \`activation\` below ${show(faint)}. It is another kind of image where ` +
    `${output} is above ${show(far)} or \`activation\` below ${show(activation)}: do not rely on its prediction. Otherwise it is from another source than ` +
    `the training images, and errors may be larger than stated. At most ${show(100 * share)} % of images like the training images are unusual.`
  );
}
