import type { LinearHead } from '../backbones/backbone.js';
import { createRandom } from '../base/random.js';
import { float32Range, type ValueRange } from '../base/value-range.js';
import { add, clip, matMul, mul, reduceSum, relu, reshape, softmax, sqrt, square, sub } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { type Tensor, tensor } from '../engine/tensor.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { type Standardization, standardize, type TargetScale } from '../features/standardization.js';

/** A feature table: features, labels, and the split into training and validation rows. */
export interface HeadData {
  readonly rows: FeatureRows;
  /** The means of the backbone's middle stage for the same images, where it has one. */
  readonly middle?: FeatureRows | undefined;
  /** Features of the mirrored images, where training uses them too. */
  readonly mirrored?: FeatureRows | undefined;
  /** One per row. */
  readonly labels: Float64Array;
  /** Indices of rows, ascending. */
  readonly train: readonly number[];
  readonly validation: readonly number[];
  /** A group id per row: further splits keep the rows of a group, such as duplicates, together. Default: a group per row. */
  readonly groups?: ArrayLike<number> | undefined;
  /** Predictions are clamped to it. Default: no clamp. */
  readonly range?: ValueRange | undefined;
}

/** One linear layer: weight `[from, to]`, bias `[to]`. */
export interface Layer {
  readonly weight: Tensor<'float32'>;
  readonly bias: Tensor<'float32'>;
}

/** Maps features to a prediction: one linear layer, or several with ReLU between them. */
export interface Head {
  /** Default: raw features. */
  readonly standardization?: Standardization | undefined;
  readonly layers: readonly Layer[];
  /** The unit of the single output. Default: the output is the value itself. */
  readonly target?: TargetScale | undefined;
  /** Bin centers, ascending: outputs are their logits and the value is the expected center. Default: the single output is the value. */
  readonly bins?: Float32Array | undefined;
  /** The value is clamped to it. Default: no clamp. */
  readonly range?: ValueRange | undefined;
}

/** A head of an average: its standardization and range are those of the average. */
export type HeadMember = Omit<Head, 'standardization' | 'range'>;

/** A weighted mean of the values of heads on the same standardized features. */
export interface HeadAverage {
  readonly standardization: Standardization;
  /** Their shares add up to 1. */
  readonly members: readonly { readonly share: number; readonly head: HeadMember }[];
  /** The mean is clamped to it. Default: no clamp. */
  readonly range?: ValueRange | undefined;
}

/** What a model predicts with. */
export type ModelHead = Head | HeadAverage;

/** True for an average, whose members have the layers. */
export const isAverage = (head: ModelHead): head is HeadAverage => 'members' in head;

/** The prediction of a model's head in the graph of features `[N, D]`. */
export interface Prediction {
  /** The predictions, `[N]`. */
  readonly value: Value;
  /** The predictions before the clamp, `[N]`. Equal to `value` without a range. */
  readonly unclamped: Value;
  /** The standard deviation of the distribution over bins, `[N]`, in the target's unit; undefined for heads without bins. */
  readonly spread?: Value | undefined;
}

/** The output of a single head in the graph of features `[N, D]`. */
export interface HeadOutput extends Prediction {
  /** The last layer's outputs: `[N, 1]`, or one logit per bin, `[N, B]`. */
  readonly outputs: Value;
}

// Names of constants by which `readHead` finds them; layers have names of their own. Those of the target, the bins and the share in an
// average follow the name of the head, `head` or `head3`.
const FEATURES = { mean: 'head.features.mean', std: 'head.features.std' };
const namesOf = (head: string) => ({
  target: { mean: `${head}.target.mean`, std: `${head}.target.std` },
  bins: `${head}.bins`,
  share: `${head}.share`,
});

/**
 * Adds the head to the graph of `features` `[N, D]`. Its layers are parameters `head.0.weight`, `head.0.bias`, `head.1.weight`, ...
 *
 * @param dropout For training: per layer, a factor for each of its inputs, 0 where it is dropped.
 */
export function buildHead(
  features: Value,
  { standardization, range, ...head }: Head,
  dropout: readonly (Value | undefined)[] = [],
): HeadOutput {
  const x = standardization === undefined ? features : standardize(features, standardization, FEATURES);
  const { value, ...output } = buildMember(x, head, 'head', dropout);
  return { ...output, unclamped: value, value: clamped(value, range) };
}

/**
 * Adds the head of a model to the graph of `features` `[N, D]`. The layers of an average's members are parameters `head0.0.weight`, ...
 */
export function buildModelHead(features: Value, head: ModelHead): Prediction {
  if (!isAverage(head)) return buildHead(features, head);
  const { graph } = features;
  const x = standardize(features, head.standardization, FEATURES);
  const members = head.members.map(({ share, head }, i) => {
    const name = `head${i}`;
    return { ...buildMember(x, head, name), share: graph.float(share, namesOf(name).share), factor: share };
  });
  const value = members.map(({ value, share }) => mul(value, share)).reduce((a, b) => add(a, b));
  // Of the mixture of the members with bins: the mean of their variances, plus the variance of their means.
  const binned = members.flatMap(({ spread, ...member }) => (spread === undefined ? [] : [{ ...member, spread }]));
  const total = binned.reduce((sum, { factor }) => sum + factor, 0);
  const weighted = (of: (member: (typeof binned)[number]) => Value) =>
    binned.map(member => mul(of(member), member.factor / total)).reduce((a, b) => add(a, b));
  const spread = () => {
    const center = weighted(member => member.value);
    return sqrt(weighted(member => add(square(member.spread), square(sub(member.value, center)))));
  };
  return {
    unclamped: value,
    value: clamped(value, head.range),
    ...(binned.length > 0 && { spread: spread() }),
  };
}

/** A head on standardized features x `[N, D]`: its value `[N]`, its spread where it has bins, and the outputs of its last layer. */
function buildMember(
  x: Value,
  { layers, target, bins }: HeadMember,
  name: string,
  dropout: readonly (Value | undefined)[] = [],
): { readonly outputs: Value; readonly value: Value; readonly spread?: Value } {
  const { graph } = x;
  const names = namesOf(name);
  let outputs = x;
  layers.forEach(({ weight, bias }, i) => {
    const kept = dropout[i];
    if (i > 0) outputs = relu(outputs);
    if (kept !== undefined) outputs = mul(outputs, kept);
    const product = matMul(outputs, graph.parameter(weight, `${name}.${i}.weight`));
    outputs = add(product, graph.parameter(bias, `${name}.${i}.bias`));
  });
  const flat = (value: Value) => reshape(value, [0]); // [N, 1] -> [N]
  if (bins !== undefined) {
    const shares = softmax(outputs);
    const column = graph.constant({ dtype: 'float32', shape: [bins.length, 1], data: bins }, names.bins);
    const center = matMul(shares, column); // [N, 1]
    // Around the center, since a difference of squares would lose its digits in float32.
    const distances = square(sub(reshape(column, [1, bins.length]), center));
    return { outputs, value: flat(center), spread: sqrt(reduceSum(mul(shares, distances), [1])) };
  }
  if (target === undefined) return { outputs, value: flat(outputs) };
  const [std, mean] = [graph.float(target.std, names.target.std), graph.float(target.mean, names.target.mean)];
  return { outputs, value: flat(add(mul(outputs, std), mean)) };
}

function clamped(value: Value, range: ValueRange | undefined): Value {
  if (range === undefined) return value;
  const { min, max } = float32Range(range);
  return clip(value, min, max);
}

/**
 * The head that was written into these constants, without its range, which is in the manifest; undefined where there is none. The target's
 * mean and std are float32.
 */
export function readHead(constants: ReadonlyMap<string, Tensor>): ModelHead | undefined {
  const named = (name: string) => constants.get(name) as Tensor<'float32'> | undefined;
  const pair = (names: { readonly mean: string; readonly std: string }) => {
    const [mean, std] = [named(names.mean)?.data, named(names.std)?.data];
    return mean && std && { mean, std };
  };
  const member = (name: string): HeadMember | undefined => {
    const layers: Layer[] = [];
    for (;;) {
      const [weight, bias] = ['weight', 'bias'].map(part => named(`${name}.${layers.length}.${part}`));
      if (weight === undefined || bias === undefined) break;
      layers.push({ weight, bias });
    }
    if (layers.length === 0) return undefined;
    const target = pair(namesOf(name).target);
    return {
      layers,
      target: target && { mean: target.mean[0]!, std: target.std[0]! },
      bins: named(namesOf(name).bins)?.data,
    };
  };
  const standardization = pair(FEATURES);
  const single = member('head');
  if (single !== undefined) return { ...single, standardization };
  const members: { share: number; head: HeadMember }[] = [];
  for (;;) {
    const name = `head${members.length}`;
    const head = member(name);
    if (head === undefined || standardization === undefined) break;
    members.push({ share: named(namesOf(name).share)!.data[0]!, head });
  }
  return members.length === 0 ? undefined : { standardization: standardization!, members };
}

/** A linear layer initialized as torch.nn.Linear is: uniform within `1 / sqrt(from)`, weight `[from, to]` and bias `[to]`. */
export function startLayer(from: number, to: number, seed: number, name: string): Layer {
  const random = createRandom(seed, name);
  const bound = 1 / Math.sqrt(from);
  const draw = () => (2 * random.uniform() - 1) * bound;
  const fill = (shape: readonly number[], count: number) =>
    ({ dtype: 'float32', shape, data: Float32Array.from({ length: count }, draw) }) as const;
  return { weight: fill([from, to], from * to), bias: fill([to], to) };
}

/** A head of one linear layer, weight `[D]` and bias. */
export function linearHead(
  { weight, bias }: LinearHead,
  rest: Pick<Head, 'standardization' | 'target' | 'range'> = {},
): Head {
  const layer = {
    weight: tensor('float32', [weight.length, 1], weight),
    bias: tensor('float32', [1], Float32Array.of(bias)),
  };
  return { ...rest, layers: [layer] };
}

/** `head` with its layers replaced by those in `parameters`, by the names of `buildHead`. */
export function withParameters(head: Head, parameters: Readonly<Record<string, Tensor>>): Head {
  const named = (name: string, tensor: Tensor<'float32'>) =>
    (parameters[name] as Tensor<'float32'> | undefined) ?? tensor;
  const layers = head.layers.map(({ weight, bias }, i) => ({
    weight: named(`head.${i}.weight`, weight),
    bias: named(`head.${i}.bias`, bias),
  }));
  return { ...head, layers };
}
