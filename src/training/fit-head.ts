import type { RunContext } from '../base/progress.js';
import type { Random } from '../base/random.js';
import { cast, mul } from '../engine/graph/build.js';
import type { Graph, Value } from '../engine/graph/graph.js';
import { adam } from '../engine/optim/optimizer.js';
import { constant } from '../engine/optim/schedule.js';
import { type Tensor, tensor } from '../engine/tensor.js';
import { readEither } from '../features/feature-cache.js';
import { measureRows, type Standardization, targetScale } from '../features/standardization.js';
import { extent } from '../metrics/statistics.js';
import { type Fit, type FitOptions, fit } from './fit.js';
import { buildHead, type Head, type HeadData, type Layer, startLayer, withParameters } from './head.js';
import { balanceWeights, binsOf, buildLoss, type LossName, selectionMetric } from './loss.js';
import type { Problem } from './problem.js';
import { completeRecipe, fitOptionsOf, type Recipe, type RecipeOptions } from './recipe.js';

const HIDDEN = 128;
/** How many of 256 inputs of layer i of an MLP are dropped: half, but for few features, of which each counts, a fifth. */
const droppedOf = (i: number, width: number): number => (i > 0 || width >= MANY_FEATURES ? 128 : 51);
const MANY_FEATURES = 256;

/**
 * An untrained head on standardized features of these rows, its layers initialized as torch.nn.Linear is.
 *
 * @param standardization Default: of the training rows.
 */
export function startHead(
  { rows, labels, train, range }: HeadData,
  { kind, loss, seed }: Pick<HeadOptions, 'kind' | 'loss' | 'seed'>,
  standardization: Standardization = measureRows(rows, train),
): Head {
  const trainLabels = train.map(i => labels[i]!);
  const bins = loss === 'distribution' ? binsOf(trainLabels) : undefined;
  const outputs = bins?.length ?? 1;
  const widths = kind === 'mlp' ? [rows.width, HIDDEN, outputs] : [rows.width, outputs];
  const layers = widths.slice(1).map((to, i) => startLayer(widths[i]!, to, seed, `head.${i}`));
  return {
    standardization,
    layers,
    range,
    ...(bins === undefined ? { target: targetScale(labels, train) } : { bins }),
  };
}

/** The form of a head whose training can be continued. */
type HeadForm = Pick<HeadOptions, 'loss'> & { readonly kind: HeadOptions['kind'] | 'classic' };

/**
 * The head `earlier` as the start of further training on these rows, with bins for all their labels; undefined where it has another form or
 * would need too many bins.
 */
export function continueHead(
  earlier: Head,
  { labels, train, range }: Pick<HeadData, 'labels' | 'train' | 'range'>,
  { kind, loss }: HeadForm,
): Head | undefined {
  const { standardization, layers, bins } = earlier;
  const hasForm =
    layers.length === (kind === 'mlp' ? 2 : 1) &&
    (standardization !== undefined) === (kind !== 'classic') &&
    (bins !== undefined) === (loss === 'distribution');
  if (!hasForm) return undefined;
  return withBinsFor(
    { ...earlier, range },
    train.map(i => labels[i]!),
  );
}

const MOST_BINS = 1000;
/** Probability of a new bin relative to the outermost old one. */
const NEW_SHARE = 0.01;

/** The head with bins added, at the same spacing, up to the ends of the labels. */
function withBinsFor(head: Head, labels: readonly number[]): Head | undefined {
  const { bins, layers } = head;
  if (bins === undefined) return head;
  const { min, max } = extent(labels);
  const [first, last, step] = [bins[0]!, bins.at(-1)!, bins[1]! - bins[0]!];
  const below = Math.max(0, Math.round((first - min) / step));
  const above = Math.max(0, Math.round((max - last) / step));
  const count = bins.length + below + above;
  if (count === bins.length) return head;
  if (!(count <= MOST_BINS)) return undefined;
  // Output i of the wider head starts with the weights of this old bin.
  const oldOf = (i: number) => Math.min(Math.max(i - below, 0), bins.length - 1);
  const isNew = (i: number) => i < below || i >= below + bins.length;
  const { weight, bias } = layers.at(-1)!;
  const [from] = weight.shape as [number];
  const wider: Layer = {
    weight: tensor(
      'float32',
      [from, count],
      Float32Array.from({ length: from * count }, (_, at) => {
        const [row, i] = [Math.floor(at / count), at % count];
        return weight.data[row * bins.length + oldOf(i)]!;
      }),
    ),
    bias: tensor(
      'float32',
      [count],
      Float32Array.from({ length: count }, (_, i) => bias.data[oldOf(i)]! + (isNew(i) ? Math.log(NEW_SHARE) : 0)),
    ),
  };
  const wide = Float32Array.from({ length: count }, (_, i) =>
    isNew(i) ? first + (i - below) * step : bins[oldOf(i)]!,
  );
  return { ...head, layers: [...layers.slice(0, -1), wider], bins: wide };
}

/** Adds a head to the graph of its features, with dropout masks as inputs for an MLP in training. */
export function buildTrainedHead(features: Value, head: Head, count: number | 'N', training: boolean) {
  const dropped = training && head.layers.length > 1;
  const masks = head.layers.map(({ weight }, i) => {
    if (!dropped) return undefined;
    const mask = features.graph.input(`dropout.${i}`, 'uint8', [count, weight.shape[0]!]);
    return mul(cast(mask, 'float32'), 256 / (256 - droppedOf(i, weight.shape[0]!)));
  });
  return buildHead(features, head, masks);
}

/** The feeds of the dropout masks for `count` samples. */
export function dropoutFeeds(head: Head, count: number, random: Random | undefined): Record<string, Tensor> {
  if (random === undefined || head.layers.length === 1) return {};
  const masks = head.layers.map(({ weight }, i): [string, Tensor] => {
    const width = weight.shape[0]!;
    const data = new Uint8Array(count * width);
    random.fillMask(data, droppedOf(i, width));
    return [`dropout.${i}`, { dtype: 'uint8', shape: [count, width], data }];
  });
  return Object.fromEntries(masks);
}

/** Sample weights by `balanceWeights` over the training labels; 0 for other samples. */
export function balanced(labels: Float64Array, train: readonly number[]): Float32Array {
  const weights = new Float32Array(labels.length);
  balanceWeights(train.map(i => labels[i]!)).forEach((weight, at) => {
    weights[train[at]!] = weight;
  });
  return weights;
}

/** The training problem of a head on cached features. */
function headProblem(data: HeadData, head: Head, loss: LossName, balance: boolean): Problem {
  const { rows, labels, train, validation } = data;
  const std = head.target?.std ?? 1;
  return {
    labels,
    train,
    validation,
    weights: balance ? balanced(labels, train) : undefined,
    forward(graph: Graph, count, training) {
      const features = graph.input('features', 'float32', [count, rows.width]);
      const output = buildTrainedHead(features, head, count, training);
      const scale = { std, bins: head.bins };
      return { value: output.value, loss: (target, weight) => buildLoss(loss, output, target, weight, scale) };
    },
    async feeds(indices, random) {
      const shape = [indices.length, rows.width];
      return {
        features: { dtype: 'float32', shape, data: readEither(data, indices, random) },
        ...dropoutFeeds(head, indices.length, random),
      };
    },
  };
}

export interface HeadOptions extends RecipeOptions {
  readonly kind: 'linear' | 'mlp';
  readonly loss: LossName;
  readonly balance?: boolean | undefined;
  readonly seed: number;
  /** Which weights are kept: those of the best epoch on the validation rows, or those of the last. Default: `best`. */
  readonly keep?: 'best' | 'last' | undefined;
  readonly onEpoch?: FitOptions['onEpoch'];
  readonly placing?: FitOptions['placing'];
}

/** The recipe of a head on `rows` training rows; batches are small enough for about 20 steps per epoch. */
export function headRecipe(options: RecipeOptions, rows: number, goesOn = false): Recipe {
  const batch = Math.min(128, Math.max(8, Math.floor(rows / 20)));
  return completeRecipe(options, { epochs: 20, learningRate: goesOn ? 2e-4 : 2e-3, batch });
}

/**
 * Trains a head on standardized features and keeps the weights of the best epoch on the validation rows. An MLP has a hidden layer of 128
 * and dropout before and after it.
 *
 * @param options.start The initial head. Default: an untrained one.
 * @param options.standardization Of an untrained head. Default: of the training rows.
 */
export async function fitHead(
  data: HeadData,
  options: HeadOptions & { readonly start?: Head | undefined; readonly standardization?: Standardization | undefined },
  context: RunContext = {},
): Promise<{ head: Head; fit: Fit }> {
  const { kind, loss, seed, balance = false, keep = 'best', onEpoch, placing } = options;
  const { start = startHead(data, { kind, loss, seed }, options.standardization) } = options;
  const result = await fit(
    headProblem(data, start, loss, balance),
    {
      ...fitOptionsOf(headRecipe(options, data.train.length, options.start !== undefined)),
      keep: keep === 'last' ? 'last' : selectionMetric(loss),
      seed,
      name: `${kind} head`,
      onEpoch,
      placing,
    },
    context,
  );
  return { head: withParameters(start, result.parameters), fit: result };
}

export function classicSettings({ epochs = 5, learningRate = 1e-3, batch = 25, patience = null }: RecipeOptions) {
  return { epochs, learningRate, batch, patience };
}

/**
 * The classic loop: a linear head on raw features and raw targets, Adam at a constant learning rate, shuffled batches, and the weights of
 * the last epoch.
 *
 * @param start The initial head. Default: PyTorch's Linear, uniform within 1 / sqrt(D).
 * Reference: torch.nn.Linear(D, 1) with torch.optim.Adam.
 */
export async function fitClassicHead(
  data: HeadData,
  { start, ...options }: Omit<HeadOptions, 'kind'> & { readonly start?: Head | undefined },
  context: RunContext = {},
): Promise<{ head: Head; fit: Fit }> {
  const { loss, seed, balance = false, onEpoch } = options;
  const patience = options.patience ?? undefined;
  const settings = classicSettings(options);
  const { rows, range } = data;
  const untrained = start ?? { layers: [startLayer(rows.width, 1, seed, 'adam')], range };
  const result = await fit(
    headProblem(data, untrained, loss, balance),
    {
      ...settings,
      optimizer: adam(),
      schedule: () => constant(settings.learningRate),
      weightDecay: 0,
      patience,
      keep: patience === undefined ? 'last' : selectionMetric(loss),
      seed,
      name: 'adam',
      onEpoch,
    },
    context,
  );
  return { head: withParameters(untrained, result.parameters), fit: result };
}
