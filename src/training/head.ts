import type { LinearHead } from '../backbones/backbone.js';
import { createRandom } from '../base/random.js';
import { float32Range, type ValueRange } from '../base/value-range.js';
import { add, clip, matMul, mul, relu, reshape, softmax } from '../engine/graph/build.js';
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

/** The output of a head in the graph of features `[N, D]`. */
export interface HeadOutput {
  /** The last layer's outputs: `[N, 1]`, or one logit per bin, `[N, B]`. */
  readonly outputs: Value;
  /** The predictions, `[N]`. */
  readonly value: Value;
  /** The predictions before the clamp, `[N]`, for losses: a clamped value has no gradient. Equal to `value` without a range. */
  readonly unclamped: Value;
}

// Names of constants by which `readHead` finds them; layers have names of their own.
const NAMES = {
  standardization: { mean: 'head.features.mean', std: 'head.features.std' },
  target: { mean: 'head.target.mean', std: 'head.target.std' },
  bins: 'head.bins',
} as const;

/**
 * Adds the head to the graph of `features` `[N, D]`. Its layers are parameters `head.0.weight`, `head.0.bias`, `head.1.weight`, ...
 *
 * @param dropout For training: per layer, a factor for each of its inputs, 0 where it is dropped.
 */
export function buildHead(
  features: Value,
  { standardization, layers, target, bins, range }: Head,
  dropout: readonly (Value | undefined)[] = [],
): HeadOutput {
  const { graph } = features;
  let value = standardization === undefined ? features : standardize(features, standardization, NAMES.standardization);
  layers.forEach(({ weight, bias }, i) => {
    const kept = dropout[i];
    if (i > 0) value = relu(value);
    if (kept !== undefined) value = mul(value, kept);
    const product = matMul(value, graph.parameter(weight, `head.${i}.weight`));
    value = add(product, graph.parameter(bias, `head.${i}.bias`));
  });
  const outputs = value;
  if (bins !== undefined) {
    const column = graph.constant({ dtype: 'float32', shape: [bins.length, 1], data: bins }, NAMES.bins);
    value = matMul(softmax(outputs), column);
  } else if (target !== undefined) {
    const [std, mean] = [graph.float(target.std, NAMES.target.std), graph.float(target.mean, NAMES.target.mean)];
    value = add(mul(outputs, std), mean);
  }
  const unclamped = reshape(value, [0]); // [N, 1] -> [N]
  return { outputs, unclamped, value: range === undefined ? unclamped : buildClamp(unclamped, range) };
}

function buildClamp(value: Value, range: ValueRange): Value {
  const { min, max } = float32Range(range);
  return clip(value, min, max);
}

/**
 * The head that `buildHead` wrote into these constants, without its range, which is in the manifest; undefined where there is none. The
 * target's mean and std are float32.
 */
export function readHead(constants: ReadonlyMap<string, Tensor>): Head | undefined {
  const named = (name: string) => constants.get(name) as Tensor<'float32'> | undefined;
  const layers: Layer[] = [];
  for (;;) {
    const [weight, bias] = [named(`head.${layers.length}.weight`), named(`head.${layers.length}.bias`)];
    if (weight === undefined || bias === undefined) break;
    layers.push({ weight, bias });
  }
  if (layers.length === 0) return undefined;
  const pair = (names: { readonly mean: string; readonly std: string }) => {
    const [mean, std] = [named(names.mean)?.data, named(names.std)?.data];
    return mean && std && { mean, std };
  };
  const target = pair(NAMES.target);
  return {
    standardization: pair(NAMES.standardization),
    layers,
    target: target && { mean: target.mean[0]!, std: target.std[0]! },
    bins: named(NAMES.bins)?.data,
  };
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
