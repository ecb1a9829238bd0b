import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { adam, adamW, type Optimizer, sgd } from '../engine/optim/optimizer.js';
import { constant, cosine, oneCycle, type Schedule, warmUp as withWarmUp } from '../engine/optim/schedule.js';

export const optimizerNames = ['adamw', 'adam', 'sgd'] as const;
export const scheduleNames = ['one-cycle', 'cosine', 'constant'] as const;

/** Training settings of the user; others get defaults that depend on what is trained. */
export interface RecipeOptions {
  /** Passes over the training samples, at least 1. */
  readonly epochs?: number | undefined;
  /** The highest learning rate, above 0. */
  readonly learningRate?: number | undefined;
  /** Samples per step, at least 1. */
  readonly batch?: number | undefined;
  /** `sgd` has momentum 0.9. Default: `adamw`. */
  readonly optimizer?: (typeof optimizerNames)[number] | undefined;
  /** Default: `one-cycle`, which rises in the first third and then falls to nearly 0. */
  readonly schedule?: (typeof scheduleNames)[number] | undefined;
  /** Epochs over which the learning rate rises from 0, on top of the schedule. Default: 0. */
  readonly warmUp?: number | undefined;
  /** Default: 0.01. */
  readonly weightDecay?: number | undefined;
  /** Limit of the global gradient norm, above 0. Default: none. */
  readonly clip?: number | null | undefined;
  /** Decay per step, in (0, 1), of an exponential moving average of the weights that is validated and kept instead of them. Default: none. */
  readonly ema?: number | null | undefined;
  /** Stops after this many epochs without a better validation. Default: never. */
  readonly patience?: number | null | undefined;
}

/** All training settings, as plain values for manifests and checkpoints. */
export interface Recipe {
  readonly epochs: number;
  readonly learningRate: number;
  readonly batch: number;
  readonly optimizer: (typeof optimizerNames)[number];
  readonly schedule: (typeof scheduleNames)[number];
  readonly warmUp: number;
  readonly weightDecay: number;
  readonly clip: number | null;
  readonly ema: number | null;
  readonly patience: number | null;
}

/**
 * `options`, completed by `defaults` and the defaults of RecipeOptions.
 *
 * @throws UsageError where the warm-up is longer than the training.
 */
export function completeRecipe(
  options: RecipeOptions,
  defaults: Pick<Recipe, 'epochs' | 'learningRate' | 'batch'>,
): Recipe {
  const { epochs = defaults.epochs, warmUp = 0 } = options;
  if (warmUp > epochs) throw new UsageError(expected(option('warmUp'), `at most the ${epochs} epochs`, `${warmUp}`));
  return {
    epochs,
    learningRate: options.learningRate ?? defaults.learningRate,
    batch: options.batch ?? defaults.batch,
    optimizer: options.optimizer ?? 'adamw',
    schedule: options.schedule ?? 'one-cycle',
    warmUp,
    weightDecay: options.weightDecay ?? 1e-2,
    clip: options.clip ?? null,
    ema: options.ema ?? null,
    patience: options.patience ?? null,
  };
}

const optimizers: Readonly<Record<Recipe['optimizer'], () => Optimizer>> = {
  adamw: adamW,
  adam,
  sgd: () => sgd({ momentum: 0.9 }),
};

/** The options of `fit` that follow from a recipe. */
export function fitOptionsOf(recipe: Recipe) {
  const { epochs, batch, weightDecay, learningRate, clip, ema, patience } = recipe;
  return {
    epochs,
    batch,
    weightDecay,
    optimizer: optimizers[recipe.optimizer](),
    clipNorm: clip ?? undefined,
    averageDecay: ema ?? undefined,
    patience: patience ?? undefined,
    schedule(steps: number): Schedule {
      const plain = {
        'one-cycle': () => oneCycle({ peak: learningRate, steps }),
        cosine: () => cosine({ learningRate, steps }),
        constant: () => constant(learningRate),
      }[recipe.schedule]();
      const warmUpSteps = Math.round((recipe.warmUp * steps) / epochs);
      return warmUpSteps > 0 ? withWarmUp(plain, warmUpSteps) : plain;
    },
  };
}
