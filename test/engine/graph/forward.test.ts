import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import * as build from '../../../src/engine/graph/build.js';
import type { Graph, Value } from '../../../src/engine/graph/graph.js';
import { type OpName, shapeRules } from '../../../src/engine/graph/ops.js';
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

const transpose = (x: Plain, permutation: readonly number[]): Plain =>
  reference.fill(
    permutation.map(axis => x.shape[axis]!),
    index =>
      reference.get(
        x,
        x.shape.map((_, axis) => index[permutation.indexOf(axis)]!),
      ),
  );

const concat = (values: readonly Plain[], axis: number): Plain => {
  const total = values.reduce((sum, value) => sum + value.shape[axis]!, 0);
  return reference.fill(values[0]!.shape.with(axis, total), index => {
    let at = index[axis]!;
    let from = 0;
    while (at >= values[from]!.shape[axis]!) at -= values[from++]!.shape[axis]!;
    return reference.get(values[from]!, index.with(axis, at));
  });
};

const reduce = (axes: number[], keepDims: boolean): Case => ({
  shapes: same(),
  build: x => build.reduceSum(x, axes, keepDims),
  reference(x) {
    const kept = sumOver(x, axes);
    return keepDims ? kept : { ...kept, shape: x.shape.filter((_, axis) => !axes.includes(axis)) };
  },
});

const reshape = (from: number[], to: number[], result: number[]): Case => ({
  shapes: [from],
  build: x => build.reshape(x, to),
  reference: ({ data }) => ({ shape: result, data }),
});

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
  Sigmoid: [elementwise(build.sigmoid, x => 1 / (1 + Math.exp(-x)))],
  Softmax: [
    { shapes: same(), build: x => build.softmax(x), reference: x => softmax(x, 2) },
    { shapes: same(), build: x => build.softmax(x, 1), reference: x => softmax(x, 1) },
  ],
  Clip: [
    elementwise(
      x => build.clip(x, -0.5, 1),
      x => Math.min(Math.max(x, -0.5), 1),
    ),
  ],
  Sqrt: [elementwise(build.sqrt, Math.sqrt, positive)],
  Abs: [elementwise(build.abs, Math.abs)],
  Sign: [elementwise(build.sign, Math.sign, x => (Math.abs(x) < 0.5 ? 0 : x))],
  Add: binary(build.add, (x, y) => x + y),
  Sub: binary(build.sub, (x, y) => x - y),
  Mul: binary(build.mul, (x, y) => x * y),
  Div: binary(build.div, (x, y) => x / y, apart),
  MatMul: [
    {
      shapes: [
        [3, 5],
        [5, 4],
      ],
      build: (a, b) => build.matMul(a!, b!),
      reference: (a, b) =>
        reference.fill([3, 4], ([i, j]) =>
          [0, 1, 2, 3, 4].reduce((sum, k) => sum + reference.get(a!, [i!, k]) * reference.get(b!, [k, j!]), 0),
        ),
    },
  ],
  Transpose: [
    [2, 0, 1],
    [0, 2, 1],
    [2, 1, 0],
  ].map(order => ({
    shapes: same(),
    build: x => build.transpose(x!, order),
    reference: x => transpose(x!, order),
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
  ReduceSum: [reduce([1], false), reduce([0, 2], true), reduce([0, 1, 2], false), reduce([2], true)],
  // Types are checked below; here the way there and back.
  Cast: [
    elementwise(
      x => build.cast(build.cast(x, 'float64'), 'float32'),
      x => x,
    ),
    elementwise(x => build.cast(build.cast(x, 'int32'), 'float32'), Math.trunc),
  ],
  Identity: [elementwise(build.identity, x => x)],
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

  it('of Transpose and Reshape keeps the type', async () => {
    const feed: Tensor = { dtype: 'uint8', shape: [1, 2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 255) };
    const out = await runGraph(x => build.reshape(build.transpose(x, [0, 2, 1]), [0, -1]), [feed]);
    assert.deepEqual(out, { dtype: 'uint8', shape: [1, 6], data: Uint8Array.of(1, 4, 2, 5, 3, 255) });
  });

  it('of Softmax is right where exponentials overflow', async () => {
    const out = await runGraph(x => build.softmax(x), [float([1, 3], [1000, 999, -1000])]);
    const e = Math.exp(-1);
    expectAllClose(out, float([1, 3], [1 / (1 + e), e / (1 + e), 0]), { rtol: 1e-6, atol: 0 });
  });
});
