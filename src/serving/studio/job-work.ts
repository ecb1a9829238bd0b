import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { backboneNames } from '../../backbones/registry.js';
import { EyeballError } from '../../base/errors.js';
import { option } from '../../base/options.js';
import type { Job, JobRequest } from '../../formats/studio-protocol.js';
import { loadModel } from '../../model/model.js';
import { planTraining } from '../../training/training-plan.js';
import { cleanDataset } from '../../verbs/clean-dataset.js';
import { evaluateModel } from '../../verbs/evaluate-model.js';
import { trainModel } from '../../verbs/train-model.js';
import { Problem } from '../problem.js';
import type { Served } from '../served-model.js';
import { neighboursOf, saveNeighbours } from './findings.js';
import type { JobContext } from './job-runner.js';
import { addBroken, nameOfTarget, unitOfTarget, type Workplace } from './workplace.js';

type TrainRequest = Extract<JobRequest, { kind: 'train' }>;

/** What jobs work on. */
export interface JobPlace {
  readonly workplace: Workplace;
  /** The current model. */
  served(): Served | undefined;
  /** Serves another model. */
  serve(served: Served): void;
}

/** Runs a job to its end. */
export async function runJob(place: JobPlace, request: JobRequest, context: JobContext): Promise<Job['outcome']> {
  if (request.kind === 'train') return await train(place, request, context);
  if (request.kind === 'clean') await clean(place, request.seed, context);
  else await evaluate(place, context);
  return null;
}

async function train(place: JobPlace, request: TrainRequest, context: JobContext): Promise<Job['outcome']> {
  const { workplace } = place;
  const { kind, name, ...settings } = request;
  const { options } = workplace;
  const out = modelPath(workplace, name);
  const result = await trainModel({
    ...options.network,
    ...dataOptions(place),
    ...settings,
    decisions: decisionsIfAny(workplace),
    out,
    unit: unitOfTarget(workplace, place.served()) ?? undefined,
    cacheDir: options.cacheDir,
    device: options.device,
    ...context,
  });
  addBroken(workplace, result.skipped);
  place.serve({ model: await loadModel(out, { device: options.device }), name, folder: out });
  return { rmse: result.validation?.rmse ?? null, bestEpoch: result.bestEpoch };
}

async function clean(place: JobPlace, seed: number, context: JobContext): Promise<void> {
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
    device: options.device,
    onRanked: (ranked, nearest) => {
      neighbours = neighboursOf(ranked, nearest);
    },
    ...context,
  });
  await saveNeighbours(table, { wrongShare: result.wrongShare, neighbours });
  addBroken(workplace, result.skipped);
}

async function evaluate(place: JobPlace, context: JobContext): Promise<void> {
  const { workplace } = place;
  const { data, test, cacheDir, device } = workplace.options;
  const { skipped } = await evaluateModel({
    ...dataOptions(place),
    model: place.served()!.folder!,
    data: test ?? data,
    decisions: test === undefined ? decisionsIfAny(workplace) : undefined,
    cacheDir,
    device,
    ...context,
  });
  if (test === undefined) addBroken(workplace, skipped);
}

/** The options of the data. A folder does not name its target: it takes the name of the model's. */
function dataOptions({ workplace, served }: JobPlace) {
  const { data, target, labelFrom, labelFromPath, skipMissing } = workplace.options;
  return { data, labelFrom, labelFromPath, skipMissing, target: target ?? nameOfTarget(workplace, served()) };
}

/** The decisions file, if it has decisions. */
const decisionsIfAny = ({ store }: Workplace) => (store.byFile.size === 0 ? undefined : store.shown);

const modelPath = ({ options }: Workplace, name: string) => join(options.models, name);

const checkpointPath = (workplace: Workplace, name: string) => `${modelPath(workplace, name)}.checkpoint.safetensors`;

/** Whether an unfinished training can be resumed. */
export const isResumable = (workplace: Workplace, request: JobRequest): boolean =>
  request.kind === 'train' && request.tune !== 'head' && existsSync(checkpointPath(workplace, request.name));

/** Checks a job before it is started. @throws Problem 422 */
export function checkJob({ workplace, served }: JobPlace, request: JobRequest): void {
  if (request.kind === 'clean') return;
  if (request.kind === 'evaluate') {
    if (served()?.folder === undefined) throw new Problem(422, 'there is no model to evaluate; train one first');
    return;
  }
  const { name, backbone, resume, force } = request;
  // A path would be read from the disk of the server.
  if (!backboneNames.includes(backbone as (typeof backboneNames)[number]))
    throw new Problem(
      422,
      `backbone: expected auto, face, objects or a network that "npx eyeball-ml backbones" lists, got ${JSON.stringify(backbone)}`,
    );
  try {
    planTraining(request);
  } catch (thrown) {
    if (thrown instanceof EyeballError) throw new Problem(422, thrown.message);
    throw thrown;
  }
  const [out, checkpoint] = [modelPath(workplace, name), checkpointPath(workplace, name)];
  if (resume && !existsSync(checkpoint)) throw new Problem(422, `resume: there is no unfinished training of "${name}"`);
  if (resume) return;
  if (existsSync(out) && !existsSync(join(out, 'eyeball.json')))
    throw new Problem(422, `name: "${name}" exists and is not a model; choose another name`);
  if (force) return;
  if (existsSync(out))
    throw new Problem(422, `name: the model "${name}" exists; choose another name or ${option('force')}`);
  if (existsSync(checkpoint))
    throw new Problem(422, `name: the training of "${name}" is unfinished; ${option('resume')} or ${option('force')}`);
}
