import { existsSync } from 'node:fs';
import { basename, join, resolve, sep } from 'node:path';
import { runConcurrently } from '../base/concurrency.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import { readIfThere } from '../base/files.js';
import { option } from '../base/options.js';
import { createOutputFolder } from '../base/output-folder.js';
import { step } from '../base/profile.js';
import { contextOf, type RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Skipped } from '../datasets/dataset.js';
import { type OpenDatasetOptions, openDataset } from '../datasets/open-dataset.js';
import { copiesFor } from '../engine/runtime/session.js';
import { type Evaluation, evaluate, type Prediction } from '../evaluation/evaluate.js';
import type { Looks } from '../evaluation/slices.js';
import { type Suspect, suspectsOf } from '../evaluation/suspects.js';
import { type Epoch, EVENTS_FILE, parseEvents } from '../formats/events.js';
import type { Manifest } from '../formats/manifest.js';
import { formatMetrics, METRICS_FILE } from '../formats/metrics.js';
import { isGray } from '../images/quality.js';
import { readsForTwo } from '../images/shared-reads.js';
import { modelCard } from '../model/card.js';
import { noAlignmentError } from '../model/crop-faces.js';
import { loadModel } from '../model/model.js';
import { checkOrder, modelFolder } from '../model/model-files.js';
import { predictionsCsv } from '../report/csv.js';
import { type ImageFacts, readImageFacts } from '../similarity/image-facts.js';
import type { TrainingIndex } from '../similarity/training-index.js';
import { intervalsAt } from '../uncertainty/intervals.js';
import { defaultCacheDir, tellWarnings } from './common.js';
import { cropDataset } from './crop-dataset.js';
import { evaluationImages } from './evaluation-images.js';
import { findTrainingLeaks, indexOfModel, type Leakage, leakageOf, leakedImages, PAIR_PX } from './training-leaks.js';
import { trainingImage } from './training-neighbours.js';

/** Which model to measure, on which data. */
export interface EvaluateModelOptions extends RunContext, OpenDatasetOptions {
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
  readonly suspects: readonly Suspect[];
  /** The folder with report.html, metrics.json, model-card.md, predictions.csv, best.png and worst.png. */
  readonly out: string;
  /** Whether each prediction is the mean of an image's and its mirror image's. */
  readonly tta: boolean;
  /** The seed of the bootstrap. */
  readonly seed: number;
  readonly totalSeconds: number;
}

/**
 * Measures a model on labelled images and writes a report.
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
  const started = performance.now();
  const {
    data,
    labelFrom,
    labelFromPath,
    skipMissing,
    decisions,
    limit,
    tta = false,
    seed = 0,
    force = false,
    cacheDir = defaultCacheDir(),
    signal,
    onMessage,
  } = options;
  checkOrder(options.model, options.data, 'DATA');
  const home = modelFolder(options.model);
  const out = options.out ?? evaluationFolder(home);
  checkApart(out, home, 'the model');
  checkApart(out, options.data, 'the data');
  // Earlier results at the default place are replaced, file by file: what else lies there stays.
  const merge = !force && options.out === undefined && existsSync(join(out, METRICS_FILE));
  const folder = await createOutputFolder(out, { force, merge });
  try {
    const epochs = await readEpochs(home);
    const { profile } = options;
    const model = await step(profile, 'model', () => loadModel(home, { copies: copiesFor(Number.POSITIVE_INFINITY) }));
    try {
      const { manifest } = model;
      const target = options.target ?? columnOf(manifest.target.name);
      const opened = await step(profile, 'listing', () =>
        openDataset({ data, target, labelFrom, labelFromPath, skipMissing, decisions, limit, onMessage, signal }),
      );
      const { framing, input } = manifest;
      if (options.faces && framing === undefined) throw noAlignmentError(options.model);
      const dataset =
        options.faces && framing !== undefined
          ? await cropDataset(opened, framing, input.sizePx, cacheDir, contextOf(options))
          : opened;
      const pathOf = (file: string) => resolve(dataset.root, file);
      const { samples } = dataset;
      const paths = samples.map(({ file }) => pathOf(file));
      const index = await indexOfModel(home, manifest);
      const { from } = manifest.configuration;
      if (from !== undefined)
        options.onMessage?.(
          `warning: the model goes on from ${from}; images that ${from} was trained on are not looked for`,
        );
      const trained = (index: TrainingIndex) => async (file: string) =>
        (await trainingImage(index, home, index.files.indexOf(file), PAIR_PX)).dataUri;
      const read = readsForTwo();
      const predicted = async (context: RunContext) => {
        // Cropped already, where faces were asked for.
        const asked = { ...context, tta, read };
        const answers = await step(profile, 'predictions', () => model.predict(paths, asked));
        const answered: Prediction[] = [];
        const positions: number[] = [];
        const skipped: Skipped[] = [...dataset.skipped];
        for (const [i, { value, error, scale, unusual, unlike }] of answers.entries()) {
          if (value === null) {
            skipped.push({ file: samples[i]!.file, reason: error ?? '' });
            continue;
          }
          answered.push({ ...samples[i]!, value, scale, unusual, unlike });
          positions.push(i);
        }
        if (answered.length === 0) {
          const { file, reason } = skipped.at(-1)!;
          const got = `none of ${samples.length}; ${file}: ${reason}`;
          throw new InputError(expected(options.data, 'at least one image that can be read', got));
        }
        const suspects = suspectsOf(answered, manifest.intervals);
        const draw = () => evaluationImages(answered, suspects, pathOf, { model, home, index });
        return { answered, positions, skipped, suspects, images: await step(profile, 'images', draw) };
      };
      const lookedAt = async (context: RunContext) => {
        const { facts } = await readImageFacts(dataset, cacheDir, context, read);
        return { facts, leaks: index && (await findTrainingLeaks(home, index, dataset, facts, context)) };
      };
      // What draws takes a third of a second to load: beside the engine's work.
      const page = import('../report/evaluation-page.js');
      page.catch(() => {});
      const [{ answered, positions, skipped, suspects, images }, { facts, leaks }] = await runConcurrently(
        contextOf(options),
        predicted,
        'training images',
        lookedAt,
      );
      tellWarnings(dataset.samples, facts, onMessage);
      const predictions = answered.map((prediction, i) => ({ ...prediction, looks: looksOf(facts[positions[i]!]) }));
      const { labels: trainingLabels } = manifest.dataset;
      const leakage = index && leaks && leakageOf(index, leaks, predictions, positions);
      const evaluation = evaluate(predictions, {
        trainingLabels,
        skipped,
        seed,
        intervals: manifest.intervals,
        sizePx: manifest.input.sizePx,
      });
      const { name, unit } = manifest.target;
      const totalSeconds = (performance.now() - started) / 1000;
      const about = {
        model: home,
        modelSha256: manifest.sha256,
        data: options.data,
        fingerprint: fingerprint(predictions),
        tta,
      };
      await folder.write(METRICS_FILE, formatMetrics({ ...about, ...evaluation, leakage, suspects }));
      await folder.write('model-card.md', modelCard(manifest, { data: basename(resolve(options.data)), evaluation }));
      await folder.write(
        'predictions.csv',
        predictionsCsv(predictions, manifest.intervals && intervalsAt(manifest.intervals, 0.9)),
      );
      await folder.write('best.png', images.bestSheet);
      await folder.write('worst.png', images.worstSheet);
      const { evaluationPage } = await page;
      await folder.write(
        'report.html',
        evaluationPage({
          title: basename(resolve(home)),
          target: name,
          unit: unit ?? undefined,
          evaluation,
          predictions,
          trainingLabels,
          leakage,
          leakedImages: index && leakage ? await leakedImages(leakage, pathOf, trained(index)) : [],
          best: images.best,
          worst: images.worst,
          suspects: images.suspects,
          suspectCount: suspects.length,
          epochs,
          keptEpoch: numberOf(manifest.configuration.bestEpoch),
          loss: textOf(manifest.configuration.loss),
          made: [
            ['model', home],
            ['data', options.data],
            ['backbone', `${manifest.backbone.name} (${manifest.backbone.source})`],
            ['input size', `${manifest.input.sizePx} px`],
            ...Object.entries(manifest.configuration)
              .filter(([, value]) => value !== null)
              .map(([key, value]) => [key, String(value)] as const),
            ['trained on', `${manifest.dataset.images} images, ${manifest.createdAt.slice(0, 10)}`],
            ['intervals', intervalsText(manifest)],
            ...(tta ? [['predictions', 'mean of each image and its mirror image (tta)'] as const] : []),
            ['evaluated in', `${totalSeconds.toFixed(1)} s`],
            ['bootstrap seed', seed],
            [
              'versions',
              Object.entries(manifest.versions)
                .map(pair => pair.join(' '))
                .join(', '),
            ],
          ],
        }),
      );
      throwIfAborted(signal);
      const aside = await folder.commit();
      if (aside !== undefined) onMessage?.(`moved the older ${out} to ${aside}`);
      return {
        ...evaluation,
        ...(leakage && { leakage }),
        suspects,
        out,
        tta,
        seed,
        totalSeconds: (performance.now() - started) / 1000,
      };
    } finally {
      await model.close();
    }
  } finally {
    await folder.close();
  }
}

/** What slices are made by. */
function looksOf(fact: ImageFacts | undefined): Looks | undefined {
  if (fact === undefined) return undefined;
  const { width, height, brightness } = fact.quality;
  return { widthPx: width, heightPx: height, brightness, isGray: isGray(fact.quality) };
}

function intervalsText({ intervals }: Manifest): string {
  if (intervals === undefined) return 'none';
  const { method, folds, pooled } = intervals;
  return `conformal, on ${pooled.images} ${method === 'split' ? 'held-out images' : `images by ${folds} cross-fitted heads`}`;
}

/** Where the results of evaluating the model in the folder `home` lie when nobody says otherwise: `<model>-evaluation`. */
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
  const text = await readIfThere(path);
  return text === undefined ? [] : parseEvents(text, path);
}
