import { significant } from '../base/text.js';
import type { Manifest } from '../formats/manifest.js';

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
