import type { Evaluation } from '../evaluation/evaluate.js';
import { type Format, formatCount, formatPercent, plural } from './format.js';
import { html, imageUri, type Markup } from './html.js';
import { section, table } from './parts.js';

/** The test images that the model was trained on. */
export interface LeakageFigures {
  readonly exact: number;
  readonly near: number;
  readonly images: number;
  /** The errors without them; null if no image is left. */
  readonly reduced: { readonly images: number; readonly rmse: number | null; readonly mae: number | null };
  readonly pairs: readonly {
    readonly file: string;
    readonly training: string;
    readonly kind: 'exact' | 'near';
    readonly similarity: number;
    readonly by: 'content' | 'pixels' | 'descriptors';
    readonly label: number;
    readonly trainingLabel: number;
  }[];
}

/** An image and the training image that it repeats, with thumbnails as data URIs. */
export interface LeakedImage {
  readonly file: string;
  readonly training: string;
  readonly similarity: number;
  readonly label: number;
  readonly trainingLabel: number;
  readonly dataUri: string;
  /** Absent if the training image is missing or has changed. */
  readonly trainingUri?: string | undefined;
}

/** Pairs listed by name; the rest is counted. */
const MAX_PAIRS = 50;

/** The errors with and without test images that repeat training images, and a list of these; empty if unknown. */
export function leakageSection(
  leakage: LeakageFigures | undefined,
  leaked: readonly LeakedImage[],
  evaluation: Evaluation,
  format: Format,
): Markup | '' {
  if (leakage === undefined) return '';
  const { exact, near, images, reduced, pairs } = leakage;
  const title = 'Test images in the training data';
  if (exact + near === 0) {
    return section(title, `None of ${plural(images, 'image')} is, or shows the same photo as, a training image.`, '');
  }
  const figure = (value: number | null) => (value === null ? '–' : format.figure(value));
  const row = (name: string, count: number, errors: { rmse: number | null; mae: number | null }) => html`
<tr><th scope="row">${name}</th><td>${formatCount(count)}</td><td>${figure(errors.rmse)}</td><td>${figure(errors.mae)}</td></tr>`;
  const share = formatPercent((exact + near) / images);
  const note = `${plural(exact + near, 'image')} of ${formatCount(images)} (${share}): ${formatCount(exact)} the same file as a training image, ${formatCount(near)} the same photo, compressed again, resized, mirrored or cropped. Errors on training images are too optimistic.`;
  const shown = pairs.slice(0, MAX_PAIRS);
  return section(title, note, [
    table(
      'Errors with and without training images',
      html`<th scope="col">Images</th><th scope="col">Count</th><th scope="col">RMSE</th><th scope="col">MAE</th>`,
      [row('All', evaluation.images, evaluation), row('Without training images', reduced.images, reduced)],
    ),
    leakedPairs(leaked, format),
    html`<div class="files">${table(
      title,
      html`<th scope="col">Image</th><th scope="col" class="text">Training image</th><th scope="col" class="text">Found by</th><th scope="col">Similarity</th><th scope="col">True</th><th scope="col">In training</th>`,
      shown.map(
        ({ file, training, by, similarity, label, trainingLabel }) => html`
<tr><th scope="row">${file}</th><td class="text">${training}</td><td class="text">${by}</td><td>${similarityText(similarity)}</td><td>${format.label(label)}</td><td>${format.label(trainingLabel)}</td></tr>`,
      ),
    )}</div>
${pairs.length > shown.length && html`<p class="note">and ${formatCount(pairs.length - shown.length)} more</p>`}`,
  ]);
}

/** Images beside the training images that they repeat, with both labels and their similarity; empty without any. */
export function leakedPairs(images: readonly LeakedImage[], format: Format): Markup | '' {
  if (images.length === 0) return '';
  const side = (uri: string | undefined, alt: string) =>
    uri === undefined ? html`<span class="gone"></span>` : html`<img src="${imageUri(uri)}" alt="${alt}">`;
  return html`<ul class="images twins">${images.map(
    ({ file, training, similarity, label, trainingLabel, dataUri, trainingUri }) => html`
<li><figure><div class="sides">${side(dataUri, `test image ${file}`)}${side(trainingUri, `training image ${training}`)}</div><figcaption><span class="pair"><span>test ${format.label(label)}</span><span>training ${format.label(trainingLabel)}</span></span><span class="off">similarity ${similarityText(similarity)}</span><span class="file" title="${file}">${file}</span><span class="file" title="${training}">${training}</span></figcaption></figure></li>`,
  )}
</ul>`;
}

// Copies differ in the third decimal.
const similarityText = (similarity: number) => similarity.toFixed(3);
