import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { expected, InputError } from '../base/errors.js';
import { createOutputFolder } from '../base/output-folder.js';
import type { Watch } from '../base/progress.js';
import { type OpenDatasetOptions, openDataset } from '../data/open-dataset.js';
import { runPictures } from '../data/run-pictures.js';
import { sheetPng } from '../data/sheet.js';
import { type Evaluation, evaluate, type Prediction } from '../evaluation/evaluate.js';
import { loadModel, type Model } from '../model/model.js';
import { predictionsCsv } from '../report/csv.js';
import { evaluationPage } from '../report/evaluation-page.js';
import type { Epoch } from '../training/adam-head.js';
import { withThumbnails } from './common.js';

/** Which model to measure, on which data. */
export interface EvaluateModelOptions extends Watch, OpenDatasetOptions {
  /** The model's folder, or the `model.onnx` in it. */
  readonly model: string;
  /** The folder of results. Default: `<model>-evaluation`, whose earlier results are replaced. */
  readonly out?: string | undefined;
  /** Start of the bootstrap's random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** True moves an existing `out` aside. Default false: that is an error. */
  readonly force?: boolean | undefined;
}

/** The keys of `evaluate --json`. */
export interface EvaluateModelResult extends Evaluation {
  /** The folder with report.html, metrics.json, predictions.csv, best.png and worst.png. */
  readonly out: string;
  readonly totalSeconds: number;
}

const SHOWN = 24;

/**
 * Measures a model on labelled pictures and writes a report.
 *
 * @throws InputError where the model or the data cannot be used, or `out` exists.
 */
export async function evaluateModel(options: EvaluateModelOptions): Promise<EvaluateModelResult> {
  const started = performance.now();
  const { seed = 0, force = false } = options;
  const modelFolder = basename(options.model) === 'model.onnx' ? dirname(options.model) : options.model;
  const model = await loadModel(modelFolder);
  try {
    const { manifest } = model;
    const out =
      options.out ??
      `${/^\.*[/\\]*$/.test(modelFolder) ? resolve(modelFolder) : modelFolder.replace(/[/\\]+$/, '')}-evaluation`;
    if (!relative(resolve(modelFolder), resolve(out)).startsWith('..')) {
      throw new InputError(
        expected(out, 'a folder outside of the model', 'one inside it', 'choose another with --out'),
      );
    }
    const folder = await createOutputFolder(out, {
      force: force || (options.out === undefined && (await isOurs(out))),
    });
    try {
      const dataset = await openDataset({ ...options, target: options.target ?? columnOf(manifest.target.name) });
      const { predictions, skipped } = await predictAll(model, dataset.root, dataset.samples, options);
      if (predictions.length === 0) {
        const [first] = skipped;
        const got = `none of ${dataset.samples.length}; ${first?.file}: ${first?.reason}`;
        throw new InputError(expected(options.data, 'at least one picture that can be read', got));
      }
      const { labels: trainingLabels } = manifest.dataset;
      const evaluation = evaluate(predictions, { trainingLabels, skipped: [...dataset.skipped, ...skipped], seed });

      const pathOf = (file: string) => resolve(dataset.root, file);
      const byError = predictions.toSorted((a, b) => Math.abs(a.value - a.label) - Math.abs(b.value - b.label));
      const best = byError.slice(0, SHOWN);
      const worst = byError.toReversed().slice(0, SHOWN);
      const { name, unit } = manifest.target;
      const totalSeconds = (performance.now() - started) / 1000;
      await folder.write('metrics.json', `${JSON.stringify({ model: modelFolder, ...evaluation }, null, 2)}\n`);
      await folder.write('predictions.csv', predictionsCsv(predictions));
      await folder.write('best.png', await sheet(best, pathOf, 'good'));
      await folder.write('worst.png', await sheet(worst, pathOf, 'bad'));
      await folder.write(
        'report.html',
        evaluationPage({
          title: basename(resolve(modelFolder)),
          target: name,
          unit: unit ?? undefined,
          evaluation,
          predictions,
          trainingLabels,
          best: await withThumbnails(best, pathOf),
          worst: await withThumbnails(worst, pathOf),
          epochs: await readEpochs(modelFolder),
          made: [
            ['model', modelFolder],
            ['data', options.data],
            ['backbone', `${manifest.backbone.name} (${manifest.backbone.source})`],
            ['input size', `${manifest.input.sizePx} px`],
            ...Object.entries(manifest.configuration).map(([key, value]) => [key, String(value)] as const),
            ['trained on', `${manifest.dataset.images} pictures, ${manifest.createdAt.slice(0, 10)}`],
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
      const aside = await folder.commit();
      if (aside !== undefined) await settleOld(aside, out, options);
      return { ...evaluation, out, totalSeconds: (performance.now() - started) / 1000 };
    } finally {
      await folder.discard();
    }
  } finally {
    await model.close();
  }
}

/** The target is a table's column only where it has a name. */
const columnOf = (target: string): string | undefined => (target === 'value' ? undefined : target);

/** Results at the default place are replaced, but only where they are results; what somebody named is kept aside. */
async function settleOld(aside: string, out: string, { out: named, onMessage }: EvaluateModelOptions): Promise<void> {
  if (named === undefined) await rm(aside, { recursive: true });
  else onMessage?.(`moved the older ${out} to ${aside}`);
}

async function isOurs(out: string): Promise<boolean> {
  if (!existsSync(out) || existsSync(join(out, 'metrics.json'))) return true;
  throw new InputError(
    expected(out, 'results of an earlier evaluation', 'something else', 'name another folder with --out'),
  );
}

async function predictAll(
  model: Model,
  root: string,
  samples: readonly { readonly file: string; readonly label: number }[],
  { onProgress, signal }: Watch,
) {
  const predictions: Prediction[] = [];
  const skipped: { file: string; reason: string }[] = [];
  let done = 0;
  const results = runPictures({
    compute: model.run,
    sizePx: model.manifest.input.sizePx,
    count: samples.length,
    read: index => readFile(resolve(root, samples[index]!.file)),
    signal,
  });
  for await (const { indices, outputs, failed, settled } of results) {
    indices.forEach((index, row) => {
      predictions.push({ ...samples[index]!, value: Number(outputs.value!.data[row]) });
    });
    for (const { index, reason } of failed) skipped.push({ file: samples[index]!.file, reason });
    done += settled;
    onProgress?.({ phase: 'predicting', done, total: samples.length, unit: 'images' });
  }
  return { predictions, skipped };
}

function sheet(
  predictions: readonly Prediction[],
  pathOf: (file: string) => string,
  tone: 'good' | 'bad',
): Promise<Buffer> {
  const short = (value: number) => String(Number(value.toPrecision(3)));
  const caption = ({ label, value }: Prediction) => `${short(label)} → ${short(value)}`;
  return sheetPng(predictions.map(p => ({ path: pathOf(p.file), caption: caption(p), tone })));
}

async function readEpochs(modelFolder: string) {
  const path = join(modelFolder, 'events.jsonl');
  if (!existsSync(path)) return [];
  const lines = (await readFile(path, 'utf8')).split('\n').filter(line => line !== '');
  return lines.map(line => JSON.parse(line) as Epoch);
}
