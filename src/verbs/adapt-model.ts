import { runConcurrently } from '../base/concurrency.js';
import type { DeviceOptions } from '../base/device.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import { defaultCacheDir } from '../base/files.js';
import { checkOutside, createOutputFolder } from '../base/output-folder.js';
import { step } from '../base/profile.js';
import { contextOf, type RunContext, stagesOf } from '../base/progress.js';
import { clamped } from '../base/value-range.js';
import type { Dataset, Skipped } from '../datasets/dataset.js';
import { type OpenDatasetOptions, openDataset } from '../datasets/open-dataset.js';
import { folds } from '../datasets/split.js';
import { copiesFor } from '../engine/runtime/session.js';
import { unlikeWarning } from '../evaluation/warnings.js';
import { type Manifest, type ManifestAdaptation, valueRangeOf } from '../formats/manifest.js';
import { inputOf } from '../formats/resize.js';
import { reportWarnings } from '../images/image-format.js';
import { readsForTwo } from '../images/shared-reads.js';
import { meanAbsoluteError, meanBias, rootMeanSquaredError } from '../metrics/regression.js';
import { extent, standardDeviation } from '../metrics/statistics.js';
import { type Outputs, outputsAt, outputsOf, unlikeOf } from '../model/all-outputs.js';
import { cropDataset } from '../model/crop-dataset.js';
import { noAlignmentError } from '../model/crop-faces.js';
import { loadModel } from '../model/model.js';
import { checkOrder, modelFolder } from '../model/model-files.js';
import { saveAdapted } from '../model/save-adapted.js';
import { findTrainingLeaks, indexOfModel } from '../model/training-leaks.js';
import { groupSamples } from '../similarity/group-samples.js';
import { type FactsList, factsAt } from '../similarity/image-facts.js';
import { TRAINING_INDEX, type TrainingIndex } from '../similarity/training-index.js';
import {
  type AdaptationMethod,
  type AdaptationRows,
  type Attempt,
  type Correction,
  chooseAdaptation,
  fitCorrection,
} from '../uncertainty/adapt-values.js';
import {
  coverageOf,
  crossCoverage,
  type Recalibrated,
  recalibrate,
  widenedUnusual,
} from '../uncertainty/recalibrate.js';
import type { UnusualGrade } from '../uncertainty/unusual.js';

/** Which model to adapt, and to which images. */
export interface AdaptOptions extends RunContext, OpenDatasetOptions, DeviceOptions {
  /** The model's folder, or the `model.onnx` in it. */
  readonly model: string;
  /** The folder to make; the model itself is not changed. */
  readonly out: string;
  /** True takes the largest face of each image, cropped as the model knows faces, in its place. Default false. */
  readonly faces?: boolean | undefined;
  /** Start of the random numbers of the folds, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** Where facts of images are kept. Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** True moves an existing `out` aside. Default false: that is an error. */
  readonly force?: boolean | undefined;
}

/** What adapting came to; the keys of `adapt --json`. */
export interface AdaptResult {
  /** Images that it was adapted to. */
  readonly images: number;
  readonly skipped: readonly Skipped[];
  /** Images left out, since the model was trained on them or on copies of them. */
  readonly leaked: number;
  /** What was refitted. */
  readonly method: AdaptationMethod;
  /** Folds of the cross-validation. */
  readonly folds: number;
  /** Predictions become `intercept + slope * value`; with the method `head`, a linear head on the features is added. */
  readonly intercept: number;
  readonly slope: number;
  /** The factor of the scale of all intervals; 1 where they were calibrated anew. */
  readonly widthFactor: number;
  /** Whether the intervals were calibrated anew on the images, as by 200 or more. */
  readonly recalibrated: boolean;
  /** Cross-validated RMSE of each method that was tried. */
  readonly tried: readonly { readonly method: AdaptationMethod; readonly rmse: number }[];
  /** Errors of the model on the images. */
  readonly before: ManifestAdaptation['before'];
  /** Errors of adapted models that were fitted without the images that they predict. */
  readonly after: ManifestAdaptation['after'];
  /** How many of the images are unlike the training images. */
  readonly unlike: Readonly<Record<UnusualGrade, number>>;
  readonly totalSeconds: number;
  /** The folder of the model. */
  readonly model: string;
}

/** Fewer images cannot give intervals of 90 %. */
const FEWEST_IMAGES = 10;
const FOLDS = 10;

/**
 * Adapts a model to images of another source by few labeled ones: it refits offset and slope of the predictions, with 100 images or more
 * also a linear head on the features, as far as cross-validation shows a gain, and the width of the intervals. It writes a new model, whose
 * network is the old one with the correction behind it.
 *
 * @throws InputError for fewer than 10 images, labels that are all equal or none of which is among those of the training, or a folder that
 * is no model, or exists.
 *
 * @example
 * ```ts
 * import { adaptModel } from 'eyeball-ml';
 *
 * const { before, after, method } = await adaptModel({ model: 'age', data: 'new-images', out: 'age-new' });
 * console.log(`${method}: RMSE ${before.rmse}, then ${after.rmse}`);
 * ```
 */
export async function adaptModel(options: AdaptOptions): Promise<AdaptResult> {
  const startedMs = performance.now();
  checkOrder(options.model, options.data, 'DATA');
  const { out, force = false, seed = 0, onMessage, signal } = options;
  const home = modelFolder(options.model);
  checkOutside(out, home);
  checkOutside(out, options.data);
  const folder = await createOutputFolder(out, { force });
  const closing: (() => Promise<void>)[] = [];
  try {
    const stage = stagesOf(options, 2);
    const measured = await measure(home, options, stage(1), closing);
    const adapted = await adapt(measured, seed, stage(2));
    const seconds = (performance.now() - startedMs) / 1000;
    const { manifest, index, dataset, facts, rows, outputs } = measured;
    const { correction, adaptation } = adapted;
    const intervals = intervalsOf(manifest, outputs, adapted.recalibrated);
    const kept = { manifest, index, dataset, facts, features: rows.features };
    await saveAdapted(folder, { home, ...kept, correction, adaptation, intervals, totalSeconds: seconds });
    throwIfAborted(signal);
    const aside = await folder.commit();
    if (aside !== undefined) onMessage?.(`moved the older ${out} to ${aside}`);
    const { images, ...about } = adaptation;
    return {
      images,
      skipped: measured.skipped,
      leaked: measured.leaked,
      ...about,
      tried: adapted.tried,
      unlike: measured.unlike,
      totalSeconds: (performance.now() - startedMs) / 1000,
      model: out,
    };
  } finally {
    for (const close of closing) await close();
    await folder.close();
  }
}

/** The labeled images as the model predicts them, those that it was trained on left out. */
interface Measured {
  readonly manifest: Manifest;
  readonly index: TrainingIndex | undefined;
  readonly dataset: Dataset;
  readonly skipped: readonly Skipped[];
  readonly leaked: number;
  /** Of the images that are left: all `[N]`. */
  readonly rows: AdaptationRows;
  /** The outputs `value` and, of models with intervals, the others. */
  readonly outputs: Outputs;
  readonly groups: readonly number[];
  readonly facts: FactsList;
  readonly unlike: Readonly<Record<UnusualGrade, number>>;
}

async function measure(
  home: string,
  options: AdaptOptions,
  context: RunContext,
  closing: (() => Promise<void>)[],
): Promise<Measured> {
  const { profile, onMessage, cacheDir = defaultCacheDir() } = options;
  const model = await step(profile, 'model', () =>
    loadModel(home, { copies: copiesFor(Number.POSITIVE_INFINITY), device: options.device, onMessage }),
  );
  try {
    const { manifest } = model;
    const opened = await datasetOf(manifest, options);
    checkLabels(options.data, opened, manifest);
    const index = await indexOfModel(home, manifest);
    if (index === undefined)
      onMessage?.(`warning: ${home} has no ${TRAINING_INDEX}; images that it was trained on are not looked for`);
    const read = readsForTwo();
    const predicted = (own: RunContext) => step(profile, 'predictions', () => outputsOf(model, opened, own, read));
    const compared = async (own: RunContext) => {
      const all = await groupSamples(opened, cacheDir, own, read);
      closing.push(() => all.close());
      return { all, leaks: index === undefined ? [] : await findTrainingLeaks(home, index, opened, all.facts, own) };
    };
    const [{ outputs, positions, skipped }, { all, leaks }] = await runConcurrently(
      context,
      predicted,
      'training images',
      compared,
    );
    reportWarnings(opened.samples, all.facts, onMessage);
    const known = new Set(leaks.map(({ test }) => test));
    const kept = positions.flatMap((position, row) => (known.has(position) ? [] : [row]));
    const leaked = positions.length - kept.length;
    checkEnough(options.data, kept.length, leaked);
    if (leaked > 0)
      onMessage?.(
        `left out ${leaked} of ${positions.length} images: the model was trained on them, or on copies of them`,
      );
    const places = kept.map(row => positions[row]!);
    const own = outputsAt(outputs, kept);
    const samples = places.map(place => opened.samples[place]!);
    const rows: AdaptationRows = {
      labels: Float64Array.from(samples, ({ label }) => label),
      value: own.unclamped ?? own.value,
      features: own.features,
    };
    const unlike = unlikeOf(manifest, own);
    if (unlike.kind > kept.length / 2) onMessage?.(`warning: ${unlikeWarning(unlike, kept.length)}`);
    return {
      manifest,
      index,
      dataset: { ...opened, samples },
      skipped: [...opened.skipped, ...skipped],
      leaked,
      rows,
      outputs: own,
      groups: places.map(place => all.groups[place]!),
      facts: factsAt(all.facts, places),
      unlike,
    };
  } finally {
    await model.close();
  }
}

async function datasetOf(manifest: Manifest, options: AdaptOptions): Promise<Dataset> {
  const { data, labelFrom, labelFromPath, skipMissing, decisions, limit, onMessage, signal, profile } = options;
  const { name } = manifest.target;
  const target = options.target ?? (name === 'value' ? undefined : name);
  const opened = await step(profile, 'listing', () =>
    openDataset({ data, target, labelFrom, labelFromPath, skipMissing, decisions, limit, onMessage, signal }),
  );
  const { framing, input } = manifest;
  if (!options.faces) return opened;
  if (framing === undefined) throw noAlignmentError(options.model);
  return await cropDataset(opened, framing, inputOf(input), options.cacheDir ?? defaultCacheDir(), contextOf(options));
}

/** @throws InputError for labels that cannot be of the model's target. */
function checkLabels(data: string, { samples }: Dataset, manifest: Manifest): void {
  checkEnough(data, samples.length, 0);
  const labels = samples.map(({ label }) => label);
  if (standardDeviation(labels) === 0)
    throw new InputError(expected(data, 'labels that differ', `${labels[0]} for every image`, 'add other images'));
  const { min, max } = manifest.dataset.labels;
  const own = extent(labels);
  const limits = valueRangeOf(manifest);
  const where = `labels of ${manifest.target.name}${manifest.target.unit === null ? '' : ` in ${manifest.target.unit}`}`;
  const got = `labels from ${own.min} to ${own.max}`;
  if (own.min < limits.min || own.max > limits.max)
    throw new InputError(
      expected(data, `${where} within the limits of the model, ${limits.min} to ${limits.max}`, got, 'mend the labels'),
    );
  if (own.min > max || own.max < min)
    throw new InputError(
      expected(data, `${where}, some of them from ${min} to ${max} as in the training`, got, 'check their unit'),
    );
}

function checkEnough(data: string, images: number, leaked: number): void {
  if (images >= FEWEST_IMAGES) return;
  const got = leaked === 0 ? `${images}` : `${images} beside ${leaked} that the model was trained on`;
  throw new InputError(
    expected(data, `at least ${FEWEST_IMAGES} labeled images that can be read`, got, 'label more; 50 are a good start'),
  );
}

/** What was fitted. */
interface Adapted {
  readonly correction: Correction;
  readonly recalibrated: Recalibrated | undefined;
  readonly adaptation: ManifestAdaptation;
  readonly tried: AdaptResult['tried'];
}

async function adapt(
  { manifest, rows, outputs, groups }: Measured,
  seed: number,
  context: RunContext,
): Promise<Adapted> {
  const { labels } = rows;
  const range = valueRangeOf(manifest);
  const parts = folds(labels, Math.max(2, Math.min(FOLDS, new Set(groups).size)), groups, seed);
  const { best, tried } = await chooseAdaptation(rows, parts, value => clamped(value, range), context);
  const correction = await fitCorrection(rows, [...labels.keys()], best.method, { signal: context.signal });
  const { intervals } = manifest;
  const { scale } = outputs;
  const after = { labels, value: best.value };
  const errorsAt = (value: Float64Array) => ({
    rmse: rootMeanSquaredError(labels, value),
    mae: meanAbsoluteError(labels, value),
    bias: meanBias(labels, value),
  });
  const calibrates = intervals !== undefined && scale !== undefined;
  const recalibrated = calibrates ? recalibrate(intervals, { ...after, scale }, range) : undefined;
  const none = { coverage90: null, intervalWidth90: null };
  return {
    correction,
    recalibrated,
    tried: tried.map(({ method, value }: Attempt) => ({ method, rmse: rootMeanSquaredError(labels, value) })),
    adaptation: {
      method: best.method,
      images: labels.length,
      folds: parts.length,
      intercept: correction.intercept,
      slope: correction.slope,
      widthFactor: recalibrated?.widthFactor ?? 1,
      recalibrated: recalibrated?.anew ?? false,
      before: {
        ...errorsAt(outputs.value),
        ...(calibrates ? coverageOf(intervals, { labels, value: outputs.value, scale }) : none),
      },
      after: {
        ...errorsAt(best.value),
        ...(calibrates ? crossCoverage(intervals, { ...after, scale }, parts, range) : none),
      },
    },
  };
}

/** The intervals of the adapted model; those of the model before where there are no outputs to calibrate them. */
function intervalsOf({ intervals }: Manifest, { unlikeness, activation }: Outputs, made: Recalibrated | undefined) {
  if (intervals === undefined || made === undefined || unlikeness === undefined || activation === undefined)
    return intervals;
  const { levels, groups, pooled, ends } = made.scores;
  return {
    ...intervals,
    levels: [...levels],
    groups: groups.map(group => ({ ...group, factors: [...group.factors] })),
    pooled: { ...pooled, ranks: [...pooled.ranks], scores: [...pooled.scores] },
    ...(ends && { ends }),
    unusual: widenedUnusual(intervals.unusual, unlikeness, activation),
  };
}
