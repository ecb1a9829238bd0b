import { significant } from '../base/text.js';
import { isClamped, rangeText } from '../base/value-range.js';
import { type Manifest, type ManifestIntervals, valueRangeOf } from '../formats/manifest.js';

/** What is known of the doubt of a model's answers, for its card; a paragraph a line. */
export function limitsOf({ target, intervals, biasCorrection, configuration }: Manifest): string[] {
  const range = valueRangeOf({ configuration });
  const unit = target.unit === null ? '' : ` ${target.unit}`;
  const paragraphs: string[] = [];
  if (intervals === undefined) {
    paragraphs.push('It gives no intervals: images were too few to calibrate them.');
  } else {
    const on =
      intervals.method === 'split'
        ? `${intervals.pooled.images} images held out of training`
        : `${intervals.pooled.images} images, each predicted by one of ${intervals.folds} heads that were fitted without it; the head that was kept ` +
          'saw more images, so they are rather too wide than too narrow';
    paragraphs.push(
      `With each number comes an interval, made from \`scale\`, float32 \`[N]\`, and calibrated (conformal) on ${on}. It holds the share of true numbers ` +
        'that was asked for, 90 % by default, as long as images are of the kind that it was trained on' +
        `${intervals.groups.length > 1 ? `, in each of ${intervals.groups.length} ranges of true numbers` : ''}.`,
      unusualLimitsText(intervals.unusual),
    );
  }
  if (isClamped(range)) {
    paragraphs.push(
      `Values and the ends of intervals are clamped: each is ${rangeText(range)}${unit}. \`unclamped\`, float32 \`[N]\`, is the value before that.`,
    );
  }
  if (intervals !== undefined) {
    const { low, high } = intervals.ends;
    paragraphs.push(`No interval reaches below ${significant(low, 4)} or above ${significant(high, 4)}${unit}.`);
  }
  if (biasCorrection !== undefined) {
    const { slope, images, before, after } = biasCorrection;
    paragraphs.push(
      `Regression to the mean was corrected: on ${images} held-out images predictions rose by ${significant(slope, 4)} for each 1 of truth, and were stretched by ` +
        `that. The price there: RMSE ${significant(before.rmse, 4)} to ${significant(after.rmse, 4)}${unit}, MAE ${significant(before.mae, 4)} to ${significant(after.mae, 4)}${unit}.`,
    );
  } else if (configuration.solver !== undefined || configuration.tune !== undefined) {
    paragraphs.push(
      'Its answers shrink to the mean, as those of every such model: high numbers come out too low, low ones too high.',
    );
  }
  return paragraphs;
}

function unusualLimitsText({ stage, distance, far, activation, faint, share }: ManifestIntervals['unusual']): string {
  const output = stage === null ? '`distance`' : '`unlikeness`';
  const show = (value: number) => significant(value, 4);
  return (
    `An image is unusual where ${output} is above ${show(distance)}, or \`activation\` below ${show(faint)}. It is another kind of image where ` +
    `${output} is above ${show(far)} or \`activation\` below ${show(activation)}: do not rely on its value; else it is from another source than ` +
    `the training images, and errors may be larger than stated. At most ${show(100 * share)} % of images like the training images are unusual.`
  );
}
