import type { Precision } from '../backbones/backbone.js';
import { LAST } from '../backbones/feature-blocks.js';
import { AUTO } from '../backbones/registry.js';
import { expected, UsageError } from '../base/errors.js';
import { type OptionKey, option } from '../base/options.js';
import { type ValueRange, valueRange } from '../base/value-range.js';
import type { AugmentName } from '../images/augment.js';
import type { LossName } from './loss.js';
import type { RecipeOptions } from './recipe.js';

/** What is trained, and how. */
export interface TrainingOptions extends RecipeOptions {
  /** `head`: the backbone stays as it is. `last`: its last stage is trained too. `all`: all of it. Default `head`. */
  readonly tune?: 'head' | 'last' | 'all' | undefined;
  /** Trains from this stage of the backbone on; in the place of `tune`. */
  readonly unfreeze?: string | undefined;
  /** One linear layer, or two. Default: with a frozen backbone the better of both on the held-out images, else `mlp`. */
  readonly head?: 'linear' | 'mlp' | undefined;
  /**
   * The features of the backbone: `last`, its own; `stages`, these with the means and standard deviations of all its maps; `auto`, those that
   * predict the labels best; or names joined by `+`, such as `stage3+stage4:std`. Default: `auto` with the backbone `auto`, else `last`.
   */
  readonly features?: string | undefined;
  /**
   * The folder of a model to go on from: its backbone with its weights, its head where that is trained by gradients, its unit and limits.
   * Default: none; training starts from the backbone alone.
   */
  readonly from?: string | undefined;
  /** What a frozen backbone is computed in; see `backboneAt`. Default `fp32`. */
  readonly precision?: Precision | undefined;
  /** For a linear head on frozen features. `ridge`: the exact optimum. `adam`: the classic loop. */
  readonly solver?: 'ridge' | 'adam' | undefined;
  /** Default: `distribution` for an mlp, `mse` for a linear head. */
  readonly loss?: LossName | undefined;
  /** True makes rare labels count more. Default false. */
  readonly balance?: boolean | undefined;
  /** Batch norms of trained stages: by their running statistics, or by those of the batch. Default `frozen`. */
  readonly batchNorm?: 'frozen' | 'batch' | undefined;
  /** Random changes to the images in training; with a frozen backbone `none` and `flip` alone. Default `none`. */
  readonly augment?: AugmentName | undefined;
  /** The learning rate of each trained stage as a share of that above it, in (0, 1]. Default 0.3; 1 with weights by formula. */
  readonly rateDecay?: number | undefined;
  /** True looks for a learning rate first, for `tune` and `unfreeze`. Default false. */
  readonly findRate?: boolean | undefined;
  /**
   * Seconds of a search: features, losses, mirrored images and a trained last stage are compared within them, and the best model is taken;
   * `head`, `loss` and `augment` narrow it. At most about so many are spent in all. Which model is found depends on the speed of the machine.
   * Default: no search.
   */
  readonly budgetSeconds?: number | undefined;
  /** Of the backbone: from these the defaults of features and rate decay follow. */
  readonly backbone?: string | undefined;
  readonly weights?: string | undefined;
  /**
   * Share of the images held out to measure, in [0, 1): no head is fitted on them, but for one fitted by ridge before fine-tuning. Default: 0.1 where
   * the backbone is trained, or was in the model of `from`, and with `patience` or the solver `adam`; else 0, since cross-validation measures on all images.
   */
  readonly validation?: number | undefined;
  /**
   * The lowest and the highest value that is possible, in the target's unit: predictions and the ends of intervals are clamped to them.
   * Default: predictions are not clamped, and intervals end a tenth of the labels' range beyond the labels.
   */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** True takes regression to the mean out of the predictions, as the held-out images show it. Default false. */
  readonly correctBias?: boolean | undefined;
  /**
   * True goes on from the checkpoint of a run with `tune` or `unfreeze` that did not end, if there is one; where that run has ended in a model,
   * nothing is done. Default false.
   */
  readonly resume?: boolean | undefined;
  /** Seconds between checkpoints with `tune` or `unfreeze`, 0 or more; 0 saves after every step. Default 60. */
  readonly checkpointSeconds?: number | undefined;
}

/** What a search is limited to. */
export interface SearchPlan extends Pick<TrainingOptions, 'head' | 'loss'> {
  readonly budgetSeconds: number;
  /** Whether mirrored images are trained on; undefined: both are compared. */
  readonly mirrored: boolean | undefined;
}

/** What options come to. */
export interface TrainingPlan {
  /** What is compared before a model is taken; undefined: nothing, and the rest of the plan is carried out. */
  readonly search?: SearchPlan | undefined;
  /** `head`, `last`, `all` or the name of a stage. */
  readonly tune: string;
  readonly precision: Precision;
  /** `last`, `stages`, `auto`, or names of blocks. */
  readonly features: string;
  /** Share of the images held out. */
  readonly validation: number;
  /** The heads to fit on frozen features; of two the weighted mean is taken. */
  readonly heads: readonly ('ridge' | 'classic' | 'linear' | 'mlp')[];
  readonly loss: LossName;
  readonly balance: boolean;
  readonly batchNorm: 'frozen' | 'batch';
  readonly augment: AugmentName;
  readonly rateDecay: number;
  readonly findRate: boolean;
  /** What values are clamped to. */
  readonly range?: ValueRange | undefined;
  /** How the backbone is trained, and how the head is before. */
  readonly recipe: RecipeOptions;
  readonly headRecipe: RecipeOptions;
}

const recipeKeys = [
  'epochs',
  'learningRate',
  'batch',
  'optimizer',
  'schedule',
  'warmUp',
  'weightDecay',
  'clip',
  'ema',
  'patience',
] as const satisfies readonly (keyof RecipeOptions)[];

/** The recipe among the options, without those that are not set. */
function recipeOf(options: TrainingOptions): RecipeOptions {
  const entries = recipeKeys.map(key => [key, options[key]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/**
 * The plan that options describe.
 *
 * @throws UsageError for a value out of its range, and for an option that has no effect beside the others.
 */
export function planTraining(options: TrainingOptions): TrainingPlan {
  checkRanges(options);
  const { unfreeze, balance = false, augment = 'none', findRate = false } = options;
  if (unfreeze !== undefined && options.tune !== undefined) {
    noEffect('unfreeze', `beside ${option('tune', options.tune)}`, 'remove one of them');
  }
  if (unfreeze === 'head' || unfreeze === 'last' || unfreeze === 'all') {
    const wayOut = `take ${option('tune', unfreeze)}`;
    throw new UsageError(expected(option('unfreeze'), 'the name of a stage', `"${unfreeze}"`, wayOut));
  }
  const range = valueRange(options.min, options.max);
  const search = searchOf(options);
  const tune = unfreeze ?? options.tune ?? 'head';
  const needsHeldOut = tune !== 'head' || options.patience != null || options.solver === 'adam';
  if (options.validation === 0) {
    const nothingHeld = `with ${option('validation', 0)}, which holds out no images`;
    if (options.patience != null) noEffect('patience', nothingHeld);
    if (options.correctBias && needsHeldOut) noEffect('correctBias', nothingHeld);
  }
  const common = {
    tune,
    validation: options.validation ?? (needsHeldOut ? 0.1 : 0),
    precision: options.precision ?? 'fp32',
    features: options.features ?? (tune === 'head' && (options.backbone ?? AUTO) === AUTO ? 'auto' : LAST),
    balance,
    augment,
    findRate,
    batchNorm: options.batchNorm ?? 'frozen',
    rateDecay: options.rateDecay ?? (options.weights === 'formula' ? 1 : 0.3),
    ...(range !== undefined && { range }),
    ...(search !== undefined && { search }),
    recipe: recipeOf(options),
  };
  return { ...common, ...(tune === 'head' ? planOfHeads(options) : planOfTuning(options)) };
}

/** Options that a search decides, or that do not fit it. */
const notSearched = [
  'tune',
  'unfreeze',
  'from',
  'features',
  'solver',
  'precision',
  'balance',
  'batchNorm',
  'rateDecay',
  'findRate',
  'validation',
  'resume',
  'checkpointSeconds',
  ...recipeKeys,
] as const satisfies readonly (keyof TrainingOptions)[];

function searchOf(options: TrainingOptions): SearchPlan | undefined {
  const { budgetSeconds, head, loss, augment } = options;
  if (budgetSeconds === undefined) return undefined;
  for (const key of notSearched) {
    if (options[key] != null && options[key] !== false)
      noEffect(key, `in a search with ${option('budgetSeconds')}`, 'remove one of them');
  }
  if (augment === 'face' || augment === 'photo') {
    const where = `in a search with ${option('budgetSeconds')}`;
    throw new UsageError(expected(option('augment'), `none or flip ${where}`, augment, 'leave it out to compare both'));
  }
  return { budgetSeconds, head, loss, mirrored: augment === undefined ? undefined : augment === 'flip' };
}

type HeadPlan = Pick<TrainingPlan, 'heads' | 'loss' | 'headRecipe'>;

/** Fine-tuning starts with one head, fitted with the defaults. */
function planOfTuning({
  head,
  solver,
  loss: given,
  precision,
  features,
  findRate,
  learningRate,
}: TrainingOptions): HeadPlan {
  if (solver !== undefined) noEffect('solver', 'while a backbone is fine-tuned');
  if (features !== undefined) noEffect('features', 'while a backbone is fine-tuned, whose own features are trained');
  if (precision === 'int8') noEffect('precision', 'while a backbone is fine-tuned, which is computed in fp32');
  if (findRate && learningRate !== undefined) {
    noEffect('learningRate', `with ${option('findRate')}, which searches for it`, 'remove one of them');
  }
  const loss = given ?? (head === 'linear' ? 'mse' : 'distribution');
  const first = head === 'linear' && loss === 'mse' ? 'ridge' : (head ?? 'mlp');
  return { heads: [first], loss, headRecipe: {} };
}

function planOfHeads(options: TrainingOptions): HeadPlan {
  const { head, solver, augment = 'none' } = options;
  const addTune = `add ${option('tune', 'last')} or ${option('tune', 'all')}`;
  const frozen = 'on a frozen backbone';
  if (augment !== 'none' && augment !== 'flip') {
    noEffect('augment', `${frozen}, whose features are cached`, `${addTune}, or take ${option('augment', 'flip')}`);
  }
  for (const key of ['batchNorm', 'rateDecay', 'findRate', 'resume', 'checkpointSeconds'] as const) {
    if (options[key] !== undefined && options[key] !== false) noEffect(key, frozen, addTune);
  }
  if (head === 'mlp' && solver !== undefined) {
    noEffect('solver', 'on an MLP head', `remove it, or choose an ${option('optimizer')}`);
  }
  const heads = headsOf(options);
  const recipe = recipeOf(options);
  if (heads.length === 1 && heads[0] === 'ridge') checkRidge(options, recipe);
  if (heads[0] === 'classic') checkClassic(options, recipe);
  return { heads, loss: options.loss ?? (heads.includes('mlp') ? 'distribution' : 'mse'), headRecipe: recipe };
}

/** Ridge is exact least squares on all rows alike: it has no steps, no other loss and no weights of rows. */
function checkRidge({ loss, augment = 'none', balance }: TrainingOptions, recipe: RecipeOptions): void {
  const onRidge = 'on a head fitted by ridge';
  const addMlp = `remove it, or add ${option('head', 'mlp')}`;
  for (const key of Object.keys(recipe)) {
    noEffect(key as keyof RecipeOptions, onRidge, `${addMlp} or ${option('solver', 'adam')}`);
  }
  if (loss !== undefined && loss !== 'mse') noEffect('loss', `${onRidge}, which minimizes squared errors`);
  if (augment !== 'none') noEffect('augment', onRidge, addMlp);
  if (balance) noEffect('balance', onRidge, addMlp);
}

/** The classic loop has a constant learning rate and one output. */
function checkClassic({ loss }: TrainingOptions, recipe: RecipeOptions): void {
  const known = ['epochs', 'learningRate', 'batch', 'patience'];
  const withAdam = `with ${option('solver', 'adam')}`;
  for (const key of Object.keys(recipe)) {
    if (!known.includes(key)) noEffect(key as keyof RecipeOptions, withAdam);
  }
  if (loss === 'distribution') noEffect('loss', `${withAdam}, whose head has one output`, `remove ${option('solver')}`);
}

/** Naming a head, a solver or a loss fits that alone. */
function headsOf({ head, solver, loss, balance }: TrainingOptions): TrainingPlan['heads'] {
  if (solver === 'ridge') return ['ridge'];
  if (head === 'mlp') return ['mlp'];
  if (solver === 'adam') return ['classic'];
  if (head === 'linear') return loss === undefined || loss === 'mse' ? ['ridge'] : ['linear'];
  if (loss === 'mse') return ['ridge'];
  if (loss !== undefined || balance) return ['mlp'];
  return ['ridge', 'mlp'];
}

function noEffect(key: OptionKey, where: string, wayOut = 'remove it'): never {
  throw new UsageError(`${option(key)} has no effect ${where}; ${wayOut}`);
}

function checkRanges(options: TrainingOptions): void {
  const { validation = 0, learningRate, weightDecay, clip, ema, warmUp, rateDecay, checkpointSeconds } = options;
  const check = (where: string, ok: boolean, what: string, value: unknown) => {
    if (!ok) throw new UsageError(expected(where, what, `${value}`));
  };
  const above = (value: number | null | undefined) => value == null || (value > 0 && Number.isFinite(value));
  check(option('validation'), validation >= 0 && validation < 1, 'a share from 0 to below 1', validation);
  check(option('learningRate'), above(learningRate), 'a number above 0', learningRate);
  check(option('clip'), above(clip), 'a number above 0', clip);
  check(
    option('weightDecay'),
    weightDecay === undefined || weightDecay === 0 || above(weightDecay),
    'a number of 0 or above',
    weightDecay,
  );
  check(
    option('warmUp'),
    warmUp === undefined || warmUp === 0 || above(warmUp),
    'a number of epochs, 0 or above',
    warmUp,
  );
  check(option('ema'), ema == null || (ema > 0 && ema < 1), 'a decay between 0 and 1', ema);
  check(
    option('rateDecay'),
    rateDecay === undefined || (rateDecay > 0 && rateDecay <= 1),
    'a share above 0, up to 1',
    rateDecay,
  );
  check(
    option('checkpointSeconds'),
    checkpointSeconds === undefined || checkpointSeconds === 0 || above(checkpointSeconds),
    'a number of seconds, 0 or above',
    checkpointSeconds,
  );
  check(option('budgetSeconds'), above(options.budgetSeconds), 'a number of seconds above 0', options.budgetSeconds);
  for (const key of ['epochs', 'batch', 'patience'] as const) {
    const value = options[key];
    check(option(key), value == null || (Number.isInteger(value) && value > 0), 'a whole number above 0', value);
  }
}
