import type { LinearHead } from '../backbones/backbone.js';
import { createRandom } from '../base/random.js';
import { float32Range, type ValueRange } from '../base/value-range.js';
import { add, clip, matMul, mul, relu, reshape, softmax } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { type Tensor, tensor } from '../engine/tensor.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { type Standardization, standardize, type TargetScale } from '../features/standardization.js';

/** What a head is fitted on: features, labels, and which rows are for training and for validation. */
export interface HeadData {
  readonly rows: FeatureRows;
  /** Of the same images the means of the backbone's middle stage, where it has one. */
  readonly middle?: FeatureRows | undefined;
  /** Of the mirror images, where training takes them as well. */
  readonly mirrored?: FeatureRows | undefined;
  /** One a row. */
  readonly labels: Float64Array;
  /** Indices of rows, ascending. */
  readonly train: readonly number[];
  readonly validation: readonly number[];
  /** A number a row: rows of one group, duplicates say, stay on one side when they are split again. Default: all are apart. */
  readonly groups?: ArrayLike<number> | undefined;
  /** What values are clamped to. Default: they are not clamped. */
  readonly range?: ValueRange | undefined;
}

/** One linear layer: weight `[from, to]`, bias `[to]`. */
export interface Layer {
  readonly weight: Tensor<'float32'>;
  readonly bias: Tensor<'float32'>;
}

/** What turns features into the number: one linear layer, or several with ReLU between them. */
export interface Head {
  /** Left out, features enter as they are. */
  readonly standardization?: Standardization | undefined;
  readonly layers: readonly Layer[];
  /** The one output is in units of this scale. Left out, it is the value itself. */
  readonly target?: TargetScale | undefined;
  /** The numbers that the outputs are logits of, ascending: the value is the expected one. Left out, the one output is the value. */
  readonly bins?: Float32Array | undefined;
  /** What the value is clamped to. Left out, it is not clamped. */
  readonly range?: ValueRange | undefined;
}

/** What a head makes of features `[N, D]`. */
export interface HeadOutput {
  /** The last layer's outputs, `[N, 1]` or a logit a bin, `[N, B]`. */
  readonly outputs: Value;
  /** The number, `[N]`. */
  readonly value: Value;
  /** The number before it is clamped, `[N]`: what losses are of, for a clamped one has no gradient. The same as `value` without a range. */
  readonly unclamped: Value;
}

// What a saved head is read back by, beside its layers.
const NAMES = {
  standardization: { mean: 'head.features.mean', std: 'head.features.std' },
  target: { mean: 'head.target.mean', std: 'head.target.std' },
  bins: 'head.bins',
} as const;

/**
 * Adds the head to the graph of `features` `[N, D]`. Its layers are parameters `head.0.weight`, `head.0.bias`, `head.1.weight`, ...; its
 * other numbers have names too, by which `readHead` finds them.
 *
 * @param dropout For training: a factor for each number that enters a layer, 0 where it is dropped.
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
 * The head that `buildHead` has put among these constants, but for its range: a manifest says that. Undefined where there is none.
 *
 * Mean and std of the target come back as float32.
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

/** A linear layer's start as torch.nn.Linear has it: uniform within `1 / sqrt(from)`, weight `[from, to]` and bias `[to]`. */
export function startLayer(from: number, to: number, seed: number, name: string): Layer {
  const random = createRandom(seed, name);
  const bound = 1 / Math.sqrt(from);
  const draw = () => (2 * random.uniform() - 1) * bound;
  const fill = (shape: readonly number[], count: number) =>
    ({ dtype: 'float32', shape, data: Float32Array.from({ length: count }, draw) }) as const;
  return { weight: fill([from, to], from * to), bias: fill([to], to) };
}

/** A head of one layer: weight `[D]` and bias. */
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

/** The same head with those of `parameters` that are its own, by the names of `buildHead`. */
export function withParameters(head: Head, parameters: Readonly<Record<string, Tensor>>): Head {
  const named = (name: string, tensor: Tensor<'float32'>) =>
    (parameters[name] as Tensor<'float32'> | undefined) ?? tensor;
  const layers = head.layers.map(({ weight, bias }, i) => ({
    weight: named(`head.${i}.weight`, weight),
    bias: named(`head.${i}.bias`, bias),
  }));
  return { ...head, layers };
}
