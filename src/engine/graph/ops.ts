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

/** Our operations, by their ONNX names, and what each takes beside its inputs. */
export interface OpAttributes {
  Conv: Window & { readonly group: number };
  BatchNormalization: { readonly epsilon: number };
  MaxPool: Window;
  GlobalAveragePool: object;
  Relu: object;
  Sigmoid: object;
  Softmax: { readonly axis: number };
  Clip: object;
  Sqrt: object;
  Abs: object;
  Sign: object;
  Add: object;
  Sub: object;
  Mul: object;
  Div: object;
  MatMul: object;
  Transpose: { readonly permutation: readonly number[] };
  Reshape: { readonly shape: readonly number[] };
  Concat: { readonly axis: number };
  ReduceSum: { readonly axes: readonly number[]; readonly keepDims: boolean };
  Cast: { readonly to: DType };
  Identity: object;
}

export type OpName = keyof OpAttributes;

/** The types of the outputs of an operation; throws ShapeError where the inputs do not fit it. */
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

function slide(op: OpName, size: Dim, axis: 0 | 1, window: Window, inputs: readonly ValueType[]): number {
  if (typeof size !== 'number') throw misfit(op, 'pictures of a known size', inputs);
  const span = window.dilations[axis] * (window.kernel[axis] - 1) + 1;
  const padded = size + window.pads[axis] + window.pads[axis + 2]!;
  if (padded < span) throw misfit(op, `at least ${span} px for the kernel`, inputs);
  return Math.floor((padded - span) / window.strides[axis]) + 1;
}

/** How each operation's output follows from its inputs. Total by type: an operation without a rule does not compile. */
export const shapeRules: { readonly [K in OpName]: ShapeRule<K> } = {
  // x [N, C, H, W], weight [M, C / group, kH, kW], bias [M] or left out -> [N, M, H', W']
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
  MaxPool(inputs, attributes) {
    const [x] = inputs;
    if (x?.shape.length !== 4) throw misfit('MaxPool', '[N, C, H, W]', inputs);
    const [n, channels, height, width] = x.shape as [Dim, Dim, Dim, Dim];
    const out = [slide('MaxPool', height, 0, attributes, inputs), slide('MaxPool', width, 1, attributes, inputs)];
    return [{ dtype: x.dtype, shape: [n, channels, ...out] }];
  },
  GlobalAveragePool(inputs) {
    const [x] = inputs;
    if (x?.shape.length !== 4) throw misfit('GlobalAveragePool', '[N, C, H, W]', inputs);
    return [{ dtype: x.dtype, shape: [x.shape[0]!, x.shape[1]!, 1, 1] }];
  },
  Relu: sameAsInput('Relu'),
  Sigmoid: sameAsInput('Sigmoid'),
  Softmax: sameAsInput('Softmax'),
  Clip: sameAsInput('Clip'),
  Sqrt: sameAsInput('Sqrt'),
  Abs: sameAsInput('Abs'),
  Sign: sameAsInput('Sign'),
  Add: broadcast('Add'),
  Sub: broadcast('Sub'),
  Mul: broadcast('Mul'),
  Div: broadcast('Div'),
  // [M, K] and [K, P] -> [M, P]
  MatMul(inputs) {
    const [a, b] = inputs;
    if (a?.shape.length !== 2 || b?.shape.length !== 2 || a.shape[1] !== b.shape[0] || a.dtype !== b.dtype) {
      throw misfit('MatMul', '[M, K] and [K, P]', inputs);
    }
    return [{ dtype: a.dtype, shape: [a.shape[0]!, b.shape[1]!] }];
  },
  Transpose(inputs, { permutation }) {
    const [x] = inputs;
    if (x === undefined || [...permutation].sort().join() !== [...x.shape.keys()].join()) {
      throw misfit('Transpose', `axes [${permutation}]`, inputs);
    }
    return [{ dtype: x.dtype, shape: permutation.map(axis => x.shape[axis]!) }];
  },
  // A 0 keeps the dimension at its place (so a named one stays named), one -1 takes what is left.
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
  ReduceSum(inputs, { axes, keepDims }) {
    const [x] = inputs;
    if (x === undefined || axes.some(axis => axis < 0 || axis >= x.shape.length))
      throw misfit('ReduceSum', `axes [${axes}]`, inputs);
    const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    return [{ dtype: x.dtype, shape: keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis)) }];
  },
  Cast(inputs, { to }) {
    const [x] = inputs;
    if (x === undefined) throw misfit('Cast', 'an input', inputs);
    return [{ dtype: to, shape: x.shape }];
  },
  Identity: sameAsInput('Identity'),
};
