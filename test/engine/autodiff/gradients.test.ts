import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reasonOf } from '../../../src/base/errors.js';
import { createRandom, type Random } from '../../../src/base/random.js';
import { backward } from '../../../src/engine/autodiff/backward.js';
import { gradientRules } from '../../../src/engine/autodiff/rules.js';
import * as build from '../../../src/engine/graph/build.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import type { OpAttributes, OpName } from '../../../src/engine/graph/ops.js';
import { sizeOf } from '../../../src/engine/tensor.js';
import { float } from '../../run-graph.js';
import { expectGradients, uniform } from './central-differences.js';

/** One check of a gradient: shapes of the random inputs, and how the operation is built. */
interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...inputs: Value[]) => Value;
  /** The numbers of one input. Default: random in [-2, 2). */
  readonly numbers?: (count: number, random: Random, input: number) => number[];
  /** The inputs that the gradient is asked for. Default: all. */
  readonly wanted?: readonly number[];
}

/** What an operation without a gradient says, when the loss depends on its first input. */
interface Refusal {
  readonly build: (x: Value) => Value;
  readonly message: string;
}

const changed = (f: (x: number, input: number) => number) => (count: number, random: Random, input: number) =>
  uniform(count, random).map(x => f(x, input));
const positive = changed(x => Math.abs(x) + 0.5);
const apart = changed(x => x + Math.sign(x) * 0.5);
/** Odd multiples of 0.05: five steps from every kink, which all lie at multiples of 0.1. */
const offKinks = changed(x => (Math.floor(x * 10) + 0.5) / 10);
const offKinksWide = changed(x => (Math.floor(x * 30) + 0.5) / 10);
/** No two numbers closer than five steps, so that the largest of a window stays the largest. */
const spread = (count: number, random: Random) =>
  random.shuffle(Array.from({ length: count }, (_, i) => (i - count / 2) * 0.05));

const elementwise = (op: (x: Value) => Value, numbers?: Case['numbers']): Case => ({
  shapes: [[2, 3, 4]],
  build: op,
  ...(numbers && { numbers }),
});

/** Every way that shapes of two operands may meet. */
const pairs = [
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
  [[], [2, 3]],
  [[1, 1], [5]],
  [
    [2, 3, 4],
    [1, 3, 1],
  ],
];
const binary = (op: (a: Value, b: Value) => Value, numbers?: Case['numbers']): Case[] =>
  pairs.map(shapes => ({ shapes, build: op, ...(numbers && { numbers }) })) as Case[];

type Pads = OpAttributes['Conv']['pads'];
interface Sliding {
  readonly strides?: readonly [number, number];
  readonly pads?: Pads;
  readonly dilations?: readonly [number, number];
}
const sliding = (kernel: readonly [number, number], options: Sliding) => ({
  kernel,
  strides: options.strides ?? [1, 1],
  pads: options.pads ?? [0, 0, 0, 0],
  dilations: options.dilations ?? [1, 1],
});

const convolution = (
  x: readonly number[],
  weight: readonly number[],
  { group = 1, bias = false, ...options }: Sliding & { group?: number; bias?: boolean } = {},
): Case => ({
  shapes: bias ? [x, weight, [weight[0]!]] : [x, weight],
  build: (...inputs) => {
    const window = sliding(weight.slice(2) as [number, number], options) as OpAttributes['MaxPool'];
    return inputs[0]!.graph.add('Conv', inputs, { ...window, group })[0]!;
  },
});
const convolutionTranspose = (
  x: readonly number[],
  weight: readonly number[],
  { groups = 1, outputPads = [0, 0], ...options }: Sliding & { groups?: number; outputPads?: [number, number] } = {},
): Case => ({
  shapes: [x, weight],
  build: (input, kernel) => {
    const window = sliding(weight.slice(2) as [number, number], options) as OpAttributes['MaxPool'];
    return build.convTranspose(input!, kernel!, { ...window, groups, outputPads });
  },
});
const maxPool = (size: readonly number[], kernel: number, options: build.WindowOptions): Case => ({
  shapes: [size],
  numbers: spread,
  build: x => build.maxPool(x, kernel, options),
});
const averagePool = (size: readonly number[], kernel: number, options: build.WindowOptions): Case[] =>
  [true, false].map(countIncludePad => ({
    shapes: [size],
    build: x => build.averagePool(x!, kernel, { ...options, countIncludePad }),
  }));

const multiplication = (transA: boolean, transB: boolean, c?: number[], alpha = 1, beta = 1): Case => {
  const operands = [transA ? [5, 3] : [3, 5], transB ? [4, 5] : [5, 4]];
  return {
    shapes: c === undefined ? operands : [...operands, c],
    build: (a, b, summand) => build.gemm(a!, b!, { ...(summand && { c: summand }), alpha, beta, transA, transB }),
  };
};

const choice = (condition: number[], a: number[], b: number[]): Case => ({
  shapes: [condition, a, b],
  wanted: [1, 2],
  build: (test, yes, no) => build.where(build.greater(test!, 0), yes!, no!),
});

const reductions = (op: typeof build.reduceSum): Case[] =>
  [[1], [0, 2], [2, 0], [0, 1, 2]].flatMap(axes =>
    [true, false].map(keepDims => ({ shapes: [[2, 3, 4]], build: x => op(x!, axes, keepDims) })),
  );

const refused = (op: string, make: (x: Value) => Value): Refusal => ({
  build: make,
  message: `backward: expected operations with a gradient, got ${op}; leave what comes before it frozen`,
});

/** A condition: no loss depends on what it is made of. */
const step = (condition: (x: Value) => Value): Refusal => ({
  build: x => build.where(condition(x), x.graph.float(2), 1),
  message: 'backward: expected a loss that depends on x, got none',
});

/** Through 8 bits no gradient goes. */
const inBytes: Refusal = {
  build(x) {
    const zero = x.graph.constant({ dtype: 'uint8', shape: [], data: Uint8Array.of(128) });
    const step = { scale: x.graph.float(1 / 64), zero };
    return build.dequantizeLinear(build.quantizeLinear(x, step), step);
  },
  message: 'backward: expected a loss that depends on x, got none',
};

/** Total by type: an operation without cases, or without the words that it has no gradient, does not compile. */
const cases: { readonly [K in OpName]: readonly [Case, ...Case[]] | Case[] | Refusal } = {
  Conv: [
    convolution([2, 3, 6, 5], [4, 3, 3, 3], { bias: true }),
    convolution([2, 3, 6, 5], [4, 3, 3, 3], { pads: [1, 1, 1, 1] }),
    // 1 x 1, with every pixel, with every second, and with padding.
    convolution([2, 3, 4, 5], [4, 3, 1, 1]),
    convolution([2, 3, 5, 5], [4, 3, 1, 1], { strides: [2, 2] }),
    convolution([2, 3, 6, 4], [4, 3, 1, 1], { strides: [2, 2] }),
    convolution([1, 2, 5, 6], [2, 2, 1, 1], { strides: [3, 2] }),
    convolution([1, 2, 3, 4], [2, 2, 1, 1], { pads: [1, 1, 1, 1] }),
    convolution([1, 2, 3, 4], [2, 2, 1, 1], { pads: [0, 0, 2, 1] }),
    // 2 x 2 and other even kernels.
    convolution([1, 2, 5, 4], [3, 2, 2, 2]),
    convolution([1, 2, 5, 4], [3, 2, 2, 2], { strides: [2, 2] }),
    convolution([1, 2, 5, 6], [3, 2, 2, 2], { strides: [2, 2], pads: [1, 0, 0, 1] }),
    convolution([1, 2, 6, 6], [2, 2, 4, 2], { pads: [2, 1, 1, 0] }),
    // Stride 2, as ResNets and mobile networks have it; of the last one the last row and column are not reached.
    convolution([2, 2, 7, 7], [3, 2, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    convolution([2, 2, 8, 6], [3, 2, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    convolution([1, 2, 8, 8], [3, 2, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1] }),
    convolution([1, 2, 8, 6], [3, 2, 3, 3], { strides: [2, 2] }),
    convolution([1, 3, 13, 12], [2, 3, 7, 7], { strides: [2, 2], pads: [3, 3, 3, 3] }),
    convolution([1, 1, 9, 9], [2, 1, 7, 7], { pads: [3, 3, 3, 3] }),
    // Stride 3: one and two rows left over, a stride beyond the kernel.
    convolution([1, 2, 9, 10], [3, 2, 3, 3], { strides: [3, 3] }),
    convolution([1, 2, 11, 10], [3, 2, 3, 3], { strides: [3, 3], pads: [0, 1, 0, 1] }),
    convolution([1, 2, 8, 7], [2, 2, 2, 2], { strides: [3, 3] }),
    // Kernels and strides that differ by axis.
    convolution([1, 2, 5, 8], [3, 2, 1, 3], { pads: [0, 1, 0, 1] }),
    convolution([1, 2, 8, 5], [3, 2, 5, 1], { strides: [2, 1], pads: [2, 0, 2, 0] }),
    convolution([1, 2, 7, 9], [3, 2, 3, 2], { strides: [1, 2], pads: [1, 0, 0, 1] }),
    convolution([1, 2, 9, 4], [2, 2, 3, 3], { strides: [3, 1], dilations: [2, 1] }),
    // Dilation.
    convolution([1, 2, 7, 8], [3, 2, 3, 3], { dilations: [2, 2], pads: [2, 2, 2, 2] }),
    convolution([1, 2, 9, 8], [2, 2, 3, 3], { dilations: [2, 2], strides: [2, 2], pads: [2, 1, 1, 2] }),
    convolution([1, 2, 10, 9], [2, 2, 2, 3], { dilations: [3, 2], strides: [2, 3] }),
    // Pads on one side, and larger than the kernel reaches, before and behind.
    convolution([1, 2, 5, 5], [2, 2, 3, 3], { pads: [2, 0, 0, 2] }),
    convolution([1, 2, 4, 4], [2, 2, 3, 3], { pads: [3, 3, 3, 3] }),
    convolution([1, 2, 4, 4], [2, 2, 2, 2], { pads: [0, 1, 3, 2] }),
    convolution([1, 2, 4, 4], [2, 2, 2, 2], { pads: [3, 2, 0, 1] }),
    convolution([1, 2, 4, 5], [2, 2, 3, 3], { strides: [2, 2], pads: [4, 3, 3, 4] }),
    // A kernel as large as the image, and larger.
    convolution([2, 3, 4, 5], [2, 3, 4, 5]),
    convolution([1, 2, 2, 3], [2, 2, 5, 5], { pads: [2, 2, 2, 2] }),
    // Groups, and one channel each.
    convolution([2, 4, 5, 5], [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
    convolution([2, 6, 5, 6], [3, 2, 3, 3], { group: 3, strides: [2, 2], pads: [1, 1, 1, 1], bias: true }),
    convolution([2, 3, 6, 5], [3, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }),
    convolution([2, 3, 7, 6], [3, 1, 3, 3], { group: 3, strides: [2, 2], pads: [0, 0, 1, 1] }),
    convolution([1, 3, 9, 9], [3, 1, 5, 5], { group: 3, strides: [2, 2], pads: [2, 2, 2, 2] }),
    convolution([1, 2, 5, 5], [4, 1, 3, 3], { group: 2, dilations: [2, 2], pads: [2, 2, 2, 2] }),
    convolution([2, 4, 3, 3], [4, 2, 1, 1], { group: 2, strides: [2, 2] }),
  ],
  ConvTranspose: [
    convolutionTranspose([2, 3, 4, 5], [3, 2, 3, 3]),
    convolutionTranspose([1, 2, 4, 3], [2, 3, 2, 3], { strides: [2, 2] }),
    convolutionTranspose([1, 2, 4, 4], [2, 3, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1], outputPads: [1, 1] }),
    convolutionTranspose([1, 2, 3, 4], [2, 3, 3, 2], { strides: [3, 2], pads: [0, 1, 2, 0], outputPads: [2, 1] }),
    convolutionTranspose([1, 2, 4, 4], [2, 3, 3, 3], { dilations: [2, 2], pads: [2, 1, 2, 1] }),
    convolutionTranspose([2, 4, 3, 4], [4, 3, 3, 3], { groups: 2, strides: [2, 2], pads: [1, 1, 1, 1] }),
    convolutionTranspose([1, 3, 4, 4], [3, 1, 3, 3], { groups: 3, strides: [2, 1] }),
  ],
  BatchNormalization: [1e-5, 0.1].flatMap(epsilon =>
    [
      [2, 3, 4, 3],
      [4, 3],
      [2, 3, 5],
    ].map(size => ({
      shapes: [size, [3], [3], [3], [3]],
      numbers: (count: number, random: Random, input: number) =>
        (input === 4 ? positive : uniform)(count, random, input),
      build: (...[x, scale, bias, mean, variance]: Value[]) =>
        build.batchNormalization(x!, scale!, bias!, mean!, variance!, epsilon),
    })),
  ),
  MaxPool: [
    maxPool([2, 3, 6, 4], 2, { stride: 2 }),
    maxPool([2, 2, 5, 6], 2, {}),
    maxPool([2, 2, 7, 8], 3, { stride: 2, pads: 1 }),
    maxPool([1, 2, 7, 7], 3, { stride: 2, pads: [0, 1, 2, 0] }),
    maxPool([1, 2, 8, 8], 3, { stride: 3 }),
    maxPool([1, 2, 6, 7], 2, { dilation: 2 }),
  ],
  AveragePool: [
    ...averagePool([2, 3, 6, 4], 2, { stride: 2 }),
    ...averagePool([1, 2, 7, 8], 3, { stride: 2, pads: 1 }),
    ...averagePool([1, 2, 5, 6], 3, { pads: [0, 1, 2, 0] }),
    ...averagePool([1, 2, 8, 9], 2, { stride: 3 }),
  ],
  GlobalAveragePool: [
    { shapes: [[2, 3, 4, 5]], build: build.globalAveragePool },
    { shapes: [[2, 3, 4, 5]], build: x => x.graph.add('GlobalAveragePool', [x], {})[0]! },
  ],
  Relu: [elementwise(build.relu, offKinks)],
  LayerNormalization: [1e-5, 0.1].map(epsilon => ({
    shapes: [[2, 3, 7], [7], [7]],
    build: (x, scale, bias) => build.layerNormalization(x!, scale!, bias!, epsilon),
  })),
  Sigmoid: [elementwise(build.sigmoid), elementwise(build.silu), elementwise(build.quickGelu)],
  Tanh: [elementwise(build.tanh), elementwise(build.geluTanh)],
  Erf: [elementwise(build.erf), elementwise(build.gelu)],
  HardSigmoid: [
    elementwise(build.hardSigmoid, offKinksWide),
    elementwise(x => build.hardSigmoid(x, 0.5, 0.2), offKinks),
  ],
  HardSwish: [elementwise(build.hardSwish, offKinksWide)],
  Softmax: [-1, 0, 1].map(axis => elementwise(x => build.softmax(x, axis))),
  LogSoftmax: [-1, 0, 1].map(axis => elementwise(x => build.logSoftmax(x, axis))),
  Clip: [elementwise(x => build.clip(x, -0.5, 1), offKinks)],
  Exp: [elementwise(build.exp)],
  Log: [elementwise(build.log, positive)],
  Sqrt: [elementwise(build.sqrt, positive)],
  Pow: [
    elementwise(build.square),
    elementwise(x => build.pow(x, 3), positive),
    elementwise(x => build.pow(x, -1.5), positive),
  ],
  Abs: [elementwise(build.abs, offKinks)],
  Sign: refused('Sign', build.sign),
  Add: binary(build.add),
  Sub: binary(build.sub),
  Mul: binary(build.mul),
  Div: binary(build.div, apart),
  Greater: step(x => build.greater(x, 0)),
  Less: step(x => build.less(x, 0)),
  And: step(x => build.and(build.less(x, 0), build.less(x, 1))),
  Where: [
    choice([2, 3, 4], [2, 3, 4], [2, 3, 4]),
    choice([3, 1], [2, 1, 4], [4]),
    choice([2, 3, 4], [], [3, 1]),
    // The operands of `minimum` decide where to look, too.
    ...[build.minimum, build.maximum].map(op => ({
      shapes: [[3, 4], [4]],
      build: (a: Value, b: Value) => op(a, b),
      numbers: changed((x, input) => Math.floor(x * 10) / 10 + 0.05 * input),
    })),
  ],
  MatMul: [
    {
      shapes: [
        [3, 5],
        [5, 4],
      ],
      build: (a, b) => build.matMul(a!, b!),
    },
    {
      shapes: [
        [1, 4],
        [4, 1],
      ],
      build: (a, b) => build.matMul(a!, b!),
    },
    ...[
      [
        [2, 3, 5],
        [5, 4],
      ],
      [
        [2, 2, 3, 4],
        [2, 2, 4, 3],
      ],
      [
        [3, 1, 2, 3],
        [2, 3, 2],
      ],
    ].map(shapes => ({ shapes, build: (a: Value, b: Value) => build.matMul(a, b) })),
    // A transposed weight, as in a linear layer.
    {
      shapes: [
        [2, 3, 5],
        [4, 5],
      ],
      build: (a, b) => build.matMul(a!, build.transpose(b!, [1, 0])),
    },
  ],
  Gemm: [
    ...[false, true].flatMap(transA =>
      [false, true].flatMap(transB => [
        multiplication(transA, transB),
        multiplication(transA, transB, [3, 4], 0.5, -2),
        multiplication(transA, transB, [4]),
      ]),
    ),
    multiplication(false, false, [3, 1], 2),
    multiplication(true, false, [1, 1], 1, 3),
    multiplication(false, true, [], 1, 0.5),
  ],
  Transpose: [
    [2, 0, 1],
    [1, 2, 0],
    [0, 2, 1],
    [2, 1, 0],
  ].map(order => elementwise(x => build.transpose(x, order))),
  Reshape: [[6, 4], [0, -1], [-1], [0, 0, 2, -1]].map(shape => elementwise(x => build.reshape(x, shape))),
  Expand: [
    [
      [3, 1],
      [2, 3, 4],
    ],
    [[], [2, 3]],
    [
      [1, 3],
      [1, 3],
    ],
    [[4], [1, 1, 4]],
  ].map(([from, to]) => ({ shapes: [from!], build: x => build.expand(x!, to!) })),
  Concat: [0, 1, 2].map(axis => ({
    shapes: [[2, 3, 4].with(axis, 1), [2, 3, 4], [2, 3, 4].with(axis, 5)],
    build: (...values) => build.concat(values, axis),
  })),
  Slice: [
    elementwise(x => build.slice(x, 1, 1, 3)),
    elementwise(x => build.slice(x, 2, 0, 4)),
    elementwise(x => build.slice(x, 0, 1, 2)),
    elementwise(x => x.graph.add('Slice', [x], { axes: [2, 1], starts: [1, 0], ends: [3, 2], steps: [1, 1] })[0]!),
  ],
  Pad: [
    [0, 1, 2, 0, 3, 1],
    [1, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
  ].map(pads => elementwise(x => build.pad(x, pads))),
  ScatterElements: refused('ScatterElements', x => {
    const indices = { dtype: 'int64', shape: [24], data: new BigInt64Array(24) } as const;
    return build.scatterAdd(x.graph.float([1, 2]), x.graph.constant(indices), build.reshape(x, [-1]));
  }),
  GridSample: refused('GridSample', x => {
    const grid = x.graph.constant(float([2, 1, 1, 2], [0, 0, 1, 1]));
    return build.gridSample(build.reshape(x, [2, 3, 4, 1]), grid);
  }),
  ReduceSum: reductions(build.reduceSum),
  ReduceMean: reductions(build.reduceMean),
  Cast: refused('Cast', x => build.cast(build.cast(x, 'float64'), 'float32')),
  Identity: [elementwise(build.identity)],
  QuantizeLinear: inBytes,
  DequantizeLinear: inBytes,
  QLinearConv: inBytes,
  QLinearAdd: inBytes,
};

describe('the gradient', () => {
  for (const [op, list] of Object.entries(cases)) {
    if ('message' in list) {
      it(`of ${op} is refused`, () => {
        const x = new Graph().input('x', 'float32', [2, 3, 4]);
        const y = list.build(x);
        assert.throws(() => backward(build.reduceSum(y, [...y.shape.keys()]), [x]), {
          name: 'UnsupportedOpError',
          message: list.message,
        });
        assert.equal(gradientRules[op as OpName], 'not differentiable');
      });
      continue;
    }
    it(`of ${op} is what central differences say`, async () => {
      for (const [number, { shapes, build: make, numbers = uniform, wanted = [...shapes.keys()] }] of list.entries()) {
        const random = createRandom(0, `${op} ${number}`);
        const feeds = shapes.map((shape, i) => float(shape, numbers(sizeOf(shape), random, i)));
        try {
          await expectGradients(make, feeds, [...wanted]);
        } catch (error) {
          throw new Error(`case ${number}, inputs [${shapes.join('] [')}]: ${reasonOf(error)}`, { cause: error });
        }
      }
    });
  }
});
