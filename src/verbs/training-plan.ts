import type { Precision } from '../backbones/backbone.js';
import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { type ValueRange, valueRange } from '../base/value-range.js';
import type { AugmentName } from '../images/augment.js';
import type { LossName } from '../training/loss.js';
import type { RecipeOptions } from '../training/recipe.js';

/** What is trained, and how. */
export interface TrainingOptions extends RecipeOptions {
  /** `head`: the backbone stays as it is. `last`: its last stage is trained too. `all`: all of it. Default `head`. */
  readonly tune?: 'head' | 'last' | 'all' | undefined;
  /** Trains from this stage of the backbone on; in the place of `tune`. */
  readonly unfreeze?: string | undefined;
  /** One linear layer, or two. Default: with a frozen backbone the better of both on the held-out images, else `mlp`. */
  readonly head?: 'linear' | 'mlp' | undefined;
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
  /** Of the backbone: from these the rate decay's default follows. */
  readonly weights?: string | undefined;
  /** Share of the images held out to measure, in [0, 1); ridge is fitted on all of them afterwards. Default 0.1. */
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

/** What options come to. */
export interface TrainingPlan {
  /** `head`, `last`, `all` or the name of a stage. */
  readonly tune: string;
  readonly precision: Precision;
  /** The heads to fit on frozen features; of two the better is taken. */
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

/** The recipe among the options, without what nobody set. */
function recipeOf(options: TrainingOptions): RecipeOptions {
  const entries = recipeKeys.map(key => [key, options[key]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/**
 * What the options ask for.
 *
 * @throws UsageError for a value out of its range, and for options that have no use beside the others.
 */
export function planTraining(options: TrainingOptions): TrainingPlan {
  checkRanges(options);
  const { unfreeze, head, solver, balance = false, augment = 'none', findRate = false } = options;
  if (unfreeze !== undefined && options.tune !== undefined) {
    refuse(option('unfreeze'), `${option('tune', options.tune)} says which stages are trained`, unfreeze);
  }
  if (unfreeze === 'head' || unfreeze === 'last' || unfreeze === 'all') {
    throw new UsageError(
      expected(option('unfreeze'), 'the name of a stage', `"${unfreeze}"`, `take ${option('tune', unfreeze)}`),
    );
  }
  if (options.validation === 0 && options.patience != null) {
    refuse(option('patience'), `nothing is held out to measure on (${option('validation', 0)})`, options.patience);
  }
  if (options.validation === 0 && options.correctBias) {
    refuse(option('correctBias'), `nothing is held out to measure on (${option('validation', 0)})`, 'it');
  }
  const tune = unfreeze ?? options.tune ?? 'head';
  const recipe = recipeOf(options);
  const range = valueRange(options.min, options.max);
  const rest = {
    tune,
    precision: options.precision ?? 'fp32',
    balance,
    augment,
    findRate,
    batchNorm: options.batchNorm ?? 'frozen',
    rateDecay: options.rateDecay ?? (options.weights === 'formula' ? 1 : 0.3),
    ...(range !== undefined && { range }),
    recipe,
  };
  if (tune !== 'head') {
    if (solver !== undefined) refuse(option('solver'), 'a backbone is trained by gradients', solver);
    if (rest.precision === 'int8')
      refuse(option('precision'), 'a backbone that is trained is computed in fp32', 'int8');
    if (findRate && options.learningRate !== undefined) {
      refuse(
        option('learningRate'),
        `${option('findRate')} looks for it`,
        options.learningRate,
        'leave one of them out',
      );
    }
    const loss = options.loss ?? (head === 'linear' ? 'mse' : 'distribution');
    const first = head === 'linear' && loss === 'mse' ? 'ridge' : (head ?? 'mlp');
    return { ...rest, heads: [first], loss, headRecipe: {} };
  }

  const frozen = 'the backbone is frozen';
  const beside = `add ${option('tune', 'last')} or ${option('tune', 'all')}`;
  if (options.batchNorm !== undefined) refuse(option('batchNorm'), frozen, options.batchNorm, beside);
  if (augment !== 'none' && augment !== 'flip') {
    refuse(
      option('augment'),
      `${frozen} and its features are cached`,
      augment,
      `${beside}; or take ${option('augment', 'flip')}`,
    );
  }
  if (options.rateDecay !== undefined) refuse(option('rateDecay'), frozen, options.rateDecay, beside);
  if (findRate) refuse(option('findRate'), frozen, 'it', beside);
  if (options.resume) refuse(option('resume'), `${frozen} and all that takes time is cached`, 'it', beside);
  if (options.checkpointSeconds !== undefined)
    refuse(option('checkpointSeconds'), frozen, options.checkpointSeconds, beside);
  if (head === 'mlp' && solver !== undefined) {
    refuse(option('solver'), 'it is of a linear head', solver, `leave it out, or choose an ${option('optimizer')}`);
  }
  const heads = headsOf(options);
  const [only] = heads;
  if (heads.length === 1 && only === 'ridge') {
    for (const [key, value] of Object.entries(recipe)) {
      refuse(
        option(key as keyof RecipeOptions),
        'ridge is exact',
        value,
        `leave it out, or add ${option('head', 'mlp')} or ${option('solver', 'adam')}`,
      );
    }
    if (options.loss !== undefined && options.loss !== 'mse')
      refuse(option('loss'), 'ridge is of squares', options.loss);
    if (augment !== 'none')
      refuse(option('augment'), 'ridge sees each image once', augment, `add ${option('head', 'mlp')}`);
    if (balance) refuse(option('balance'), 'ridge counts all images the same', 'it', `add ${option('head', 'mlp')}`);
  }
  if (only === 'classic') {
    const known = ['epochs', 'learningRate', 'batch', 'patience'];
    for (const [key, value] of Object.entries(recipe)) {
      if (!known.includes(key)) refuse(option(key as keyof RecipeOptions), 'adam is the classic loop', value);
    }
    if (options.loss === 'distribution')
      refuse(option('loss'), 'the classic loop has one output', 'distribution', `leave out ${option('solver')}`);
  }
  const loss = options.loss ?? (heads.includes('mlp') ? 'distribution' : 'mse');
  return { ...rest, heads, loss, headRecipe: recipe };
}

/** Naming a head, a solver or a loss fits that alone. */
function headsOf({ head, solver, loss, balance, validation = 0.1 }: TrainingOptions): TrainingPlan['heads'] {
  if (solver === 'ridge') return ['ridge'];
  if (head === 'mlp') return ['mlp'];
  if (solver === 'adam') return ['classic'];
  if (head === 'linear') return loss === undefined || loss === 'mse' ? ['ridge'] : ['linear'];
  if (loss === 'mse') return ['ridge'];
  if (loss !== undefined || balance) return ['mlp'];
  // Without held-out images there is nothing to choose by, and ridge needs none.
  return validation === 0 ? ['ridge'] : ['ridge', 'mlp'];
}

function refuse(where: string, why: string, got: unknown, wayOut = 'leave it out'): never {
  throw new UsageError(expected(where, `nothing, for ${why}`, `${got}`, wayOut));
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
  for (const key of ['epochs', 'batch', 'patience'] as const) {
    const value = options[key];
    check(option(key), value == null || (Number.isInteger(value) && value > 0), 'a whole number above 0', value);
  }
}
