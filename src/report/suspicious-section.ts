import { SUSPICIOUS_LEVEL, type SuspiciousLabel } from '../evaluation/suspicious-labels.js';
import { type Format, formatCount, formatPercent, plural } from './format.js';
import { html, type Markup } from './html.js';
import { imageGrid, section } from './parts.js';

/** A suspicious label with a thumbnail of its image as a data URI. */
export type SuspiciousImage = SuspiciousLabel & { readonly dataUri: string };

/** The images with suspicious labels; empty without any. */
export function suspiciousSection(
  shown: readonly SuspiciousImage[],
  count: number,
  images: number,
  target: string,
  format: Format,
): Markup | '' {
  if (shown.length === 0) return '';
  const expected = Math.round((1 - SUSPICIOUS_LEVEL) * images);
  const note =
    `${plural(count, 'label')} of ${formatCount(images)} ${count === 1 ? 'lies' : 'lie'} outside the ${formatPercent(SUSPICIOUS_LEVEL)} interval of the prediction; ` +
    `about ${formatCount(expected)} correct ${expected === 1 ? 'label' : 'labels'} would. Check these labels, or search the whole dataset with npx eyeball-ml clean.`;
  const suspects = shown.map(({ dataUri, file, label, value, low, high }) => ({
    dataUri,
    file,
    alt: `${file}: labeled ${target} ${format.label(label)}, predicted ${format.prediction(value)}`,
    caption: html`<span class="pair"><span>label</span><span class="off">${format.label(label)}</span></span>predicted ${format.prediction(value)}, 99 %: ${format.prediction(low)} to ${format.prediction(high)}`,
  }));
  return section('Suspicious labels', note, imageGrid(suspects, 'bad'));
}
