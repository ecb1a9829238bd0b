import { createRandom } from '../base/random.js';
import { abs, add, div, matMul, mul, relu, reshape, softmax, sqrt, sub } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { type Tensor, tensor } from '../engine/tensor.js';
import type { FeatureRows } from './feature-cache.js';

/** What a head is fitted on: features, labels, and which rows are for training and for validation. */
export interface HeadData {
  readonly rows: FeatureRows;
  /** One a row. */
  readonly labels: Float64Array;
  /** Indices of rows, ascending. */
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** How features are brought to one scale before a head: `(root(x) - mean) / std`, with mean and std `[D]`. */
export interface Standardization {
  readonly mean: Float32Array;
  readonly std: Float32Array;
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
  /** The numbers that the outputs are logits of, ascending: the value is the expected one. Left out, the one output is the value. */
  readonly bins?: Float32Array | undefined;
}

/** What a head makes of features `[N, D]`. */
export interface HeadOutput {
  /** The last layer's outputs, `[N, 1]` or a logit a bin, `[N, B]`. */
  readonly outputs: Value;
  /** The number, `[N]`. */
  readonly value: Value;
}

// Keeps the slope of the root finite at 0, where most features of a ReLU lie; features are of order 0.1 to 10.
const ROOT_FLOOR = 1e-3;

/** The signed root of a feature, `x / sqrt(|x| + 0.001)`: what is skewed becomes nearly normal. */
export const signedRoot = (x: number): number => x / Math.sqrt(Math.abs(x) + ROOT_FLOOR);

/** Features `[N, D]` on one scale: `[N, D]`. */
export function standardize(features: Value, { mean, std }: Standardization): Value {
  const { graph } = features;
  const roots = div(features, sqrt(add(abs(features), ROOT_FLOOR)));
  return div(sub(roots, graph.float(mean)), graph.float(std));
}

/**
 * Adds the head to the graph of `features` `[N, D]`. Its layers are parameters `head.0.weight`, `head.0.bias`, `head.1.weight`, ...
 *
 * @param dropout For training: a factor for each number that enters a layer, 0 where it is dropped.
 */
export function buildHead(
  features: Value,
  { standardization, layers, bins }: Head,
  dropout: readonly (Value | undefined)[] = [],
): HeadOutput {
  const { graph } = features;
  let value = standardization === undefined ? features : standardize(features, standardization);
  layers.forEach(({ weight, bias }, i) => {
    const kept = dropout[i];
    if (i > 0) value = relu(value);
    if (kept !== undefined) value = mul(value, kept);
    const product = matMul(value, graph.parameter(weight, `head.${i}.weight`));
    value = add(product, graph.parameter(bias, `head.${i}.bias`));
  });
  if (bins === undefined) return { outputs: value, value: reshape(value, [0]) }; // [N, 1] -> [N]
  const column = graph.constant({ dtype: 'float32', shape: [bins.length, 1], data: bins });
  return { outputs: value, value: reshape(matMul(softmax(value), column), [0]) };
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
export function linearHead(weight: Float32Array, bias: number, standardization?: Standardization): Head {
  const layer = {
    weight: tensor('float32', [weight.length, 1], weight),
    bias: tensor('float32', [1], Float32Array.of(bias)),
  };
  return { standardization, layers: [layer] };
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
