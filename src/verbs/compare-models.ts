import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expected, InputError, inputErrors, reasonOf, UsageError } from '../base/errors.js';
import { readRegularFile } from '../base/files.js';
import type { Manifest, ManifestCandidate } from '../formats/manifest.js';
import { METRICS_FILE, type Metrics, parseMetrics } from '../formats/metrics.js';
import { readManifest } from '../model/model.js';
import { modelFolder } from '../model/model-files.js';
import { evaluationFolder, readEpochs } from './evaluate-model.js';

/** Which models to set side by side. */
export interface CompareOptions {
  /** Two or more, or one that was found by a search: the folder of each, or the `model.onnx` in it. */
  readonly models: readonly string[];
}

/** What a model's manifest, and the folders around it, say of one run. */
export interface ComparedModel
  extends Pick<Manifest, 'target' | 'backbone' | 'input' | 'configuration' | 'dataset' | 'versions' | 'createdAt'> {
  /** As it was named. */
  readonly model: string;
  /** On the images held out of its training; null where there were none. */
  readonly validation: Manifest['metrics']['validation'];
  /** From `<model>-evaluation/metrics.json`; null where there is none, or it is of another model of that name. */
  readonly evaluation: MeasuredErrors | null;
  /** What a search compared before it took this model, best first; null without a search. */
  readonly candidates: readonly ManifestCandidate[] | null;
  /** Passes over the training images; 0 for ridge. */
  readonly epochs: number;
  readonly times: Manifest['times'];
  /** Of model.onnx. */
  readonly sizeBytes: number;
}

/** The keys of `compare --json`. */
export interface CompareResult {
  /** In the order in which they were named. */
  readonly models: readonly ComparedModel[];
  /** Why numbers may not be comparable, a sentence or two each. */
  readonly warnings: readonly string[];
}

const FIGURES = [
  'modelSha256',
  'data',
  'fingerprint',
  'tta',
  'images',
  'rmse',
  'mae',
  'r2',
  'cs5',
  'bias',
  'byGroup',
] as const;

/** The figures of an evaluation, and what they were measured on. */
export type MeasuredErrors = Pick<Metrics, (typeof FIGURES)[number]>;

/**
 * Sets models side by side: how they were trained, on what, and how good they are by their validation and evaluation.
 *
 * @throws UsageError for a single model that no search has found.
 * @throws InputError where one cannot be read; it names all of them.
 *
 * @example
 * ```ts
 * import { compareModels, trainModel } from 'eyeball-ml';
 *
 * await trainModel({ data: 'faces/train', out: 'age-ridge', solver: 'ridge' });
 * const { models } = await compareModels({ models: ['age', 'age-ridge'] });
 * for (const { model, validation } of models) console.log(model, validation?.rmse);
 * ```
 */
export async function compareModels({ models }: CompareOptions): Promise<CompareResult> {
  const tooFew = () =>
    new UsageError(expected('compare', 'at least 2 models', `${models.length}`, 'name another beside it'));
  if (models.length === 0) throw tooFew();
  const settled = await Promise.allSettled(models.map(readModel));
  const faults: string[] = [];
  for (const result of settled) {
    if (result.status === 'fulfilled') continue;
    if (!(result.reason instanceof InputError)) throw result.reason;
    faults.push(result.reason.message);
  }
  if (faults.length > 0)
    throw inputErrors(expected('compare', 'models that can be read', `${faults.length} others`), faults);
  const read = settled.map(result => (result as PromiseFulfilledResult<Read>).value);
  const compared = read.map(({ model }) => model);
  if (compared.length === 1 && compared[0]!.candidates === null) throw tooFew();
  return { models: compared, warnings: [...read.flatMap(({ warnings }) => warnings), ...warningsOf(compared)] };
}

interface Read {
  readonly model: ComparedModel;
  readonly warnings: readonly string[];
}

async function readModel(path: string): Promise<Read> {
  const home = modelFolder(path);
  const { metrics, times, sha256, ...manifest } = await readManifest(home);
  const { target, backbone, input, configuration, dataset, search, versions, createdAt } = manifest;
  const measured = await readFigures(home);
  const isOfAnother = measured !== undefined && measured.modelSha256 !== sha256;
  return {
    model: {
      model: path,
      target,
      validation: metrics.validation,
      evaluation: isOfAnother || measured === undefined ? null : measured,
      candidates: search?.candidates ?? null,
      epochs: (await readEpochs(home)).length,
      times,
      backbone,
      input,
      configuration,
      dataset,
      sizeBytes: await sizeOfNetwork(join(home, 'model.onnx')),
      versions,
      createdAt,
    },
    warnings: isOfAnother
      ? [`${evaluationFolder(home)} is of another model than ${path} is now, so it is left out: evaluate again.`]
      : [],
  };
}

async function sizeOfNetwork(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    const wayOut = 'train again or fetch it again';
    throw new InputError(expected(path, 'a file of the model', `"${reasonOf(cause)}"`, wayOut), { cause });
  }
}

async function readFigures(home: string): Promise<MeasuredErrors | undefined> {
  const path = join(evaluationFolder(home), METRICS_FILE);
  if (!existsSync(path)) return undefined;
  const bytes = await readRegularFile(path).catch((cause: unknown) => {
    const wayOut = 'evaluate again, or remove the folder';
    throw new InputError(expected(path, 'the results of eyeball evaluate', `"${reasonOf(cause)}"`, wayOut), { cause });
  });
  const metrics = parseMetrics(bytes.toString(), path);
  return Object.fromEntries(FIGURES.map(key => [key, metrics[key]])) as MeasuredErrors;
}

/** Which images of one data set a validation error is of. */
const measuredOn = ({ validation, configuration }: ComparedModel): string =>
  validation?.folds === undefined ? `${configuration.validation} ${configuration.seed}` : 'all, by cross-validation';

function warningsOf(models: readonly ComparedModel[]): string[] {
  const warnings: string[] = [];
  const targets = distinct(models.map(({ target }) => targetText(target)));
  const units = distinct(models.flatMap(({ target }) => target.unit ?? [])); // none is one that nobody said
  if (units.length > 1 || distinct(models.map(({ target }) => target.name)).length > 1) {
    warnings.push(`The models name different numbers (${targets.join('; ')}): their errors cannot be compared.`);
  }
  const validated = models.filter(({ validation }) => validation !== null);
  if (distinct(models.map(({ dataset }) => dataset.fingerprint)).length > 1) {
    warnings.push('The models were trained on different data: their validation errors are of different images.');
  } else if (distinct(validated.map(measuredOn)).length > 1) {
    warnings.push(
      'The models held out different images (validation, seed): so their validation errors are of different images.',
    );
  }
  const evaluations = models.flatMap(({ evaluation }) => evaluation ?? []);
  if (distinct(evaluations.map(({ fingerprint }) => fingerprint)).length > 1) {
    warnings.push(
      'The models were evaluated on different test data: evaluate them on the same to compare these errors.',
    );
  }
  if (distinct(evaluations.map(({ tta }) => `${tta}`)).length > 1) {
    warnings.push(
      'Some models were evaluated with mirror images (test-time augmentation) and some without: evaluate all in the same way.',
    );
  }
  return warnings;
}

function targetText({ name, unit }: Manifest['target']): string {
  return unit === null ? name : `${name} (${unit})`;
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];
