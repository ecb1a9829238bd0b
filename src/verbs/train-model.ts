import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Backbone } from '../backbones/backbone.js';
import { onDevice } from '../backbones/backbone.js';
import { standardAlignment } from '../backbones/face-detector/alignment.js';
import { LAST } from '../backbones/feature-blocks.js';
import { type BackboneOptions, loadBackbones, onnxFile } from '../backbones/registry.js';
import { runConcurrently } from '../base/concurrency.js';
import type { DeviceOptions } from '../base/device.js';
import { peakRssBytes } from '../base/environment.js';
import { expected, InputError, reasonOf, throwIfAborted } from '../base/errors.js';
import { defaultCacheDir } from '../base/files.js';
import { option } from '../base/options.js';
import { checkOutside, createOutputFolder, moveAside, type OutputFolder } from '../base/output-folder.js';
import { step } from '../base/profile.js';
import { type RunContext, stagesOf } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import { checkLabelsWithin } from '../base/value-range.js';
import type { Dataset, Skipped } from '../datasets/dataset.js';
import { checkResolution } from '../datasets/label.js';
import { type OpenDatasetOptions, openDataset } from '../datasets/open-dataset.js';
import { type Split, splitByQuantile } from '../datasets/split.js';
import { resolveDevice } from '../engine/runtime/devices.js';
import { type Extraction, extractFeatures } from '../features/extract.js';
import { backboneAt } from '../features/precision.js';
import { type Epoch, EVENTS_FILE, parseEvents } from '../formats/events.js';
import type { Manifest, ManifestCandidate } from '../formats/manifest.js';
import { isPlain, resizeKey, toManifestInput } from '../formats/resize.js';
import { reportWarnings } from '../images/image-format.js';
import { readsForTwo } from '../images/shared-reads.js';
import { type LabelStatistics, labelStatistics } from '../metrics/statistics.js';
import { cropDataset } from '../model/crop-dataset.js';
import { type EarlierModel, openEarlierModel } from '../model/earlier-model.js';
import { checkSameRun, finishedModel } from '../model/finished-run.js';
import { optionsFrom, originOf, splitFrom } from '../model/go-on-from.js';
import { cachedAlignment } from '../model/measure-alignment.js';
import { readPart } from '../model/model-files.js';
import { saveModel } from '../model/save-model.js';
import { type GroupedSamples, groupedAt, groupSamples, reportGroups } from '../similarity/group-samples.js';
import { embeddingsOfRows, encodeTrainingIndex } from '../similarity/training-index.js';
import { removeCheckpoint } from '../training/checkpoint.js';
import { bestBackbone, type ChosenFeatures, chooseFeatures, type FeatureChoice } from '../training/choose-features.js';
import { fitModel, type TrainingReference, tuningSettings } from '../training/fit-model.js';
import type { HeadData } from '../training/head.js';
import type { ModelFit, Start } from '../training/model-fit.js';
import { SearchClock } from '../training/search/clock.js';
import { fitShortlist } from '../training/search/finalists.js';
import { makeShortlist, type SearchRequest, type Shortlist } from '../training/search/shortlist.js';
import { planTraining, type TrainingOptions, type TrainingPlan } from '../training/training-plan.js';
import { type TunedPart, tunedPart } from '../training/tuned-network.js';
import { tunedTable } from '../training/tuned-table.js';
import { calibrate, type Uncertainty } from '../uncertainty/calibrate.js';

/** What to train on, and how. */
export interface TrainOptions
  extends RunContext,
    OpenDatasetOptions,
    DeviceOptions,
    Omit<BackboneOptions, 'cacheDir'>,
    TrainingOptions {
  /** The folder to make. */
  readonly out: string;
  /** True takes the largest face of each image, cropped and levelled, in its place. Default false: images are taken whole. */
  readonly faces?: boolean | undefined;
  /** What the number is counted in, for reports: `years`. Default: nothing. */
  readonly unit?: string | undefined;
  /** Start of all random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** Where features and downloads are kept. Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** Once aborted, the search of `budgetSeconds` ends, and the best model so far is finished and saved. Default: none. */
  readonly endSearch?: AbortSignal | undefined;
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
  /** How features compared, where they were chosen; null otherwise. */
  readonly choice: FeatureChoice | null;
  /** What a search compared, as in the manifest, best first; null without one. */
  readonly candidates: readonly ManifestCandidate[] | null;
  /** What was trained: the head alone, or the backbone from this stage on. */
  readonly tune: string;
  /** The heads that were fitted, and what the held-out images said of each; the first is the one that was taken. */
  readonly heads: readonly { readonly name: string; readonly rmse: number | null }[];
  /** One an epoch of what was taken; empty for ridge. */
  readonly epochs: readonly Epoch[];
  /** The epoch whose weights were taken; null for ridge. */
  readonly bestEpoch: number | null;
  /**
   * The error on the held-out images of the model fitted without them; with `folds`, by cross-validation on all images; null where there was neither.
   */
  readonly validation: {
    readonly images: number;
    readonly folds?: number | undefined;
    readonly mse: number;
    readonly rmse: number;
  } | null;
  /** What comparing features took, or the first part of a search; 0 where they were given. */
  readonly chooseSeconds: number;
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
 * Trains a model on a folder of images and saves it. The features of a frozen backbone are computed once an image, and a head is fitted on
 * them; with `tune`, the upper stages of the backbone are then trained together with it. With `from`, all of that starts from a model, and
 * no image that it was trained on is held out.
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
  const run = await startRun(given);
  // It is locked until the end, so one process at a time saves to the checkpoint.
  const folder = await createOutputFolder(run.out, { force: run.replaces });
  const closing: (() => Promise<void>)[] = [];
  try {
    const source = await openSource(run);
    const extracted = await tableOf(source, run, closing);
    const finished = await finishedResult(source, extracted, run);
    if (finished !== undefined) return finished;
    const { table, fitted } =
      extracted.shortlist === undefined
        ? { table: extracted, fitted: await fit(extracted, await splitOf(source, extracted, run), run, closing) }
        : await fitFound(extracted, extracted.shortlist, run, closing);
    const calibrated = await calibrateAndAlign(table, fitted, run);
    const manifest = await save(folder, { source, table, fitted, calibrated }, run);
    await commit(folder, manifest, table, run);
    return trainedResult(manifest, table, fitted, calibrated, run);
  } finally {
    for (const close of closing) await close();
    await folder.close();
  }
}

/** What the options of a run come to before any image is read. */
interface Run {
  /** With those that the model of `from` gives. */
  readonly options: TrainOptions;
  readonly out: string;
  readonly seed: number;
  /** Share of the images held out. */
  readonly validation: number;
  readonly cacheDir: string;
  readonly plan: TrainingPlan;
  /** The manifest of the model that it goes on from. */
  readonly origin: Manifest | undefined;
  readonly checkpoint: string;
  /** Whether it goes on from that checkpoint. */
  readonly resumes: boolean;
  /** The manifest of the finished model of this run, where `resume` finds one in the place of a checkpoint. */
  readonly finished: Manifest | undefined;
  /** Whether something at `out` is replaced. */
  readonly replaces: boolean;
  /** The time of the search, where there is one. */
  readonly clock: SearchClock | undefined;
  /** The context of a stage, from 1: progress carries the stage's number. */
  stage(number: number): RunContext;
  /** Of `performance.now()`. */
  readonly startedMs: number;
}

async function startRun(given: TrainOptions): Promise<Run> {
  const startedMs = performance.now();
  const { options, manifest: origin } = await optionsFrom(given);
  const { out, seed = 0, cacheDir = defaultCacheDir(), force = false, resume = false } = options;
  const plan = planTraining(options);
  // Features of a backbone that was trained on the images are too good for a cross-validation on them.
  const isTuned = origin !== undefined && origin.configuration.tune !== 'head';
  const validation = isTuned && options.validation === undefined ? 0.1 : plan.validation;
  const checkpoint = `${out.replace(/[/\\]+$/, '')}.checkpoint.safetensors`;
  checkCheckpoint(checkpoint, { force, resume });
  checkOutside(out, options.data);
  if (options.from !== undefined) checkOutside(out, options.from);
  const resumes = resume && existsSync(checkpoint);
  const finished = resume && !resumes && !force ? await finishedModel(out) : undefined;
  const replaces = force || resumes || finished !== undefined;
  const stage = stagesOf(options, plan.tune === 'head' ? 3 : 4);
  const clock = plan.search && new SearchClock(plan.search.budgetSeconds, options.endSearch, startedMs);
  return {
    options,
    out,
    seed,
    validation,
    cacheDir,
    plan,
    origin,
    checkpoint,
    resumes,
    finished,
    replaces,
    clock,
    stage,
    startedMs,
  };
}

/** What is trained on, and with which network. */
interface Source {
  readonly dataset: Dataset;
  /** In fp32; the features are taken from them. */
  readonly backbones: readonly [Backbone, ...Backbone[]];
  readonly earlier: EarlierModel | undefined;
  /** Settings that decide the outcome, for the manifest. */
  readonly settings: Manifest['configuration'];
}

async function openSource({ options, cacheDir, plan, origin, stage }: Run): Promise<Source> {
  const { profile, onMessage } = options;
  const opened = await step(profile, 'listing', () => openDataset(options));
  checkResolution(
    options.data,
    Float64Array.from(opened.samples, ({ label }) => label),
  );
  if (plan.range !== undefined) checkLabelsWithin(opened.samples, plan.range);
  const settings = {
    ...(options.faces && { faces: true }),
    ...limitsOf(options),
    ...originOf(options.from, origin),
    ...decisionsText(opened, onMessage),
  };
  const { backbone: name, weights, sizePx: size, fit, features, mean, std } = options;
  const file = origin && (await onnxFile(name, cacheDir, stage(1)));
  const earlier = origin && (await openEarlierModel(options.from!, origin, file));
  const asked = { backbone: name, weights, sizePx: size, fit, features, mean, std, cacheDir };
  const cpuOnly = plan.tune === 'head' && plan.precision === 'int8' ? option('precision', 'int8') : undefined;
  const { samples } = opened;
  const device = await resolveDevice({ device: options.device, images: samples.length, cpuOnly, onMessage });
  const loaded =
    earlier === undefined
      ? await step(profile, 'backbone', () => loadBackbones(asked, stage(1)))
      : ([earlier.backbone] as const);
  const backbones = onDevice(loaded, device);
  const [first] = backbones;
  const dataset = options.faces
    ? await cropDataset(opened, standardAlignment(first.sizePx), first, cacheDir, stage(1))
    : opened;
  return { dataset, backbones, earlier, settings };
}

/** The features of the images that could be read, their labels, and which of them belong together. */
interface Table extends GroupedSamples {
  /** Its samples are the rows. */
  readonly dataset: Dataset;
  /** In the precision of the plan. */
  readonly backbone: Backbone;
  /** The part of it that is fine-tuned. */
  readonly part: TunedPart | undefined;
  readonly extraction: Extraction;
  /** How features compared, where they were chosen. */
  readonly choice: FeatureChoice | undefined;
  readonly chooseSeconds: number;
  /** What a search goes on with; its features are those of `extraction`. */
  readonly shortlist: Shortlist | undefined;
  readonly labels: Float64Array;
  readonly statistics: LabelStatistics;
}

async function tableOf({ dataset, backbones, earlier }: Source, run: Run, closing: Closing): Promise<Table> {
  const { options, cacheDir, plan, stage } = run;
  const { profile, onMessage } = options;
  const read = readsForTwo();
  const extracted = async (context: RunContext) => {
    const precision = plan.tune === 'head' ? plan.precision : 'fp32';
    // A model's own features, where training continues from it, and those of an ONNX file that are named.
    const isNamed = backbones.some(({ output }) => output === plan.features);
    const features = earlier === undefined && !isNamed ? plan.features : LAST;
    const startedMs = performance.now();
    const searched = searchOf(dataset, run);
    const shortlist = searched && (await makeShortlist(backbones, searched, { read, closing }, context));
    const chosen: ChosenFeatures = await step(profile, 'choice', async () =>
      shortlist !== undefined
        ? { backbone: shortlist.backbone, extraction: shortlist.extraction }
        : plan.tune === 'head'
          ? await chooseFeatures(dataset, backbones, features, cacheDir, { read }, context)
          : { backbone: await bestBackbone(dataset, backbones, cacheDir, context) },
    );
    const chooseSeconds = (performance.now() - startedMs) / 1000 - (chosen.extraction?.seconds ?? 0);
    if (chosen.extraction !== undefined && precision === 'fp32') {
      const { backbone, extraction, choice } = chosen;
      closing.push(() => extraction.close());
      return { backbone, part: undefined, extraction, choice, chooseSeconds, shortlist };
    }
    await chosen.extraction?.close();
    const backbone = await step(profile, 'precision', () =>
      backboneAt(precision, chosen.backbone, dataset, cacheDir, context),
    );
    // Refused before the work: a stage that the backbone lacks.
    const part = plan.tune === 'head' ? undefined : tunedPart(backbone, plan.tune, plan.batchNorm);
    const extraction = await step(profile, 'features', () =>
      extractFeatures(dataset, backbone, cacheDir, context, { read, middle: true }),
    );
    closing.push(() => extraction.close());
    return { backbone, part, extraction, choice: chosen.choice, chooseSeconds, shortlist };
  };
  const [{ extraction, ...chosen }, all] = await runConcurrently(stage(1), extracted, 'duplicates', async context => {
    const grouped = await groupSamples(dataset, cacheDir, context, read);
    closing.push(() => grouped.close());
    return grouped;
  });
  const { samples } = extraction;
  if (samples.length < 2) {
    throw new InputError(expected(options.data, 'at least 2 images that can be read', `${samples.length}`));
  }
  const labels = Float64Array.from(samples, sample => sample.label);
  const statistics = labelStatistics(labels);
  if (statistics.std === 0)
    onMessage?.(`warning: every label is ${statistics.min}; the model can only predict that value`);
  const grouped = groupedAt(all, dataset, extraction.positions);
  reportWarnings(samples, grouped.facts, onMessage);
  if (run.validation > 0) reportGroups(grouped.duplicates, options);
  return { ...grouped, ...chosen, dataset: { ...dataset, samples }, extraction, labels, statistics };
}

/** Which rows are held out, and what fitting starts from where it goes on from a model. */
interface StartedSplit {
  readonly split: Split;
  readonly start: Start | undefined;
}

async function splitOf({ earlier }: Source, table: Table, { validation, seed, stage }: Run): Promise<StartedSplit> {
  const { dataset, labels, groups, facts, extraction } = table;
  if (earlier === undefined) return { split: splitByQuantile(labels, validation, seed, groups), start: undefined };
  const { fingerprint } = extraction;
  return await splitFrom(earlier, dataset, facts, { labels, groups, fingerprint, validation, seed }, stage(1));
}

/** What was fitted; the best fit first. */
interface Fitted {
  readonly fits: readonly [ModelFit, ...ModelFit[]];
  readonly data: HeadData;
  /** What a search compared; undefined without one. */
  readonly candidates?: readonly ManifestCandidate[] | undefined;
  readonly fitSeconds: number;
}

/** What the steps of a search share; undefined where nothing is searched for. */
function searchOf(dataset: Dataset, { plan, clock, seed, cacheDir }: Run): SearchRequest | undefined {
  const { search } = plan;
  return search && clock && { dataset, plan, search, seed, cacheDir, clock };
}

/** The rest of a search: the model that it finds, and the table with that model's features. */
async function fitFound(
  table: Table,
  shortlist: Shortlist,
  run: Run,
  closing: Closing,
): Promise<{ readonly table: Table; readonly fitted: Fitted }> {
  const startedMs = performance.now();
  const { options, cacheDir, plan, stage } = run;
  const { dataset, backbone, extraction, labels, groups } = table;
  const request = searchOf(dataset, run)!;
  const isMirrored = shortlist.candidates.some(({ mirrored }) => mirrored);
  const mirror =
    isMirrored && shortlist.mirrored === undefined
      ? await extractFeatures(dataset, backbone, cacheDir, stage(2), { mirrored: true })
      : undefined;
  if (mirror !== undefined) closing.push(() => mirror.close());
  const all = {
    rows: extraction.rows,
    mirrored: shortlist.mirrored ?? mirror?.rows,
    train: [...labels.keys()],
    validation: [],
  };
  const found = await step(options.profile, 'search', () =>
    fitShortlist(shortlist, extraction, { ...all, labels, groups, range: plan.range }, request, stage(2)),
  );
  const { data, part, fits, candidates } = found;
  const kept = { ...extraction, rows: data.rows, middle: data.middle };
  return {
    table: { ...table, backbone: found.backbone, part, extraction: kept },
    fitted: { data, fits, candidates, fitSeconds: (performance.now() - startedMs) / 1000 },
  };
}

async function fit(table: Table, { split, start }: StartedSplit, run: Run, closing: Closing): Promise<Fitted> {
  const startedMs = performance.now();
  const { options, seed, cacheDir, plan, stage } = run;
  const { dataset, backbone, part, extraction, labels, groups } = table;
  const { rows, middle } = extraction;
  const mirror =
    plan.augment === 'flip'
      ? await extractFeatures(dataset, backbone, cacheDir, stage(2), { mirrored: true })
      : undefined;
  if (mirror !== undefined) closing.push(() => mirror.close());
  const data: HeadData = { rows, middle, mirrored: mirror?.rows, labels, groups, range: plan.range, ...split };
  const { onEpoch, onReference, resume = false, checkpointSeconds = 60 } = options;
  const saving = {
    path: run.checkpoint,
    everySeconds: checkpointSeconds,
    resume,
    identity: identityOf(table, split, run),
  };
  if (part !== undefined && !resume) await setAside(run.checkpoint, options.onMessage);
  const fits = await fitModel(
    { dataset, backbone, extraction, data, part, plan, start, seed, saving, cacheDir },
    {
      heads: { ...stage(2), onEpoch: part === undefined ? onEpoch : undefined },
      tuning: { ...stage(3), onEpoch },
      onReference,
    },
  );
  const [best, ...others] = fits as [ModelFit, ...ModelFit[]];
  return { fits: [best, ...others], data, fitSeconds: (performance.now() - startedMs) / 1000 };
}

/** What a checkpoint must agree with to be resumed. */
function identityOf(
  { backbone, extraction, part }: Table,
  split: Split,
  { options, plan, seed, validation, origin }: Run,
) {
  return {
    data: extraction.fingerprint,
    backbone: backbone.sha256,
    sizePx: backbone.sizePx,
    ...(!isPlain(backbone) && { resize: resizeKey(backbone).join() }),
    normalization: JSON.stringify(backbone.normalization),
    ...(backbone.output !== undefined && { output: backbone.output }),
    validation,
    held: sha256Hex(split.validation.join()).slice(0, 16),
    seed,
    tune: part?.lowest ?? 'head',
    bn: part?.batchNorm ?? 'frozen',
    augment: plan.augment,
    loss: plan.loss,
    balance: plan.balance,
    rateDecay: plan.rateDecay,
    ...limitsOf(options),
    ...originOf(options.from, origin),
  };
}

/** Intervals and the rest of what is known of errors; how the images show faces. */
interface Calibrated {
  readonly uncertainty: Uncertainty;
  readonly alignment: Manifest['framing'];
  readonly calibrateSeconds: number;
}

async function calibrateAndAlign(table: Table, { fits: [best], data }: Fitted, run: Run): Promise<Calibrated> {
  const startedMs = performance.now();
  const { options, seed, cacheDir, plan, stage } = run;
  const { profile, correctBias = false, signal } = options;
  const { dataset, backbone, extraction } = table;
  const calibrated = async (context: RunContext) => {
    const uncertainty = await step(profile, 'intervals', async () => {
      const { tuned } = best;
      const seen = tuned === undefined ? data : await tunedTable(data, dataset, backbone, tuned, context);
      return await calibrate(seen, best, { correctBias, seed, middleStage: backbone.middle?.stage }, context);
    });
    return { uncertainty, calibrateSeconds: (performance.now() - startedMs) / 1000 };
  };
  const [result, alignment] = await runConcurrently(
    stage(plan.tune === 'head' ? 3 : 4),
    calibrated,
    'face alignment',
    context => cachedAlignment({ ...dataset, fingerprint: extraction.fingerprint }, cacheDir, context),
  );
  throwIfAborted(signal);
  return { ...result, alignment };
}

/** What the stages of a training gave. */
interface Parts {
  readonly source: Source;
  readonly table: Table;
  readonly fitted: Fitted;
  readonly calibrated: Calibrated;
}

async function save(folder: OutputFolder, { source, table, fitted, calibrated }: Parts, run: Run): Promise<Manifest> {
  const { options, out, seed, clock } = run;
  const { dataset, backbone, part, extraction, statistics, facts, duplicates } = table;
  const {
    fits: [best],
    data,
    candidates,
    fitSeconds,
  } = fitted;
  // A search holds out a fold where it trains a stage.
  const validation = clock === undefined ? run.validation : data.validation.length / data.labels.length;
  const { uncertainty, alignment } = calibrated;
  // A trained backbone gives other features than those at hand.
  const embeddings = part === undefined ? await embeddingsOfRows(extraction.rows, options.signal) : undefined;
  const root = relative(resolve(out), dataset.root);
  const { biasCorrection } = uncertainty;
  const mse = biasCorrection === undefined ? best.validationMse : biasCorrection.after.rmse ** 2;
  const measured =
    data.validation.length > 0
      ? { images: data.validation.length }
      : { images: data.train.length, folds: best.folds?.length ?? 0 };
  const manifest = await saveModel(folder, {
    target: { name: dataset.target, unit: options.unit ?? null },
    backbone,
    fitted: best,
    uncertainty,
    index: encodeTrainingIndex(root, dataset.samples, facts, duplicates.thresholds, embeddings),
    configuration: { tune: part?.lowest ?? 'head', ...best.configuration, validation, seed, ...source.settings },
    ...(clock && candidates && { search: { budgetSeconds: clock.budgetSeconds, candidates: [...candidates] } }),
    dataset: {
      images: dataset.samples.length,
      skipped: extraction.skipped.length,
      fingerprint: extraction.fingerprint,
      labels: statistics,
    },
    metrics: { validation: mse === null ? null : { ...measured, mse, rmse: Math.sqrt(mse) } },
    framing: alignment,
    times: { extractSeconds: extraction.seconds, fitSeconds, totalSeconds: secondsSince(run.startedMs) },
  });
  if (best.rateSearch !== undefined) {
    const { learningRatePlot } = await import('../report/plots.js');
    const { points, suggestion } = best.rateSearch;
    await folder.write('learning-rate.svg', learningRatePlot([...points], suggestion));
  }
  return manifest;
}

/** Puts the model in its place, unless a killed run has done so, and removes the checkpoint. */
async function commit(folder: OutputFolder, manifest: Manifest, { part }: Table, run: Run): Promise<void> {
  const { out, checkpoint, resumes, options } = run;
  if (part === undefined) await setAside(checkpoint, options.onMessage);
  if (!resumes || !(await isSameModel(out, manifest.sha256))) {
    const aside = await folder.commit();
    if (aside !== undefined) options.onMessage?.(`moved the older ${out} to ${aside}`);
  }
  if (part !== undefined) await removeCheckpoint(checkpoint);
}

function trainedResult(
  { metrics }: Manifest,
  { backbone, part, extraction, choice, chooseSeconds }: Table,
  { fits, candidates, fitSeconds }: Fitted,
  { calibrateSeconds }: Calibrated,
  run: Run,
): TrainResult {
  const [best] = fits;
  const rmseOf = ({ validationMse }: ModelFit) => (validationMse === null ? null : Math.sqrt(validationMse));
  return resultOf(extraction, run, {
    backbone: backbone.name,
    precision: backbone.precision ?? 'fp32',
    features: backbone.width,
    choice: choice ?? null,
    candidates: candidates ?? null,
    tune: part?.lowest ?? 'head',
    heads: fits.map(fit => ({ name: fit.name, rmse: rmseOf(fit) })),
    epochs: best.epochs,
    bestEpoch: best.bestEpoch,
    validation: metrics.validation,
    chooseSeconds,
    fitSeconds,
    calibrateSeconds,
    computeShare: best.computeShare,
  });
}

/**
 * The result of a run that `resume` finds finished; undefined where there is work to do.
 *
 * @throws InputError where the model at `out` is of another run.
 */
async function finishedResult({ settings }: Source, table: Table, run: Run): Promise<TrainResult | undefined> {
  const { options, out, plan, finished, seed, validation } = run;
  const { dataset, backbone, part, extraction } = table;
  if (finished === undefined || part === undefined) return undefined;
  checkSameRun(out, finished, {
    target: { name: dataset.target, unit: options.unit ?? null },
    ...{
      input: toManifestInput(backbone),
      backbone: backbone.name,
      backboneSha256: backbone.sha256,
      data: extraction.fingerprint,
    },
    configuration: { ...tuningSettings(plan, part), validation, seed, ...settings },
  });
  options.onMessage?.(`${out}: this run is done already`);
  const { configuration, metrics, times } = finished;
  return resultOf(extraction, run, {
    backbone: finished.backbone.name,
    precision: finished.backbone.precision ?? 'fp32',
    features: finished.backbone.features,
    choice: null,
    candidates: null,
    tune: `${configuration.tune}`,
    heads: [{ name: `tuned from ${configuration.tune} on`, rmse: metrics.validation?.rmse ?? null }],
    epochs: parseEvents(await readPart(out, EVENTS_FILE, 'utf8'), join(out, EVENTS_FILE)),
    bestEpoch: Number(configuration.bestEpoch),
    validation: metrics.validation,
    chooseSeconds: 0,
    fitSeconds: times.fitSeconds,
    calibrateSeconds: 0,
    computeShare: null,
  });
}

/** What of a result the model itself says. */
type ModelResult = Pick<
  TrainResult,
  | 'backbone'
  | 'precision'
  | 'features'
  | 'choice'
  | 'candidates'
  | 'tune'
  | 'heads'
  | 'epochs'
  | 'bestEpoch'
  | 'validation'
> &
  Pick<TrainResult, 'chooseSeconds' | 'fitSeconds' | 'calibrateSeconds' | 'computeShare'>;

/** The result with images, time and memory, its keys in the order of `train --json`. */
function resultOf({ samples, skipped, seconds, cached }: Extraction, run: Run, model: ModelResult): TrainResult {
  const { chooseSeconds, fitSeconds, calibrateSeconds, computeShare, ...about } = model;
  return {
    images: samples.length,
    skipped,
    ...about,
    chooseSeconds,
    extractSeconds: seconds,
    fitSeconds,
    totalSeconds: secondsSince(run.startedMs),
    calibrateSeconds,
    imagesPerSecond: samples.length / seconds,
    cachedImages: cached,
    computeShare,
    peakRssBytes: peakRssBytes(),
    model: run.out,
  };
}

const secondsSince = (startedMs: number): number => (performance.now() - startedMs) / 1000;

/** Closes what the stages opened, at the end of the run. */
type Closing = (() => Promise<void>)[];

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

/** True where the model of this checksum lies there already: the run had been stopped between its last two steps. */
async function isSameModel(out: string, sha256: string): Promise<boolean> {
  const path = join(out, 'model.onnx');
  if (!existsSync(path)) return false;
  return sha256Hex(await readPart(out, 'model.onnx', null)) === sha256;
}
