import { existsSync } from 'node:fs';
import { basename, join, resolve, sep } from 'node:path';
import { runConcurrently } from '../base/concurrency.js';
import type { DeviceOptions } from '../base/device.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import { defaultCacheDir } from '../base/files.js';
import { option } from '../base/options.js';
import { createOutputFolder, type OutputFolder } from '../base/output-folder.js';
import { step } from '../base/profile.js';
import { contextOf, type RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Dataset, Skipped } from '../datasets/dataset.js';
import { type OpenDatasetOptions, openDataset } from '../datasets/open-dataset.js';
import { copiesFor } from '../engine/runtime/session.js';
import { type Evaluation, evaluate, type Prediction } from '../evaluation/evaluate.js';
import type { ImageProperties } from '../evaluation/slices.js';
import { type SuspiciousLabel, suspiciousLabels } from '../evaluation/suspicious-labels.js';
import { type Epoch, EVENTS_FILE, parseEvents } from '../formats/events.js';
import type { Manifest } from '../formats/manifest.js';
import { formatMetrics, METRICS_FILE } from '../formats/metrics.js';
import { inputOf, isPlain, resizeText } from '../formats/resize.js';
import { reportWarnings } from '../images/image-format.js';
import { isGray } from '../images/quality.js';
import { type ReadImage, readsForTwo } from '../images/shared-reads.js';
import { modelCard } from '../model/card.js';
import { cropDataset } from '../model/crop-dataset.js';
import { noAlignmentError } from '../model/crop-faces.js';
import { loadModel, type Model } from '../model/model.js';
import { checkOrder, modelFolder, readPart } from '../model/model-files.js';
import {
  findTrainingLeaks,
  indexOfModel,
  type Leakage,
  leakageOf,
  leakedImages,
  PAIR_PX,
} from '../model/training-leaks.js';
import { trainingImage } from '../model/training-neighbors.js';
import { predictionsCsv } from '../report/csv.js';
import { type EvaluationImages, evaluationImages } from '../report/evaluation-images.js';
import { type ImageFacts, readImageFacts } from '../similarity/image-facts.js';
import { intervalsAt } from '../uncertainty/intervals.js';

/** Which model to measure, on which data. */
export interface EvaluateModelOptions extends RunContext, OpenDatasetOptions, DeviceOptions {
  /** The model's folder, or the `model.onnx` in it. */
  readonly model: string;
  /** The folder of results. Default: `<model>-evaluation`, where earlier results are replaced and other files stay. */
  readonly out?: string | undefined;
  /** True takes the largest face of each image, cropped as the model knows faces, in its place. Default false. */
  readonly faces?: boolean | undefined;
  /** True predicts each image and its mirror image and takes the mean. Default false. */
  readonly tta?: boolean | undefined;
  /** Where facts of images are kept. Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** Start of the bootstrap's random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** True moves an existing `out` aside. Default false: that is an error. */
  readonly force?: boolean | undefined;
}

/** The keys of `evaluate --json`. */
export interface EvaluateModelResult extends Evaluation {
  /** Which of the images the model was trained on, and its errors without them; absent where the model does not know. */
  readonly leakage?: Leakage;
  /** Labels outside of the interval of 99 %, the most suspicious first. */
  readonly suspects: readonly SuspiciousLabel[];
  /** The folder with report.html, metrics.json, model-card.md, predictions.csv, best.png and worst.png. */
  readonly out: string;
  /** Whether each prediction is the mean of an image's and its mirror image's. */
  readonly tta: boolean;
  /** The seed of the bootstrap. */
  readonly seed: number;
  readonly totalSeconds: number;
}

/**
 * Measures a model on labeled images and writes a report.
 *
 * @throws InputError where the model or the data cannot be used, or `out` exists.
 *
 * @example
 * ```ts
 * import { evaluateModel } from 'eyeball-ml';
 *
 * const { rmse, baseline, out } = await evaluateModel({ model: 'age', data: 'faces/test' });
 * console.log(`RMSE ${rmse}, always the mean ${baseline.mean.rmse}; ${out}/report.html`);
 * ```
 */
export async function evaluateModel(options: EvaluateModelOptions): Promise<EvaluateModelResult> {
  const startedMs = performance.now();
  checkOrder(options.model, options.data, 'DATA');
  const home = modelFolder(options.model);
  const out = options.out ?? evaluationFolder(home);
  checkApart(out, home, 'the model');
  checkApart(out, options.data, 'the data');
  const { force = false, onMessage, signal } = options;
  // Earlier results at the default place are replaced, file by file: other files stay.
  const merge = !force && options.out === undefined && existsSync(join(out, METRICS_FILE));
  const folder = await createOutputFolder(out, { force, merge });
  try {
    const epochs = await readEpochs(home);
    const measured = await measure(home, options);
    const seconds = () => (performance.now() - startedMs) / 1000;
    await writeResults(folder, measured, { home, epochs, options, seconds: seconds() });
    throwIfAborted(signal);
    const aside = await folder.commit();
    if (aside !== undefined) onMessage?.(`moved the older ${out} to ${aside}`);
    const { evaluation, leakage, suspects } = measured;
    const { tta = false, seed = 0 } = options;
    return { ...evaluation, ...(leakage && { leakage }), suspects, out, tta, seed, totalSeconds: seconds() };
  } finally {
    await folder.close();
  }
}

/** An evaluation, with what its report shows. */
interface Measured {
  readonly manifest: Manifest;
  readonly predictions: readonly Prediction[];
  readonly evaluation: Evaluation;
  readonly suspects: readonly SuspiciousLabel[];
  readonly leakage: Leakage | undefined;
  readonly images: EvaluationImages;
  readonly leakedImages: Awaited<ReturnType<typeof leakedImages>>;
}

/** Predicts the data and compares with its labels; meanwhile looks for images of the training among them. */
async function measure(home: string, options: EvaluateModelOptions): Promise<Measured> {
  const { profile, seed = 0, onMessage } = options;
  const model = await step(profile, 'model', () =>
    loadModel(home, { copies: copiesFor(Number.POSITIVE_INFINITY), device: options.device, onMessage }),
  );
  const closing = [() => model.close()];
  try {
    const { manifest } = model;
    const dataset = await datasetOf(manifest, options);
    const { samples } = dataset;
    const pathOf = (file: string) => resolve(dataset.root, file);
    const index = await indexOfModel(home, manifest);
    tellOrigin(manifest, onMessage);
    const read = readsForTwo();
    const predicted = async (context: RunContext) => {
      const answered = await predictSamples(model, dataset, { ...context, tta: options.tta ?? false, read });
      if (answered.predictions.length === 0) throw nothingRead(options.data, samples.length, answered.skipped);
      const suspects = suspiciousLabels(answered.predictions, manifest.intervals);
      const draw = () => evaluationImages(answered.predictions, suspects, pathOf, { model, home, index });
      return { ...answered, suspects, images: await step(profile, 'images', draw) };
    };
    const compared = async (context: RunContext) => {
      const { facts, close } = await readImageFacts(dataset, options.cacheDir ?? defaultCacheDir(), context, read);
      closing.push(close);
      return { facts, leaks: index && (await findTrainingLeaks(home, index, dataset, facts, context)) };
    };
    // The page's plots take a third of a second to load: done while the engine computes.
    import('../report/evaluation-page.js').catch(() => {});
    const [{ predictions: answers, positions, skipped, suspects, images }, { facts, leaks }] = await runConcurrently(
      contextOf(options),
      predicted,
      'training images',
      compared,
    );
    reportWarnings(samples, facts, onMessage);
    // In place: a copy of all predictions takes 100 bytes an image.
    answers.forEach((answer, i) => {
      answer.properties = propertiesOf(facts.at(positions[i]!));
    });
    const predictions: readonly Prediction[] = answers;
    const leakage = index && leaks && leakageOf(index, leaks, predictions, positions);
    const evaluation = evaluate(predictions, {
      trainingLabels: manifest.dataset.labels,
      skipped,
      seed,
      intervals: manifest.intervals,
      sizePx: manifest.input.sizePx,
    });
    const ofTraining = async (file: string) =>
      (await trainingImage(index!, home, index!.files.indexOf(file), PAIR_PX)).dataUri;
    const pairs = leakage === undefined ? [] : await leakedImages(leakage, pathOf, ofTraining);
    return { manifest, predictions, evaluation, suspects, leakage, images, leakedImages: pairs };
  } finally {
    for (const close of closing) await close();
  }
}

async function datasetOf(manifest: Manifest, options: EvaluateModelOptions): Promise<Dataset> {
  const { data, labelFrom, labelFromPath, skipMissing, decisions, limit, onMessage, signal, profile } = options;
  const target = options.target ?? columnOf(manifest.target.name);
  const opened = await step(profile, 'listing', () =>
    openDataset({ data, target, labelFrom, labelFromPath, skipMissing, decisions, limit, onMessage, signal }),
  );
  const { framing, input } = manifest;
  if (!options.faces) return opened;
  if (framing === undefined) throw noAlignmentError(options.model);
  return await cropDataset(opened, framing, inputOf(input), options.cacheDir ?? defaultCacheDir(), contextOf(options));
}

/** The predictions of a data set's images: of those that can be read, with their positions in it, and the others. */
async function predictSamples(
  model: Model,
  { root, samples, skipped: unread }: Dataset,
  options: RunContext & { readonly tta: boolean; readonly read: ReadImage },
) {
  const paths = samples.map(({ file }) => resolve(root, file));
  const answers = await step(options.profile, 'predictions', () => model.predict(paths, options));
  const predictions: (Prediction & { properties: ImageProperties | undefined })[] = [];
  const positions: number[] = [];
  const skipped: Skipped[] = [...unread];
  for (const [i, { value, error, scale, unusual, unlike }] of answers.entries()) {
    if (value === null) {
      skipped.push({ file: samples[i]!.file, reason: error ?? '' });
      continue;
    }
    predictions.push({ ...samples[i]!, value, scale, unusual, unlike, properties: undefined });
    positions.push(i);
  }
  return { predictions, positions, skipped };
}

function nothingRead(data: string, count: number, skipped: readonly Skipped[]): InputError {
  const { file, reason } = skipped.at(-1)!;
  return new InputError(expected(data, 'at least one image that can be read', `none of ${count}; ${file}: ${reason}`));
}

function tellOrigin({ configuration: { from } }: Manifest, onMessage: RunContext['onMessage']): void {
  if (from === undefined) return;
  onMessage?.(`warning: the model goes on from ${from}; images that ${from} was trained on are not looked for`);
}

/** What the results say beside what was measured. */
interface About {
  readonly home: string;
  readonly epochs: Awaited<ReturnType<typeof readEpochs>>;
  readonly options: EvaluateModelOptions;
  readonly seconds: number;
}

async function writeResults(folder: OutputFolder, measured: Measured, about: About): Promise<void> {
  const { manifest, predictions, evaluation, suspects, leakage, images } = measured;
  const { home, epochs, options, seconds } = about;
  const metrics = {
    model: home,
    modelSha256: manifest.sha256,
    data: options.data,
    fingerprint: fingerprint(predictions),
    tta: options.tta ?? false,
    ...evaluation,
    leakage,
    suspects,
  };
  const at90 = manifest.intervals && intervalsAt(manifest.intervals, 0.9);
  await folder.write(METRICS_FILE, formatMetrics(metrics));
  await folder.write('model-card.md', modelCard(manifest, { data: basename(resolve(options.data)), evaluation }));
  await folder.write('predictions.csv', predictionsCsv(predictions, at90));
  await folder.write('best.png', images.bestSheet);
  await folder.write('worst.png', images.worstSheet);
  const { evaluationPage } = await import('../report/evaluation-page.js');
  const page = evaluationPage({
    title: basename(resolve(home)),
    target: manifest.target.name,
    unit: manifest.target.unit ?? undefined,
    evaluation,
    predictions,
    trainingLabels: manifest.dataset.labels,
    leakage,
    leakedImages: measured.leakedImages,
    best: images.best,
    worst: images.worst,
    suspects: images.suspects,
    suspectCount: suspects.length,
    epochs,
    keptEpoch: numberOf(manifest.configuration.bestEpoch),
    loss: textOf(manifest.configuration.loss),
    made: madeOf(manifest, about, seconds),
  });
  await folder.write('report.html', page);
}

/** How the results were made, for the end of the page. */
function madeOf(manifest: Manifest, { home, options }: About, seconds: number): (readonly [string, string | number])[] {
  const { backbone, input, configuration, dataset, createdAt } = manifest;
  const settings = Object.entries(configuration).filter(([, value]) => value !== null);
  const packages = Object.entries(manifest.versions).map(pair => pair.join(' '));
  return [
    ['model', home],
    ['data', options.data],
    ['backbone', `${backbone.name} (${backbone.source})`],
    ['input size', `${input.sizePx} px`],
    ...(isPlain(inputOf(input)) ? [] : [['fit', resizeText(inputOf(input).resize)] as const]),
    ...settings.map(([key, value]) => [key, String(value)] as const),
    ['trained on', `${dataset.images} images, ${createdAt.slice(0, 10)}`],
    ['intervals', intervalsText(manifest)],
    ...(options.tta ? [['predictions', 'mean of each image and its mirror image (tta)'] as const] : []),
    ['evaluated in', `${seconds.toFixed(1)} s`],
    ['bootstrap seed', options.seed ?? 0],
    ['versions', packages.join(', ')],
  ];
}

/** What slices are made by. */
function propertiesOf(fact: ImageFacts | undefined): ImageProperties | undefined {
  if (fact === undefined) return undefined;
  return new FactProperties(fact);
}

/** Properties that are looked up in the facts: as numbers of their own they would take three times the memory. */
class FactProperties implements ImageProperties {
  constructor(private readonly fact: ImageFacts) {}

  get widthPx(): number {
    return this.fact.quality.width;
  }

  get heightPx(): number {
    return this.fact.quality.height;
  }

  get brightness(): number {
    return this.fact.quality.brightness;
  }

  get isGray(): boolean {
    return isGray(this.fact.quality);
  }
}

function intervalsText({ intervals }: Manifest): string {
  if (intervals === undefined) return 'none';
  const { method, folds, pooled } = intervals;
  return `conformal, on ${pooled.images} ${method === 'split' ? 'held-out images' : `images by ${folds} cross-fitted heads`}`;
}

/** The default folder of the results of evaluating the model in the folder `home`: `<model>-evaluation`. */
export function evaluationFolder(home: string): string {
  return `${/^\.*[/\\]*$/.test(home) ? resolve(home) : home.replace(/[/\\]+$/, '')}-evaluation`;
}

/** Tells whether two evaluations were on the same images: the SHA-256 of their names and labels. */
function fingerprint(predictions: readonly Prediction[]): string {
  const lines = predictions.map(({ file, label }) => `${file}\t${label}`);
  return sha256Hex(lines.join('\n'));
}

/** Refuses an output that would lie in what is read, or be put in its place. */
function checkApart(out: string, other: string, name: string): void {
  const [a, b] = [resolve(out), resolve(other)];
  if (a === b || a.startsWith(b + sep) || b.startsWith(a + sep)) {
    throw new InputError(
      expected(
        out,
        `a folder apart from ${name}`,
        `one that shares files with ${other}`,
        `choose another with ${option('out')}`,
      ),
    );
  }
}

const numberOf = (setting: unknown) => (typeof setting === 'number' ? setting : undefined);
const textOf = (setting: unknown) => (typeof setting === 'string' ? setting : undefined);

/** The target is a table's column only where it has a name. */
const columnOf = (target: string): string | undefined => (target === 'value' ? undefined : target);

/**
 * What a model's `events.jsonl` says of its training, an epoch a line; none where there is no such file.
 *
 * @throws InputError where it is damaged.
 */
export async function readEpochs(home: string): Promise<Epoch[]> {
  const path = join(home, EVENTS_FILE);
  return existsSync(path) ? parseEvents(await readPart(home, EVENTS_FILE, 'utf8'), path) : [];
}
