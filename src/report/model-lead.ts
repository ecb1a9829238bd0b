import { significant } from '../base/text.js';
import type { Manifest } from '../formats/manifest.js';

/** What a model does, in one or two sentences: what it names, from how many images it learnt, and how far off it was on others. */
export function modelLead({ target, dataset, metrics }: Manifest): string {
  const parts = [
    `Names ${target.name}${target.unit === null ? '' : ` in ${target.unit}`}, learnt from ${dataset.images} images.`,
  ];
  const { validation } = metrics;
  if (validation !== null) parts.push(`RMSE ${significant(validation.rmse, 3)} on ${validation.images} held out.`);
  return parts.join(' ');
}
