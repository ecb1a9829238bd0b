import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { expected, InputError, reasonOf } from '../base/errors.js';
import { withLock } from '../base/file-lock.js';
import { readRegularFile, replaceFile } from '../base/files.js';
import { option } from '../base/options.js';
import { moveAside } from '../base/output-folder.js';
import type { RunContext } from '../base/progress.js';
import { shellQuoted } from '../base/text.js';
import { readTable } from '../datasets/tables.js';
import type { ImagePrediction } from '../model/model.js';
import { type CleanResult, cleanDataset } from '../verbs/clean-dataset.js';
import { type EvaluateModelResult, evaluateModel } from '../verbs/evaluate-model.js';
import { type InspectResult, inspectDataset } from '../verbs/inspect-dataset.js';
import { predictImages } from '../verbs/predict-images.js';
import { type TrainResult, trainModel } from '../verbs/train-model.js';
import { checkImages, type GeneratedPortraits, generatePortraits } from './portraits/generate-portraits.js';

export interface DemoOptions extends RunContext {
  /** The folder to create. Files of an earlier demo there are replaced, other files are kept. Default `eyeball-demo`. */
  readonly out?: string | undefined;
  /** Number of faces to draw, 50 to 99,999. Default 800. */
  readonly images?: number | undefined;
  /** Seed of all random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
}

/** The results of the steps. */
export interface DemoResult {
  readonly out: string;
  readonly data: GeneratedPortraits;
  readonly inspection: InspectResult;
  readonly cleaning: CleanResult & {
    /** Number of planted wrong labels, and of those that cleaning found. */
    readonly planted: number;
    readonly found: number;
  };
  readonly training: TrainResult;
  readonly evaluation: EvaluateModelResult;
  readonly predictions: readonly ImagePrediction[];
  readonly totalSeconds: number;
}

// Lists the files of a demo, so that the next one removes these and no others.
const RECORD = '.eyeball-demo';
const FOLDERS = ['data', 'inspection', 'cleaning', 'cache', 'model', 'evaluation'];

/** Size and time of the last change by path in the demo's folder. */
type MadeFiles = ReadonlyMap<string, string>;

/**
 * Runs all steps on drawn portraits with planted faults: inspects and cleans them, trains a model, evaluates it and predicts a few images.
 *
 * @throws UsageError for `images` out of range; InputError if `out` is a folder that is not of a demo, or cannot be written.
 *
 * @example
 * ```ts
 * import { runDemo } from 'eyeball-ml';
 *
 * const { out, evaluation } = await runDemo({ images: 100 });
 * console.log(`RMSE ${evaluation.rmse}; ${out}/evaluation/report.html`);
 * ```
 */
export async function runDemo(options: DemoOptions = {}): Promise<DemoResult> {
  const { out = 'eyeball-demo', images = 800, seed = 0, onProgress, onMessage, signal } = options;
  checkImages(images);
  const unwritable = (cause: unknown) =>
    cause instanceof InputError
      ? cause
      : new InputError(expected(out, 'a folder that can be written', `"${reasonOf(cause)}"`), { cause });
  try {
    await mkdir(dirname(resolve(out)), { recursive: true });
  } catch (cause) {
    throw unwritable(cause);
  }
  return await withLock(out, async () => {
    await removeEarlier(out, onMessage).catch((cause: unknown) => {
      throw unwritable(cause);
    });
    try {
      const result = await allSteps({ out, images, seed }, { onProgress, onMessage, signal });
      await writeRecord(out);
      return result;
    } catch (thrown) {
      await writeRecord(out).catch(() => {}); // the first failure is the one to report
      throw thrown;
    }
  });
}

async function allSteps(
  { out, images, seed }: { readonly out: string; readonly images: number; readonly seed: number },
  context: RunContext,
): Promise<DemoResult> {
  const started = performance.now();
  const step = async (text: string) => {
    await writeRecord(out);
    context.onMessage?.(`\n${text}`);
  };

  await step(`1. Drawing ${images} portraits, some with planted faults: ${join(out, 'data')}`);
  const data = await generatePortraits({ out: join(out, 'data'), images, seed, ...context });
  const train = join(out, 'data', 'train');
  const test = join(out, 'data', 'test');
  const model = join(out, 'model');

  await step(`2. npx eyeball-ml inspect ${shellQuoted(train)} --out ${shellQuoted(join(out, 'inspection'))}`);
  const inspection = await inspectDataset({
    data: train,
    target: 'age',
    out: join(out, 'inspection'),
    seed,
    ...context,
  });

  const cleaned = join(out, 'cleaning', 'labels.csv');
  const cacheDir = join(out, 'cache');
  await step(`3. npx eyeball-ml clean ${shellQuoted(train)} --out ${shellQuoted(cleaned)} --decide drop`);
  const issues = await cleanDataset({
    data: train,
    target: 'age',
    out: cleaned,
    decide: 'drop',
    seed,
    cacheDir,
    ...context,
  });
  const decisions = issues.decisionsFile;

  await step(
    `4. npx eyeball-ml train ${shellQuoted(train)} --target age --unit years --decisions ${shellQuoted(decisions)} --out ${shellQuoted(model)}`,
  );
  const training = await trainModel({
    ...{ data: train, target: 'age', unit: 'years', decisions, out: model, seed, cacheDir },
    ...context,
  });

  await step(
    `5. npx eyeball-ml evaluate ${shellQuoted(model)} ${shellQuoted(test)} --out ${shellQuoted(join(out, 'evaluation'))}`,
  );
  const evaluation = await evaluateModel({ model, data: test, out: join(out, 'evaluation'), seed, ...context });

  const some = await fewImages(test);
  await step(`6. npx eyeball-ml predict ${shellQuoted(model)} ${some.map(shellQuoted).join(' ')}`);
  const predictions = await predictImages({ model, images: some, ...context });
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

/** The number of wrong labels in the training part, and of those that cleaning found. */
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
  const suspicious = new Set(
    issues.flatMap(({ kind, file }) => (kind === 'label' || kind === 'conflict' ? [file] : [])),
  );
  return { planted: planted.length, found: planted.filter(name => suspicious.has(name)).length };
}

/** An image of each of five ages from the youngest to the oldest. */
async function fewImages(test: string): Promise<string[]> {
  const ages = (await readdir(test)).map(Number).sort((a, b) => a - b);
  const chosen = [0.05, 0.25, 0.5, 0.75, 0.95].map(share => `${ages[Math.floor(share * ages.length)]}`);
  return await Promise.all(chosen.map(async age => join(test, age, (await readdir(join(test, age))).sort()[0]!)));
}

/** Removes the unchanged files of an earlier demo; folders with other files are moved aside. */
async function removeEarlier(out: string, onMessage: RunContext['onMessage']): Promise<void> {
  const record = await readRecord(out);
  if (record === undefined && existsSync(out) && (await readdir(out)).length > 0) {
    throw new InputError(
      expected(out, 'a new folder or an earlier demo', 'another folder', `choose another ${option('out')}`),
    );
  }
  const now = await stateOf(out);
  for (const [file, state] of record ?? []) if (now.get(file) === state) await rm(join(out, file));
  for (const name of FOLDERS) {
    const folder = join(out, name);
    if (!existsSync(folder)) continue;
    const isEmpty = (await readdir(folder, { recursive: true, withFileTypes: true })).every(entry =>
      entry.isDirectory(),
    );
    if (isEmpty) await rm(folder, { recursive: true });
    else onMessage?.(`moved files in ${folder} that are not of a demo to ${await moveAside(folder)}`);
  }
  await mkdir(out, { recursive: true });
  await writeRecord(out);
}

/** The files of the last demo in this folder, or undefined. */
async function readRecord(out: string): Promise<MadeFiles | undefined> {
  const text = await readRegularFile(join(out, RECORD)).then(String, (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
    throw cause;
  });
  const lines = text?.split('\n').filter(line => line !== '');
  return lines && new Map(lines.map(line => JSON.parse(line) as [string, string]));
}

async function writeRecord(out: string): Promise<void> {
  await replaceFile(join(out, RECORD), [...(await stateOf(out))].map(entry => `${JSON.stringify(entry)}\n`).join(''));
}

/** All files in the folders of a demo. */
async function stateOf(out: string): Promise<MadeFiles> {
  const state = new Map<string, string>();
  for (const folder of FOLDERS.filter(name => existsSync(join(out, name)))) {
    for (const entry of await readdir(join(out, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const { size, mtimeMs } = await stat(path);
      state.set(relative(out, path), `${size} ${mtimeMs}`);
    }
  }
  return state;
}
