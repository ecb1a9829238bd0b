import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import * as build from '../../../src/engine/graph/build.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { type OpName, shapeRules } from '../../../src/engine/graph/ops.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { decodeModel } from '../../../src/engine/onnx/decode.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { arrayTypes, type DType, sizeOf, type Tensor } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float, runGraph } from '../../run-graph.js';
import * as reference from './reference.js';
import { type Plain, sumOver } from './reference.js';

/** One check of an operation: shapes of its random inputs, how it is built, and the same in plain TypeScript. */
interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...inputs: Value[]) => Value;
  readonly reference: (...inputs: Plain[]) => Plain;
  /** What the random numbers in [-2, 2) are turned into. Default: nothing. */
  readonly prepare?: (x: number) => number;
}

const positive = (x: number) => Math.abs(x) + 0.1;
// Away from 0, where a quotient would be as large as its error.
const apart = (x: number) => x + Math.sign(x) * 0.1;
/** Past where the hard functions are flat. */
const wide = (x: number) => 3 * x;
const same = (shape: readonly number[] = [2, 3, 4]) => [shape];
const elementwise = (op: (x: Value) => Value, f: (x: number) => number, prepare?: (x: number) => number): Case => ({
  shapes: same(),
  build: op,
  reference: x => reference.map(x, f),
  ...(prepare && { prepare }),
});

/** Every way that shapes of two operands may meet. */
const binary = (
  op: (a: Value, b: Value | number) => Value,
  f: (x: number, y: number) => number,
  prepare?: (x: number) => number,
): Case[] => {
  const shapes = [
    [
      [2, 3],
      [2, 3],
    ],
    [[2, 3, 4], [4]],
    [[4], [2, 3, 4]],
    [
      [2, 1, 4],
      [3, 1],
    ],
    [[2, 3], []],
    [[1, 1], [5]],
    [
      [2, 3, 4, 5],
      [3, 1, 1],
    ],
  ];
  const given = { ...(prepare && { prepare }) };
  return [
    ...shapes.map(pair => ({
      shapes: pair,
      build: op,
      reference: (a: Plain, b: Plain) => reference.broadcast(a, b, f),
      ...given,
    })),
    { shapes: same(), build: x => op(x, 1.5), reference: x => reference.map(x, value => f(value, 1.5)), ...given },
  ];
};

const convolution = (
  x: readonly number[],
  weight: readonly number[],
  options: reference.Slide & { groups?: number },
): Case => ({
  shapes: [x, weight, [weight[0]!]],
  build: (input, kernel, bias) => build.conv(input!, kernel!, { ...options, bias: bias! }),
  reference: (input, kernel, bias) => reference.conv(input!, kernel!, options, bias),
});

const pool = (kernel: number, options: reference.Slide): Case => ({
  shapes: [[2, 3, 7, 6]],
  build: x => build.maxPool(x, kernel, options),
  reference: x => reference.maxPool(x, kernel, options),
});

const softmax = (x: Plain, axis: number): Plain => {
  const exponentials = reference.map(x, Math.exp);
  return reference.broadcast(exponentials, sumOver(exponentials, [axis]), (a, b) => a / b);
};

const concat = (values: readonly Plain[], axis: number): Plain => {
  const total = values.reduce((sum, value) => sum + value.shape[axis]!, 0);
  return reference.fill(values[0]!.shape.with(axis, total), index => {
    let at = index[axis]!;
    let from = 0;
    while (at >= values[from]!.shape[axis]!) at -= values[from++]!.shape[axis]!;
    return reference.get(values[from]!, index.with(axis, at));
  });
};

const reduce = (op: typeof build.reduceSum, axes: number[], keepDims: boolean): Case => ({
  shapes: same(),
  build: x => op(x, axes, keepDims),
  reference(x) {
    const summed = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
    const kept = reference.map(sumOver(x, axes), sum => (op === build.reduceMean ? sum / summed : sum));
    return keepDims ? kept : { ...kept, shape: x.shape.filter((_, axis) => !axes.includes(axis)) };
  },
});

const reductions = (op: typeof build.reduceSum) => [
  reduce(op, [1], false),
  reduce(op, [0, 2], true),
  reduce(op, [0, 1, 2], false),
  reduce(op, [2], true),
];

const convolutionTranspose = (
  x: readonly number[],
  weight: readonly number[],
  options: Parameters<typeof reference.convTranspose>[2],
): Case => ({
  shapes: [x, weight],
  build: (input, kernel) => {
    const { stride = 1, pads = [0, 0, 0, 0], dilation = 1, ...rest } = options;
    const size = weight.slice(2) as [number, number];
    const window = { kernel: size, strides: [stride, stride], pads, dilations: [dilation, dilation] } as const;
    return build.convTranspose(input!, kernel!, { ...window, ...rest });
  },
  reference: (input, kernel) => reference.convTranspose(input!, kernel!, options),
});

const averagePool = (kernel: number, options: reference.Slide, countIncludePad: boolean): Case => ({
  shapes: [[2, 3, 7, 6]],
  build: x => build.averagePool(x, kernel, { ...options, countIncludePad }),
  reference: x => reference.averagePool(x, kernel, options, countIncludePad),
});

/** Numbers of which many are equal. */
const coarse = (x: number) => Math.round(x);
const comparison = (op: typeof build.greater, f: (x: number, y: number) => boolean): Case[] =>
  binary(
    (a, b) => build.cast(op(a, b), 'float32'),
    (x, y) => (f(x, y) ? 1 : 0),
    coarse,
  );

const choice = (condition: number[], a: number[], b: number[]): Case => ({
  shapes: [condition, a, b],
  build: (test, yes, no) => build.where(build.greater(test!, 0), yes!, no!),
  reference(test, yes, no) {
    const either = reference.broadcast(test!, yes!, (x, y) => (x > 0 ? y : Number.NaN));
    return reference.broadcast(either, no!, (x, y) => (Number.isNaN(x) ? y : x));
  },
});

const multiplication = (transA: boolean, transB: boolean, c?: number[], alpha = 1, beta = 1): Case => {
  const operands = [transA ? [5, 3] : [3, 5], transB ? [4, 5] : [5, 4]];
  return {
    shapes: c === undefined ? operands : [...operands, c],
    build: (a, b, summand) => build.gemm(a!, b!, { ...(summand && { c: summand }), alpha, beta, transA, transB }),
    reference(a, b, summand) {
      const turned = (x: Plain, turn: boolean) => (turn ? reference.transpose(x, [1, 0]) : x);
      const product = reference.map(reference.matMul(turned(a!, transA), turned(b!, transB)), x => alpha * x);
      return summand ? reference.broadcast(product, summand, (x, y) => x + beta * y) : product;
    },
  };
};

/** Along each of these axes the elements at these places. */
const places = (axes: readonly number[], chosen: readonly (readonly number[])[]) => (x: Plain) =>
  reference.fill(
    x.shape.map((dim, axis) => (axes.includes(axis) ? chosen[axes.indexOf(axis)]!.length : dim)),
    index =>
      reference.get(
        x,
        index.map((i, axis) => (axes.includes(axis) ? chosen[axes.indexOf(axis)]![i]! : i)),
      ),
  );
const slice = (start: number, end: number, step: number, chosen: number[]): Case => ({
  shapes: [[2, 7, 3]],
  build: x => build.slice(x, 1, start, end, step),
  reference: places([1], [chosen]),
});

const pad = (pads: number[]): Case => ({
  shapes: same(),
  build: x => build.pad(x, pads),
  reference: x =>
    reference.fill(
      x.shape.map((dim, axis) => pads[axis]! + dim + pads[axis + 3]!),
      index => {
        const at = index.map((i, axis) => i - pads[axis]!);
        return at.every((i, axis) => i >= 0 && i < x.shape[axis]!) ? reference.get(x, at) : 0;
      },
    ),
});

const expand = (from: number[], to: number[]): Case => ({
  shapes: [from],
  build: x => build.expand(x, to),
  reference: x =>
    reference.broadcast(
      x,
      reference.fill(to, () => 0),
      value => value,
    ),
});

const scatter = (length: number, indices: number[]): Case => ({
  shapes: [[length], [indices.length]],
  build: (data, updates) => {
    const tensor = { dtype: 'int64', shape: [indices.length], data: BigInt64Array.from(indices, BigInt) } as const;
    return build.scatterAdd(data!, data!.graph.constant(tensor), updates!);
  },
  reference: (data, updates) =>
    reference.fill(data!.shape, ([at]) =>
      indices.reduce((sum, index, i) => (index === at ? sum + updates!.data[i]! : sum), data!.data[at!]!),
    ),
});

const sampling = (x: number[], grid: number[]): Case => ({
  shapes: [x, grid],
  build: (images, at) => build.gridSample(images!, at!),
  reference: (images, at) => reference.gridSample(images!, at!),
});

const reshape = (from: number[], to: number[], result: number[]): Case => ({
  shapes: [from],
  build: x => build.reshape(x, to),
  reference: ({ data }) => ({ shape: result, data }),
});

const stepOf = ({ graph }: Value, scale: number, zero: number): build.Step => ({
  scale: graph.float(scale),
  zero: graph.constant({ dtype: 'uint8', shape: [], data: Uint8Array.of(zero) }),
});
/** x as 8 bits hold it. */
function gridOf(x: number, scale: number, zero: number): number {
  const level = Math.fround(Math.fround(x) / Math.fround(scale));
  // Halves go to the even number.
  const whole = Math.round(level) - (Math.abs(level % 1) === 0.5 && Math.round(level) % 2 !== 0 ? 1 : 0);
  return (Math.max(0, Math.min(255, whole + zero)) - zero) * scale;
}
const onGrid = (x: Plain, scale: number, zero: number): Plain => reference.map(x, value => gridOf(value, scale, zero));

// Some of the numbers, in -2 to 2, lie outside of the 256 levels.
const throughBytes: Case = {
  shapes: same(),
  build(x) {
    const step = stepOf(x!, 1 / 80, 100);
    return build.dequantizeLinear(build.quantizeLinear(x!, step), step);
  },
  reference: x => onGrid(x!, 1 / 80, 100),
};

const quantizedConvolution = (x: number[], weight: number[], options: build.WindowOptions, groups = 1): Case => {
  const filters = weight[0]!;
  const bytes = Array.from({ length: sizeOf(weight) }, (_, i) => ((37 * i) % 255) - 127);
  const scales = Array.from({ length: filters }, (_, i) => (i + 1) / 512);
  const sums = Array.from({ length: filters }, (_, i) => 1000 * i - 500);
  const [scale, zero, outScale, outZero] = [1 / 64, 128, 1 / 8, 64];
  return {
    shapes: [x],
    build(input) {
      const { graph } = input!;
      const [ofX, out] = [stepOf(input!, scale, zero), stepOf(input!, outScale, outZero)];
      const parameters = {
        weight: graph.constant({ dtype: 'int8', shape: weight, data: Int8Array.from(bytes) }),
        scales: graph.float(scales),
        bias: graph.constant({ dtype: 'int32', shape: [filters], data: Int32Array.from(sums) }),
      };
      // Only for its attributes.
      const like = build.conv(input!, graph.constant({ ...float(weight, bytes) }), { ...options, groups });
      const node = graph.producerOf(like);
      assert.ok(node?.kind === 'op' && node.op === 'Conv');
      const quantized = build.quantizeLinear(input!, ofX);
      return build.dequantizeLinear(build.qLinearConv(quantized, ofX, parameters, out, node.attributes), out);
    },
    reference(input) {
      const each = bytes.length / filters;
      const kernel = { shape: weight, data: bytes.map((w, i) => w * scales[Math.floor(i / each)]!) };
      const pads =
        options.pads === 1 ? ([1, 1, 1, 1] as const) : (options.pads as build.WindowOptions['pads'] & object);
      const plain = reference.conv(onGrid(input!, scale, zero), kernel, { ...options, pads, groups });
      const [, , height, width] = plain.shape as [number, number, number, number];
      const data = plain.data.map((sum, i) => {
        const filter = Math.floor(i / (height * width)) % filters;
        return gridOf(sum + sums[filter]! * scale * scales[filter]!, outScale, outZero);
      });
      return { shape: plain.shape, data };
    },
  };
};

/** Total by type: an operation without a case does not compile. */
const cases: { readonly [K in OpName]: readonly [Case, ...Case[]] | readonly Case[] } = {
  Conv: [
    convolution([2, 3, 7, 6], [4, 3, 3, 3], {}),
    convolution([1, 3, 9, 8], [2, 3, 3, 2], { stride: 2, pads: [1, 1, 1, 1] }),
    convolution([1, 2, 8, 8], [3, 2, 3, 3], { stride: 2, pads: [0, 0, 1, 1] }),
    convolution([1, 2, 5, 6], [3, 2, 2, 3], { pads: [2, 0, 1, 3] }),
    convolution([1, 2, 9, 9], [2, 2, 3, 3], { dilation: 2, pads: [2, 2, 2, 2] }),
    convolution([2, 4, 5, 5], [6, 2, 3, 3], { groups: 2, pads: [1, 1, 1, 1] }),
    convolution([2, 4, 6, 6], [4, 1, 3, 3], { groups: 4, stride: 2, pads: [0, 0, 1, 1] }),
    convolution([1, 3, 5, 5], [6, 1, 3, 3], { groups: 3 }),
    {
      shapes: [
        [2, 3, 4, 4],
        [5, 3, 1, 1],
      ],
      build: (x, weight) => build.conv(x!, weight!),
      reference: (x, weight) => reference.conv(x!, weight!, {}),
    },
    {
      shapes: [
        [1, 2, 4, 5],
        [1, 2, 3, 3],
      ],
      build: (x, weight) => build.conv(x!, weight!, { pads: 1 }),
      reference: (x, weight) => reference.conv(x!, weight!, { pads: [1, 1, 1, 1] }),
    },
  ],
  ConvTranspose: [
    convolutionTranspose([2, 3, 4, 5], [3, 4, 3, 3], {}),
    convolutionTranspose([1, 2, 4, 3], [2, 3, 2, 3], { stride: 2 }),
    convolutionTranspose([1, 2, 4, 5], [2, 3, 3, 3], { stride: 2, pads: [1, 1, 1, 1], outputPads: [1, 1] }),
    convolutionTranspose([1, 2, 4, 4], [2, 3, 3, 2], { stride: 3, pads: [0, 1, 2, 0], outputPads: [2, 1] }),
    convolutionTranspose([1, 2, 4, 4], [2, 3, 3, 3], { dilation: 2, pads: [2, 1, 2, 1] }),
    convolutionTranspose([2, 4, 4, 4], [4, 3, 3, 3], { groups: 2, stride: 2, pads: [1, 1, 1, 1], outputPads: [0, 1] }),
    convolutionTranspose([1, 3, 5, 5], [3, 1, 3, 3], { groups: 3, stride: 2, dilation: 2, pads: [2, 2, 2, 2] }),
    convolutionTranspose([1, 2, 3, 3], [2, 4, 1, 1], { stride: 2, outputPads: [1, 0] }),
  ],
  BatchNormalization: [1e-5, 0.1].map(epsilon => ({
    shapes: [[2, 3, 4, 4], [3], [3], [3], [3]],
    prepare: positive,
    build: (x, scale, bias, mean, variance) => build.batchNormalization(x!, scale!, bias!, mean!, variance!, epsilon),
    reference: (x, scale, bias, mean, variance) =>
      reference.fill(x!.shape, index => {
        const c = index[1]!;
        const centred = (reference.get(x!, index) - mean!.data[c]!) / Math.sqrt(variance!.data[c]! + epsilon);
        return centred * scale!.data[c]! + bias!.data[c]!;
      }),
  })),
  MaxPool: [
    pool(2, {}),
    pool(3, { stride: 2, pads: [1, 1, 1, 1] }),
    pool(3, { stride: 2, pads: [0, 1, 2, 0] }),
    pool(2, { dilation: 2 }),
  ],
  AveragePool: [true, false].flatMap(countIncludePad => [
    averagePool(2, { stride: 2 }, countIncludePad),
    averagePool(3, { stride: 2, pads: [1, 1, 1, 1] }, countIncludePad),
    averagePool(3, { pads: [0, 1, 2, 0] }, countIncludePad),
  ]),
  // The builder flattens what the operation gives: [N, C, 1, 1] -> [N, C].
  GlobalAveragePool: [
    {
      shapes: [[2, 3, 4, 5]],
      build: build.globalAveragePool,
      reference: x => ({ shape: [2, 3], data: reference.map(sumOver(x, [2, 3]), sum => sum / 20).data }),
    },
    {
      shapes: [[2, 3, 4, 5]],
      build: x => x.graph.add('GlobalAveragePool', [x], {})[0]!,
      reference: x => reference.map(sumOver(x, [2, 3]), sum => sum / 20),
    },
  ],
  Relu: [elementwise(build.relu, x => Math.max(x, 0))],
  LayerNormalization: [1e-5, 0.1].map(epsilon => ({
    shapes: [[2, 3, 7], [7], [7]],
    build: (x, scale, bias) => build.layerNormalization(x!, scale!, bias!, epsilon),
    reference: (x, scale, bias) => reference.layerNormalization(x!, scale!, bias!, epsilon),
  })),
  Sigmoid: [
    elementwise(build.sigmoid, x => 1 / (1 + Math.exp(-x))),
    elementwise(build.silu, x => x / (1 + Math.exp(-x))),
    elementwise(build.quickGelu, x => x / (1 + Math.exp(-1.702 * x))),
  ],
  Tanh: [
    elementwise(build.tanh, Math.tanh),
    elementwise(build.geluTanh, x => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
  ],
  Erf: [
    elementwise(build.erf, reference.erf),
    elementwise(build.gelu, x => 0.5 * x * (1 + reference.erf(x / Math.SQRT2))),
  ],
  HardSigmoid: [
    elementwise(build.hardSigmoid, x => Math.min(Math.max(x / 6 + 0.5, 0), 1), wide),
    elementwise(
      x => build.hardSigmoid(x, 0.5, 0.25),
      x => Math.min(Math.max(x / 2 + 0.25, 0), 1),
    ),
  ],
  HardSwish: [elementwise(build.hardSwish, x => x * Math.min(Math.max(x / 6 + 0.5, 0), 1), wide)],
  Softmax: [
    { shapes: same(), build: x => build.softmax(x), reference: x => softmax(x, 2) },
    { shapes: same(), build: x => build.softmax(x, 1), reference: x => softmax(x, 1) },
  ],
  LogSoftmax: [
    { shapes: same(), build: x => build.logSoftmax(x), reference: x => reference.map(softmax(x, 2), Math.log) },
    { shapes: same(), build: x => build.logSoftmax(x, 0), reference: x => reference.map(softmax(x, 0), Math.log) },
  ],
  Clip: [
    elementwise(
      x => build.clip(x, -0.5, 1),
      x => Math.min(Math.max(x, -0.5), 1),
    ),
  ],
  Exp: [elementwise(build.exp, Math.exp)],
  Log: [elementwise(build.log, Math.log, positive)],
  Sqrt: [elementwise(build.sqrt, Math.sqrt, positive)],
  Pow: [
    elementwise(
      x => build.pow(x, 2),
      x => x * x,
    ),
    elementwise(
      x => build.pow(x, -1.5),
      x => x ** -1.5,
      positive,
    ),
  ],
  Abs: [elementwise(build.abs, Math.abs)],
  Sign: [elementwise(build.sign, Math.sign, x => (Math.abs(x) < 0.5 ? 0 : x))],
  Add: binary(build.add, (x, y) => x + y),
  Sub: binary(build.sub, (x, y) => x - y),
  Mul: binary(build.mul, (x, y) => x * y),
  Div: binary(build.div, (x, y) => x / y, apart),
  Greater: comparison(build.greater, (x, y) => x > y),
  Less: comparison(build.less, (x, y) => x < y),
  And: [
    {
      shapes: [
        [2, 1, 4],
        [3, 1],
      ],
      build: (a, b) => build.cast(build.and(build.greater(a!, 0), build.less(b!, 1)), 'float32'),
      reference: (a, b) => reference.broadcast(a!, b!, (x, y) => (x > 0 && y < 1 ? 1 : 0)),
    },
  ],
  Where: [
    choice([2, 3, 4], [2, 3, 4], [2, 3, 4]),
    choice([3, 1], [2, 1, 4], [4]),
    choice([2, 3, 4], [], [3, 1]),
    {
      shapes: same(),
      build: x => build.where(build.less(x!, 0), x!, 7),
      reference: x => reference.map(x!, value => (value < 0 ? value : 7)),
    },
    {
      shapes: [[2, 3], [3]],
      build: (a, b) => build.minimum(a!, b!),
      reference: (a, b) => reference.broadcast(a!, b!, Math.min),
    },
    {
      shapes: [[2, 3], [3]],
      build: (a, b) => build.maximum(a!, b!),
      reference: (a, b) => reference.broadcast(a!, b!, Math.max),
    },
  ],
  MatMul: [
    {
      shapes: [
        [3, 5],
        [5, 4],
      ],
      build: (a, b) => build.matMul(a!, b!),
      reference: (a, b) => reference.matMul(a!, b!),
    },
    ...[
      [
        [2, 3, 5],
        [5, 4],
      ],
      [
        [2, 3, 4, 5],
        [2, 3, 5, 2],
      ],
      [
        [3, 1, 4, 5],
        [2, 5, 2],
      ],
    ].map(shapes => ({
      shapes,
      build: (a: Value, b: Value) => build.matMul(a, b),
      reference: (a: Plain, b: Plain) => reference.matMul(a, b),
    })),
  ],
  Gemm: [
    ...[false, true].flatMap(transA =>
      [false, true].flatMap(transB => [
        multiplication(transA, transB),
        multiplication(transA, transB, [3, 4], 0.5, -2),
      ]),
    ),
    multiplication(false, true, [4]),
    multiplication(false, false, [3, 1], 2),
    multiplication(true, false, [], 1, 3),
  ],
  Transpose: [
    [2, 0, 1],
    [0, 2, 1],
    [2, 1, 0],
  ].map(order => ({
    shapes: same(),
    build: x => build.transpose(x!, order),
    reference: x => reference.transpose(x!, order),
  })),
  Reshape: [
    reshape([2, 3, 4], [6, 4], [6, 4]),
    reshape([2, 3, 4], [0, -1], [2, 12]),
    reshape([2, 3, 4], [-1], [24]),
    reshape([2, 3, 4], [0, 0, 2, -1], [2, 3, 2, 2]),
    reshape([2, 1], [0], [2]),
    reshape([1], [], []),
  ],
  Concat: [0, 1, 2].map(axis => ({
    shapes: [[2, 3, 4].with(axis, 1), [2, 3, 4], [2, 3, 4].with(axis, 5)],
    build: (...values) => build.concat(values, axis),
    reference: (...values) => concat(values, axis),
  })),
  Expand: [expand([3, 1], [2, 3, 4]), expand([], [2, 3]), expand([1, 3], [1, 3]), expand([4], [1, 1, 4])],
  Slice: [
    slice(2, 5, 1, [2, 3, 4]),
    slice(0, 7, 3, [0, 3, 6]),
    slice(1, 6, 2, [1, 3, 5]),
    slice(6, -1, -1, [6, 5, 4, 3, 2, 1, 0]),
    slice(5, -1, -2, [5, 3, 1]),
    slice(4, 0, -2, [4, 2]),
    {
      shapes: [[2, 4, 3, 5]],
      build: x => build.flip(x!, [1, 3]),
      reference: x =>
        places(
          [1, 3],
          [
            [3, 2, 1, 0],
            [4, 3, 2, 1, 0],
          ],
        )(x!),
    },
  ],
  Pad: [pad([0, 1, 2, 0, 3, 1]), pad([1, 0, 0, 0, 0, 0]), pad([0, 0, 0, 0, 0, 0])],
  ScatterElements: [scatter(5, [0, 3, 3, 4, 0, 0]), scatter(3, [1]), scatter(2, [1, 0])],
  // Random places in [-2, 2): half of them lie outside.
  GridSample: [
    sampling([2, 3, 4, 5], [2, 3, 4, 2]),
    sampling([1, 1, 1, 6], [1, 2, 7, 2]),
    sampling([1, 2, 7, 7], [1, 9, 1, 2]),
  ],
  ReduceSum: reductions(build.reduceSum),
  ReduceMean: reductions(build.reduceMean),
  // Types are checked below; here the way there and back.
  Cast: [
    elementwise(
      x => build.cast(build.cast(x, 'float64'), 'float32'),
      x => x,
    ),
    elementwise(x => build.cast(build.cast(x, 'int32'), 'float32'), Math.trunc),
  ],
  Identity: [elementwise(build.identity, x => x)],
  QuantizeLinear: [throughBytes],
  DequantizeLinear: [throughBytes],
  QLinearConv: [
    quantizedConvolution([2, 3, 7, 6], [4, 3, 3, 3], { pads: 1 }),
    quantizedConvolution([1, 3, 9, 8], [2, 3, 3, 3], { stride: 2, pads: [0, 0, 1, 1] }),
    quantizedConvolution([1, 4, 6, 6], [4, 1, 3, 3], { pads: 1 }, 4),
  ],
  QLinearAdd: [
    {
      shapes: [
        [2, 3, 4, 4],
        [2, 3, 4, 4],
      ],
      build: (a, b) => {
        const [ofA, ofB, out] = [stepOf(a!, 1 / 64, 128), stepOf(a!, 1 / 50, 100), stepOf(a!, 1 / 32, 128)];
        const sum = build.qLinearAdd(build.quantizeLinear(a!, ofA), ofA, build.quantizeLinear(b!, ofB), ofB, out);
        return build.dequantizeLinear(sum, out);
      },
      reference: (a, b) =>
        reference.map(
          reference.broadcast(onGrid(a!, 1 / 64, 128), onGrid(b!, 1 / 50, 100), (x, y) => x + y),
          x => gridOf(x, 1 / 32, 128),
        ),
    },
  ],
};

describe('forward', () => {
  for (const [op, list] of Object.entries(cases)) {
    it(`of ${op} is that of plain arithmetic`, async () => {
      assert.ok(list.length > 0);
      const random = createRandom(0, op);
      for (const [number, { shapes, build: make, reference: plainly, prepare = (x: number) => x }] of list.entries()) {
        const feeds = shapes.map(shape =>
          float(
            shape,
            Array.from({ length: sizeOf(shape) }, () => prepare(4 * random.uniform() - 2)),
          ),
        );
        const expected = plainly(...feeds.map(({ shape, data }) => ({ shape, data: [...data] })));
        let graph: Graph | undefined;
        let declared: readonly unknown[] = [];
        const actual = await runGraph((...inputs) => {
          const out = make(...inputs);
          graph = out.graph;
          declared = out.shape;
          return out;
        }, feeds);
        const ops = graph!.nodes.map(node => (node.kind === 'op' ? node.op : ''));
        assert.ok(ops.includes(op as OpName), `case ${number} of ${op} builds ${ops}`);
        assert.deepEqual(declared, actual.shape, `case ${number}: the shape rule`);
        const scale = Math.sqrt(expected.data.reduce((sum, x) => sum + x * x, 0) / expected.data.length);
        expectAllClose(actual, float(expected.shape, expected.data), { rtol: 1e-5, atol: 1e-6 * scale });
      }
    });
  }

  it('has a case for every operation', () => {
    assert.deepEqual(Object.keys(cases).sort(), Object.keys(shapeRules).sort());
  });

  it('of Cast changes types as C does', async () => {
    const numbers = [0, 1, 3, 100, 127];
    for (const dtype of ['float64', 'int64', 'int32', 'int16', 'int8', 'uint8', 'uint16', 'bool'] satisfies DType[]) {
      const feed = { dtype: 'float32', shape: [5], data: Float32Array.from(numbers, x => x + 0.25) } as const;
      const out = await runGraph(x => build.cast(x, dtype), [feed]);
      const whole = numbers.map((x, i) => (dtype === 'float64' ? feed.data[i]! : dtype === 'bool' ? 1 : x));
      assert.equal(out.dtype, dtype);
      assert.equal(out.data.constructor, arrayTypes[dtype]);
      assert.deepEqual(Array.from(out.data as Int8Array, Number), whole);
    }
  });

  it('of MaxPool says where in the flat input each maximum was', async () => {
    const x = float([2, 1, 2, 4], [0, 1, 2, 3, 7, 6, 5, 4, 0, 0, 0, 9, 0, 8, 0, 0]);
    const where = await runGraph(
      input => {
        const window = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] } as const;
        return input.graph.add('MaxPool', [input], window)[1]!;
      },
      [x],
    );
    assert.deepEqual(where, { dtype: 'int64', shape: [2, 1, 1, 2], data: BigInt64Array.of(4n, 6n, 13n, 11n) });
  });

  it('of Transpose and Reshape keeps the type', async () => {
    const feed: Tensor = { dtype: 'uint8', shape: [1, 2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 255) };
    const out = await runGraph(x => build.reshape(build.transpose(x, [0, 2, 1]), [0, -1]), [feed]);
    assert.deepEqual(out, { dtype: 'uint8', shape: [1, 6], data: Uint8Array.of(1, 4, 2, 5, 3, 255) });
  });

  it('of ReduceMean and GridSample is the same in each version of the operator set', async () => {
    const x = float([1, 1, 2, 2], [1, 2, 3, 4]);
    const grid = float([1, 1, 2, 2], [0, 0, -0.5, 5]);
    for (const opset of [17, 18, 19, 20, 21]) {
      const graph = new Graph();
      graph.opsets.set('', opset);
      graph.irVersion = 10;
      const [images, at] = [graph.input('x', 'float32', x.shape), graph.input('grid', 'float32', grid.shape)];
      graph.output('samples', build.gridSample(images, at));
      graph.output('mean', build.reduceMean(images, [2, 3]));
      const bytes = toOnnx(graph);
      const nodes = new Map(decodeModel(bytes, 'm.onnx').nodes.map(node => [node.opType, node]));
      const bilinear = nodes.get('GridSample')!.rawAttributes.some(raw => Buffer.from(raw).includes('bilinear'));
      assert.equal(bilinear, opset < 20, `mode in opset ${opset}`);
      assert.equal(nodes.get('ReduceMean')!.inputs.length, opset < 18 ? 1 : 2, `axes in opset ${opset}`);
      const session = await createSession(bytes, { threads: 1 });
      const out = await session.run({ x, grid });
      await session.close();
      assert.deepEqual(out, { samples: float([1, 1, 1, 2], [2.5, 3]), mean: float([1, 1], [2.5]) });
    }
  });

  it('of Softmax is right where exponentials overflow', async () => {
    const out = await runGraph(x => build.softmax(x), [float([1, 3], [1000, 999, -1000])]);
    const e = Math.exp(-1);
    expectAllClose(out, float([1, 3], [1 / (1 + e), e / (1 + e), 0]), { rtol: 1e-6, atol: 0 });
  });
});
