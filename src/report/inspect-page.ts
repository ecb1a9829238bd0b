import type { Skipped } from '../datasets/dataset.js';
import type { HistogramBin } from '../evaluation/groups.js';
import { type Format, formatCount, formatFor, formatPercent, plural } from './format.js';
import { html, type Markup } from './html.js';
import { type LeakedImage, leakedPairs } from './leakage-section.js';
import { page } from './page.js';
import {
  barCell,
  imageGrid,
  type MadeBy,
  madeSection,
  plotFigure,
  section,
  skippedSection,
  statTiles,
  table,
} from './parts.js';
import { labelHistogramPlot, type Target } from './plots.js';

/** An image with its label. */
export interface LabeledImage {
  readonly file: string;
  readonly label: number;
  /** A thumbnail as a data URI. */
  readonly dataUri: string;
}

export interface InspectPageOptions extends Target {
  /** The heading: the dataset's name. */
  readonly title: string;
  /** Number of usable images. */
  readonly images: number;
  /** Unusable files, with reasons. */
  readonly skipped: readonly Skipped[];
  readonly labels: { readonly min: number; readonly max: number; readonly mean: number; readonly std: number };
  readonly histogram: readonly HistogramBin[];
  /** Sizes in pixels with their counts, in any order. */
  readonly sizes: readonly { readonly width: number; readonly height: number; readonly images: number }[];
  /** File formats (`jpeg`) with their counts, in any order. */
  readonly formats: readonly { readonly format: string; readonly images: number }[];
  /** Images without color. */
  readonly grayscale: number;
  readonly samples: readonly LabeledImage[];
  /** The number of test images that repeat some of these; absent if no test data was compared. */
  readonly leakage?: { readonly exact: number; readonly near: number; readonly images: number } | undefined;
  /** The first of them with the images that they repeat. */
  readonly leakedImages?: readonly LeakedImage[];
  readonly made: MadeBy;
}

/** Sizes listed one by one; the rest is counted. */
const MAX_SIZES = 6;

/** The HTML page of a dataset: counts, distribution of its labels, samples, repeated images and unusable files. */
export function inspectPage(options: InspectPageOptions): string {
  const { title, target, images, skipped, labels, samples, made } = options;
  const format = formatFor(labels.std, options.unit);
  const shown = samples.map(({ dataUri, file, label }) => ({
    dataUri,
    file,
    alt: `${file}: ${target} ${format.label(label)}`,
    caption: html`<span class="off">${format.label(label)}</span>`,
  }));
  return page({
    title,
    kind: 'Dataset',
    lead: `${plural(images, 'image')} labeled with ${target}`,
    main: [
      contents(options, format),
      distribution(options),
      samples.length > 0 && section('Samples', 'Do the labels match the images?', imageGrid(shown)),
      repeated(options, format),
      skippedSection('Broken and unlabeled files', skipped),
      madeSection(made),
    ],
  });
}

function contents({ target, unit, images, skipped, labels, grayscale }: InspectPageOptions, format: Format): Markup {
  return section(
    'Contents',
    '',
    statTiles([
      {
        name: 'Images',
        value: formatCount(images),
        notes: [skipped.length === 0 ? 'none skipped' : `${formatCount(skipped.length)} skipped`],
      },
      {
        name: `Mean ${target}`,
        value: format.figure(labels.mean),
        unit,
        notes: [`standard deviation ${format.figure(labels.std)}`],
      },
      {
        name: `Range of ${target}`,
        value: `${format.label(labels.min)} \u2013 ${format.label(labels.max)}`,
        unit,
        notes: ['lowest to highest'],
      },
      {
        name: 'Grayscale',
        value: formatPercent(grayscale / Math.max(images, 1)),
        notes: [plural(grayscale, 'image')],
      },
    ]),
  );
}

function repeated({ leakage, leakedImages = [] }: InspectPageOptions, format: Format): Markup | '' {
  if (leakage === undefined) return '';
  const { exact, near, images } = leakage;
  const title = 'Test images among these';
  if (exact + near === 0) return section(title, `None of ${plural(images, 'test image')} repeats one of these.`, '');
  const note = `${formatCount(exact + near)} of ${plural(images, 'test image')}: ${formatCount(exact)} the same file as one of these, ${formatCount(near)} the same photo, compressed again, resized, mirrored or cropped.`;
  return section(title, note, leakedPairs(leakedImages, format));
}

function distribution({ target, unit, images, histogram, sizes, formats }: InspectPageOptions): Markup {
  return section(
    'Labels and files',
    '',
    html`<div class="plots">
${
  histogram.length > 0 &&
  plotFigure(
    labelHistogramPlot(histogram, { target, unit }),
    `Images by ${target}`,
    'A model learns little where images are few.',
  )
}<div class="stack">
${sizeTable(sizes, images)}
${formatTable(formats, images)}
</div></div>`,
  );
}

function sizeTable(sizes: InspectPageOptions['sizes'], images: number): Markup {
  const ordered = sizes.toSorted((a, b) => b.images - a.images || a.width - b.width || a.height - b.height);
  const rows = ordered
    .slice(0, MAX_SIZES)
    .map(size => ({ name: `${size.width} \u00d7 ${size.height}`, images: size.images }));
  const rest = ordered.slice(MAX_SIZES);
  if (rest.length > 0) {
    rows.push({ name: plural(rest.length, 'other size'), images: rest.reduce((sum, size) => sum + size.images, 0) });
  }
  return countTable('Size in pixels', rows, images);
}

function formatTable(formats: InspectPageOptions['formats'], images: number): Markup {
  const ordered = formats.toSorted((a, b) => b.images - a.images || (a.format < b.format ? -1 : 1));
  return countTable(
    'Format',
    ordered.map(({ format, images }) => ({ name: format.toUpperCase(), images })),
    images,
  );
}

function countTable(name: string, rows: readonly { name: string; images: number }[], images: number): Markup {
  return table(
    name,
    html`<th scope="col">${name}</th><th scope="col">Images</th><th scope="col">Share</th><td class="bar"></td>`,
    rows.map(
      row => html`
<tr><th scope="row">${row.name}</th><td>${formatCount(row.images)}</td><td>${formatPercent(row.images / Math.max(images, 1))}</td>${barCell(row.images / Math.max(images, 1))}</tr>`,
    ),
  );
}
