import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Backbone } from '../backbones/backbone.js';
import { standardAlignment } from '../backbones/face-detector/alignment.js';
import type { BackboneOptions } from '../backbones/registry.js';
import { runConcurrently } from '../base/concurrency.js';
import { versions } from '../base/environment.js';
import { expected, InputError, reasonOf, throwIfAborted } from '../base/errors.js';
import { option } from '../base/options.js';
import { createOutputFolder, moveAside, type OutputFolder } from '../base/output-folder.js';
import { step } from '../base/profile.js';
import { type RunContext, stagesOf } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import { checkLabelsWithin } from '../base/value-range.js';
import type { Dataset, Skipped } from '../datasets/dataset.js';
import { checkResolution } from '../datasets/label.js';
import { type OpenDatasetOptions, openDataset } from '../datasets/open-dataset.js';
import { splitByQuantile } from '../datasets/split.js';
import { createSession } from '../engine/runtime/session.js';
import { type Extraction, extractFeatures } from '../features/extract.js';
import { backboneAt } from '../features/precision.js';
import { type Epoch, EVENTS_FILE, formatEvents, parseEvents } from '../formats/events.js';
import { formatManifest, type Manifest, SCHEMA_VERSION } from '../formats/manifest.js';
import { readsForTwo } from '../images/shared-reads.js';
import { buildModel } from '../model/build-model.js';
import { modelCard } from '../model/card.js';
import { selfTestPixels, selfTestValue } from '../model/checks.js';
import { type EarlierModel, openEarlierModel } from '../model/earlier-model.js';
import { readPart } from '../model/model-files.js';
import { groupedAt, groupSamples, reportGroups } from '../similarity/group-samples.js';
import { embeddingsOfRows, encodeTrainingIndex, TRAINING_INDEX } from '../similarity/training-index.js';
import { removeCheckpoint } from '../training/checkpoint.js';
import { fineTuneRecipe } from '../training/fine-tune.js';
import type { HeadData } from '../training/head.js';
import { encodeTensorboard, tensorboardFileName } from '../training/tensorboard.js';
import { type TunedPart, tunedPart } from '../training/tuned-network.js';
import { tunedTable } from '../training/tuned-table.js';
import { calibrate } from '../uncertainty/calibrate.js';
import { backboneOf, checkOutside, defaultCacheDir, labelStatistics, peakRssBytes, tellWarnings } from './common.js';
import { cropDataset } from './crop-dataset.js';
import { checkSameRun, finishedModel } from './finished-run.js';
import { fitHeads, headToTune, type ModelFit, type TuneContext, tuneBackbone } from './fit-model.js';
import { optionsFrom, originOf, splitFrom } from './go-on-from.js';
import { cachedAlignment } from './measure-alignment.js';
import { planTraining, type TrainingOptions, type TrainingPlan } from './training-plan.js';

/** What to train on, and how. */
export interface TrainOptions
  extends RunContext,
    OpenDatasetOptions,
    Omit<BackboneOptions, 'cacheDir'>,
    TrainingOptions {
  /** The folder to make. */
  readonly out: string;
  /**
   * The folder of a model to go on from: its backbone with its weights, its head where that is trained by gradients, its unit and limits.
   * Default: none; training starts from the backbone alone.
   */
  readonly from?: string | undefined;
  /** True takes the largest face of each image, cropped and levelled, in its place. Default false: images are taken whole. */
  readonly faces?: boolean | undefined;
  /** What the number is counted in, for reports: `years`. Default: nothing. */
  readonly unit?: string | undefined;
  /** Start of all random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** Where features and downloads are kept. Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** Called with each epoch of what is trained last, the head or the backbone; first with those before a run was stopped. */
  readonly onEpoch?: ((epoch: Epoch) => void) | undefined;
  /** Called before the first epoch, and again once the start of a training of the backbone is known. */
  readonly onReference?: ((reference: TrainingReference) => void) | undefined;
  /**
   * True moves an existing `out` aside, and the checkpoint of a run that did not end, each once there is something to put in its place.
   * Default false: either is an error.
   */
  readonly force?: boolean | undefined;
}

/** What the errors of epochs are to be compared with, on the held-out images. */
export interface TrainingReference {
  /** Mean squared error of always predicting the mean of the training labels; null where nothing is held out. */
  readonly baselineMse: number | null;
  /** That of the model before the backbone is trained; null where it stays as it is. */
  readonly startMse: number | null;
}

/** What training came to; the keys of `train --json`. */
export interface TrainResult {
  /** Images that could be read, those held out included. */
  readonly images: number;
  readonly skipped: readonly Skipped[];
  readonly backbone: string;
  /** What the backbone is computed in. */
  readonly precision: 'fp32' | 'int8';
  /** D, the width of the features. */
  readonly features: number;
  /** What was trained: the head alone, or the backbone from this stage on. */
  readonly tune: string;
  /** The heads that were fitted, and what the held-out images said of each; the first is the one that was taken. */
  readonly heads: readonly { readonly name: string; readonly rmse: number | null }[];
  /** One an epoch of what was taken; empty for ridge. */
  readonly epochs: readonly Epoch[];
  /** The epoch whose weights were taken; null for ridge. */
  readonly bestEpoch: number | null;
  /** What the held-out images said of the model fitted without them; null where there were none. */
  readonly validation: { readonly images: number; readonly mse: number; readonly rmse: number } | null;
  readonly extractSeconds: number;
  readonly fitSeconds: number;
  /** What calibrating the intervals took. */
  readonly calibrateSeconds: number;
  readonly totalSeconds: number;
  /** Images extracted or read from the cache per second of extraction. */
  readonly imagesPerSecond: number;
  /** Those of them that were read from the cache. */
  readonly cachedImages: number;
  /** Share of the time of all training steps that the runtime was computing in; null for ridge. */
  readonly computeShare: number | null;
  readonly peakRssBytes: number;
  /** The folder of the model. */
  readonly model: string;
}

/**
 * Trains a model on a folder of images and saves it. The features of a frozen backbone are computed once an image, and a head is
 * fitted on them; with `tune`, the upper stages of the backbone are then trained together with it. With `from` all of that starts from
 * a model, and no image that it was trained on is held out.
 *
 * @throws InputError for data, weights or an output that cannot be used, a loss that is not finite, a checkpoint of another run.
 * @throws UsageError for options that cannot be meant.
 * @throws AbortedError once `signal` is aborted; no model is saved then, but features so far and a checkpoint are kept.
 *
 * @example
 * ```ts
 * import { trainModel } from 'eyeball-ml';
 *
 * const { model, validation } = await trainModel({ data: 'faces/train', out: 'age', target: 'age', unit: 'years' });
 * console.log(model, validation?.rmse);
 * ```
 */
export async function trainModel(given: TrainOptions): Promise<TrainResult> {
  const started = performance.now();
  const { options, manifest: origin } = await optionsFrom(given);
  const { out, seed = 0, validation = 0.1, cacheDir = defaultCacheDir(), force = false, resume = false } = options;
  const plan = planTraining(options);
  const stage = stagesOf(options, plan.tune === 'head' ? 3 : 4);
  const checkpoint = `${out.replace(/[/\\]+$/, '')}.checkpoint.safetensors`;
  checkCheckpoint(checkpoint, { force, resume });
  checkOutside(out, options.data);
  if (options.from !== undefined) checkOutside(out, options.from);
  const goesOn = resume && existsSync(checkpoint);
  const finished = resume && !goesOn && !force ? await finishedModel(out) : undefined;
  // It is locked until the end, so one process at a time saves to the checkpoint.
  const folder = await createOutputFolder(out, { force: force || goesOn || finished !== undefined });
  try {
    const { profile } = options;
    const opened = await step(profile, 'listing', () => openDataset(options));
    checkResolution(
      options.data,
      Float64Array.from(opened.samples, ({ label }) => label),
    );
    if (plan.range !== undefined) checkLabelsWithin(opened.samples, plan.range);
    const asked = {
      ...(options.faces && { faces: true }),
      ...limitsOf(options),
      ...originOf(options.from, origin),
      ...decisionsText(opened, options.onMessage),
    };
    const earlier = origin && (await openEarlierModel(options.from!, origin, options.backbone));
    const loaded =
      earlier?.backbone ?? (await step(profile, 'backbone', () => backboneOf(options, cacheDir, stage(1))));
    const { sizePx } = loaded;
    const dataset = options.faces
      ? await cropDataset(opened, standardAlignment(sizePx), sizePx, cacheDir, stage(1))
      : opened;
    const precision = plan.tune === 'head' ? plan.precision : 'fp32';
    const closing: (() => Promise<void>)[] = [];
    try {
      const read = readsForTwo();
      const extracted = async (context: RunContext) => {
        const backbone = await step(profile, 'precision', () =>
          backboneAt(precision, loaded, dataset, cacheDir, context),
        );
        // Refused before the work: a stage that is not there.
        const part = plan.tune === 'head' ? undefined : tunedPart(backbone, plan.tune, plan.batchNorm);
        const extraction = await step(profile, 'features', () =>
          extractFeatures(dataset, backbone, cacheDir, context, { read, middle: true }),
        );
        closing.push(() => extraction.close());
        return { backbone, part, extraction };
      };
      const [{ backbone, part, extraction }, all] = await runConcurrently(stage(1), extracted, 'duplicates', context =>
        groupSamples(dataset, cacheDir, context, read),
      );
      const { samples, rows, middle, skipped, fingerprint } = extraction;
      if (samples.length < 2) {
        throw new InputError(expected(options.data, 'at least 2 images that can be read', `${samples.length}`));
      }
      const labels = Float64Array.from(samples, sample => sample.label);
      const statistics = labelStatistics(labels);
      if (statistics.std === 0)
        options.onMessage?.(`warning: every label is ${statistics.min}; the model can only learn that number`);
      const usable = { ...dataset, samples };
      const { groups, facts, duplicates } = groupedAt(all, dataset, extraction.positions);
      tellWarnings(samples, facts, options.onMessage);
      if (validation > 0) reportGroups(duplicates, options);
      const splitOf = async (earlier: EarlierModel | undefined) =>
        earlier === undefined
          ? { split: splitByQuantile(labels, validation, seed, groups), start: undefined }
          : await splitFrom(earlier, usable, facts, { labels, groups, fingerprint, validation, seed }, stage(1));
      const fitStarted = performance.now();
      if (finished !== undefined && part !== undefined) {
        checkSameRun(out, finished, {
          target: { name: dataset.target, unit: options.unit ?? null },
          ...{ sizePx: backbone.sizePx, backbone: backbone.name, backboneSha256: backbone.sha256, data: fingerprint },
          configuration: { ...tuningSettings(plan, part), validation, seed, ...asked },
        });
        options.onMessage?.(`${out}: this run is done already`);
        return await finishedResult(out, finished, extraction, started);
      }
      const { split, start } = await splitOf(earlier);
      const baselineMse = baselineOf(labels, split);
      options.onReference?.({ baselineMse, startMse: null });
      const mirror =
        plan.augment === 'flip'
          ? await extractFeatures({ ...dataset, samples }, backbone, cacheDir, stage(2), { mirrored: true })
          : undefined;
      if (mirror !== undefined) closing.push(() => mirror.close());
      const data: HeadData = { rows, middle, mirrored: mirror?.rows, labels, groups, range: plan.range, ...split };
      const onEpoch = part === undefined ? options.onEpoch : undefined;
      const fitting = { ...stage(2), onEpoch };
      let fits = await step(profile, 'head', async () =>
        part === undefined
          ? await fitHeads(data, backbone, plan, seed, start, fitting)
          : [await headToTune(data, backbone, plan, seed, start, fitting)],
      );
      if (part !== undefined) {
        options.onReference?.({ baselineMse, startMse: fits[0]!.validationMse });
        const identity = {
          data: fingerprint,
          backbone: backbone.sha256,
          sizePx: backbone.sizePx,
          normalization: JSON.stringify(backbone.normalization),
          validation,
          held: sha256Hex(split.validation.join()).slice(0, 16),
          seed,
          tune: part.lowest,
          bn: part.batchNorm,
          augment: plan.augment,
          loss: plan.loss,
          head: fits[0]!.name,
          balance: plan.balance,
          rateDecay: plan.rateDecay,
          ...limitsOf(options),
          ...originOf(options.from, origin),
        };
        // Not the head that ridge has refitted on all: held-out images that it has seen could not judge the epochs.
        const tuning: TuneContext = { backbone, dataset, extraction, data, part, head: fits[0]!.held, plan, seed };
        const saving = { path: checkpoint, everySeconds: options.checkpointSeconds ?? 60, resume, identity };
        if (!resume) await setAside(checkpoint, options.onMessage);
        const tuned = () => tuneBackbone(tuning, saving, cacheDir, folder, { ...stage(3), onEpoch: options.onEpoch });
        fits = [await step(profile, 'tuning', tuned), ...fits];
      }
      const [taken] = fits as [ModelFit];
      const fitSeconds = (performance.now() - fitStarted) / 1000;
      const calibrationStarted = performance.now();
      const { correctBias = false, signal } = options;
      const calibrated = async (context: RunContext) => {
        const result = await step(profile, 'intervals', async () => {
          const { tuned } = taken;
          const table = tuned === undefined ? data : await tunedTable(data, usable, backbone, tuned, context);
          return await calibrate(table, taken, { correctBias, seed, middleStage: backbone.middle?.stage }, context);
        });
        return { ...result, calibrateSeconds: (performance.now() - calibrationStarted) / 1000 };
      };
      const [{ head, calibration, intervals, biasCorrection, calibrateSeconds }, framing] = await runConcurrently(
        stage(part === undefined ? 3 : 4),
        calibrated,
        'framing of faces',
        context => cachedAlignment({ ...usable, fingerprint }, cacheDir, context),
      );
      throwIfAborted(signal);

      // A trained backbone makes other features of them than those at hand.
      const looks = part === undefined ? await embeddingsOfRows(rows, signal) : undefined;
      const index = encodeTrainingIndex(
        relative(resolve(out), dataset.root),
        samples,
        facts,
        duplicates.thresholds,
        looks,
      );
      const network = buildModel(backbone, head, taken.tuned, calibration);
      const held = split.validation.length;
      const validationMse = biasCorrection === undefined ? taken.validationMse : biasCorrection.after.rmse ** 2;
      const metrics = validationMse === null ? null : measured(held, validationMse);
      const times = timesOf(extraction, fitSeconds, started);
      const manifest: Manifest = {
        schemaVersion: SCHEMA_VERSION,
        target: { name: dataset.target, unit: options.unit ?? null },
        input: { sizePx: backbone.sizePx, kernel: 'linear', fit: 'fill' },
        backbone: describe(backbone),
        sha256: sha256Hex(network),
        trainingIndexSha256: sha256Hex(index),
        configuration: {
          tune: part?.lowest ?? 'head',
          ...taken.configuration,
          validation,
          seed,
          ...asked,
        },
        dataset: { images: samples.length, skipped: skipped.length, fingerprint, labels: statistics },
        metrics: { validation: metrics },
        intervals,
        biasCorrection,
        framing,
        times,
        versions: versions(),
        createdAt: new Date().toISOString(),
        selfTest: { value: await selfTest(network, backbone.sizePx) },
      };
      await folder.write('model.onnx', network);
      await folder.write(TRAINING_INDEX, index);
      await folder.write('eyeball.json', formatManifest(manifest));
      await folder.write('README.md', modelCard(manifest));
      await folder.write(EVENTS_FILE, formatEvents(taken.epochs));
      if (taken.epochs.length > 0) await writeTensorboard(folder, taken.epochs);
      if (part === undefined) await setAside(checkpoint, options.onMessage);
      if (!goesOn || !(await isSameModel(out, manifest.sha256))) {
        const aside = await folder.commit();
        if (aside !== undefined) options.onMessage?.(`moved the older ${out} to ${aside}`);
      }
      if (part !== undefined) await removeCheckpoint(checkpoint);
      return {
        images: samples.length,
        skipped,
        backbone: backbone.name,
        precision: backbone.precision ?? 'fp32',
        features: backbone.width,
        tune: part?.lowest ?? 'head',
        heads: fits.map(({ name, validationMse }) => ({
          name,
          rmse: validationMse === null ? null : Math.sqrt(validationMse),
        })),
        epochs: taken.epochs,
        bestEpoch: taken.bestEpoch,
        validation: metrics,
        ...times,
        calibrateSeconds,
        imagesPerSecond: extraction.samples.length / extraction.seconds,
        cachedImages: extraction.cached,
        computeShare: taken.computeShare,
        peakRssBytes: peakRssBytes(),
        model: out,
      };
    } finally {
      for (const close of closing) await close();
    }
  } finally {
    await folder.close();
  }
}

/** Mean squared error, on the held-out labels, of the mean of the others; null where nothing is held out. */
function baselineOf(
  labels: Float64Array,
  { train, validation }: { readonly train: readonly number[]; readonly validation: readonly number[] },
): number | null {
  if (validation.length === 0) return null;
  const mean = train.reduce((sum, i) => sum + labels[i]!, 0) / train.length;
  return validation.reduce((sum, i) => sum + (labels[i]! - mean) ** 2, 0) / validation.length;
}

/** What was decided about images and labels, for the manifest, and said. */
function decisionsText({ decisions }: Dataset, onMessage: RunContext['onMessage']): { decisions?: string } {
  if (decisions === undefined) return {};
  const { file, kept, set, dropped } = decisions;
  const text = `${kept} kept, ${set} set, ${dropped} dropped`;
  onMessage?.(`${file}: ${text}`);
  return { decisions: text };
}

/** Those of `min` and `max` that were asked for. */
const limitsOf = ({ min, max }: TrainingOptions): Manifest['configuration'] => ({
  ...(min !== undefined && { min }),
  ...(max !== undefined && { max }),
});

/** Refuses to start over where a run did not end, unless with `force`. */
function checkCheckpoint(path: string, { force, resume }: { force: boolean; resume: boolean }): void {
  if (resume || force || !existsSync(path)) return;
  throw new InputError(
    expected(
      path,
      'no unfinished run',
      'its checkpoint',
      `go on with ${option('resume', true)}, or start over with ${option('force', true)}`,
    ),
  );
}

/** Moves the checkpoint of a run that did not end aside, where there is one. */
async function setAside(checkpoint: string, onMessage: RunContext['onMessage']): Promise<void> {
  if (!existsSync(checkpoint)) return;
  try {
    onMessage?.(`moved the checkpoint of an unfinished run to ${await moveAside(checkpoint)}`);
  } catch (cause) {
    throw new InputError(expected(checkpoint, 'a file that can be renamed', `"${reasonOf(cause)}"`), { cause });
  }
}

/** What a plan says of fine-tuning, as a manifest says it; a learning rate that is looked for is not known before. */
function tuningSettings(plan: TrainingPlan, part: TunedPart): Manifest['configuration'] {
  const { loss, balance, augment, rateDecay } = plan;
  const { learningRate, ...recipe } = fineTuneRecipe(plan.recipe);
  const head = plan.heads[0] === 'mlp' ? 'mlp' : 'linear';
  const about = { tune: part.lowest, head, loss, balance, bn: part.batchNorm, augment, rateDecay };
  return { ...about, ...recipe, ...(!plan.findRate && { learningRate }) };
}

/** What training came to where the model was there already. */
async function finishedResult(
  out: string,
  { backbone, configuration, metrics, times }: Manifest,
  { samples, skipped, seconds, cached }: Extraction,
  started: number,
): Promise<TrainResult> {
  const { validation } = metrics;
  return {
    images: samples.length,
    skipped,
    backbone: backbone.name,
    precision: backbone.precision ?? 'fp32',
    features: backbone.features,
    tune: `${configuration.tune}`,
    heads: [{ name: `tuned from ${configuration.tune} on`, rmse: validation?.rmse ?? null }],
    epochs: parseEvents(await readPart(out, EVENTS_FILE, 'utf8'), join(out, EVENTS_FILE)),
    bestEpoch: Number(configuration.bestEpoch),
    validation,
    extractSeconds: seconds,
    fitSeconds: times.fitSeconds,
    calibrateSeconds: 0,
    totalSeconds: (performance.now() - started) / 1000,
    imagesPerSecond: samples.length / seconds,
    cachedImages: cached,
    computeShare: null,
    peakRssBytes: peakRssBytes(),
    model: out,
  };
}

/** True where the model of this checksum lies there already: the run had been stopped between its last two steps. */
async function isSameModel(out: string, sha256: string): Promise<boolean> {
  const path = join(out, 'model.onnx');
  if (!existsSync(path)) return false;
  return sha256Hex(await readPart(out, 'model.onnx', null)) === sha256;
}

async function writeTensorboard(folder: OutputFolder, epochs: readonly Epoch[]): Promise<void> {
  let wallTimeSeconds = Date.now() / 1000 - epochs.reduce((sum, { seconds }) => sum + seconds, 0);
  const name = tensorboardFileName(Math.floor(wallTimeSeconds));
  const events = epochs.map(({ epoch, seconds, ...values }) => {
    wallTimeSeconds += seconds;
    const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null);
    return { step: epoch, wallTimeSeconds, scalars: Object.fromEntries(known) };
  });
  await folder.write(name, encodeTensorboard(events));
}

const measured = (images: number, mse: number) => ({ images, mse, rmse: Math.sqrt(mse) });

function describe({ name, source, license, sha256, width, normalization, precision }: Backbone): Manifest['backbone'] {
  const { scale, mean, std } = normalization;
  return {
    name,
    source,
    license,
    sha256,
    features: width,
    normalization: { scale, mean: [...mean], std: [...std] },
    ...(precision && { precision }),
  };
}

async function selfTest(network: Uint8Array, sizePx: number): Promise<number> {
  const session = await createSession(network);
  const data = selfTestPixels(sizePx);
  const outputs = await session.run({ pixels: { dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data } });
  await session.close();
  const answer = selfTestValue(outputs);
  if (!Number.isFinite(answer)) {
    throw new InputError(
      expected('the trained model', 'finite numbers', `${answer}`, 'are the labels within the range of float32?'),
    );
  }
  return answer;
}

const timesOf = (extraction: Extraction, fitSeconds: number, started: number) => ({
  extractSeconds: extraction.seconds,
  fitSeconds,
  totalSeconds: (performance.now() - started) / 1000,
});
