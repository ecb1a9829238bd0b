import { significant } from '../base/text.js';
import { isClamped, rangeText } from '../base/value-range.js';
import { type Manifest, type ManifestAdaptation, type ManifestIntervals, valueRangeOf } from '../formats/manifest.js';

/** The paragraphs of a card about the uncertainty of a model's predictions. */
export function limitsOf({ target, intervals, biasCorrection, adaptation, configuration }: Manifest): string[] {
  const range = valueRangeOf({ configuration });
  const unit = target.unit === null ? '' : ` ${target.unit}`;
  const paragraphs: string[] = adaptation === undefined ? [] : [adaptationText(adaptation, unit)];
  if (intervals === undefined) {
    paragraphs.push('It predicts no intervals: there were too few images to calibrate them.');
  } else {
    const on = adaptation?.recalibrated
      ? `the ${intervals.pooled.images} images that it was adapted to, each predicted by a correction that was fitted without it`
      : intervals.method === 'split'
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

const adaptedParts: Readonly<Record<ManifestAdaptation['method'], string>> = {
  none: 'predictions are those of that model',
  bias: 'an offset was added to the predictions of that model',
  slope: 'offset and slope of the predictions of that model were refitted',
  head: 'offset and slope of the predictions of that model were refitted, and a linear head on the features was added',
};

function adaptationText(adaptation: ManifestAdaptation, unit: string): string {
  const { method, images, before, after, widthFactor, recalibrated } = adaptation;
  const show = (value: number) => significant(value, 4);
  const percent = (share: number) => `${significant(100 * share, 3)} %`;
  const coverage =
    before.coverage90 === null || after.coverage90 === null
      ? ''
      : `, and the coverage of 90 % intervals from ${percent(before.coverage90)} to ${percent(after.coverage90)}`;
  const scale =
    recalibrated || widthFactor === 1 ? '' : ` \`scale\` is ${show(widthFactor)} times that of the model before.`;
  return (
    `Adapted to ${images} labeled images of another source than the training images: ${adaptedParts[method]}. On these images, each predicted by a correction ` +
    `that was fitted without it, RMSE changed from ${show(before.rmse)} to ${show(after.rmse)}${unit}, the mean error from ${show(before.bias)} to ` +
    `${show(after.bias)}${coverage}.${scale} For images like the training images the model before is the better one.`
  );
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
