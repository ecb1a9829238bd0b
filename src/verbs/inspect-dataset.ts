import { basename, resolve } from 'node:path';
import { mapAhead } from '../base/concurrency.js';
import { eyeballVersion } from '../base/environment.js';
import { expected, InputError, throwIfAborted, UsageError } from '../base/errors.js';
import { defaultCacheDir } from '../base/files.js';
import { option } from '../base/options.js';
import { checkOutside, createOutputFolder, type OutputFolder } from '../base/output-folder.js';
import { contextOf, type RunContext } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import { significant } from '../base/text.js';
import type { Dataset, Sample, Skipped } from '../datasets/dataset.js';
import { type OpenDatasetOptions, openDataset } from '../datasets/open-dataset.js';
import { histogram } from '../evaluation/groups.js';
import { contactSheetPng, thumbnail, withThumbnails } from '../images/contact-sheet.js';
import { decodeWithWarning, probeImage } from '../images/image.js';
import { type ImageWarning, reportWarnings } from '../images/image-format.js';
import { readSource } from '../images/read-source.js';
import { type LabelStatistics, labelStatistics } from '../metrics/statistics.js';
import { compareDatasets, type LeakedImages, leakedImages, PAIR_PX } from '../model/training-leaks.js';
import { inspectPage } from '../report/inspect-page.js';

/** Which data to look at. */
export interface InspectOptions extends RunContext, OpenDatasetOptions {
  /** Other labelled images, those to test on for example: which of them are among these. Default: none are compared. */
  readonly against?: string | undefined;
  /** Where facts of images are kept; only with `against`. Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** The folder of results: inspect.html and samples.png, and leakage.png with `against`. Default: none is written. */
  readonly out?: string | undefined;
  /** Start of the random choice of samples, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** True moves an existing `out` aside. Default false: that is an error. */
  readonly force?: boolean | undefined;
}

/** The keys of `inspect --json`. */
export interface InspectResult {
  /** Images that can be used. */
  readonly images: number;
  readonly skipped: readonly Skipped[];
  readonly labels: LabelStatistics;
  /** Images by label, from `from` (included) to `to` (excluded, but for the last). */
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly images: number }[];
  /** Sizes in pixels, the most frequent first. */
  readonly sizes: readonly { readonly width: number; readonly height: number; readonly images: number }[];
  readonly formats: readonly { readonly format: string; readonly images: number }[];
  /** Images without colour. */
  readonly grayscale: number;
  /** Images of `against` that are exact or near duplicates of these; absent without it. */
  readonly leakage?: LeakedImages;
  readonly out?: string;
}

const AHEAD = 16;
const GLANCE_PX = 16;
// Compression moves the colours of a gray image by one or two of 255.
const GRAY_SLACK = 3;
const SAMPLES = 40;

/**
 * Opens every image of a data set and says what is there: counts, labels, sizes, and what is broken and why.
 *
 * @throws InputError where the data cannot be used at all, or `out` exists; UsageError for `cacheDir` without `against`.
 *
 * @example
 * ```ts
 * import { inspectDataset } from 'eyeball-ml';
 *
 * const { images, labels, skipped } = await inspectDataset({ data: 'faces/train' });
 * console.log(`${images} images, labels from ${labels.min} to ${labels.max}`);
 * for (const { file, reason } of skipped) console.log(file, reason);
 * ```
 */
export async function inspectDataset(options: InspectOptions): Promise<InspectResult> {
  const { data, out, force = false, against, cacheDir = defaultCacheDir(), onMessage, signal } = options;
  if (options.cacheDir !== undefined && against === undefined)
    throw new UsageError(`${option('cacheDir')} has no effect without ${option('against')}; remove it`);
  if (out !== undefined) checkOutside(out, data);
  const folder = out === undefined ? undefined : await createOutputFolder(out, { force });
  try {
    const dataset = await openDataset(options);
    const test = await testDataset(options);
    const { usable, ...read } = await readImages(dataset, options);
    const labels = Float64Array.from(usable, sample => sample.label);
    const statistics = labelStatistics(labels);
    if (statistics.std === 0 && usable.length > 1)
      onMessage?.(`warning: every label is ${statistics.min}; a model can only predict that value`);
    const readable = { ...dataset, samples: usable };
    const leakage = test && (await compareDatasets(readable, test, cacheDir, contextOf(options)));
    const result: InspectResult = {
      images: usable.length,
      ...read,
      labels: statistics,
      histogram: histogram(labels),
      ...(leakage && { leakage }),
    };
    if (folder === undefined) return result;
    await writePage(folder, result, { dataset: readable, test, options });
    throwIfAborted(signal);
    const aside = await folder.commit();
    if (aside !== undefined) onMessage?.(`moved the older ${out} to ${aside}`);
    return { ...result, out: folder.path };
  } finally {
    await folder?.close();
  }
}

/** The data to compare with, in the form of the options; undefined without `against`. */
async function testDataset(options: InspectOptions): Promise<Dataset | undefined> {
  const { against, target, labelFrom, labelFromPath, skipMissing, decisions, limit, onMessage, signal } = options;
  if (against === undefined) return undefined;
  const form = { target, labelFrom, labelFromPath, skipMissing, decisions, limit };
  return await openDataset({ data: against, ...form, onMessage, signal });
}

interface ReadImages extends Pick<InspectResult, 'skipped' | 'sizes' | 'formats' | 'grayscale'> {
  /** The samples whose images can be read. */
  readonly usable: readonly Sample[];
}

/** Decodes every image. */
async function readImages(
  { root, samples, skipped: unlabeled }: Dataset,
  options: InspectOptions,
): Promise<ReadImages> {
  const usable: Sample[] = [];
  const warnings: { readonly warning: ImageWarning | undefined }[] = [];
  const skipped = [...unlabeled];
  const sizes = new Counter();
  const formats = new Counter();
  let grayscale = 0;
  let done = 0;
  const read = async (index: number) => {
    try {
      const bytes = await readSource(resolve(root, samples[index]!.file));
      const header = await probeImage(bytes);
      // Only decoding finds an image that ends early.
      const { pixels, warning } = await decodeWithWarning(bytes, { width: GLANCE_PX, height: GLANCE_PX });
      return { ...header, grayscale: isGray(pixels), warning };
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      return thrown.message;
    }
  };
  for await (const image of mapAhead(samples.length, AHEAD, read, options.signal)) {
    const sample = samples[done++]!;
    if (typeof image === 'string') skipped.push({ file: sample.file, reason: image });
    else {
      usable.push(sample);
      warnings.push({ warning: image.warning });
      sizes.count(`${image.width} ${image.height}`);
      formats.count(image.format);
      if (image.grayscale) grayscale++;
    }
    options.onProgress?.({ phase: 'looking at images', done, total: samples.length, unit: 'images' });
  }
  if (usable.length === 0) {
    const last = skipped.at(-1)!;
    const got = `none of ${samples.length}; ${last.file}: ${last.reason}`;
    throw new InputError(expected(options.data, 'at least one image that can be read', got));
  }
  reportWarnings(usable, warnings, options.onMessage);
  return {
    usable,
    skipped,
    sizes: sizes.entries().map(([size, images]) => {
      const [width, height] = size.split(' ').map(Number) as [number, number];
      return { width, height, images };
    }),
    formats: formats.entries().map(([format, images]) => ({ format, images })),
    grayscale,
  };
}

/** What the page is of. */
interface Inspected {
  /** Its images can be read. */
  readonly dataset: Dataset;
  readonly test: Dataset | undefined;
  readonly options: InspectOptions;
}

/** Writes the page and its contact sheets. */
async function writePage(folder: OutputFolder, result: InspectResult, inspected: Inspected): Promise<void> {
  const { dataset, test, options } = inspected;
  const { root, samples, target } = dataset;
  const { seed = 0 } = options;
  const chosen = createRandom(seed, 'samples').shuffle(samples).slice(0, SAMPLES);
  const shown = chosen.toSorted((a, b) => a.label - b.label);
  const pathOf = (file: string) => resolve(root, file);
  const tiles = shown.map(({ file, label }) => ({ path: pathOf(file), caption: `${label}` }));
  const title = `${shown.length} of ${samples.length} images`;
  const legend = `drawn at random, in the order of their ${target}`;
  await folder.write('samples.png', await contactSheetPng(tiles, { title, legend }));
  const { leakage } = result;
  if (test !== undefined && leakage !== undefined && leakage.pairs.length > 0)
    await folder.write('leakage.png', await leakageSheet(leakage, root, test.root));
  const ofTest = (file: string) => resolve(test!.root, file);
  const page = inspectPage({
    title: basename(resolve(options.data)),
    target,
    ...result,
    samples: await withThumbnails(shown, pathOf),
    leakedImages:
      leakage === undefined ? [] : await leakedImages(leakage, ofTest, file => thumbnail(pathOf(file), PAIR_PX)),
    made: [
      ['data', options.data],
      ['samples drawn with seed', seed],
      ['eyeball', eyeballVersion()],
    ],
  });
  await folder.write('inspect.html', page);
}

/** The pairs of images side by side, the test image first: at most forty of them. */
function leakageSheet({ pairs }: LeakedImages, root: string, testRoot: string): Promise<Buffer> {
  const short = (value: number) => significant(value, 3);
  const tiles = pairs.slice(0, SAMPLES).flatMap(({ file, training, kind, label, trainingLabel }) => {
    const tone = label === trainingLabel ? 'plain' : 'bad';
    return [
      { path: resolve(testRoot, file), caption: `test ${short(label)}, ${kind}`, tone },
      { path: resolve(root, training), caption: short(trainingLabel), tone },
    ] as const;
  });
  return contactSheetPng(tiles, {
    columns: Math.min(8, tiles.length),
    title: 'Test images that repeat training images',
    legend: 'pairs: the test image with its label, then the training image with its own; red: the labels differ',
  });
}

/** True where no pixel `[r, g, b]` has a colour, however the file stores it. */
function isGray(pixels: Uint8Array): boolean {
  for (let i = 0; i < pixels.length; i += 3) {
    const [r, g, b] = [pixels[i]!, pixels[i + 1]!, pixels[i + 2]!];
    if (Math.max(r, g, b) - Math.min(r, g, b) > GRAY_SLACK) return false;
  }
  return true;
}

/** Counts by name, the most frequent first. */
class Counter {
  private readonly counts = new Map<string, number>();

  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  entries(): [name: string, count: number][] {
    return [...this.counts].sort((a, b) => b[1] - a[1]);
  }
}
