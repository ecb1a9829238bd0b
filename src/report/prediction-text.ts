import { significant } from '../base/text.js';
import type { Manifest } from '../formats/manifest.js';
import { DRAWS } from '../model/deletion.js';
import type { ExplainMethod, Explanation } from '../model/explain.js';
import type { UnusualGrade } from '../uncertainty/unusual.js';

import { type Format, unitSuffix } from './format.js';

/** The warning for an unusual image. */
export function unusualText(grade?: UnusualGrade): string {
  return grade === 'source'
    ? 'unusual: from another source than the training images; errors may be larger than stated'
    : 'unusual: another kind of image than the training images; do not rely on this';
}

/** The level, above 0 and below 1, from the text of a percent field; undefined if it is invalid. */
export function levelIn(text: string): number | undefined {
  const percent = Number(text.trim().replace(/\s*%$/, ''));
  return text.trim() !== '' && percent > 0 && percent < 100 ? percent / 100 : undefined;
}

/** The valid levels of a percent field. */
export const LEVEL_RANGE = 'a percentage above 0 and below 100';

/** The message below a percent field with an invalid level. */
export function levelRefusal(text: string, inForce: number): string {
  const got = text.trim() === '' ? '' : `, not ${text.trim()}`;
  return `Intervals need ${LEVEL_RANGE}${got}. ${levelText(inForce)} stays in force.`;
}

/** `90 %`, `99.5 %`. */
export function levelText(level: number): string {
  return `${significant(100 * level, 6)} %`;
}

/** The interval of a prediction with its level: `30.1 to 52.4 (90 %)`; undefined if the model has none. */
export function intervalText(
  { low, high }: { readonly low?: number | null; readonly high?: number | null },
  level: number,
  format: Pick<Format, 'prediction'>,
): string | undefined {
  if (low === undefined || high === undefined) return undefined;
  if (low === null || high === null)
    return `No interval of ${levelText(level)}: the model was calibrated on too few images for it.`;
  return `${format.prediction(low)} to ${format.prediction(high)} (${levelText(level)})`;
}

/** A model in one or two sentences: its target, the number of training images and the validation error. */
export function modelLead({ target, dataset, metrics }: Manifest): string {
  const parts = [
    `Predicts ${target.name}${target.unit === null ? '' : ` in ${target.unit}`}, trained on ${dataset.images} images.`,
  ];
  const { validation } = metrics;
  if (validation !== null)
    parts.push(`RMSE ${significant(validation.rmse, 3)} on ${validation.images} held-out images.`);
  return parts.join(' ');
}

const methods: Readonly<Record<ExplainMethod, string>> = {
  cam: 'Class activation map',
  gradient: 'Gradient times activation',
  occlusion: 'Occlusion',
};

/** The caption of an explanation: the prediction, the method and the result of the deletion test. */
export function explanationCaption(
  explanation: Pick<Explanation, 'value' | 'unclamped' | 'baseline' | 'method' | 'faithfulness'>,
  { target }: { readonly target: { readonly name: string; readonly unit: string | null } },
): { readonly title: string; readonly note: string } {
  const { value, unclamped, baseline, method, faithfulness } = explanation;
  const { ratio, beats } = faithfulness;
  const show = (number: number) => `${significant(number, 4)}${unitSuffix(target.unit ?? undefined)}`;
  const test =
    ratio === null
      ? 'Faithfulness unknown: blurring a random tenth of the image does not change the prediction.'
      : `Faithfulness: blurring the most strongly marked tenth of the image changes the prediction ${ratio.toFixed(1)} times as much as blurring a random tenth, and ` +
        `more than ${Math.round(beats * DRAWS)} of ${DRAWS} random draws.`;
  const before = unclamped === undefined ? '' : ` Before clamping the prediction is ${show(unclamped)}.`;
  return {
    title: `${target.name} ${show(value)}`,
    note: `${methods[method]}, compared with the blurred image (${show(baseline)}).${before} ${test}`,
  };
}
