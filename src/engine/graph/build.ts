import type { DType } from '../tensor.js';
import type { Value } from './graph.js';
import type { OpAttributes, OpName, Window } from './ops.js';

// One function per operation: its values, then its options. Letters: N images, C channels, H and W image size,
// M filters, D width of a row.

function one<K extends OpName>(op: K, inputs: readonly Value[], attributes: OpAttributes[K]): Value {
  return inputs[0]!.graph.add(op, inputs, attributes)[0]!;
}

/** Options of a convolution or pooling; a single number applies to both axes, `pads` is [top, left, bottom, right]. */
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

/** The convolution's transpose: x `[N, C, H, W]` and `weight` `[C, M / groups, kH, kW]` to `[N, M, H', W']`. */
export function convTranspose(
  x: Value,
  weight: Value,
  options: Window & { readonly groups?: number; readonly outputPads?: readonly [number, number] },
): Value {
  const { groups = 1, outputPads = [0, 0], kernel, strides, pads, dilations } = options;
  return one('ConvTranspose', [x, weight], { kernel, strides, pads, dilations, group: groups, outputPads });
}

/** The mean of each `kernel` x `kernel` window of x `[N, C, H, W]`; padding counts as zeros if `countIncludePad`. */
export const averagePool = (
  x: Value,
  kernel: number,
  {
    countIncludePad = false,
    ...options
  }: Omit<WindowOptions, 'dilation'> & { readonly countIncludePad?: boolean } = {},
): Value => one('AveragePool', [x], { ...window([kernel, kernel], options), countIncludePad });

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

/** Each row of x `[..., D]` minus its mean, over its standard deviation, times `scale` plus `bias`, both `[D]`. */
export const layerNormalization = (x: Value, scale: Value, bias: Value, epsilon = 1e-5): Value =>
  one('LayerNormalization', [x, scale, bias], { epsilon });

export const relu = (x: Value): Value => one('Relu', [x], {});
export const sigmoid = (x: Value): Value => one('Sigmoid', [x], {});
export const tanh = (x: Value): Value => one('Tanh', [x], {});
/** The error function, `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to x. */
export const erf = (x: Value): Value => one('Erf', [x], {});
/** `x * (1 + erf(x / sqrt(2))) / 2`. */
export const gelu = (x: Value): Value => mul(mul(x, add(erf(div(x, Math.SQRT2)), 1)), 0.5);
/** `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2`, the approximation of `gelu`. */
export const geluTanh = (x: Value): Value =>
  mul(mul(x, 0.5), add(tanh(mul(add(x, mul(pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI))), 1));
/** `x * sigmoid(1.702 x)`. */
export const quickGelu = (x: Value): Value => mul(x, sigmoid(mul(x, 1.702)));
/** `x * sigmoid(x)`. */
export const silu = (x: Value): Value => mul(x, sigmoid(x));
/** `x * max(0, min(1, x / 6 + 1 / 2))`. */
export const hardSwish = (x: Value): Value => one('HardSwish', [x], {});
/** `max(0, min(1, alpha * x + beta))`. */
export const hardSigmoid = (x: Value, alpha = 1 / 6, beta = 0.5): Value => one('HardSigmoid', [x], { alpha, beta });
export const exp = (x: Value): Value => one('Exp', [x], {});
export const log = (x: Value): Value => one('Log', [x], {});
export const logSoftmax = (x: Value, axis = -1): Value => one('LogSoftmax', [x], { axis });
export const softmax = (x: Value, axis = -1): Value => one('Softmax', [x], { axis });
export const pow = (x: Value, exponent: number): Value => one('Pow', [x], { exponent });
export const square = (x: Value): Value => pow(x, 2);
export const sqrt = (x: Value): Value => one('Sqrt', [x], {});
export const abs = (x: Value): Value => one('Abs', [x], {});
export const sign = (x: Value): Value => one('Sign', [x], {});
export const identity = (x: Value): Value => one('Identity', [x], {});

/** x clipped to [low, high]. */
export const clip = (x: Value, low: number, high: number): Value =>
  one('Clip', [x, x.graph.float(low), x.graph.float(high)], {});

// Arithmetic broadcasts as NumPy does; a plain number is a float32 constant.
const operand = (like: Value, x: Value | number): Value => (typeof x === 'number' ? like.graph.float(x) : x);
export const add = (a: Value, b: Value | number): Value => one('Add', [a, operand(a, b)], {});
export const sub = (a: Value, b: Value | number): Value => one('Sub', [a, operand(a, b)], {});
export const mul = (a: Value, b: Value | number): Value => one('Mul', [a, operand(a, b)], {});
export const div = (a: Value, b: Value | number): Value => one('Div', [a, operand(a, b)], {});

export const greater = (a: Value, b: Value | number): Value => one('Greater', [a, operand(a, b)], {});
export const less = (a: Value, b: Value | number): Value => one('Less', [a, operand(a, b)], {});
export const and = (a: Value, b: Value): Value => one('And', [a, b], {});
/** `a` where `condition` is true, `b` elsewhere. */
export const where = (condition: Value, a: Value, b: Value | number): Value =>
  one('Where', [condition, a, operand(a, b)], {});
/** The smaller and the larger of the two. */
export const minimum = (a: Value, b: Value | number): Value => where(less(a, b), a, b);
export const maximum = (a: Value, b: Value | number): Value => where(greater(a, b), a, b);

/** `alpha * a b + beta * c`, with a `[M, K]` and b `[K, P]`, each optionally transposed first. */
export function gemm(
  a: Value,
  b: Value,
  {
    c,
    alpha = 1,
    beta = 1,
    transA = false,
    transB = false,
  }: { c?: Value; alpha?: number; beta?: number; transA?: boolean; transB?: boolean } = {},
): Value {
  return one('Gemm', c === undefined ? [a, b] : [a, b, c], { alpha, beta, transA, transB });
}

/** The matrix product of a `[..., M, K]` and b `[..., K, P]`, whose first axes broadcast: `[..., M, P]`. */
export const matMul = (a: Value, b: Value): Value => one('MatMul', [a, b], {});

/** x with its axes in the order of `permutation`. */
export const transpose = (x: Value, permutation: readonly number[]): Value => one('Transpose', [x], { permutation });

/** x in another shape; 0 keeps the dimension, and one -1 is inferred. */
export const reshape = (x: Value, shape: readonly number[]): Value => one('Reshape', [x], { shape });

/** Concatenation along `axis`. */
export const concat = (values: readonly Value[], axis: number): Value => one('Concat', values, { axis });

/** The part of x from `start` to before `end` along `axis`, every `step`th element. */
export const slice = (x: Value, axis: number, start: number, end: number, step = 1): Value =>
  one('Slice', [x], { axes: [axis], starts: [start], ends: [end], steps: [step] });

/** x reversed along `axes`. */
export const flip = (x: Value, axes: readonly number[]): Value =>
  one('Slice', [x], {
    axes,
    starts: axes.map(axis => Number(x.shape[axis]) - 1),
    ends: axes.map(() => -1),
    steps: axes.map(() => -1),
  });

/** x padded with zeros; `pads` holds the counts before each axis, then those after each. */
export const pad = (x: Value, pads: readonly number[]): Value => one('Pad', [x], { pads });

/** x broadcast to `shape`. */
export const expand = (x: Value, shape: readonly number[]): Value => one('Expand', [x], { shape });

/** `data` `[K]` with each of `updates` `[L]` added to the element that its index names. */
export const scatterAdd = (data: Value, indices: Value, updates: Value): Value =>
  one('ScatterElements', [data, indices, updates], {});

/** x `[N, C, H, W]` sampled at `grid` `[N, H', W', 2]` of (x, y), each -1..1 from edge to edge, bilinear. */
export const gridSample = (x: Value, grid: Value): Value => one('GridSample', [x, grid], {});

/** The sum over `axes`. */
export const reduceSum = (x: Value, axes: readonly number[], keepDims = false): Value =>
  one('ReduceSum', [x], { axes, keepDims });
/** The mean over `axes`. */
export const reduceMean = (x: Value, axes: readonly number[], keepDims = false): Value =>
  one('ReduceMean', [x], { axes, keepDims });

/** x cast to type `to`. */
export const cast = (x: Value, to: DType): Value => one('Cast', [x], { to });

/** Quantization parameters: a value is `(x - zero) * scale`, scale float32 `[]`, zero uint8 `[]`. */
export interface Step {
  readonly scale: Value;
  readonly zero: Value;
}

/** x quantized to uint8. */
export const quantizeLinear = (x: Value, { scale, zero }: Step): Value => one('QuantizeLinear', [x, scale, zero], {});
/** A quantized x as float32. */
export const dequantizeLinear = (x: Value, { scale, zero }: Step): Value =>
  one('DequantizeLinear', [x, scale, zero], {});
/** The quantized sum of two quantized values. */
export const qLinearAdd = (a: Value, ofA: Step, b: Value, ofB: Step, out: Step): Value =>
  one('QLinearAdd', [a, ofA.scale, ofA.zero, b, ofB.scale, ofB.zero, out.scale, out.zero], {});
/** The quantized convolution of a quantized x with `weight` int8 `[M, C / group, kH, kW]` times `scales` `[M]` and `bias` int32 `[M]`. */
export function qLinearConv(
  x: Value,
  ofX: Step,
  { weight, scales, bias }: { readonly weight: Value; readonly scales: Value; readonly bias: Value },
  out: Step,
  attributes: OpAttributes['QLinearConv'],
): Value {
  const filters = Number(scales.shape[0]);
  const zeros = x.graph.constant({ dtype: 'int8', shape: [filters], data: new Int8Array(filters) });
  const inputs = [x, ofX.scale, ofX.zero, weight, scales, zeros, out.scale, out.zero, bias];
  return one('QLinearConv', inputs, attributes);
}
