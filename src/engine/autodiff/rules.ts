import { UnsupportedOpError } from '../../base/errors.js';
import {
  add,
  and,
  cast,
  convTranspose,
  div,
  exp,
  expand,
  gemm,
  greater,
  less,
  matMul,
  mul,
  pad,
  pow,
  reduceMean,
  reduceSum,
  reshape,
  scatterAdd,
  sign,
  slice,
  sqrt,
  sub,
  transpose,
  where,
} from '../graph/build.js';
import type { Value } from '../graph/graph.js';
import type { OpAttributes, OpName } from '../graph/ops.js';
import { convBias, convInput, convWeight } from './conv.js';

/** One operation that the loss depends on, and the gradient of the loss with respect to its first output. */
export interface Site<K extends OpName> {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: OpAttributes[K];
  readonly upstream: Value;
}

/**
 * Builders of the gradients with respect to an operation's inputs, in order; only those that lead to a parameter are called. An input
 * without a builder has no gradient.
 */
export type GradientRule<K extends OpName> = (site: Site<K>) => readonly ((() => Value) | undefined)[];

const dims = (x: Value): number[] => x.shape.map(Number);
const count = (x: Value, axes: readonly number[]): number =>
  axes.reduce((product, axis) => product * Number(x.shape[axis]), 1);
const asNumbers = (condition: Value): Value => cast(condition, 'float32');

/** The gradient with respect to a broadcast `x`: the sum of `gradient` over the broadcast axes. */
function unbroadcast(gradient: Value, x: Value): Value {
  const extra = gradient.shape.length - x.shape.length;
  const axes = [...gradient.shape.keys()].filter(
    axis => axis < extra || (x.shape[axis - extra] === 1 && gradient.shape[axis] !== 1),
  );
  if (axes.length === 0) return gradient;
  return reshape(reduceSum(gradient, axes, true), dims(x));
}

/** The rule of an operation on one input: the upstream gradient times the slope. */
const slope =
  <K extends OpName>(of: (x: Value, y: Value, attributes: OpAttributes[K]) => Value): GradientRule<K> =>
  ({ inputs: [x], outputs: [y], attributes, upstream }) => [() => mul(upstream, of(x!, y!, attributes))];

// Both broadcast x, whose reduced axes are kept as 1 first.
const spread =
  (share: (x: Value, axes: readonly number[]) => number): GradientRule<'ReduceSum' | 'ReduceMean'> =>
  ({ inputs: [x], attributes: { axes }, upstream }) => [
    () => {
      const kept = dims(x!).map((dim, axis) => (axes.includes(axis) ? 1 : dim));
      const each = share(x!, axes);
      const scaled = each === 1 ? upstream : mul(upstream, each);
      return expand(reshape(scaled, kept), dims(x!));
    },
  ];

/** The operand of an Expand: arithmetic broadcasts it, so the full tensor is never made. */
export function unexpanded(value: Value): Value {
  const node = value.graph.producerOf(value);
  return node?.kind === 'op' && node.op === 'Expand' ? node.inputs[0]! : value;
}

const exchanged = (rank: number): number[] => [...Array(rank - 2).keys(), rank - 1, rank - 2];

/** Whether x is a value with its last two axes exchanged. */
function isTurned(x: Value): boolean {
  const node = x.graph.producerOf(x);
  return (
    node?.kind === 'op' &&
    node.op === 'Transpose' &&
    node.attributes.permutation.join() === exchanged(x.shape.length).join()
  );
}

/** x with its last two axes exchanged; where x is such a value itself, what it was made from. */
function turned(x: Value): Value {
  const node = x.graph.producerOf(x);
  return isTurned(x) && node?.kind === 'op' ? node.inputs[0]! : transpose(x, exchanged(x.shape.length));
}

const around = (x: Value, axis: number, before: number, behind: number): number[] => {
  const pads = new Array<number>(2 * x.shape.length).fill(0);
  pads[axis] = before;
  pads[axis + x.shape.length] = behind;
  return pads;
};

const lastAxis = (y: Value, axis: number): number => (axis < 0 ? axis + y.shape.length : axis);

/**
 * The gradient rule of each operation. Total by type: an operation without a rule does not compile, and one without a gradient is marked
 * so.
 */
export const gradientRules: { readonly [K in OpName]: GradientRule<K> | 'not differentiable' } = {
  Conv: ({ inputs: [x, weight], attributes, upstream }) => [
    () => convInput(upstream, x!, weight!, attributes),
    () => convWeight(upstream, x!, weight!, attributes),
    () => convBias(upstream),
  ],
  // Inversely: x and the upstream gradient are the output and the input of a convolution with this weight.
  ConvTranspose({ inputs: [x, weight], attributes: { outputPads: _, ...window }, upstream }) {
    return [
      () => upstream.graph.add('Conv', [upstream, weight!], window)[0]!,
      () => convWeight(x!, upstream, weight!, window),
    ];
  },
  // With r = 1 / sqrt(variance + epsilon) and x^ = (x - mean) r: y = x^ scale + bias, each of [C] for its channel of [N, C, ...].
  BatchNormalization({ inputs, attributes: { epsilon }, upstream }) {
    const [x, scale, , mean, variance] = inputs as [Value, Value, Value, Value, Value];
    const axes = [...x.shape.keys()].filter(axis => axis !== 1);
    const rate = rsqrt(add(variance, epsilon));
    const perChannel = (value: Value) => reshape(value, [-1, ...axes.slice(1).map(() => 1)]);
    const total = () => reduceSum(upstream, axes); // [C]
    const product = () => sub(reduceSum(mul(upstream, x), axes), mul(mean, total())); // sum of upstream (x - mean)
    return [
      () => mul(upstream, perChannel(mul(scale, rate))),
      () => mul(product(), rate),
      total,
      () => mul(mul(mul(scale, rate), total()), -1),
      () => mul(mul(product(), mul(scale, mul(rate, mul(rate, rate)))), -0.5),
    ];
  },
  // With x^ = (x - mean) r of each row: y = x^ scale + bias, and r is the third output.
  LayerNormalization({ inputs, outputs, upstream }) {
    const [x, scale] = inputs as [Value, Value];
    const [, mean, r] = outputs as [Value, Value, Value];
    const rows = [...x.shape.keys()].slice(0, -1);
    const last = [rows.length];
    const normalized = () => mul(sub(x, mean), r);
    return [
      () => {
        const scaled = mul(upstream, scale);
        const hat = normalized();
        const along = mul(hat, reduceMean(mul(scaled, hat), last, true));
        return mul(sub(sub(scaled, reduceMean(scaled, last, true)), along), r);
      },
      () => reduceSum(mul(upstream, normalized()), rows),
      () => reduceSum(upstream, rows),
    ];
  },
  // Each gradient goes to the position of the maximum.
  MaxPool: ({ inputs: [x], outputs: [, indices], upstream }) => [
    () => {
      const zeros = expand(x!.graph.float([0]), [count(x!, [...x!.shape.keys()])]);
      return reshape(scatterAdd(zeros, reshape(indices!, [-1]), reshape(upstream, [-1])), dims(x!));
    },
  ],
  // Each pixel gets a share from every window that contains it: the transpose of a convolution with equal weights.
  AveragePool: ({ inputs: [x], outputs: [y], attributes, upstream }) => [
    () => {
      const { countIncludePad, ...window } = attributes;
      const [, channels, height, width] = dims(x!) as [number, number, number, number];
      const [outHeight, outWidth] = dims(y!).slice(2) as [number, number];
      const { graph } = x!;
      const counts = countIncludePad ? undefined : windowCounts([height, width], [outHeight, outWidth], window);
      const full = window.kernel[0] * window.kernel[1];
      const share =
        counts === undefined
          ? mul(upstream, 1 / full)
          : div(upstream, graph.constant({ dtype: 'float32', shape: [outHeight, outWidth], data: counts }));
      const ones = new Float32Array(channels * full).fill(1);
      const weight = graph.constant({ dtype: 'float32', shape: [channels, 1, ...window.kernel], data: ones });
      const outputPads = [0, 1].map(axis => {
        const covered =
          (dims(y!)[axis + 2]! - 1) * window.strides[axis as 0 | 1] +
          window.dilations[axis as 0 | 1] * (window.kernel[axis as 0 | 1] - 1) +
          1;
        return dims(x!)[axis + 2]! + window.pads[axis]! + window.pads[axis + 2]! - covered;
      }) as [number, number];
      return convTranspose(share, weight, { ...window, groups: channels, outputPads });
    },
  ],
  GlobalAveragePool: ({ inputs: [x], upstream }) => [() => expand(mul(upstream, 1 / count(x!, [2, 3])), dims(x!))],
  // y is above 0 exactly where x was.
  Relu: slope((_, y) => asNumbers(cast(y, 'bool'))),
  Sigmoid: slope((_, y) => mul(y, sub(y.graph.float(1), y))),
  Tanh: slope((_, y) => sub(y.graph.float(1), mul(y, y))),
  Erf: slope(x => mul(exp(mul(mul(x, x), -1)), 2 / Math.sqrt(Math.PI))),
  HardSigmoid: slope((x, y, { alpha }) => mul(asNumbers(and(greater(y, 0), less(y, 1))), x.graph.float(alpha))),
  // 0 up to -3, 1 from 3 on, and x / 3 + 1 / 2 between.
  HardSwish: slope(x =>
    where(greater(x, -3), where(less(x, 3), add(div(x, 3), 0.5), x.graph.float(1)), x.graph.float(0)),
  ),
  Softmax: ({ outputs: [y], attributes: { axis }, upstream }) => [
    () => mul(y!, sub(upstream, reduceSum(mul(upstream, y!), [lastAxis(y!, axis)], true))),
  ],
  LogSoftmax: ({ outputs: [y], attributes: { axis }, upstream }) => [
    () => sub(upstream, mul(exp(y!), reduceSum(upstream, [lastAxis(y!, axis)], true))),
  ],
  Clip: ({ inputs: [x, low, high], upstream }) => [
    () => mul(upstream, asNumbers(and(greater(x!, low!), less(x!, high!)))),
  ],
  Exp: slope((_, y) => y),
  Log: ({ inputs: [x], upstream }) => [() => div(upstream, x!)],
  Sqrt: ({ outputs: [y], upstream }) => [() => div(upstream, mul(y!, 2))],
  Pow: ({ inputs: [x], attributes: { exponent }, upstream }) => [
    () => mul(mul(unexpanded(upstream), exponent), exponent === 2 ? x! : pow(x!, exponent - 1)),
  ],
  Abs: slope(x => sign(x)),
  Sign: 'not differentiable',
  Add: ({ inputs: [a, b], upstream }) => [() => unbroadcast(upstream, a!), () => unbroadcast(upstream, b!)],
  Sub: ({ inputs: [a, b], upstream }) => [() => unbroadcast(upstream, a!), () => mul(unbroadcast(upstream, b!), -1)],
  Mul: ({ inputs: [a, b], upstream }) => [
    () => unbroadcast(mul(upstream, b!), a!),
    () => unbroadcast(mul(upstream, a!), b!),
  ],
  Div: ({ inputs: [a, b], outputs: [y], upstream }) => [
    () => unbroadcast(div(upstream, b!), a!),
    () => unbroadcast(mul(div(mul(upstream, y!), b!), -1), b!),
  ],
  Greater: 'not differentiable',
  Less: 'not differentiable',
  And: 'not differentiable',
  Where: ({ inputs: [condition, a, b], upstream }) => [
    undefined,
    () => unbroadcast(where(condition!, upstream, 0), a!),
    () => unbroadcast(where(condition!, upstream.graph.float(0), upstream), b!),
  ],
  MatMul({ inputs, upstream }) {
    const [a, b] = inputs as [Value, Value];
    const flat = (x: Value) => (x.shape.length === 2 ? x : reshape(x, [-1, Number(x.shape.at(-1))]));
    return [
      () =>
        upstream.shape.length === 2 ? gemm(upstream, b, { transB: true }) : unbroadcast(matMul(upstream, turned(b)), a),
      () => {
        // One matrix for all rows of a: its gradient is one product of all rows.
        if (b.shape.length === 2) return gemm(flat(a), flat(upstream), { transA: true });
        // As the gradient of what an exchanged b was made from, which the rule of Transpose takes.
        const full = isTurned(b) ? turned(matMul(turned(upstream), a)) : matMul(turned(a), upstream);
        return unbroadcast(full, b);
      },
    ];
  },
  Gemm({ inputs: [a, b, c], attributes: { alpha, beta, transA, transB }, upstream }) {
    return [
      () =>
        transA
          ? gemm(b!, upstream, { alpha, transA: transB, transB: true })
          : gemm(upstream, b!, { alpha, transB: !transB }),
      () =>
        transB
          ? gemm(upstream, a!, { alpha, transA: true, transB: transA })
          : gemm(a!, upstream, { alpha, transA: !transA }),
      () => unbroadcast(beta === 1 ? upstream : mul(upstream, beta), c!),
    ];
  },
  Transpose: ({ attributes: { permutation }, upstream }) => [
    () => {
      const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
      return inverse.join() === exchanged(inverse.length).join() ? turned(upstream) : transpose(upstream, inverse);
    },
  ],
  Reshape: ({ inputs: [x], upstream }) => [() => reshape(upstream, dims(x!))],
  Expand: ({ inputs: [x], upstream }) => [() => unbroadcast(upstream, x!)],
  Concat: ({ inputs, attributes: { axis }, upstream }) => {
    let at = 0;
    return inputs.map(input => {
      const start = at;
      at += Number(input.shape[axis]);
      return () => slice(upstream, axis, start, start + Number(input.shape[axis]));
    });
  },
  Slice: ({ inputs: [x], attributes: { axes, starts, ends, steps }, upstream }) => [
    () => {
      if (steps.some(step => step !== 1)) throw new UnsupportedOpError('backward: expected slices by 1, got others');
      return axes.reduce(
        (gradient, axis, i) => pad(gradient, around(gradient, axis, starts[i]!, Number(x!.shape[axis]) - ends[i]!)),
        upstream,
      );
    },
  ],
  Pad: ({ inputs: [x], attributes: { pads }, upstream }) => [
    () =>
      dims(x!).reduce(
        (gradient, dim, axis) =>
          gradient.shape[axis] === dim ? gradient : slice(gradient, axis, pads[axis]!, pads[axis]! + dim),
        upstream,
      ),
  ],
  ScatterElements: 'not differentiable',
  GridSample: 'not differentiable',
  ReduceSum: spread(() => 1),
  ReduceMean: spread((x, axes) => 1 / count(x, axes)),
  Cast: 'not differentiable',
  QuantizeLinear: 'not differentiable',
  DequantizeLinear: 'not differentiable',
  QLinearConv: 'not differentiable',
  QLinearAdd: 'not differentiable',
  Identity: ({ upstream }) => [() => upstream],
};

/** 1 / sqrt(x). */
const rsqrt = (x: Value): Value => div(x.graph.float(1), sqrt(x));

/** Number of image pixels, without padding, in each window: `[H', W']`. */
function windowCounts(
  size: readonly [number, number],
  out: readonly [number, number],
  { kernel, strides, pads, dilations }: OpAttributes['MaxPool'],
): Float32Array {
  const along = (axis: 0 | 1) =>
    Array.from({ length: out[axis] }, (_, i) => {
      const places = Array.from(
        { length: kernel[axis] },
        (_, k) => i * strides[axis] + k * dilations[axis] - pads[axis],
      );
      return places.filter(place => place >= 0 && place < size[axis]).length;
    });
  const across = along(1);
  return Float32Array.from(along(0).flatMap(rows => across.map(columns => rows * columns)));
}
