import type { DType } from '../tensor.js';
import type { Value } from './graph.js';
import type { OpAttributes, OpName, Window } from './ops.js';

// One function an operation: the values it takes, then its options. Letters: N pictures, C channels, H and W picture size,
// M filters, D width of a row.

function one<K extends OpName>(op: K, inputs: readonly Value[], attributes: OpAttributes[K]): Value {
  return inputs[0]!.graph.add(op, inputs, attributes)[0]!;
}

/** What a convolution or pooling may be told; one number serves both axes, `pads` is [top, left, bottom, right]. */
export interface WindowOptions {
  readonly stride?: number;
  readonly pads?: number | Window['pads'];
  readonly dilation?: number;
}

function window(kernel: Window['kernel'], { stride = 1, pads = 0, dilation = 1 }: WindowOptions): Window {
  return {
    kernel,
    strides: [stride, stride],
    pads: typeof pads === 'number' ? [pads, pads, pads, pads] : pads,
    dilations: [dilation, dilation],
  };
}

/** The convolution of x `[N, C, H, W]` with `weight` `[M, C / groups, kH, kW]` and, if given, `bias` `[M]`. */
export function conv(x: Value, weight: Value, options: WindowOptions & { bias?: Value; groups?: number } = {}): Value {
  const kernel: Window['kernel'] = [Number(weight.shape[2]), Number(weight.shape[3])];
  const inputs = options.bias === undefined ? [x, weight] : [x, weight, options.bias];
  return one('Conv', inputs, { ...window(kernel, options), group: options.groups ?? 1 });
}

/** The largest value in each `kernel` x `kernel` window of x `[N, C, H, W]`. */
export const maxPool = (x: Value, kernel: number, options: WindowOptions = {}): Value =>
  one('MaxPool', [x], window([kernel, kernel], options));

/** The mean over H and W of x `[N, C, H, W]`, as `[N, C]`. */
export const globalAveragePool = (x: Value): Value => reshape(one('GlobalAveragePool', [x], {}), [0, -1]);

/** `(x - mean) / sqrt(variance + epsilon) * scale + bias` for each channel, with the statistics as given (all `[C]`). */
export const batchNormalization = (
  x: Value,
  scale: Value,
  bias: Value,
  mean: Value,
  variance: Value,
  epsilon = 1e-5,
): Value => one('BatchNormalization', [x, scale, bias, mean, variance], { epsilon });

export const relu = (x: Value): Value => one('Relu', [x], {});
export const sigmoid = (x: Value): Value => one('Sigmoid', [x], {});
export const softmax = (x: Value, axis = -1): Value => one('Softmax', [x], { axis });
export const sqrt = (x: Value): Value => one('Sqrt', [x], {});
export const abs = (x: Value): Value => one('Abs', [x], {});
export const sign = (x: Value): Value => one('Sign', [x], {});
export const identity = (x: Value): Value => one('Identity', [x], {});

/** x, held between `low` and `high`. */
export const clip = (x: Value, low: number, high: number): Value =>
  one('Clip', [x, x.graph.float(low), x.graph.float(high)], {});

// Arithmetic broadcasts as NumPy does; a plain number is a float32 constant.
const operand = (like: Value, x: Value | number): Value => (typeof x === 'number' ? like.graph.float(x) : x);
export const add = (a: Value, b: Value | number): Value => one('Add', [a, operand(a, b)], {});
export const sub = (a: Value, b: Value | number): Value => one('Sub', [a, operand(a, b)], {});
export const mul = (a: Value, b: Value | number): Value => one('Mul', [a, operand(a, b)], {});
export const div = (a: Value, b: Value | number): Value => one('Div', [a, operand(a, b)], {});

/** The matrix product of a `[M, K]` and b `[K, P]`: `[M, P]`. */
export const matMul = (a: Value, b: Value): Value => one('MatMul', [a, b], {});

/** x with its axes in the order of `permutation`. */
export const transpose = (x: Value, permutation: readonly number[]): Value => one('Transpose', [x], { permutation });

/** x in another shape; a 0 keeps the dimension at its place, one -1 takes what is left. */
export const reshape = (x: Value, shape: readonly number[]): Value => one('Reshape', [x], { shape });

/** The values side by side along `axis`. */
export const concat = (values: readonly Value[], axis: number): Value => one('Concat', values, { axis });

/** The sum over `axes`. */
export const reduceSum = (x: Value, axes: readonly number[], keepDims = false): Value =>
  one('ReduceSum', [x], { axes, keepDims });

/** x as elements of type `to`. */
export const cast = (x: Value, to: DType): Value => one('Cast', [x], { to });
