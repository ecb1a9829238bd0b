import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expected, InputError, reasonOf } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import { quoted } from '../base/quoted.js';
import { checkImages, type GeneratedPortraits, generatePortraits } from '../data/portraits/generate-portraits.js';
import { readTable } from '../data/tables.js';
import type { PicturePrediction } from '../model/model.js';
import { type CleanResult, cleanDataset } from './clean-dataset.js';
import { type EvaluateModelResult, evaluateModel } from './evaluate-model.js';
import { type InspectResult, inspectDataset } from './inspect-dataset.js';
import { predictPictures } from './predict-pictures.js';
import { type TrainResult, trainModel } from './train-model.js';

/** Where the demo goes and how large it is. */
export interface DemoOptions extends Watch {
  /** The folder to make; an earlier demo there is replaced. Default `eyeball-demo`. */
  readonly out?: string | undefined;
  /** Faces to draw, from 50. Default 800. */
  readonly images?: number | undefined;
  /** Start of all random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
}

/** What each step of the demo came to. */
export interface DemoResult {
  readonly out: string;
  readonly data: GeneratedPortraits;
  readonly inspection: InspectResult;
  readonly cleaning: CleanResult & {
    /** Wrong labels that were planted, and how many of them are issues. */
    readonly planted: number;
    readonly found: number;
  };
  readonly training: TrainResult;
  readonly evaluation: EvaluateModelResult;
  readonly predictions: readonly PicturePrediction[];
  readonly totalSeconds: number;
}

// Says that a folder is a demo's, so that the next one may replace it.
const MARK = '.eyeball-demo';

/**
 * The whole path on nobody's face: draws a data set of portraits with known faults, then inspects and cleans it, trains on it, evaluates the
 * model and predicts a few pictures.
 *
 * @throws InputError where `out` is a folder that no demo made, or cannot be written.
 */
export async function runDemo(options: DemoOptions = {}): Promise<DemoResult> {
  const started = performance.now();
  const { out = 'eyeball-demo', images = 800, seed = 0, onMessage } = options;
  const watch: Watch = { onProgress: options.onProgress, onMessage, signal: options.signal };
  checkImages(images);
  await clear(out);
  const step = (text: string) => onMessage?.(`\n${text}`);

  step(`1. Drawing ${images} portraits, some with faults planted: ${join(out, 'data')}`);
  const data = await generatePortraits({ out: join(out, 'data'), images, seed, ...watch });
  const train = join(out, 'data', 'train');
  const test = join(out, 'data', 'test');
  const model = join(out, 'model');

  step(`2. npx eyeball-ml inspect ${quoted(train)} --out ${quoted(join(out, 'inspection'))}`);
  const inspection = await inspectDataset({ data: train, target: 'age', out: join(out, 'inspection'), seed, ...watch });

  const cleaned = join(out, 'cleaning', 'labels.csv');
  const cacheDir = join(out, 'cache');
  step(`3. npx eyeball-ml clean ${quoted(train)} --out ${quoted(cleaned)} --decide drop`);
  const issues = await cleanDataset({
    data: train,
    target: 'age',
    out: cleaned,
    decide: 'drop',
    seed,
    cacheDir,
    ...watch,
  });
  const decisions = issues.decisionsFile;

  step(
    `4. npx eyeball-ml train ${quoted(train)} --target age --unit years --decisions ${quoted(decisions)} --out ${quoted(model)}`,
  );
  const training = await trainModel({
    ...{ data: train, target: 'age', unit: 'years', decisions, out: model, seed, cacheDir },
    ...watch,
  });

  step(`5. npx eyeball-ml evaluate ${quoted(model)} ${quoted(test)} --out ${quoted(join(out, 'evaluation'))}`);
  const evaluation = await evaluateModel({ model, data: test, out: join(out, 'evaluation'), seed, ...watch });

  const some = await fewPictures(test);
  step(`6. npx eyeball-ml predict ${quoted(model)} ${some.map(quoted).join(' ')}`);
  const predictions = await predictPictures({ model, pictures: some, ...watch });
  return {
    out,
    data,
    inspection,
    cleaning: { ...issues, ...(await plantedAndFound(data, issues)) },
    training,
    evaluation,
    predictions,
    totalSeconds: (performance.now() - started) / 1000,
  };
}

/** How many wrong labels were planted in the training part, and how many of them cleaning doubts. */
async function plantedAndFound(
  { train, out, truth }: GeneratedPortraits,
  { issues }: CleanResult,
): Promise<{ planted: number; found: number }> {
  const { columns, rows } = await readTable(truth, truth);
  const [file, kind] = [columns.indexOf('file'), columns.indexOf('kind')];
  const folder = relative(out, train);
  const wrong = rows
    .filter(({ cells }) => `${cells[kind]}` === 'wrong-label' || `${cells[kind]}` === 'conflicting-duplicate')
    .map(({ cells }) => `${cells[file]}`);
  const planted = wrong.filter(name => name.startsWith(`${folder}/`)).map(name => name.slice(folder.length + 1));
  const doubted = new Set(issues.flatMap(({ kind, file }) => (kind === 'label' || kind === 'conflict' ? [file] : [])));
  return { planted: planted.length, found: planted.filter(name => doubted.has(name)).length };
}

/** One picture each of five ages from the youngest to the oldest. */
async function fewPictures(test: string): Promise<string[]> {
  const ages = (await readdir(test)).map(Number).sort((a, b) => a - b);
  const chosen = [0.05, 0.25, 0.5, 0.75, 0.95].map(share => `${ages[Math.floor(share * ages.length)]}`);
  return await Promise.all(chosen.map(async age => join(test, age, (await readdir(join(test, age))).sort()[0]!)));
}

async function clear(out: string): Promise<void> {
  try {
    if (existsSync(out) && !existsSync(join(out, MARK)) && (await readdir(out)).length > 0) {
      throw new InputError(
        expected(out, 'a new folder or an earlier demo', 'something else', 'name another with --out'),
      );
    }
    await rm(out, { recursive: true, force: true });
    await mkdir(out, { recursive: true });
    await writeFile(join(out, MARK), '');
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw new InputError(expected(out, 'a folder that can be written', `"${reasonOf(cause)}"`), { cause });
  }
}
