import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { backboneNames } from '../../backbones/registry.js';
import { EyeballError } from '../../base/errors.js';
import type { Job, JobRequest } from '../../formats/studio-protocol.js';
import { loadModel } from '../../model/model.js';
import { cleanDataset } from '../../verbs/clean-dataset.js';
import { evaluateModel } from '../../verbs/evaluate-model.js';
import { trainModel } from '../../verbs/train-model.js';
import { planTraining } from '../../verbs/training-plan.js';
import { Problem } from '../problem.js';
import type { Served } from '../served-model.js';
import type { JobWatch } from './job-runner.js';
import { neighboursOf, saveNeighbours } from './review.js';
import { addBroken, type Workplace } from './workplace.js';

type TrainRequest = Extract<JobRequest, { kind: 'train' }>;

/** What jobs work on. */
export interface JobPlace {
  readonly workplace: Workplace;
  /** The model that is served now. */
  served(): Served | undefined;
  /** Serves another. */
  take(served: Served): void;
}

/** Does a job. */
export async function runJob(place: JobPlace, request: JobRequest, context: JobWatch): Promise<Job['outcome']> {
  if (request.kind === 'train') return await train(place, request, context);
  if (request.kind === 'clean') await clean(place, request.seed, context);
  else await evaluate(place, context);
  return null;
}

async function train(place: JobPlace, request: TrainRequest, context: JobWatch): Promise<Job['outcome']> {
  const { workplace } = place;
  const { kind, name, ...settings } = request;
  const { options } = workplace;
  const out = modelPath(workplace, name);
  const result = await trainModel({
    ...options.network,
    ...dataOptions(place),
    ...settings,
    decisions: takenDecisions(workplace),
    out,
    unit: unitOfTarget(workplace, place.served()) ?? undefined,
    cacheDir: options.cacheDir,
    ...context,
  });
  addBroken(workplace, result.skipped);
  place.take({ model: await loadModel(out), name, folder: out });
  return { rmse: result.validation?.rmse ?? null, bestEpoch: result.bestEpoch };
}

async function clean(place: JobPlace, seed: number, context: JobWatch): Promise<void> {
  const { workplace } = place;
  const { options, store, table } = workplace;
  let neighbours: ReturnType<typeof neighboursOf> = new Map();
  const result = await cleanDataset({
    ...options.network,
    ...dataOptions(place),
    decisions: store.shown,
    out: table,
    seed,
    cacheDir: options.cacheDir,
    onRanked: (ranked, nearest) => {
      neighbours = neighboursOf(ranked, nearest);
    },
    ...context,
  });
  await saveNeighbours(table, { wrongShare: result.wrongShare, neighbours });
  addBroken(workplace, result.skipped);
}

async function evaluate(place: JobPlace, context: JobWatch): Promise<void> {
  const { workplace } = place;
  const { data, test, cacheDir } = workplace.options;
  const { skipped } = await evaluateModel({
    ...dataOptions(place),
    model: place.served()!.folder!,
    data: test ?? data,
    decisions: test === undefined ? takenDecisions(workplace) : undefined,
    cacheDir,
    ...context,
  });
  if (test === undefined) addBroken(workplace, skipped);
}

/** How the data is opened. A folder's number has no name of its own: it takes that of the model. */
function dataOptions({ workplace, served }: JobPlace) {
  const { data, target, labelFrom, labelFromPath, skipMissing } = workplace.options;
  return { data, labelFrom, labelFromPath, skipMissing, target: target ?? nameOfTarget(workplace, served()) };
}

/** What the number is called; undefined where nobody said. */
export function nameOfTarget({ dataset, names }: Workplace, served: Served | undefined): string | undefined {
  const named = served?.model.manifest.target.name;
  if (dataset.target !== UNNAMED) return dataset.target;
  return names.naming.target ?? (named === UNNAMED ? undefined : named);
}

/** What the number is counted in; null where nobody said. */
export const unitOfTarget = ({ options, names }: Workplace, served: Served | undefined): string | null =>
  options.unit ?? names.naming.unit ?? served?.model.manifest.target.unit ?? null;

/** What can be said in the studio, since neither the data nor the command line does. */
export const canBeNamed = ({ dataset, options }: Workplace): { readonly target: boolean; readonly unit: boolean } => ({
  target: dataset.target === UNNAMED,
  unit: options.unit === undefined,
});

/** The target of data that has no name for it. */
const UNNAMED = 'value';

/** The decisions file, where something is decided. */
const takenDecisions = ({ store }: Workplace) => (store.byFile.size === 0 ? undefined : store.shown);

const modelPath = ({ options }: Workplace, name: string) => join(options.models, name);

const checkpointPath = (workplace: Workplace, name: string) => `${modelPath(workplace, name)}.checkpoint.safetensors`;

/** Whether a training that did not end can go on. */
export const isResumable = (workplace: Workplace, request: JobRequest): boolean =>
  request.kind === 'train' && request.tune !== 'head' && existsSync(checkpointPath(workplace, request.name));

/** @throws Problem 422 for a job that cannot be meant, before it is started */
export function checkJob({ workplace, served }: JobPlace, request: JobRequest): void {
  if (request.kind === 'clean') return;
  if (request.kind === 'evaluate') {
    if (served()?.folder === undefined)
      throw new Problem(422, 'expected a model to measure, got none; train one first');
    return;
  }
  const { name, backbone, resume, force } = request;
  // A path would be read from the server's disk.
  if (!backboneNames.includes(backbone as (typeof backboneNames)[number]))
    throw new Problem(422, `backbone: expected one of ${backboneNames.join(', ')}, got ${JSON.stringify(backbone)}`);
  try {
    planTraining(request);
  } catch (thrown) {
    if (thrown instanceof EyeballError) throw new Problem(422, thrown.message);
    throw thrown;
  }
  const [out, checkpoint] = [modelPath(workplace, name), checkpointPath(workplace, name)];
  if (resume && !existsSync(checkpoint))
    throw new Problem(422, `resume: expected a training of "${name}" that did not end, got none`);
  if (resume) return;
  if (existsSync(out) && !existsSync(join(out, 'eyeball.json')))
    throw new Problem(
      422,
      `name: expected that of a new model, got "${name}", which is something else; choose another`,
    );
  if (force) return;
  if (existsSync(out))
    throw new Problem(422, `name: expected that of a new model, got "${name}", which exists; force moves it aside`);
  if (existsSync(checkpoint))
    throw new Problem(
      422,
      `name: expected that of a new model, got "${name}", whose training did not end; resume or force`,
    );
}
