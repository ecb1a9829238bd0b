import type { Dim } from '../onnx/model.js';
import {
  abs,
  add,
  batchNormalization,
  concat,
  div,
  erf,
  exp,
  gelu,
  geluTanh,
  gemm,
  hardSigmoid,
  hardSwish,
  layerNormalization,
  log,
  logSoftmax,
  matMul,
  mul,
  pad,
  pow,
  relu,
  reshape,
  sigmoid,
  slice,
  softmax,
  sqrt,
  sub,
  tanh,
  transpose,
} from './build.js';
import type { Value } from './graph.js';
import { fromBehind, type Site } from './onnx-site.js';
import type { Window } from './ops.js';

// Conversion rules from ONNX operations, in their forms since operator set 13, to ours, for those that our operations can express with a
// gradient. A rule throws the error of `site.refuse`, or a ShapeError.
// Reference: https://onnx.ai/onnx/operators/

const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

type Rule = (site: Site) => Value | readonly Value[];

const unary =
  (build: (x: Value) => Value): Rule =>
  site =>
    build(site.value(0));
const binary =
  (build: (a: Value, b: Value) => Value): Rule =>
  site =>
    build(site.value(0), site.value(1));

/** Common attributes of window operations. */
function windowOf(site: Site, x: Value, kernel: readonly number[]): Window {
  const strides = site.integers('strides', [1, 1]);
  const dilations = site.integers('dilations', [1, 1]);
  const explicit = site.integers('pads', [0, 0, 0, 0]);
  const mode = site.attribute<string>('auto_pad', 'NOTSET');
  if (kernel.length !== 2 || x.shape.length !== 4) throw site.refuse(`on ${x.shape.length - 2} axes`);
  // SAME: size / stride windows, rounded up; an odd pixel is padded at the end for UPPER, at the start for LOWER.
  const total = kernel.map((taps, axis) => {
    const size = Number(x.shape[axis + 2]);
    const steps = Math.ceil(size / strides[axis]!) - 1;
    return Math.max(steps * strides[axis]! + dilations[axis]! * (taps - 1) + 1 - size, 0);
  });
  const less = total.map(pads => Math.floor(pads / 2));
  const more = total.map(pads => Math.ceil(pads / 2));
  const pads = own<readonly number[]>(
    {
      NOTSET: explicit,
      VALID: [0, 0, 0, 0],
      SAME_UPPER: [...less, ...more],
      SAME_LOWER: [...more, ...less],
    },
    mode,
  );
  if (pads === undefined) throw site.refuse(`with auto_pad ${mode}`);
  return { kernel, strides, dilations, pads } as unknown as Window;
}

/** With ceil_mode the last window may extend beyond the input: then the end is padded more. */
function maxPool(site: Site): Value {
  const x = site.value(0);
  const window = windowOf(site, x, site.integers('kernel_shape', []));
  site.ignore('storage_order'); // It concerns the indices, which no operation uses.
  if (site.integer('ceil_mode', 0) === 0) return x.graph.add('MaxPool', [x], window)[0]!;
  const pads = [...window.pads];
  for (const axis of [0, 1] as const) {
    const size = Number(x.shape[axis + 2]) + pads[axis]!;
    const rest = size + pads[axis + 2]! - (window.dilations[axis] * (window.kernel[axis] - 1) + 1);
    const over = Math.ceil(rest / window.strides[axis]) * window.strides[axis] - rest;
    // A window of padding only: implementations differ on whether it exists.
    if (over > 0 && rest + over >= size) throw site.refuse('with ceil_mode 1 and windows outside of the image');
    pads[axis + 2]! += over;
  }
  return x.graph.add('MaxPool', [x], { ...window, pads: pads as unknown as Window['pads'] })[0]!;
}

/** The axes of a reduction: an input since operator set 18 (13 for ReduceSum), an attribute before. */
const reduction =
  (op: 'ReduceSum' | 'ReduceMean'): Rule =>
  site => {
    const x = site.value(0);
    const rank = x.shape.length;
    const asAttribute = site.integers('axes', []).map(axis => fromBehind(axis, rank));
    const axes = site.has(1) ? site.axes(1, rank) : asAttribute;
    const keepDims = site.integer('keepdims', 1) === 1;
    const keepsAll = site.integer('noop_with_empty_axes', 0) === 1;
    if (axes.length === 0 && keepsAll) return x;
    return x.graph.add(op, [x], { axes: axes.length === 0 ? [...x.shape.keys()] : axes, keepDims })[0]!;
  };

const product = (dims: readonly Dim[]): number => dims.reduce<number>((size, dim) => size * Number(dim), 1);

/** x in the shape `target`, where -1 is inferred and a named dimension, the batch, must keep its position. */
function reshapeTo(site: Site, x: Value, target: readonly Dim[]): Value {
  const [batch, ...image] = x.shape;
  const shape = [...target];
  // The batch may also be inferred, if each image keeps all its elements.
  if (typeof batch === 'string' && shape[0] === -1 && product(shape.slice(1)) === product(image)) shape[0] = batch;
  const spelt = shape.map((dim, axis) => (typeof dim === 'string' && dim === x.shape[axis] ? 0 : dim));
  const open = x.shape.some((dim, axis) => typeof dim === 'string' && spelt[axis] !== 0);
  if (open || !spelt.every(dim => typeof dim === 'number'))
    throw site.refuse(`of [${x.shape.join(', ')}] to [${target.join(', ')}]`);
  return reshape(x, spelt);
}

/** A part of x along several axes; positions as in ONNX: negative ones count from the end, and all are clamped. */
function slicePart(site: Site): Value {
  const x = site.value(0);
  const starts = site.numbers(1).map(Number);
  const ends = site.numbers(2).map(Number);
  const axes = site.has(3) ? site.axes(3, x.shape.length) : [...starts.keys()];
  const steps = site.numbers(
    4,
    axes.map(() => 1),
  );
  if (steps.some(step => step !== 1)) throw site.refuse(`by ${steps}`);
  const place = (at: number, i: number) => {
    const size = Number(x.shape[axes[i]!]);
    return Math.min(Math.max(fromBehind(at, size), 0), size);
  };
  const part = { axes, starts: starts.map(place), ends: ends.map(place), steps: axes.map(() => 1) };
  return x.graph.add('Slice', [x], part)[0]!;
}

/** Splits x along an axis into parts of the given sizes, or of equal size. */
function split(site: Site): Value[] {
  const x = site.value(0);
  const axis = site.axis('axis', 0, x.shape.length);
  const count = site.node.outputs.length;
  site.ignore('num_outputs');
  const each = Math.ceil(Number(x.shape[axis]) / count);
  let end = 0;
  return Array.from({ length: count }, (_, i) => {
    const start = end;
    end = site.has(1) ? start + Number(site.numbers(1)[i]) : Math.min(start + each, Number(x.shape[axis]));
    return x.graph.add('Slice', [x], { axes: [axis], starts: [start], ends: [end], steps: [1] })[0]!;
  });
}

/** The part of x at one constant position of an axis, which falls away. */
function gather(site: Site): Value {
  const x = site.value(0);
  const axis = site.axis('axis', 0, x.shape.length);
  const [index, ...more] = site.numbers(1);
  if (typeof index !== 'number' || more.length > 0) throw site.refuse('of more than one position');
  const at = fromBehind(index, Number(x.shape[axis]));
  return reshapeTo(site, slice(x, axis, at, at + 1), x.shape.toSpliced(axis, 1));
}

const rules: Readonly<Record<string, Rule>> = {
  Conv(site) {
    const [x, weight, ...bias] = site.values as [Value, Value, ...Value[]];
    const kernel = site.integers('kernel_shape', weight.shape.slice(2).map(Number));
    const attributes = { ...windowOf(site, x, kernel), group: site.integer('group', 1) };
    return x.graph.add('Conv', [x, weight, ...bias], attributes);
  },
  BatchNormalization(site) {
    const [x, scale, bias, mean, variance] = site.values as [Value, Value, Value, Value, Value];
    site.only('training_mode', 0);
    site.ignore('momentum');
    return batchNormalization(x, scale, bias, mean, variance, site.attribute('epsilon', 1e-5));
  },
  LayerNormalization(site) {
    const [x, scale, bias] = site.values as [Value, Value, Value];
    site.ignore('stash_type');
    if (site.axis('axis', -1, x.shape.length) !== x.shape.length - 1) throw site.refuse('along more than one axis');
    return layerNormalization(x, scale, bias ?? mul(scale, 0), site.attribute('epsilon', 1e-5));
  },
  MaxPool: maxPool,
  AveragePool(site) {
    const x = site.value(0);
    const window = windowOf(site, x, site.integers('kernel_shape', []));
    site.only('ceil_mode', 0);
    const countIncludePad = site.integer('count_include_pad', 0) === 1;
    return x.graph.add('AveragePool', [x], { ...window, countIncludePad });
  },
  GlobalAveragePool: unary(x => x.graph.add('GlobalAveragePool', [x], {})[0]!),
  Relu: unary(relu),
  // max(0, x) - alpha max(0, -x)
  LeakyRelu(site) {
    const x = site.value(0);
    return sub(relu(x), mul(relu(mul(x, -1)), site.attribute('alpha', 0.01)));
  },
  Sigmoid: unary(sigmoid),
  Tanh: unary(tanh),
  Erf: unary(erf),
  Gelu: site => (site.attribute<string>('approximate', 'none') === 'tanh' ? geluTanh : gelu)(site.value(0)),
  HardSigmoid: site => hardSigmoid(site.value(0), site.attribute('alpha', 0.2), site.attribute('beta', 0.5)),
  HardSwish: unary(hardSwish),
  Softmax: site => softmax(site.value(0), site.integer('axis', -1)),
  LogSoftmax: site => logSoftmax(site.value(0), site.integer('axis', -1)),
  Clip(site) {
    const x = site.value(0);
    const bounds = [site.number(1, Number.NEGATIVE_INFINITY), site.number(2, Number.POSITIVE_INFINITY)];
    return x.graph.add('Clip', [x, ...bounds.map(bound => x.graph.float(bound))], {});
  },
  Exp: unary(exp),
  Log: unary(log),
  Sqrt: unary(sqrt),
  Abs: unary(abs),
  Neg: unary(x => mul(x, -1)),
  Pow: site => pow(site.value(0), site.number(1)),
  Add: binary(add),
  Sub: binary(sub),
  Mul: binary(mul),
  Div: binary(div),
  ReduceSum: reduction('ReduceSum'),
  ReduceMean: reduction('ReduceMean'),
  MatMul: binary(matMul),
  Gemm(site) {
    const [a, b, c] = site.values as [Value, Value, Value | undefined];
    return gemm(a, b, {
      ...(c === undefined ? {} : { c }),
      alpha: site.attribute('alpha', 1),
      beta: site.attribute('beta', 1),
      transA: site.integer('transA', 0) === 1,
      transB: site.integer('transB', 0) === 1,
    });
  },
  Flatten(site) {
    const x = site.value(0);
    const axis = site.axis('axis', 1, x.shape.length);
    if (axis === 1) return reshape(x, [0, -1]); // [N, ...] -> [N, D], for an open N too
    return reshape(x, axis === 0 ? [1, -1] : [-1, product(x.shape.slice(axis))]);
  },
  Reshape(site) {
    const target = site.numbers(1);
    if (site.integer('allowzero', 0) === 1 && target.includes(0)) throw site.refuse('with allowzero 1');
    const x = site.value(0);
    const kept = target.map((dim, axis) => (dim === 0 ? (x.shape[axis] ?? 0) : dim));
    return reshapeTo(site, x, kept);
  },
  Squeeze(site) {
    const x = site.value(0);
    const axes = site.axes(1, x.shape.length);
    if (axes.some(axis => x.shape[axis] !== 1)) throw site.refuse(`of [${x.shape.join(', ')}] at ${axes}`);
    const shape = x.shape.filter((_, axis) => !axes.includes(axis));
    return reshapeTo(site, x, shape);
  },
  Unsqueeze(site) {
    const x = site.value(0);
    const rank = x.shape.length + site.numbers(1).length;
    const axes = site.axes(1, rank);
    const dims = x.shape.values();
    const shape = Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : dims.next().value!));
    return reshapeTo(site, x, shape);
  },
  Transpose(site) {
    const x = site.value(0);
    return transpose(x, site.integers('perm', [...x.shape.keys()].reverse()));
  },
  Concat: site => concat(site.values, site.axis('axis', 0, site.value(0).shape.length)),
  Slice: slicePart,
  Gather: gather,
  Split: split,
  Pad(site) {
    const x = site.value(0);
    const rank = x.shape.length;
    const mode = site.attribute<string>('mode', 'constant');
    if (mode !== 'constant') throw site.refuse(`with mode ${mode}`);
    const filling = site.number(2, 0);
    if (filling !== 0) throw site.refuse(`with ${filling}`);
    const axes = site.has(3) ? site.axes(3, rank) : [...x.shape.keys()];
    const given = site.numbers(1).map(Number);
    const pads = new Array<number>(2 * rank).fill(0);
    axes.forEach((axis, i) => {
      pads[axis] = given[i]!;
      pads[axis + rank] = given[i + axes.length]!;
    });
    return pad(x, pads);
  },
  Identity: unary(x => x),
  Dropout(site) {
    if (site.number(2, 0) !== 0) throw site.refuse('in training');
    site.ignore('seed');
    return site.value(0);
  },
};

/** The rule for operations called `opType`; undefined if there is none. */
export const ruleFor = (opType: string): Rule | undefined => own(rules, opType);
