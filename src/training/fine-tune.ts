import { type Backbone, pixelInput } from '../backbones/backbone.js';
import { expected, InputError, reasonOf, ShapeError, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import { cast, reshape } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import type { Tensor } from '../engine/tensor.js';
import { type MirroredRows, readEither } from '../features/feature-cache.js';
import type { ModelInput } from '../formats/resize.js';
import { type AugmentName, augmentFeeds, buildAugmentation, findAugmentation } from '../images/augment.js';
import { decodeInput } from '../images/image.js';
import { readSource } from '../images/read-source.js';
import { type Fit, type FitOptions, fit } from './fit.js';
import { balanced, buildTrainedHead, dropoutFeeds } from './fit-head.js';
import type { CheckpointOptions } from './fit-state.js';
import { type Head, withParameters } from './head.js';
import { buildLoss, type LossName, selectionMetric } from './loss.js';
import type { Problem } from './problem.js';
import { completeRecipe, fitOptionsOf, type Recipe, type RecipeOptions } from './recipe.js';
import { buildTuned, depthOfParameters, stageShape, type TunedPart } from './tuned-network.js';

/** The input of the trained part. */
export type TunedInput =
  /** The cached output of the stage below it, float16. */
  | ({ readonly kind: 'stage' } & MirroredRows<'float16'>)
  /** The images themselves, decoded for each batch; `paths` has one per sample. */
  | { readonly kind: 'images'; readonly paths: readonly string[]; readonly augment: AugmentName };

export interface FineTuneOptions extends RecipeOptions {
  readonly backbone: Backbone;
  readonly part: TunedPart;
  readonly input: TunedInput;
  /** The initial head, as it was fitted on the frozen features. */
  readonly head: Head;
  readonly loss: LossName;
  readonly labels: Float64Array;
  readonly train: readonly number[];
  readonly validation: readonly number[];
  readonly balance: boolean;
  /** Factor of the learning rate from each stage to the one below it, from the head down, in (0, 1]. */
  readonly rateDecay: number;
  readonly seed: number;
  /** Default: nothing is saved. */
  readonly checkpoint?: CheckpointOptions | undefined;
  readonly onEpoch?: FitOptions['onEpoch'];
}

export const fineTuneRecipe = (options: RecipeOptions): Recipe =>
  completeRecipe(options, { epochs: 10, learningRate: 1e-3, batch: 25 });

/** The training problem of fine-tuning, for `fit` and `findLearningRate`. */
export function fineTuneProblem(options: FineTuneOptions): Problem {
  const { backbone, part, input, head, loss, labels, train, validation, balance } = options;
  const augmentation = input.kind === 'images' ? findAugmentation(input.augment) : undefined;
  const shape = part.below === undefined ? [] : stageShape(backbone, part.below);
  const scale = { std: head.target?.std ?? 1, bins: head.bins };
  const tunedOn = (entering: Value, how: Parameters<typeof buildTuned>[3]) => {
    try {
      return buildTuned(entering, backbone, part, how);
    } catch (cause) {
      if (!(cause instanceof ShapeError) || part.batchNorm !== 'batch') throw cause;
      const what = 'frozen, or more images a step';
      const got = `batch and a step of ${entering.shape[0]}`;
      throw new UsageError(expected(option('batchNorm'), what, got, `raise ${option('batch')}, or leave it out`), {
        cause,
      });
    }
  };
  return {
    labels,
    train,
    validation,
    weights: balance ? balanced(labels, train) : undefined,
    forward(graph, count, training) {
      const fromImages = input.kind === 'images';
      const entrance = () => {
        if (!fromImages) {
          const rows = graph.input('stage', 'float16', [count, input.rows.width]);
          return reshape(cast(rows, 'float32'), [0, ...shape]);
        }
        return pixelInput(
          graph,
          backbone,
          count,
          training && augmentation !== undefined ? buildAugmentation : undefined,
        );
      };
      const { features, updates } = tunedOn(entrance(), { training, fromImages });
      const output = buildTrainedHead(features, head, count, training);
      return {
        value: output.value,
        updates,
        loss: (target, weight) => buildLoss(loss, output, target, weight, scale),
      };
    },
    async feeds(indices, random) {
      const masks = dropoutFeeds(head, indices.length, random);
      if (input.kind === 'stage') {
        const data = readEither(input, indices, random);
        return { ...masks, stage: { dtype: 'float16', shape: [indices.length, input.rows.width], data } };
      }
      const changes =
        random === undefined || augmentation === undefined ? {} : augmentFeeds(augmentation, indices.length, random);
      return {
        ...masks,
        ...changes,
        pixels: await pixelsOf(
          indices.map(i => input.paths[i]!),
          backbone,
        ),
      };
    },
  };
}

/** The options of `fit` for it. */
export function fineTuneFitOptions(options: FineTuneOptions) {
  const { backbone, loss, rateDecay, seed, checkpoint, onEpoch } = options;
  const depths = depthOfParameters(backbone);
  return {
    ...fitOptionsOf(fineTuneRecipe(options)),
    rateScale: (name: string) => (name.startsWith('head.') ? 1 : rateDecay ** ((depths.get(name) ?? 0) + 1)),
    keep: selectionMetric(loss),
    seed,
    name: 'tuning',
    epochLines: true,
    checkpoint,
    onEpoch,
    placing: { device: backbone.device },
  };
}

/**
 * Trains the upper stages of a backbone together with a head that was fitted on its frozen features, and keeps the weights of the best
 * epoch on the validation samples, the frozen start included.
 *
 * Reference: head first, then both: Kumar et al., https://arxiv.org/abs/2202.10054; discriminative learning rates: Howard, Ruder,
 * https://arxiv.org/abs/1801.06146
 */
export async function fineTune(options: FineTuneOptions, context: RunContext = {}): Promise<{ head: Head; fit: Fit }> {
  const result = await fit(fineTuneProblem(options), fineTuneFitOptions(options), context);
  return { head: withParameters(options.head, result.parameters), fit: result };
}

/** The images at these paths as pixels, uint8 `[N, S, S, 3]`. */
async function pixelsOf(paths: readonly string[], input: ModelInput): Promise<Tensor> {
  const { sizePx } = input;
  const each = sizePx * sizePx * 3;
  const data = new Uint8Array(paths.length * each);
  await Promise.all(
    paths.map(async (path, i) => {
      try {
        data.set(await decodeInput(await readSource(path), input), i * each);
      } catch (cause) {
        throw new InputError(`${path}: ${reasonOf(cause)}`, { cause });
      }
    }),
  );
  return { dtype: 'uint8', shape: [paths.length, sizePx, sizePx, 3], data };
}
