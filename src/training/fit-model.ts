import { resolve } from 'node:path';
import type { Backbone } from '../backbones/backbone.js';
import { step } from '../base/profile.js';
import type { RunContext } from '../base/progress.js';
import type { Dataset } from '../datasets/dataset.js';
import { type Extraction, extractStage } from '../features/extract.js';
import type { Manifest } from '../formats/manifest.js';
import { findAugmentation } from '../images/augment.js';
import { augmentedSheet } from '../images/augmented-sheet.js';
import { rootMeanSquaredError } from '../metrics/regression.js';
import { type FoundRate, findLearningRate } from './find-rate.js';
import {
  type FineTuneOptions,
  fineTune,
  fineTuneFitOptions,
  fineTuneProblem,
  fineTuneRecipe,
  type TunedInput,
} from './fine-tune.js';
import { fitAverage } from './fit-average.js';
import { classicSettings, continueHead, fitClassicHead, fitHead, headRecipe } from './fit-head.js';
import { type Head, type HeadData, isAverage, linearHead } from './head.js';
import type { EpochContext, ModelFit, Start } from './model-fit.js';
import { predictRows, type Refit } from './out-of-fold.js';
import { fitRidge, refitRidge } from './ridge.js';
import type { TrainingPlan } from './training-plan.js';
import { stageWidth, type TunedPart } from './tuned-network.js';

/** What is fitted on what: the features of a data set, what of the network is trained, and how. */
export interface FitRequest {
  /** Its samples are the rows of `extraction`. */
  readonly dataset: Dataset;
  readonly backbone: Backbone;
  readonly extraction: Extraction;
  readonly data: HeadData;
  /** The part of the backbone that is fine-tuned; undefined where it stays frozen. */
  readonly part: TunedPart | undefined;
  readonly plan: TrainingPlan;
  readonly start: Start | undefined;
  readonly seed: number;
  /** The checkpoint of fine-tuning: its file, how often it is written, and what identifies the run. Default: nothing is saved. */
  readonly saving?: FineTuneOptions['checkpoint'];
  readonly cacheDir: string;
}

/** The errors that those of the epochs are compared with, on the held-out images. */
export interface TrainingReference {
  /** Mean squared error of always predicting the mean of the training labels, on the held-out images, or on all where nothing is held out. */
  readonly baselineMse: number | null;
  /** That of the model before its backbone is trained; null where the backbone stays frozen. */
  readonly startMse: number | null;
}

/** The contexts of both stages of a fit, and who learns what its errors are compared with. */
export interface FitContexts {
  readonly heads: EpochContext;
  readonly tuning: EpochContext;
  readonly onReference?: ((reference: TrainingReference) => void) | undefined;
}

/**
 * Fits what the plan says: the heads on frozen features and, with `part`, then the upper stages of the backbone with one of them.
 *
 * @returns The best fit on the held-out images first; a fine-tuned network before the head that it started with.
 */
export async function fitModel(request: FitRequest, { heads, tuning, onReference }: FitContexts): Promise<ModelFit[]> {
  const { data, backbone, plan, seed, start, part } = request;
  const baselineMse = baselineOf(data);
  onReference?.({ baselineMse, startMse: null });
  const { profile } = heads;
  if (part === undefined) return await step(profile, 'head', () => fitHeads(data, backbone, plan, seed, start, heads));
  const first = await step(profile, 'head', () => headToTune(data, backbone, plan, seed, start, heads));
  onReference?.({ baselineMse, startMse: first.validationMse });
  // Not the head that ridge has refitted on all rows: the held-out images could not choose the epoch then.
  return [await step(profile, 'tuning', () => tuneBackbone({ ...request, part, first }, tuning)), first];
}

/** Mean squared error of the mean of the training labels, on the held-out labels, or on all where nothing is held out. */
function baselineOf({ labels, train, validation }: HeadData): number {
  const mean = train.reduce((sum, i) => sum + labels[i]!, 0) / train.length;
  const measured = validation.length > 0 ? validation : train;
  return measured.reduce((sum, i) => sum + (labels[i]! - mean) ** 2, 0) / measured.length;
}

/** The settings of fine-tuning in a manifest, but for what only the run finds: a learning rate that is searched for, the best epoch. */
export function tuningSettings(plan: TrainingPlan, part: TunedPart): Manifest['configuration'] {
  const { loss, balance, augment, rateDecay } = plan;
  const { learningRate, ...recipe } = fineTuneRecipe(plan.recipe);
  const head = plan.heads[0] === 'mlp' ? 'mlp' : 'linear';
  const about = { tune: part.lowest, head, loss, balance, bn: part.batchNorm, augment, rateDecay };
  return { ...about, ...recipe, ...(!plan.findRate && { learningRate }) };
}

/** The heads of the plan on frozen features, the one that is taken first. */
export async function fitHeads(
  data: HeadData,
  backbone: Backbone,
  plan: TrainingPlan,
  seed: number,
  start: Start | undefined,
  context: EpochContext,
): Promise<ModelFit[]> {
  if (!plan.heads.includes('classic')) {
    const fits = await fitAverage(data, plan, seed, start, context);
    // Features of a backbone that was trained on these images are too good on each, whichever fold is left out.
    return start?.isTuned && start.knowsImages ? fits.map(({ folds: _, ...fit }) => fit) : fits;
  }
  const { refit, ...fit } = await fitOne('classic', data, backbone, plan, seed, start, context);
  return [start?.isTuned && start.knowsImages ? fit : { ...fit, refit }];
}

async function fitOne(
  kind: TrainingPlan['heads'][number],
  data: HeadData,
  backbone: Backbone,
  plan: TrainingPlan,
  seed: number,
  start: Start | undefined,
  context: EpochContext,
): Promise<ModelFit & { readonly held: Head }> {
  if (kind === 'ridge') {
    const { head, onTrain, strength, validationMse } = await fitRidge(data, context);
    const refit = refitRidge(strength);
    const configuration = { head: 'linear', solver: 'ridge', loss: 'mse', strength };
    const none = { epochs: [], bestEpoch: null, computeShare: null };
    return { name: 'ridge', head, held: onTrain, refit, validationMse, configuration, ...none };
  }
  const { loss, balance, augment } = plan;
  const settings = { ...plan.headRecipe, loss, balance, seed };
  const classic = kind === 'classic';
  const earlier = earlierHead(start, data, { kind, loss }, context);
  const fresh = classic && backbone.head !== undefined ? linearHead(backbone.head, { range: data.range }) : undefined;
  const fitOn = (
    part: HeadData,
    start: Head | undefined,
    changed: Partial<typeof settings> & Pick<EpochContext, 'onEpoch'>,
    of: RunContext,
  ) =>
    classic
      ? fitClassicHead(part, { ...settings, ...changed, start }, of)
      : fitHead(part, { ...settings, ...changed, kind, start }, of);
  const { head, fit } = await fitOn(data, earlier ?? fresh, { onEpoch: context.onEpoch }, context);
  // As long as the best epoch took: without held-out images nothing else could end it before it learns its rows by heart.
  const epochs = classic ? settings.epochs : Math.max(1, fit.epoch);
  const again = start?.knowsImages ? fresh : (earlier ?? fresh);
  const refit: Refit = {
    fit: async ({ data }, of) => (await fitOn(data, again, { epochs, patience: null }, of)).head,
  };
  const recipe = classic ? classicSettings(settings) : headRecipe(settings, data.train.length, earlier !== undefined);
  return {
    name: classic ? 'adam' : kind,
    head,
    held: head,
    refit,
    epochs: fit.epochs,
    bestEpoch: fit.epoch,
    validationMse: fit.validation?.mse ?? null,
    computeShare: fit.computeShare,
    configuration: {
      head: classic ? 'linear' : kind,
      solver: 'adam',
      loss,
      balance,
      augment,
      ...recipe,
      bestEpoch: fit.epoch,
    },
  };
}

/** The head that training goes on from, where it can. */
function earlierHead(
  start: Start | undefined,
  data: HeadData,
  form: Parameters<typeof continueHead>[2],
  context: RunContext,
): Head | undefined {
  if (start === undefined) return undefined;
  const found = start.head && !isAverage(start.head) ? continueHead(start.head, data, form) : undefined;
  if (found !== undefined) return found;
  const why = start.head === undefined ? 'is fitted to images that are held out' : 'has another form';
  context.onMessage?.(`the ${form.kind} head starts anew: that of the model ${why}`);
  return undefined;
}

/** The head that fine-tuning starts with: that of the model that it goes on from where it can, else one that is fitted first. */
async function headToTune(
  data: HeadData,
  backbone: Backbone,
  plan: TrainingPlan,
  seed: number,
  start: Start | undefined,
  context: EpochContext,
): Promise<ModelFit & { readonly held: Head }> {
  const [kind] = plan.heads as [TrainingPlan['heads'][number]];
  const head = earlierHead(start, data, { kind: kind === 'mlp' ? 'mlp' : 'linear', loss: plan.loss }, context);
  if (head === undefined) return await fitOne(kind, data, backbone, plan, seed, undefined, context);
  const { labels, validation } = data;
  const { value } = await predictRows(head, data.rows, validation);
  const truth = validation.map(i => labels[i]!);
  const validationMse = validation.length === 0 ? null : rootMeanSquaredError(truth, value) ** 2;
  const none = { epochs: [], bestEpoch: null, computeShare: null, configuration: {} };
  return { name: `${kind} of the model`, head, held: head, validationMse, ...none };
}

interface TuneRequest extends FitRequest {
  readonly part: TunedPart;
  /** The fit of the head that fine-tuning starts with. */
  readonly first: ModelFit & { readonly held: Head };
}

/** Trains the upper stages with the head that was fitted on the frozen ones. */
async function tuneBackbone(
  { backbone, dataset, extraction, data, part, first, plan, seed, saving, cacheDir }: TuneRequest,
  context: EpochContext,
): Promise<ModelFit> {
  const { samples } = extraction;
  const head = first.held;
  const paths = samples.map(({ file }) => resolve(dataset.root, file));
  const { augment, loss, balance, rateDecay } = plan;
  // Frozen stages are run once an image (and once its mirror image), unless what enters them is another image each time.
  const cached = part.below !== undefined && (augment === 'none' || augment === 'flip');
  const stages: Extraction<'float16'>[] = [];
  const stageRows = async (stage: string, mirrored: boolean) => {
    const layer = { stage, width: stageWidth(backbone, stage), mirrored };
    stages.push(await extractStage({ ...dataset, samples }, backbone, layer, cacheDir, context));
    return stages.at(-1)!.rows;
  };
  try {
    const input: TunedInput = cached
      ? {
          kind: 'stage',
          rows: await stageRows(part.below!, false),
          mirrored: augment === 'flip' ? await stageRows(part.below!, true) : undefined,
        }
      : { kind: 'images', paths, augment };
    const { labels, train, validation } = data;
    const asked = { backbone, part, input, head, loss, labels, train, validation, balance, rateDecay, seed };
    let recipe = fineTuneRecipe(plan.recipe);
    const augmentation = findAugmentation(augment);
    const sheet =
      augmentation && (await augmentedSheet(paths.slice(0, SHOWN), augmentation, { seed, input: backbone }));
    let rateSearch: FoundRate | undefined;
    if (plan.findRate) {
      const tuning = { ...asked, ...recipe, checkpoint: saving };
      rateSearch = await findLearningRate(fineTuneProblem(tuning), fineTuneFitOptions(tuning), context);
      recipe = { ...recipe, learningRate: rateSearch.suggestion };
      context.onMessage?.(`found a learning rate of ${rateSearch.suggestion}: see learning-rate.svg`);
    }
    const checkpoint = saving && { ...saving, identity: { ...saving.identity, head: first.name, ...recipe } };
    const { head: tunedHead, fit } = await fineTune(
      { ...asked, ...recipe, checkpoint, onEpoch: context.onEpoch },
      context,
    );
    return {
      name: `tuned from ${part.lowest} on`,
      head: tunedHead,
      held: tunedHead,
      tuned: fit.parameters,
      epochs: fit.epochs,
      bestEpoch: fit.epoch,
      validationMse: fit.validation?.mse ?? null,
      computeShare: fit.computeShare,
      configuration: {
        head: head.layers.length > 1 ? 'mlp' : 'linear',
        loss,
        balance,
        bn: part.batchNorm,
        augment,
        rateDecay,
        ...recipe,
        bestEpoch: fit.epoch,
      },
      ...(sheet && { augmentedSheet: sheet }),
      ...(rateSearch && { rateSearch }),
    };
  } finally {
    for (const stage of stages) await stage.close();
  }
}

/** Images whose augmented versions are shown. */
const SHOWN = 6;
