import { SUSPECT_LEVEL, type Suspect } from '../evaluation/suspects.js';
import { type Format, formatCount, formatPercent, plural } from './format.js';
import { html, type Markup } from './html.js';
import { pictureGrid, section } from './parts.js';

/** A suspicious label with a small version of its picture as a data URI. */
export type SuspectPicture = Suspect & { readonly dataUri: string };

/** Pictures whose labels are suspicious, those that are shown and how many there are; nothing where there are none. */
export function suspectsSection(
  shown: readonly SuspectPicture[],
  count: number,
  images: number,
  target: string,
  format: Format,
): Markup | '' {
  if (shown.length === 0) return '';
  const expected = Math.round((1 - SUSPECT_LEVEL) * images);
  const note =
    `${plural(count, 'label')} of ${formatCount(images)} ${count === 1 ? 'lies' : 'lie'} outside of the interval that holds ${formatPercent(SUSPECT_LEVEL)}; ` +
    `of right ones about ${formatCount(expected)} would. Look whether these are right, or let eyeball clean look through the data.`;
  const pictures = shown.map(({ dataUri, file, label, value, low, high }) => ({
    dataUri,
    file,
    alt: `${file}: labelled ${target} ${format.label(label)}, predicted ${format.prediction(value)}`,
    caption: html`<span class="pair"><span>label</span><span class="off">${format.label(label)}</span></span>predicted ${format.prediction(value)}, 99 %: ${format.prediction(low)} to ${format.prediction(high)}`,
  }));
  return section('Suspicious labels', note, pictureGrid(pictures, 'bad'));
}
