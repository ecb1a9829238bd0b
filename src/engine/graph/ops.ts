import { ShapeError } from '../../base/errors.js';
import type { Dim, Shape } from '../onnx/model.js';
import type { DType } from '../tensor.js';

/** Element type and shape of a value. */
export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The window of a convolution or a pooling, per spatial axis [H, W]; `pads` is [top, left, bottom, right]. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
}

/** Our operations by their ONNX names, with their attributes. */
export interface OpAttributes {
  Conv: Window & { readonly group: number };
  /** `outputPads` are rows and columns added at the bottom and right of the output. */
  ConvTranspose: Window & { readonly group: number; readonly outputPads: readonly [number, number] };
  BatchNormalization: { readonly epsilon: number };
  /** Along the last axis. The second and third output are the mean and 1 / standard deviation of each row, `[..., 1]`. */
  LayerNormalization: { readonly epsilon: number };
  MaxPool: Window;
  /** `countIncludePad` true counts padding in the mean. */
  AveragePool: Window & { readonly countIncludePad: boolean };
  GlobalAveragePool: object;
  Relu: object;
  Sigmoid: object;
  Tanh: object;
  /** The error function. */
  Erf: object;
  HardSigmoid: { readonly alpha: number; readonly beta: number };
  HardSwish: object;
  Softmax: { readonly axis: number };
  LogSoftmax: { readonly axis: number };
  Clip: object;
  Exp: object;
  Log: object;
  Sqrt: object;
  Pow: { readonly exponent: number };
  Abs: object;
  Sign: object;
  Add: object;
  Sub: object;
  Mul: object;
  Div: object;
  Greater: object;
  Less: object;
  And: object;
  Where: object;
  MatMul: object;
  Gemm: { readonly alpha: number; readonly beta: number; readonly transA: boolean; readonly transB: boolean };
  Transpose: { readonly permutation: readonly number[] };
  Reshape: { readonly shape: readonly number[] };
  Expand: { readonly shape: readonly number[] };
  Concat: { readonly axis: number };
  /** Elements `starts[i]`, `starts[i] + steps[i]`, ... of axis `axes[i]`, up to and without `ends[i]`. */
  Slice: {
    readonly axes: readonly number[];
    readonly starts: readonly number[];
    readonly ends: readonly number[];
    readonly steps: readonly number[];
  };
  /** Zeros added before and after each axis: `[before axis 0, before axis 1, ..., after axis 0, ...]`. */
  Pad: { readonly pads: readonly number[] };
  /** Adds each update to the element of axis 0 that its index names. */
  ScatterElements: object;
  /** Bilinear samples of x at positions -1..1 from edge to edge, with replicated edges. */
  GridSample: object;
  ReduceSum: { readonly axes: readonly number[]; readonly keepDims: boolean };
  ReduceMean: { readonly axes: readonly number[]; readonly keepDims: boolean };
  Cast: { readonly to: DType };
  Identity: object;
  /** x as uint8: `round(x / scale) + zero`, clipped to 0..255. */
  QuantizeLinear: object;
  /** A quantized x as float32: `(x - zero) * scale`. */
  DequantizeLinear: object;
  /** Conv of uint8 x and int8 weight; x, its scale and zero, weight, its scales `[M]` and zeros, scale and zero of the output, int32 bias. */
  QLinearConv: Window & { readonly group: number };
  /** The sum of two uint8 values, each with its scale and zero, then those of the output; an operation of the runtime's own. */
  QLinearAdd: object;
}

export type OpName = keyof OpAttributes;

/** The types of the outputs of an operation; throws ShapeError if the inputs do not fit. */
export type ShapeRule<K extends OpName> = (inputs: readonly ValueType[], attributes: OpAttributes[K]) => ValueType[];

const show = (types: readonly ValueType[]) =>
  types.map(type => `${type.dtype} [${type.shape.join(', ')}]`).join(' and ');

function misfit(op: OpName, what: string, inputs: readonly ValueType[]): ShapeError {
  return new ShapeError(`${op}: expected ${what}, got ${show(inputs)}`);
}

const sameAsInput =
  (op: OpName) =>
  (inputs: readonly ValueType[]): ValueType[] => {
    if (inputs[0] === undefined) throw misfit(op, 'an input', inputs);
    return [{ dtype: inputs[0].dtype, shape: inputs[0].shape }];
  };

// NumPy's broadcasting: shapes are aligned at the right, and each pair of dimensions is equal or holds a 1.
const broadcast =
  (op: OpName) =>
  (inputs: readonly ValueType[]): ValueType[] => {
    const [a, b] = inputs;
    if (a === undefined || b === undefined || a.dtype !== b.dtype) throw misfit(op, 'two inputs of one type', inputs);
    const rank = Math.max(a.shape.length, b.shape.length);
    const shape = Array.from({ length: rank }, (_, axis): Dim => {
      const left = a.shape[axis - rank + a.shape.length] ?? 1;
      const right = b.shape[axis - rank + b.shape.length] ?? 1;
      if (left === right || right === 1) return left;
      if (left === 1) return right;
      throw misfit(op, 'shapes that broadcast', inputs);
    });
    return [{ dtype: a.dtype, shape }];
  };

const asBool = (types: readonly ValueType[]): ValueType[] => types.map(type => ({ ...type, dtype: 'bool' }));

const alongAxis =
  (op: OpName) =>
  (inputs: readonly ValueType[], { axis }: { readonly axis: number }): ValueType[] => {
    const rank = inputs[0]?.shape.length ?? 0;
    if (axis < -rank || axis >= rank) throw misfit(op, `an axis ${axis}`, inputs);
    return sameAsInput(op)(inputs);
  };

const reduce =
  (op: OpName) =>
  (inputs: readonly ValueType[], { axes, keepDims }: OpAttributes['ReduceSum']): ValueType[] => {
    const [x] = inputs;
    // Without axes ONNX reduces all of them.
    const none = axes.length === 0 && x?.shape.length !== 0;
    if (x === undefined || none || axes.some(axis => axis < 0 || axis >= x.shape.length))
      throw misfit(op, `axes [${axes}]`, inputs);
    const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    return [{ dtype: x.dtype, shape: keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis)) }];
  };

function pool(op: OpName, inputs: readonly ValueType[], window: Window): ValueType {
  const [x] = inputs;
  if (x?.shape.length !== 4) throw misfit(op, '[N, C, H, W]', inputs);
  const [n, channels, height, width] = x.shape as [Dim, Dim, Dim, Dim];
  const out = [slide(op, height, 0, window, inputs), slide(op, width, 1, window, inputs)];
  return { dtype: x.dtype, shape: [n, channels, ...out] };
}

function slide(op: OpName, size: Dim, axis: 0 | 1, window: Window, inputs: readonly ValueType[]): number {
  if (typeof size !== 'number') throw misfit(op, 'images of a known size', inputs);
  const span = window.dilations[axis] * (window.kernel[axis] - 1) + 1;
  const padded = size + window.pads[axis] + window.pads[axis + 2]!;
  if (padded < span) throw misfit(op, `at least ${span} px for the kernel`, inputs);
  return Math.floor((padded - span) / window.strides[axis]) + 1;
}

/** The shape rule of each operation. Total by type: an operation without a rule does not compile. */
export const shapeRules: { readonly [K in OpName]: ShapeRule<K> } = {
  // x [N, C, H, W], weight [M, C / group, kH, kW], bias [M] or omitted -> [N, M, H', W']
  Conv(inputs, attributes) {
    const [x, weight, bias] = inputs;
    if (x?.shape.length !== 4 || weight?.shape.length !== 4)
      throw misfit('Conv', '[N, C, H, W] and [M, C, kH, kW]', inputs);
    const [n, channels, height, width] = x.shape as [Dim, Dim, Dim, Dim];
    const [filters, perGroup, kH, kW] = weight.shape as [number, number, number, number];
    if (channels !== perGroup * attributes.group || filters % attributes.group !== 0) {
      throw misfit('Conv', `${perGroup} x ${attributes.group} channels`, inputs);
    }
    if (kH !== attributes.kernel[0] || kW !== attributes.kernel[1])
      throw misfit('Conv', `a ${attributes.kernel} kernel`, inputs);
    if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== filters)) {
      throw misfit('Conv', `a bias of [${filters}]`, inputs);
    }
    const out = [slide('Conv', height, 0, attributes, inputs), slide('Conv', width, 1, attributes, inputs)];
    return [{ dtype: x.dtype, shape: [n, filters, ...out] }];
  },
  // x [N, C, H, W], weight [C, M / group, kH, kW] -> [N, M, H', W'], the shape whose Conv with this weight gives x's
  ConvTranspose(inputs, attributes) {
    const [x, weight] = inputs;
    if (x?.shape.length !== 4 || weight?.shape.length !== 4 || x.shape[1] !== weight.shape[0])
      throw misfit('ConvTranspose', '[N, C, H, W] and [C, M, kH, kW]', inputs);
    const { strides, pads, dilations, kernel, group, outputPads } = attributes;
    if (weight.shape[2] !== kernel[0] || weight.shape[3] !== kernel[1])
      throw misfit('ConvTranspose', `a ${kernel} kernel`, inputs);
    if (Number(weight.shape[0]) % group !== 0) throw misfit('ConvTranspose', `channels in ${group} groups`, inputs);
    const grow = (size: Dim, axis: 0 | 1): number => {
      if (typeof size !== 'number') throw misfit('ConvTranspose', 'images of a known size', inputs);
      const span = dilations[axis] * (kernel[axis] - 1) + 1;
      return (size - 1) * strides[axis] + span - pads[axis] - pads[axis + 2]! + outputPads[axis];
    };
    const shape = [x.shape[0]!, Number(weight.shape[1]) * group, grow(x.shape[2]!, 0), grow(x.shape[3]!, 1)];
    return [{ dtype: x.dtype, shape }];
  },
  // x [N, C, ...], scale, bias, mean and variance [C] -> x's shape
  BatchNormalization(inputs) {
    const [x, ...parameters] = inputs;
    if (
      x === undefined ||
      parameters.length !== 4 ||
      parameters.some(p => p.shape.length !== 1 || p.shape[0] !== x.shape[1])
    ) {
      throw misfit('BatchNormalization', '[N, C, ...] and four of [C]', inputs);
    }
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  // x [..., D], scale and bias [D] -> x's shape, and the mean and 1 / standard deviation of each row
  LayerNormalization(inputs) {
    const [x, ...parameters] = inputs;
    const width = x?.shape.at(-1);
    if (
      typeof width !== 'number' ||
      parameters.length !== 2 ||
      parameters.some(p => p.shape.length !== 1 || p.shape[0] !== width)
    ) {
      throw misfit('LayerNormalization', '[..., D] and two of [D]', inputs);
    }
    const { dtype, shape } = x!;
    const statistic: ValueType = { dtype, shape: [...shape.slice(0, -1), 1] };
    return [{ dtype, shape }, statistic, statistic];
  },
  // The second output is the index of each maximum in the flat x.
  MaxPool(inputs, attributes) {
    const pooled = pool('MaxPool', inputs, attributes);
    return [pooled, { dtype: 'int64', shape: pooled.shape }];
  },
  AveragePool(inputs, attributes) {
    const pooled = pool('AveragePool', inputs, attributes);
    // In ONNX since operator set 19.
    if (attributes.dilations.some(dilation => dilation !== 1))
      throw misfit('AveragePool', 'a window without dilation', inputs);
    return [pooled];
  },
  GlobalAveragePool(inputs) {
    const [x] = inputs;
    if (x?.shape.length !== 4) throw misfit('GlobalAveragePool', '[N, C, H, W]', inputs);
    return [{ dtype: x.dtype, shape: [x.shape[0]!, x.shape[1]!, 1, 1] }];
  },
  Relu: sameAsInput('Relu'),
  Sigmoid: sameAsInput('Sigmoid'),
  Tanh: sameAsInput('Tanh'),
  Erf: sameAsInput('Erf'),
  HardSigmoid: sameAsInput('HardSigmoid'),
  HardSwish: sameAsInput('HardSwish'),
  Softmax: alongAxis('Softmax'),
  LogSoftmax: alongAxis('LogSoftmax'),
  Clip: sameAsInput('Clip'),
  Exp: sameAsInput('Exp'),
  Log: sameAsInput('Log'),
  Sqrt: sameAsInput('Sqrt'),
  Pow: sameAsInput('Pow'),
  Abs: sameAsInput('Abs'),
  Sign: sameAsInput('Sign'),
  Add: broadcast('Add'),
  Sub: broadcast('Sub'),
  Mul: broadcast('Mul'),
  Div: broadcast('Div'),
  Greater: inputs => asBool(broadcast('Greater')(inputs)),
  Less: inputs => asBool(broadcast('Less')(inputs)),
  And: broadcast('And'),
  // condition, value where true, value where false
  Where(inputs) {
    const [condition, a, b] = inputs;
    if (condition?.dtype !== 'bool' || a === undefined || b === undefined)
      throw misfit('Where', 'a condition and two values', inputs);
    const [either] = broadcast('Where')([a, b]) as [ValueType];
    return broadcast('Where')([{ ...condition, dtype: either.dtype }, either]);
  },
  // [..., M, K] and [..., K, P], whose first axes broadcast -> [..., M, P]
  MatMul(inputs) {
    const [a, b] = inputs;
    const fits = a !== undefined && b !== undefined && a.shape.length >= 2 && b.shape.length >= 2;
    if (!fits || a.shape.at(-1) !== b.shape.at(-2) || a.dtype !== b.dtype) {
      throw misfit('MatMul', '[..., M, K] and [..., K, P]', inputs);
    }
    const [left, right] = [a, b].map(type => ({ ...type, shape: type.shape.slice(0, -2) }));
    const [stack] = broadcast('MatMul')([left!, right!]);
    return [{ dtype: a.dtype, shape: [...stack!.shape, a.shape.at(-2)!, b.shape.at(-1)!] }];
  },
  // a [M, K] and b [K, P], each optionally transposed, and c that broadcasts to [M, P] or omitted -> [M, P]
  Gemm(inputs, { transA, transB }) {
    const [a, b, c] = inputs;
    const [m, k] = transA ? [a?.shape[1], a?.shape[0]] : [a?.shape[0], a?.shape[1]];
    const [l, p] = transB ? [b?.shape[1], b?.shape[0]] : [b?.shape[0], b?.shape[1]];
    if (a?.shape.length !== 2 || b?.shape.length !== 2 || k !== l || a.dtype !== b.dtype)
      throw misfit('Gemm', '[M, K] and [K, P]', inputs);
    const out: ValueType = { dtype: a.dtype, shape: [m!, p!] };
    if (c !== undefined && broadcast('Gemm')([out, c])[0]!.shape.join() !== out.shape.join())
      throw misfit('Gemm', `a summand for [${out.shape}]`, inputs);
    return [out];
  },
  Transpose(inputs, { permutation }) {
    const [x] = inputs;
    if (x === undefined || [...permutation].sort().join() !== [...x.shape.keys()].join()) {
      throw misfit('Transpose', `axes [${permutation}]`, inputs);
    }
    return [{ dtype: x.dtype, shape: permutation.map(axis => x.shape[axis]!) }];
  },
  // 0 keeps the dimension (so a named one stays named), and one -1 is inferred.
  Reshape(inputs, { shape }) {
    const [x] = inputs;
    if (x === undefined) throw misfit('Reshape', 'an input', inputs);
    const out = shape.map((dim, axis): Dim => (dim === 0 ? (x.shape[axis] ?? 0) : dim));
    const rest = (dims: Shape) =>
      dims.reduce<number>((n, dim) => (typeof dim === 'number' && dim !== -1 ? n * dim : n), 1);
    const free = rest(x.shape) / rest(out);
    const named = (dims: Shape) => dims.filter(dim => typeof dim === 'string').join();
    const open = out.filter(dim => dim === -1).length;
    if (!Number.isInteger(free) || open > 1 || (free !== 1 && open === 0) || named(out) !== named(x.shape)) {
      throw misfit('Reshape', `elements for [${shape}]`, inputs);
    }
    return [{ dtype: x.dtype, shape: out.map(dim => (dim === -1 ? free : dim)) }];
  },
  Expand(inputs, { shape }) {
    const [x] = inputs;
    if (x === undefined) throw misfit('Expand', 'an input', inputs);
    const [out] = broadcast('Expand')([x, { dtype: x.dtype, shape }]);
    if (out!.shape.join() !== shape.join()) throw misfit('Expand', `a shape that broadcasts to [${shape}]`, inputs);
    return [out!];
  },
  Concat(inputs, { axis }) {
    const [first] = inputs;
    const fits = (type: ValueType) =>
      type.shape.length === first!.shape.length &&
      type.shape.every((dim, at) => at === axis || dim === first!.shape[at]);
    if (first === undefined || !inputs.every(type => fits(type) && typeof type.shape[axis] === 'number')) {
      throw misfit('Concat', `shapes that differ on axis ${axis} alone`, inputs);
    }
    const total = inputs.reduce((sum, type) => sum + Number(type.shape[axis]), 0);
    return [{ dtype: first.dtype, shape: first.shape.map((dim, at) => (at === axis ? total : dim)) }];
  },
  Slice(inputs, { axes, starts, ends, steps }) {
    const [x] = inputs;
    if (x === undefined || axes.some(axis => typeof x.shape[axis] !== 'number'))
      throw misfit('Slice', `axes [${axes}] of a known size`, inputs);
    const shape = [...x.shape];
    axes.forEach((axis, i) => {
      const [start, end, step] = [starts[i]!, ends[i]!, steps[i]!];
      const size = Number(x.shape[axis]);
      // With a negative step, -1 is the position before the first element, unlike in ONNX.
      const inside = step > 0 ? start >= 0 && end <= size : step < 0 && start < size && end >= -1;
      if (!inside) throw misfit('Slice', `places ${start} to ${end} by ${step} within ${size}`, inputs);
      shape[axis] = Math.max(0, Math.ceil((end - start) / step));
    });
    return [{ dtype: x.dtype, shape }];
  },
  Pad(inputs, { pads }) {
    const [x] = inputs;
    if (x === undefined || pads.length !== 2 * x.shape.length)
      throw misfit('Pad', `as many axes as in [${pads}]`, inputs);
    if (pads.some(pad => pad < 0)) throw misfit('Pad', `no negative pads in [${pads}]`, inputs);
    const padded = x.shape.map((dim, axis) => {
      const more = pads[axis]! + pads[axis + x.shape.length]!;
      if (more !== 0 && typeof dim !== 'number') throw misfit('Pad', 'axes of a known size', inputs);
      return more === 0 ? dim : Number(dim) + more;
    });
    return [{ dtype: x.dtype, shape: padded }];
  },
  // data [K], indices [L] int64, updates [L] -> [K]
  ScatterElements(inputs) {
    const [data, indices, updates] = inputs;
    if (data?.shape.length !== 1 || indices?.dtype !== 'int64' || indices.shape.join() !== updates?.shape.join())
      throw misfit('ScatterElements', '[K], int64 [L] and [L]', inputs);
    return [{ dtype: data.dtype, shape: data.shape }];
  },
  // x [N, C, H, W], grid [N, H', W', 2] of (x, y) -> [N, C, H', W']
  GridSample(inputs) {
    const [x, grid] = inputs;
    if (x?.shape.length !== 4 || grid?.shape.length !== 4 || grid.shape[3] !== 2 || x.shape[0] !== grid.shape[0])
      throw misfit('GridSample', "[N, C, H, W] and [N, H', W', 2]", inputs);
    return [{ dtype: x.dtype, shape: [x.shape[0]!, x.shape[1]!, grid.shape[1]!, grid.shape[2]!] }];
  },
  ReduceSum: reduce('ReduceSum'),
  ReduceMean: reduce('ReduceMean'),
  Cast(inputs, { to }) {
    const [x] = inputs;
    if (x === undefined) throw misfit('Cast', 'an input', inputs);
    return [{ dtype: to, shape: x.shape }];
  },
  Identity: sameAsInput('Identity'),
  // x, scale [], zero uint8 [] -> uint8 of x's shape
  QuantizeLinear(inputs) {
    const [x, scale, zero] = inputs;
    if (x?.dtype !== 'float32' || !isStep(scale, zero))
      throw misfit('QuantizeLinear', 'float32, scale and zero', inputs);
    return [{ dtype: 'uint8', shape: x.shape }];
  },
  DequantizeLinear(inputs) {
    const [x, scale, zero] = inputs;
    if (x?.dtype !== 'uint8' || !isStep(scale, zero)) throw misfit('DequantizeLinear', 'uint8, scale and zero', inputs);
    return [{ dtype: 'float32', shape: x.shape }];
  },
  QLinearConv(inputs, attributes) {
    const [x, xScale, xZero, weight, scales, zeros, scale, zero, bias] = inputs;
    const filters = weight?.shape[0];
    const perFilter = [scales, zeros, bias].every(given => given?.shape.length === 1 && given.shape[0] === filters);
    if (x?.dtype !== 'uint8' || weight?.dtype !== 'int8' || bias?.dtype !== 'int32' || !perFilter)
      throw misfit('QLinearConv', 'uint8 images, int8 weights and an int32 bias', inputs);
    if (!isStep(xScale, xZero) || !isStep(scale, zero)) throw misfit('QLinearConv', 'scales and zeros', inputs);
    return shapeRules.Conv([x, weight, bias], attributes);
  },
  QLinearAdd(inputs) {
    const [a, aScale, aZero, b, bScale, bZero, scale, zero] = inputs;
    if (!isStep(aScale, aZero) || !isStep(bScale, bZero) || !isStep(scale, zero))
      throw misfit('QLinearAdd', 'scales and zeros', inputs);
    return broadcast('QLinearAdd')([a!, b!]);
  },
};

const isStep = (scale: ValueType | undefined, zero: ValueType | undefined): boolean =>
  scale?.dtype === 'float32' && scale.shape.length === 0 && zero?.dtype === 'uint8' && zero.shape.length === 0;
