import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShapeError } from '../../../src/base/errors.js';
import * as build from '../../../src/engine/graph/build.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { type OpName, shapeRules } from '../../../src/engine/graph/ops.js';
import type { Shape } from '../../../src/engine/onnx/model.js';
import type { DType } from '../../../src/engine/tensor.js';

/** Values of these shapes in a graph of their own; float32 unless a type stands before the shape. */
function values(...types: (Shape | readonly [DType, Shape])[]): Value[] {
  const graph = new Graph();
  return types.map((type, i) => {
    const [dtype, shape] = Array.isArray(type[1]) ? (type as [DType, Shape]) : (['float32', type as Shape] as const);
    return graph.input(`in_${i}`, dtype, shape);
  });
}

const shapeOf = (make: (...inputs: Value[]) => Value, ...types: Parameters<typeof values>) =>
  make(...values(...types)).shape;

describe('shape rules', () => {
  it('slide windows as ONNX counts them, with named batches', () => {
    const conv = (options: build.WindowOptions) => (x: Value, weight: Value) => build.conv(x, weight, options);
    assert.deepEqual(shapeOf(conv({}), ['N', 3, 32, 31], [8, 3, 3, 5]), ['N', 8, 30, 27]);
    assert.deepEqual(shapeOf(conv({ stride: 2, pads: 3 }), ['N', 3, 125, 224], [64, 3, 7, 7]), ['N', 64, 63, 112]);
    assert.deepEqual(
      shapeOf(conv({ stride: 2, pads: [0, 0, 1, 1] }), [5, 3, 224, 224], [32, 3, 3, 3]),
      [5, 32, 112, 112],
    );
    assert.deepEqual(shapeOf(conv({ dilation: 3 }), ['N', 3, 7, 8], [2, 3, 3, 3]), ['N', 2, 1, 2]);
    assert.deepEqual(
      shapeOf(x => build.maxPool(x, 3, { stride: 2, pads: 1 }), ['N', 64, 63, 112]),
      ['N', 64, 32, 56],
    );
    assert.deepEqual(shapeOf(build.globalAveragePool, ['N', 7, 4, 4]), ['N', 7]);
  });

  it('broadcast as NumPy does, named dimensions by name', () => {
    const add = (a: Value, b: Value) => build.add(a, b);
    assert.deepEqual(shapeOf(add, ['N', 3, 1, 5], [4, 1]), ['N', 3, 4, 5]);
    assert.deepEqual(shapeOf(add, [7], ['N', 7]), ['N', 7]);
    assert.deepEqual(shapeOf(add, ['N', 1], ['N', 7]), ['N', 7]);
    assert.deepEqual(shapeOf(add, ['N'], [1]), ['N']);
    assert.deepEqual(shapeOf(add, [1], ['N']), ['N']);
    assert.deepEqual(shapeOf(add, [], []), []);
    assert.deepEqual(
      shapeOf(x => build.mul(x, 2), ['N', 3]),
      ['N', 3],
    );
  });

  it('keep a dimension for 0 and find the one for -1', () => {
    const reshape = (to: number[]) => (x: Value) => build.reshape(x, to);
    assert.deepEqual(shapeOf(reshape([0, -1]), ['N', 3, 4, 5]), ['N', 60]);
    assert.deepEqual(shapeOf(reshape([0]), ['N', 1]), ['N']);
    assert.deepEqual(shapeOf(reshape([0, 2, -1, 3]), ['N', 12]), ['N', 2, 2, 3]);
    assert.deepEqual(shapeOf(reshape([0, -1]), ['N']), ['N', 1]);
    assert.deepEqual(shapeOf(reshape([]), [1, 1]), []);
  });

  it('of new shapes follow the options, with named batches', () => {
    const window = { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1] } as const;
    assert.deepEqual(
      shapeOf(
        (x, weight) => build.convTranspose(x!, weight!, { ...window, groups: 2, outputPads: [1, 0] }),
        ['N', 4, 5, 6],
        [4, 3, 3, 3],
      ),
      ['N', 6, 10, 11],
    );
    assert.deepEqual(
      shapeOf(x => build.averagePool(x, 3, { stride: 2, pads: 1 }), ['N', 5, 7, 8]),
      ['N', 5, 4, 4],
    );
    assert.deepEqual(
      shapeOf((a, b) => build.gemm(a!, b!, { transA: true, transB: true }), [3, 'N'], [4, 3]),
      ['N', 4],
    );
    assert.deepEqual(
      shapeOf(x => build.slice(x, 1, 1, 6, 2), ['N', 7]),
      ['N', 3],
    );
    assert.deepEqual(
      shapeOf(x => build.slice(x, 1, 5, 5), ['N', 7]),
      ['N', 0],
    );
    assert.deepEqual(
      shapeOf(x => build.pad(x, [0, 1, 0, 2]), ['N', 3]),
      ['N', 6],
    );
    assert.deepEqual(shapeOf(build.gridSample, ['N', 3, 8, 8], ['N', 4, 5, 2]), ['N', 3, 4, 5]);
    assert.deepEqual(
      values([2, 3], [3]).flatMap((x, _, [, y]) => [build.greater(x, y!), build.maximum(x, y!)].map(z => z.dtype)),
      ['bool', 'float32', 'bool', 'float32'],
    );
  });

  it('permute, join and sum named dimensions too', () => {
    assert.deepEqual(
      shapeOf(x => build.transpose(x, [0, 3, 1, 2]), ['N', 224, 125, 3]),
      ['N', 3, 224, 125],
    );
    assert.deepEqual(
      shapeOf((a, b) => build.concat([a!, b!], 1), ['N', 3], ['N', 4]),
      ['N', 7],
    );
    assert.deepEqual(
      shapeOf((a, b) => build.matMul(a!, b!), ['N', 'K'], ['K', 2]),
      ['N', 2],
    );
    assert.deepEqual(
      shapeOf((a, b) => build.matMul(a!, b!), ['N', 5, 'K'], ['K', 2]),
      ['N', 5, 2],
    );
    assert.deepEqual(
      shapeOf((a, b) => build.matMul(a!, b!), ['N', 3, 5, 4], [1, 3, 4, 2]),
      ['N', 3, 5, 2],
    );
    assert.deepEqual(
      shapeOf(x => build.reduceSum(x, [0]), ['N', 3]),
      [3],
    );
    assert.deepEqual(
      shapeOf(x => build.reduceSum(x, [1], true), ['N', 3]),
      ['N', 1],
    );
    assert.deepEqual(
      values(['uint8', ['N']])
        .map(x => build.cast(x, 'float64'))
        .map(x => [x.dtype, x.shape]),
      [['float64', ['N']]],
    );
  });
});

type Misfit = readonly [make: () => unknown, text: string];
const misfit = (make: (...inputs: Value[]) => unknown, types: Parameters<typeof values>, text: string): Misfit => [
  () => make(...values(...types)),
  text,
];

const broadcasting = (op: OpName, make: (a: Value, b: Value) => Value): Misfit[] => [
  misfit(make, [[2, 3], [2]], `${op}: expected shapes that broadcast, got float32 [2, 3] and float32 [2]`),
  misfit(
    make,
    [
      ['N', 3],
      ['M', 3],
    ],
    `${op}: expected shapes that broadcast, got float32 [N, 3] and float32 [M, 3]`,
  ),
  misfit(make, [['N'], [4]], `${op}: expected shapes that broadcast, got float32 [N] and float32 [4]`),
  misfit(make, [['uint8', [3]], [3]], `${op}: expected two inputs of one type, got uint8 [3] and float32 [3]`),
];
const takesAnything: Misfit[] = [];
const alongAxis = (op: OpName, make: typeof build.softmax): Misfit[] =>
  [2, -3].map(axis => misfit(x => make(x, axis), [['N', 3]], `${op}: expected an axis ${axis}, got float32 [N, 3]`));
const reducing = (op: OpName, make: typeof build.reduceSum): Misfit[] => [
  misfit(x => make(x, [2]), [[2, 3]], `${op}: expected axes [2], got float32 [2, 3]`),
  misfit(x => make(x, [-1]), [[2, 3]], `${op}: expected axes [-1], got float32 [2, 3]`),
  // ONNX would reduce all of them.
  misfit(x => make(x, []), [[2, 3]], `${op}: expected axes [], got float32 [2, 3]`),
];
const transposed = (options: { groups?: number }) => (x: Value, weight: Value) =>
  build.convTranspose(x, weight, {
    kernel: [3, 3],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    ...options,
  });

/** Inputs that do not fit, by operation; total by type. */
const misfits: { readonly [K in OpName]: readonly Misfit[] } = {
  Conv: [
    misfit(
      (x, w) => build.conv(x, w),
      [
        [3, 8, 8],
        [4, 3, 3, 3],
      ],
      'Conv: expected [N, C, H, W] and [M, C, kH, kW], got float32 [3, 8, 8] and float32 [4, 3, 3, 3]',
    ),
    misfit(
      (x, w) => build.conv(x, w),
      [
        ['N', 4, 8, 8],
        [4, 3, 3, 3],
      ],
      'Conv: expected 3 x 1 channels, got float32 [N, 4, 8, 8] and float32 [4, 3, 3, 3]',
    ),
    misfit(
      (x, w) => build.conv(x, w, { groups: 2 }),
      [
        ['N', 6, 8, 8],
        [5, 3, 3, 3],
      ],
      'Conv: expected 3 x 2 channels, got float32 [N, 6, 8, 8] and float32 [5, 3, 3, 3]',
    ),
    misfit(
      (x, w, bias) => build.conv(x, w, { bias }),
      [['N', 3, 8, 8], [4, 3, 3, 3], [3]],
      'Conv: expected a bias of [4], got float32 [N, 3, 8, 8] and float32 [4, 3, 3, 3] and float32 [3]',
    ),
    misfit(
      (x, w) => build.conv(x, w, { dilation: 4 }),
      [
        ['N', 3, 8, 8],
        [4, 3, 3, 3],
      ],
      'Conv: expected at least 9 px for the kernel, got float32 [N, 3, 8, 8] and float32 [4, 3, 3, 3]',
    ),
    misfit(
      (x, w) => build.conv(x, w),
      [
        ['N', 3, 'H', 8],
        [4, 3, 3, 3],
      ],
      'Conv: expected images of a known size, got float32 [N, 3, H, 8] and float32 [4, 3, 3, 3]',
    ),
    misfit(
      (x, w) =>
        x.graph.add('Conv', [x, w], {
          kernel: [3, 5],
          strides: [1, 1],
          pads: [0, 0, 0, 0],
          dilations: [1, 1],
          group: 1,
        }),
      [
        ['N', 3, 8, 8],
        [4, 3, 3, 3],
      ],
      'Conv: expected a 3,5 kernel, got float32 [N, 3, 8, 8] and float32 [4, 3, 3, 3]',
    ),
  ],
  ConvTranspose: [
    misfit(
      transposed({}),
      [
        [3, 8, 8],
        [3, 4, 3, 3],
      ],
      'ConvTranspose: expected [N, C, H, W] and [C, M, kH, kW], got float32 [3, 8, 8] and float32 [3, 4, 3, 3]',
    ),
    misfit(
      transposed({}),
      [
        ['N', 4, 8, 8],
        [3, 4, 3, 3],
      ],
      'ConvTranspose: expected [N, C, H, W] and [C, M, kH, kW], got float32 [N, 4, 8, 8] and float32 [3, 4, 3, 3]',
    ),
    misfit(
      transposed({}),
      [
        ['N', 3, 'H', 8],
        [3, 4, 3, 3],
      ],
      'ConvTranspose: expected images of a known size, got float32 [N, 3, H, 8] and float32 [3, 4, 3, 3]',
    ),
    misfit(
      transposed({}),
      [
        ['N', 3, 8, 8],
        [3, 4, 3, 5],
      ],
      'ConvTranspose: expected a 3,3 kernel, got float32 [N, 3, 8, 8] and float32 [3, 4, 3, 5]',
    ),
    misfit(
      transposed({ groups: 2 }),
      [
        ['N', 3, 8, 8],
        [3, 4, 3, 3],
      ],
      'ConvTranspose: expected channels in 2 groups, got float32 [N, 3, 8, 8] and float32 [3, 4, 3, 3]',
    ),
  ],
  BatchNormalization: [
    misfit(
      (x, a, b, c, d) => build.batchNormalization(x, a, b, c, d),
      [['N', 4, 2, 2], [4], [4], [3], [4]],
      'BatchNormalization: expected [N, C, ...] and four of [C], got float32 [N, 4, 2, 2] and float32 [4] and float32 [4] and float32 [3] and float32 [4]',
    ),
  ],
  MaxPool: [
    misfit(x => build.maxPool(x, 2), [[3, 8, 8]], 'MaxPool: expected [N, C, H, W], got float32 [3, 8, 8]'),
    misfit(
      x => build.maxPool(x, 4),
      [['N', 3, 8, 3]],
      'MaxPool: expected at least 4 px for the kernel, got float32 [N, 3, 8, 3]',
    ),
  ],
  AveragePool: [
    misfit(x => build.averagePool(x, 2), [[3, 8, 8]], 'AveragePool: expected [N, C, H, W], got float32 [3, 8, 8]'),
    misfit(
      x => build.averagePool(x, 4, { pads: [0, 0, 1, 0] }),
      [['N', 3, 2, 8]],
      'AveragePool: expected at least 4 px for the kernel, got float32 [N, 3, 2, 8]',
    ),
    misfit(
      x =>
        x.graph.add('AveragePool', [x], {
          kernel: [2, 2],
          strides: [1, 1],
          pads: [0, 0, 0, 0],
          dilations: [1, 2],
          countIncludePad: false,
        }),
      [['N', 3, 8, 8]],
      'AveragePool: expected a window without dilation, got float32 [N, 3, 8, 8]',
    ),
  ],
  GlobalAveragePool: [
    misfit(build.globalAveragePool, [['N', 8]], 'GlobalAveragePool: expected [N, C, H, W], got float32 [N, 8]'),
  ],
  Relu: takesAnything,
  Sigmoid: takesAnything,
  HardSigmoid: takesAnything,
  HardSwish: takesAnything,
  Softmax: alongAxis('Softmax', build.softmax),
  LogSoftmax: alongAxis('LogSoftmax', build.logSoftmax),
  Clip: takesAnything,
  Exp: takesAnything,
  Log: takesAnything,
  Sqrt: takesAnything,
  Pow: takesAnything,
  Abs: takesAnything,
  Sign: takesAnything,
  Identity: takesAnything,
  Cast: takesAnything,
  QuantizeLinear: [
    misfit(
      (x, scale, zero) => x.graph.add('QuantizeLinear', [x, scale, zero], {})[0]!,
      [['uint8', [2]], [], ['uint8', []]],
      'QuantizeLinear: expected float32, scale and zero, got uint8 [2] and float32 [] and uint8 []',
    ),
  ],
  DequantizeLinear: [
    misfit(
      (x, scale, zero) => x.graph.add('DequantizeLinear', [x, scale, zero], {})[0]!,
      [['uint8', [2]], [2], ['uint8', []]],
      'DequantizeLinear: expected uint8, scale and zero, got uint8 [2] and float32 [2] and uint8 []',
    ),
  ],
  QLinearConv: [
    misfit(
      (x, scale, zero, weight) => {
        const step = { scale, zero };
        const { graph } = x;
        const bias = graph.constant({ dtype: 'int32', shape: [3], data: new Int32Array(3) });
        return build.qLinearConv(x, step, { weight, scales: graph.float([1, 1, 1]), bias }, step, {
          kernel: [1, 1],
          strides: [1, 1],
          pads: [0, 0, 0, 0],
          dilations: [1, 1],
          group: 1,
        });
      },
      [['uint8', ['N', 2, 4, 4]], [], ['uint8', []], ['int8', [4, 2, 1, 1]]],
      'QLinearConv: expected uint8 images, int8 weights and an int32 bias, got uint8 [N, 2, 4, 4] and float32 [] and uint8 [] and ' +
        'int8 [4, 2, 1, 1] and float32 [3] and int8 [3] and float32 [] and uint8 [] and int32 [3]',
    ),
  ],
  QLinearAdd: [
    misfit(
      (a, b, scale, zero) => build.qLinearAdd(a, { scale, zero }, b, { scale, zero }, { scale, zero }),
      [['uint8', ['N', 2]], ['uint8', ['N', 3]], [], ['uint8', []]],
      'QLinearAdd: expected shapes that broadcast, got uint8 [N, 2] and uint8 [N, 3]',
    ),
  ],
  Add: broadcasting('Add', build.add),
  Sub: broadcasting('Sub', build.sub),
  Mul: broadcasting('Mul', build.mul),
  Div: broadcasting('Div', build.div),
  Greater: broadcasting('Greater', build.greater),
  Less: broadcasting('Less', build.less),
  And: broadcasting('And', build.and),
  Where: [
    misfit(
      (condition, a, b) => build.where(condition, a, b),
      [[2], [2], [2]],
      'Where: expected a condition and two values, got float32 [2] and float32 [2] and float32 [2]',
    ),
    misfit(
      (condition, a, b) => build.where(condition, a, b),
      [['bool', [2]], [2], ['uint8', [2]]],
      'Where: expected two inputs of one type, got float32 [2] and uint8 [2]',
    ),
    misfit(
      (condition, a, b) => build.where(condition, a, b),
      [['bool', [3]], [2], [2]],
      'Where: expected shapes that broadcast, got float32 [3] and float32 [2]',
    ),
  ],
  LayerNormalization: [
    misfit(
      (x, scale, bias) => build.layerNormalization(x!, scale!, bias!),
      [['N', 4, 8], [8], [4]],
      'LayerNormalization: expected [..., D] and two of [D], got float32 [N, 4, 8] and float32 [8] and float32 [4]',
    ),
  ],
  Tanh: takesAnything,
  Erf: takesAnything,
  MatMul: [
    misfit(
      build.matMul,
      [
        ['N', 3],
        [4, 2],
      ],
      'MatMul: expected [..., M, K] and [..., K, P], got float32 [N, 3] and float32 [4, 2]',
    ),
    misfit(
      build.matMul,
      [[3], [3, 2]],
      'MatMul: expected [..., M, K] and [..., K, P], got float32 [3] and float32 [3, 2]',
    ),
    misfit(
      build.matMul,
      [
        [2, 3],
        ['float64', [3, 2]],
      ],
      'MatMul: expected [..., M, K] and [..., K, P], got float32 [2, 3] and float64 [3, 2]',
    ),
  ],
  Gemm: [
    misfit(
      (a, b) => build.gemm(a, b, { transA: true }),
      [
        [2, 3],
        [3, 4],
      ],
      'Gemm: expected [M, K] and [K, P], got float32 [2, 3] and float32 [3, 4]',
    ),
    misfit(
      (a, b) => build.gemm(a, b),
      [[3], [3, 4]],
      'Gemm: expected [M, K] and [K, P], got float32 [3] and float32 [3, 4]',
    ),
    misfit(
      (a, b) => build.gemm(a, b, { transB: true }),
      [
        [2, 3],
        ['float64', [4, 3]],
      ],
      'Gemm: expected [M, K] and [K, P], got float32 [2, 3] and float64 [4, 3]',
    ),
    misfit(
      (a, b, c) => build.gemm(a, b, { c }),
      [
        [1, 3],
        [3, 4],
        [2, 4],
      ],
      'Gemm: expected a summand for [1,4], got float32 [1, 3] and float32 [3, 4] and float32 [2, 4]',
    ),
    misfit(
      (a, b, c) => build.gemm(a, b, { c }),
      [[2, 3], [3, 4], [3]],
      'Gemm: expected shapes that broadcast, got float32 [2, 4] and float32 [3]',
    ),
  ],
  Transpose: [
    misfit(x => build.transpose(x, [0, 1]), [['N', 3, 4]], 'Transpose: expected axes [0,1], got float32 [N, 3, 4]'),
    misfit(
      x => build.transpose(x, [0, 0, 1]),
      [['N', 3, 4]],
      'Transpose: expected axes [0,0,1], got float32 [N, 3, 4]',
    ),
  ],
  Reshape: [
    misfit(x => build.reshape(x, [5]), [[2, 3]], 'Reshape: expected elements for [5], got float32 [2, 3]'),
    misfit(x => build.reshape(x, [4, -1]), [[2, 3]], 'Reshape: expected elements for [4,-1], got float32 [2, 3]'),
    misfit(x => build.reshape(x, [-1, -1]), [[2, 3]], 'Reshape: expected elements for [-1,-1], got float32 [2, 3]'),
    misfit(x => build.reshape(x, [-1]), [['N', 3]], 'Reshape: expected elements for [-1], got float32 [N, 3]'),
    misfit(x => build.reshape(x, [0, 0, 0]), [[2, 3]], 'Reshape: expected elements for [0,0,0], got float32 [2, 3]'),
  ],
  Concat: [
    misfit(
      (a, b) => build.concat([a, b], 1),
      [
        ['N', 3],
        ['M', 3],
      ],
      'Concat: expected shapes that differ on axis 1 alone, got float32 [N, 3] and float32 [M, 3]',
    ),
    misfit(
      (a, b) => build.concat([a, b], 1),
      [
        [2, 3],
        [2, 3, 1],
      ],
      'Concat: expected shapes that differ on axis 1 alone, got float32 [2, 3] and float32 [2, 3, 1]',
    ),
    misfit(
      (a, b) => build.concat([a, b], 0),
      [
        ['N', 3],
        ['N', 3],
      ],
      'Concat: expected shapes that differ on axis 0 alone, got float32 [N, 3] and float32 [N, 3]',
    ),
  ],
  Expand: [
    misfit(
      x => build.expand(x, [2, 4]),
      [[3]],
      'Expand: expected shapes that broadcast, got float32 [3] and float32 [2, 4]',
    ),
    misfit(
      x => build.expand(x, [1, 3]),
      [[2, 3]],
      'Expand: expected a shape that broadcasts to [1,3], got float32 [2, 3]',
    ),
    misfit(x => build.expand(x, [3]), [[1, 3]], 'Expand: expected a shape that broadcasts to [3], got float32 [1, 3]'),
  ],
  Slice: [
    misfit(x => build.slice(x, 0, 0, 1), [['N', 3]], 'Slice: expected axes [0] of a known size, got float32 [N, 3]'),
    misfit(x => build.slice(x, 2, 0, 1), [[2, 3]], 'Slice: expected axes [2] of a known size, got float32 [2, 3]'),
    misfit(x => build.slice(x, 1, 0, 4), [[2, 3]], 'Slice: expected places 0 to 4 by 1 within 3, got float32 [2, 3]'),
    misfit(x => build.slice(x, 1, -1, 3), [[2, 3]], 'Slice: expected places -1 to 3 by 1 within 3, got float32 [2, 3]'),
    misfit(
      x => build.slice(x, 1, 0, 3, 0),
      [[2, 3]],
      'Slice: expected places 0 to 3 by 0 within 3, got float32 [2, 3]',
    ),
    misfit(
      x => build.slice(x, 1, 3, 0, -1),
      [[2, 3]],
      'Slice: expected places 3 to 0 by -1 within 3, got float32 [2, 3]',
    ),
    misfit(
      x => build.slice(x, 1, 2, -2, -1),
      [[2, 3]],
      'Slice: expected places 2 to -2 by -1 within 3, got float32 [2, 3]',
    ),
  ],
  Pad: [
    misfit(x => build.pad(x, [1, 1]), [[2, 3]], 'Pad: expected as many axes as in [1,1], got float32 [2, 3]'),
    misfit(x => build.pad(x, [1, 0, 0, 0]), [['N', 3]], 'Pad: expected axes of a known size, got float32 [N, 3]'),
    misfit(
      x => build.pad(x, [0, 1, 0, -1]),
      [['N', 3]],
      'Pad: expected no negative pads in [0,1,0,-1], got float32 [N, 3]',
    ),
  ],
  ScatterElements: [
    misfit(
      build.scatterAdd,
      [[2, 3], ['int64', [4]], [4]],
      'ScatterElements: expected [K], int64 [L] and [L], got float32 [2, 3] and int64 [4] and float32 [4]',
    ),
    misfit(
      build.scatterAdd,
      [[3], [4], [4]],
      'ScatterElements: expected [K], int64 [L] and [L], got float32 [3] and float32 [4] and float32 [4]',
    ),
    misfit(
      build.scatterAdd,
      [[3], ['int64', [4]], [5]],
      'ScatterElements: expected [K], int64 [L] and [L], got float32 [3] and int64 [4] and float32 [5]',
    ),
  ],
  GridSample: [
    misfit(
      build.gridSample,
      [
        [2, 3, 4, 4],
        [2, 5, 5, 3],
      ],
      "GridSample: expected [N, C, H, W] and [N, H', W', 2], got float32 [2, 3, 4, 4] and float32 [2, 5, 5, 3]",
    ),
    misfit(
      build.gridSample,
      [
        ['N', 3, 4, 4],
        [1, 5, 5, 2],
      ],
      "GridSample: expected [N, C, H, W] and [N, H', W', 2], got float32 [N, 3, 4, 4] and float32 [1, 5, 5, 2]",
    ),
  ],
  ReduceSum: reducing('ReduceSum', build.reduceSum),
  ReduceMean: reducing('ReduceMean', build.reduceMean),
};

describe('an operation whose inputs do not fit', () => {
  for (const [op, list] of Object.entries(misfits)) {
    it(`is refused while the graph is built: ${op}`, () => {
      for (const [make, message] of list) assert.throws(make, { name: 'ShapeError', message }, message);
      const rule = shapeRules[op as OpName] as (inputs: [], attributes: object) => unknown;
      assert.throws(
        () => rule([], { axes: [], shape: [], permutation: [], axis: 0 }),
        error => error instanceof ShapeError && error.message.startsWith(`${op}: expected `),
      );
    });
  }

  it('has a case here for every operation', () => {
    assert.deepEqual(Object.keys(misfits).sort(), Object.keys(shapeRules).sort());
  });
});
