import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnsupportedOpError } from '../../../src/base/errors.js';
import { formulaUniform } from '../../../src/base/random.js';
import { backward } from '../../../src/engine/autodiff/backward.js';
import * as build from '../../../src/engine/graph/build.js';
import { fromOnnx } from '../../../src/engine/graph/from-onnx.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { liftConstants } from '../../../src/engine/onnx/constants.js';
import { decodeModel } from '../../../src/engine/onnx/decode.js';
import { encodeModel } from '../../../src/engine/onnx/encode.js';
import type { Dim, OnnxAttribute, OnnxModel, OnnxNode, Shape } from '../../../src/engine/onnx/model.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { sizeOf, type Tensor } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

const OPSETS = [13, 17, 18];
const IMAGES = [2, 4, 6, 6];

/** Reads `model`, whose input is x and whose first output is wanted, into the graph of `x`. */
function read(x: Value, file: OnnxModel): Value {
  const model = liftConstants(file, 'net.onnx');
  const [value] = fromOnnx(x, {
    nodes: model.nodes,
    initializers: model.initializers,
    input: model.inputs[0]!.name,
    outputs: [model.outputs[0]!.name],
    where: 'net.onnx',
    rename: name => `theirs/${name}`,
    refuse: (got, options) => new UnsupportedOpError(got, options),
  });
  return value!;
}

async function run(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Tensor> {
  const session = await createSession(bytes, { threads: 1 });
  try {
    return Object.values(await session.run(feeds))[0]!;
  } finally {
    await session.close();
  }
}

const random = (shape: readonly number[], name = 'x') => float(shape, formulaUniform(name, sizeOf(shape)));

/** Fails unless our reading of the file gives what the file gives, with an open number of images and with a fixed one. */
async function expectSame(bytes: Uint8Array, shape: readonly number[], batches: readonly Dim[] = [shape[0]!, 'N']) {
  const model = decodeModel(bytes, 'net.onnx');
  const input = model.inputs[0]!.name;
  const feed = random(shape);
  const theirs = await run(bytes, { [input]: feed });
  assert.ok(Array.from(theirs.data, Number).some(number => number !== 0));
  for (const batch of batches) {
    const graph = new Graph();
    const value = read(graph.input('x', 'float32', [batch, ...shape.slice(1)]), model);
    assert.ok(graph.nodes.every(node => node.kind === 'op'));
    graph.output('out', value);
    expectAllClose(await run(toOnnx(graph), { x: feed }), theirs, { rtol: 1e-6, atol: 1e-6 });
    assert.deepEqual(
      value.shape.map(dim => (dim === 'N' ? shape[0] : dim)),
      theirs.shape,
    );
  }
}

describe('a file that we wrote', () => {
  const weight = (x: Value, shape: readonly number[], name: string) =>
    x.graph.constant(random(shape, name), `${name}.weight`);
  const window = { kernel: [3, 2], strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2] } as const;
  const positive = (x: Value) => build.add(build.square(x), 0.5);
  const rows = (x: Value) => build.reshape(x, [0, -1]);
  const cases: Record<string, (x: Value) => Value> = {
    Conv: x => x.graph.add('Conv', [x, weight(x, [6, 2, 3, 2], 'w'), weight(x, [6], 'b')], { ...window, group: 2 })[0]!,
    BatchNormalization: x => {
      const [scale, bias, mean] = ['scale', 'bias', 'mean'].map(name => weight(x, [4], name)) as [Value, Value, Value];
      return build.batchNormalization(x, scale, bias, mean, x.graph.float([0.5, 1, 1.5, 2]), 1e-3);
    },
    MaxPool: x => x.graph.add('MaxPool', [x], { ...window, pads: [1, 0, 1, 1] })[0]!,
    AveragePool: x => build.averagePool(x, 3, { stride: 2, pads: 1, countIncludePad: true }),
    'AveragePool without its padding': x => build.averagePool(x, 2, { stride: 2, pads: [1, 0, 0, 1] }),
    GlobalAveragePool: build.globalAveragePool,
    Relu: build.relu,
    LayerNormalization: x => build.layerNormalization(x, weight(x, [6], 'scale'), weight(x, [6], 'bias'), 1e-3),
    Sigmoid: build.sigmoid,
    Tanh: build.tanh,
    Erf: build.erf,
    HardSigmoid: x => build.hardSigmoid(x, 0.3, 0.4),
    HardSwish: build.hardSwish,
    Softmax: x => build.softmax(x, 1),
    LogSoftmax: x => build.logSoftmax(x),
    Clip: x => build.clip(x, -0.2, 0.3),
    Exp: build.exp,
    Log: x => build.log(positive(x)),
    Sqrt: x => build.sqrt(positive(x)),
    Pow: x => build.pow(positive(x), 1.5),
    Abs: build.abs,
    Add: x => build.add(x, weight(x, [4, 1, 1], 'w')),
    Sub: x => build.sub(x, weight(x, [6], 'w')),
    Mul: x => build.mul(build.mul(x, weight(x, [4, 1, 1], 'w')), 3),
    Div: x => build.div(x, positive(x)),
    MatMul: x => build.matMul(rows(x), weight(x, [144, 3], 'w')),
    'MatMul of stacks': x => build.matMul(build.matMul(x, build.transpose(x, [0, 1, 3, 2])), weight(x, [6, 3], 'w')),
    Gemm: x =>
      build.gemm(rows(x), weight(x, [3, 144], 'w'), { c: weight(x, [3], 'b'), alpha: 0.5, beta: 2, transB: true }),
    Transpose: x => build.transpose(x, [0, 2, 3, 1]),
    Reshape: x => build.reshape(x, [0, 2, -1]),
    Concat: x => build.concat([x, build.relu(x)], 1),
    Slice: x => build.slice(build.slice(x, 1, 1, 3), 3, 0, 5),
    Pad: x => build.pad(x, [0, 1, 0, 2, 0, 0, 3, 0]),
    ReduceSum: x => build.reduceSum(x, [1, 3]),
    ReduceMean: x => build.reduceMean(x, [2, 3], true),
  };
  for (const [name, network] of Object.entries(cases)) {
    it(`is read as it runs: ${name}`, async () => {
      for (const opset of name === 'HardSwish' ? [17, 18] : OPSETS) {
        const graph = new Graph();
        graph.opsets.set('', opset);
        graph.output('out', network(graph.input('images', 'float32', ['N', ...IMAGES.slice(1)])));
        await expectSame(toOnnx(graph), IMAGES);
      }
    });
  }
});

const node = (
  opType: string,
  inputs: string[],
  attributes: Record<string, OnnxAttribute> = {},
  outputs = ['y'],
  domain = '',
): OnnxNode => ({ opType, domain, inputs, outputs, attributes, rawAttributes: [] });
const integers = (...numbers: number[]): Tensor => ({
  dtype: 'int64',
  shape: [numbers.length],
  data: BigInt64Array.from(numbers.map(BigInt)),
});
const integer = (number: number): Tensor => ({ ...integers(number), shape: [] });

/** A file of these nodes on x; y is its output. */
const file = (
  nodes: readonly OnnxNode[],
  initializers: Readonly<Record<string, Tensor>>,
  opset = 13,
  shape: Shape = ['N', ...IMAGES.slice(1)],
): OnnxModel => ({
  irVersion: 8,
  opsets: new Map([['', opset]]),
  name: 'theirs',
  nodes,
  initializers: new Map(Object.entries(initializers)),
  inputs: [{ name: 'x', dtype: 'float32', shape }],
  outputs: [{ name: 'y', dtype: 'float32', shape: undefined }],
});

type Foreign = [nodes: OnnxNode | readonly OnnxNode[], constants?: Readonly<Record<string, Tensor>>, opsets?: number[]];

describe('a file of others', () => {
  const w = random([6, 4, 3, 2], 'w');
  const four = (name: string) => random([4], name);
  const constant = (name: string, attributes: Record<string, OnnxAttribute>) =>
    node('Constant', [], attributes, [name]);
  const rank = (x: string, y: string) => node('Transpose', [x], { perm: [1n, 0n, 2n, 3n] }, [y]);
  const cases: Record<string, Foreign> = {
    'Conv with defaults': [node('Conv', ['x', 'w']), { w }],
    'Conv without its third input': [node('Conv', ['x', 'w', '']), { w }],
    'Conv, SAME_UPPER': [node('Conv', ['x', 'w'], { auto_pad: 'SAME_UPPER', strides: [2n, 1n] }), { w }],
    'Conv, SAME_LOWER': [node('Conv', ['x', 'w'], { auto_pad: 'SAME_LOWER', strides: [1n, 2n] }), { w }],
    'Conv, VALID': [node('Conv', ['x', 'w'], { auto_pad: 'VALID', kernel_shape: [3n, 2n] }), { w }],
    'Conv, NOTSET': [node('Conv', ['x', 'w'], { auto_pad: 'NOTSET', pads: [0n, 1n, 2n, 0n] }), { w }],
    'MaxPool, SAME_UPPER': [
      node('MaxPool', ['x'], { auto_pad: 'SAME_UPPER', kernel_shape: [3n, 3n], strides: [2n, 2n] }),
    ],
    'MaxPool, ceiled': [
      node('MaxPool', ['x'], { kernel_shape: [3n, 3n], strides: [2n, 2n], ceil_mode: 1n, storage_order: 0n }),
    ],
    'AveragePool, SAME_LOWER': [node('AveragePool', ['x'], { auto_pad: 'SAME_LOWER', kernel_shape: [2n, 2n] })],
    'BatchNormalization, momentum': [
      node('BatchNormalization', ['x', 'a', 'b', 'c', 'd'], { momentum: 0.9 }),
      { a: four('a'), b: four('b'), c: four('c'), d: float([4], [0.1, 0.2, 0.3, 0.4]) },
    ],
    'BatchNormalization, training_mode 0': [
      node('BatchNormalization', ['x', 'a', 'b', 'c', 'd'], { momentum: 0.9, training_mode: 0n, epsilon: 1e-2 }),
      { a: four('a'), b: four('b'), c: four('c'), d: float([4], [0.1, 0.2, 0.3, 0.4]) },
      [14, 17, 18],
    ],
    'Gather, the last of an axis': [node('Gather', ['x', 'i'], { axis: 2n }), { i: integer(-1) }],
    'LayerNormalization without a bias': [
      node('LayerNormalization', ['x', 's'], { axis: -1n }),
      { s: random([6]) },
      [17, 18],
    ],
    'HardSigmoid with defaults': [node('HardSigmoid', ['x'])],
    'LeakyRelu with defaults': [node('LeakyRelu', ['x'])],
    LeakyRelu: [node('LeakyRelu', ['x'], { alpha: 0.3 })],
    Neg: [node('Neg', ['x'])],
    'Softmax with defaults': [node('Softmax', ['x'])],
    'Clip from below': [node('Clip', ['x', 'low']), { low: float([], [-0.1]) }],
    'Clip from above': [node('Clip', ['x', '', 'high']), { high: float([], [0.1]) }],
    'Clip by Constants': [
      [
        constant('low', { value: float([], [0]) }),
        constant('high', { value_float: 0.5 }),
        node('Clip', ['x', 'low', 'high']),
      ],
    ],
    'Pow by an integer': [node('Pow', ['x', 'two']), { two: integer(2) }],
    'ReduceMean by an attribute': [node('ReduceMean', ['x'], { axes: [-1n, -2n], keepdims: 0n }), {}, [13, 17]],
    'ReduceMean by an input': [node('ReduceMean', ['x', 'axes'], { keepdims: 0n }), { axes: integers(-1, -2) }, [18]],
    'ReduceMean of nothing': [node('ReduceMean', ['x'], { noop_with_empty_axes: 1n }), {}, [18]],
    'ReduceSum, dimensions kept': [node('ReduceSum', ['x', 'axes']), { axes: integers(-3) }],
    'Gemm with defaults': [
      [node('Flatten', ['x'], {}, ['rows']), node('Gemm', ['rows', 'w'])],
      { w: random([144, 3], 'w') },
    ],
    'Flatten, negative axis': [node('Flatten', ['x'], { axis: -3n })],
    'Reshape to -1 images': [node('Reshape', ['x', 'shape']), { shape: integers(-1, 144) }],
    'Reshape to 0 images': [node('Reshape', ['x', 'shape']), { shape: integers(0, 4, -1) }],
    'Reshape, allowzero': [node('Reshape', ['x', 'shape'], { allowzero: 1n }), { shape: integers(-1, 144) }, [17, 18]],
    'Reshape to a shape out of shapes': [
      [
        node('Shape', ['x'], {}, ['shape']),
        constant('zero', { value: integer(0) }),
        constant('one', { value_int: 1n }),
        constant('front', { value_ints: [0n] }),
        constant('two', { value: integers(2) }),
        node('Gather', ['shape', 'zero'], { axis: 0n }, ['count']),
        node('Gather', ['shape', 'one'], {}, ['channels']),
        node('Unsqueeze', ['count', 'front'], {}, ['counts']),
        node('Div', ['channels', 'two'], {}, ['half']),
        node('Cast', ['half'], { to: 7n }, ['halves']),
        node('Slice', ['shape', 'two', 'four'], {}, ['size']),
        node('Concat', ['counts', 'two', 'halves', 'size'], { axis: 0n }, ['target']),
        node('Reshape', ['x', 'target']),
      ],
      { four: integers(4) },
    ],
    'Reshape to a shape out of arithmetic': [
      [
        node('Shape', ['x'], {}, ['shape']),
        node('Gather', ['shape', 'last'], {}, ['width']), // 6
        node('Squeeze', ['width'], {}, ['scalar']),
        node('Mul', ['scalar', 'minusOnes'], {}, ['negative']), // -6, -6
        node('Add', ['negative', 'sevens'], {}, ['ones']), // 1, 1
        node('Sub', ['ones', 'minusOnes'], {}, ['twos']), // 2, 2
        node('Slice', ['shape', 'front', 'front2'], {}, ['count']),
        node('Identity', ['count'], {}, ['same']),
        node('Concat', ['same', 'twos', 'minusOne'], { axis: 0n }, ['target']),
        node('Reshape', ['x', 'target']),
      ],
      {
        last: integers(-1),
        minusOnes: integers(-1, -1),
        sevens: integers(7, 7),
        front: integers(0),
        front2: integers(-3),
        minusOne: integers(-1),
      },
    ],
    'Squeeze and Unsqueeze': [
      [
        node('GlobalAveragePool', ['x'], {}, ['pooled']),
        node('Squeeze', ['pooled', 'back'], {}, ['rows']),
        node('Unsqueeze', ['rows', 'axes']),
      ],
      { back: integers(-1, 2), axes: integers(-1, 1) },
    ],
    'Transpose with defaults': [[node('Transpose', ['x'], {}, ['t']), node('Transpose', ['t'])]],
    'Concat, negative axis': [node('Concat', ['x', 'x'], { axis: -1n })],
    'Slice from behind': [
      node('Slice', ['x', 'starts', 'ends', 'axes', 'steps']),
      {
        starts: integers(-3, 1),
        ends: integers(Number.MAX_SAFE_INTEGER, -1),
        axes: integers(-1, 1),
        steps: integers(1, 1),
      },
    ],
    'Split by sizes': [
      [
        node('Split', ['x', 'sizes'], { axis: 1n }, ['a', 'b']),
        node('Relu', ['a'], {}, ['c']),
        node('Concat', ['b', 'c'], { axis: 1n }),
      ],
      { sizes: integers(1, 3) },
    ],
    'Split in halves': [[node('Split', ['x'], { axis: -1n }, ['a', 'b']), node('Mul', ['a', 'b'])], {}, [13, 17]],
    'Split in as many': [
      [node('Split', ['x'], { axis: 1n, num_outputs: 2n }, ['a', 'b']), node('Sub', ['a', 'b'])],
      {},
      [18],
    ],
    'Pad with defaults': [node('Pad', ['x', 'pads']), { pads: integers(0, 0, 1, 2, 0, 0, 3, 4) }],
    'Pad with a zero': [
      node('Pad', ['x', 'pads', 'zero'], { mode: 'constant' }),
      { pads: integers(0, 0, 1, 2, 0, 0, 3, 4), zero: float([], [0]) },
    ],
    'Pad of some axes': [
      node('Pad', ['x', 'pads', '', 'axes']),
      { pads: integers(1, 2, 3, 4), axes: integers(-1, 1) },
      [18],
    ],
    'Identity, of weights too': [
      [node('Identity', ['w'], {}, ['w2']), node('Identity', ['x'], {}, ['x2']), node('Conv', ['x2', 'w2'])],
      { w },
    ],
    Dropout: [
      node('Dropout', ['x', 'ratio', 'training'], { seed: 1n }),
      {
        ratio: float([], [0.5]),
        training: { dtype: 'bool', shape: [], data: Uint8Array.of(0) },
      },
    ],
    'Constant, of floats': [[constant('c', { value_floats: [1, 2, 3, 4, 5, 6] }), node('Mul', ['x', 'c'])]],
  };
  for (const [name, [nodes, constants = {}, opsets = OPSETS]] of Object.entries(cases)) {
    it(`is read as it runs: ${name}`, async () => {
      for (const opset of opsets) await expectSame(encodeModel(file([nodes].flat(), constants, opset)), IMAGES);
    });
  }

  it('is read with what it makes of the images together where their number is fixed', async () => {
    const nodes = [node('Reshape', ['x', 'shape'], {}, ['one']), rank('one', 'y')];
    await expectSame(encodeModel(file(nodes, { shape: integers(1, 8, 6, 6) })), IMAGES, [2]);
  });

  const refused: Record<string, [...Foreign, text: string]> = {
    'an unknown operation': [
      node('Gelu', ['x'], {}, ['y'], 'com.microsoft'),
      {},
      [],
      'Gelu of com.microsoft (output "y")',
    ],
    'the first one': [[node('Softplus', ['x'], {}, ['e']), node('Relu', ['e'])], {}, [], 'Softplus (output "e")'],
    'a name of JavaScript': [node('constructor', ['x']), {}, [], 'constructor (output "y")'],
    'an attribute nobody asked for': [node('Relu', ['x'], { slope: 1 }), {}, [], 'Relu with slope (output "y")'],
    'an attribute of another kind': [
      node('Softmax', ['x'], { axis: 1 }),
      {},
      [],
      'Softmax with another kind of axis (output "y")',
    ],
    'a ceiled mean': [
      node('AveragePool', ['x'], { kernel_shape: [3n, 3n], ceil_mode: 1n }),
      {},
      [],
      'AveragePool with ceil_mode 1 (output "y")',
    ],
    'products of other stacks': [
      node('MatMul', ['x', 'w']),
      { w: random([5, 6, 6]) },
      [],
      'MatMul of [N, 4, 6, 6] and [5, 6, 6] (output "y")',
    ],
    'several positions': [
      node('Gather', ['x', 'i'], { axis: 1n }),
      { i: integers(0, 2) },
      [],
      'Gather of more than one position (output "y")',
    ],
    'an image of several': [
      node('Gather', ['x', 'i'], { axis: 0n }),
      { i: integer(0) },
      [],
      'Gather of [N, 4, 6, 6] and [] (output "y")',
    ],
    'one image at a time': [
      node('Reshape', ['x', 'shape']),
      { shape: integers(1, 144) },
      [],
      'Reshape of [N, 4, 6, 6] to [1, 144] (output "y")',
    ],
    'bounds that are computed': [
      [node('Exp', ['x'], {}, ['e']), node('Clip', ['x', 'e'])],
      {},
      [],
      'Clip with a computed input 1 (output "y")',
    ],
    'a batch norm in training': [
      node('BatchNormalization', ['x', 'a', 'a', 'a', 'a'], { training_mode: 1n }),
      { a: four('a') },
      [],
      'BatchNormalization with training_mode 1 (output "y")',
    ],
    'sizes that hang on the number of images': [
      [
        node('Shape', ['x'], {}, ['shape']),
        node('Mul', ['shape', 'two'], {}, ['double']),
        node('Expand', ['x', 'double']),
      ],
      { two: integers(2) },
      [],
      'Mul of an open dimension (output "double")',
    ],
    'no rule for sizes': [
      [node('Shape', ['x'], {}, ['shape']), node('Sum', ['shape', 'shape'])],
      {},
      [],
      'Sum of sizes (output "y")',
    ],
    'reflected edges': [node('Pad', ['x', 'pads'], { mode: 'reflect' }), {}, [], 'Pad with mode reflect (output "y")'],
    'every second element': [
      node('Slice', ['x', 'a', 'b', 'a', 'c']),
      { a: integers(2), b: integers(6), c: integers(2) },
      [],
      'Slice by 2 (output "y")',
    ],
  };
  for (const [name, [nodes, constants = {}, , text]] of Object.entries(refused)) {
    it(`is refused by name: ${name}`, () => {
      const graph = new Graph();
      const x = graph.input('x', 'float32', ['N', ...IMAGES.slice(1)]);
      assert.throws(
        () => read(x, file([nodes].flat(), constants)),
        (error: unknown) => error instanceof UnsupportedOpError && error.message === text,
      );
    });
  }
});

describe('the weights of a file', () => {
  it('are parameters under their own names, and nothing else is', () => {
    const nodes = [
      node('Sub', ['x', 'mean'], {}, ['centred']),
      node('Conv', ['centred', 'w', 'b'], {}, ['conv']),
      node('BatchNormalization', ['conv', 'scale', 'shift', 'average', 'variance'], {}, ['norm']),
      node('Mul', ['norm', 'factor'], {}, ['scaled']),
      node('Mul', ['scaled', 'half'], {}, ['halved']),
      node('GlobalAveragePool', ['halved'], {}, ['pooled']),
      node('Flatten', ['pooled'], {}, ['rows']),
      node('Transpose', ['linear'], {}, ['turned']),
      node('MatMul', ['rows', 'turned'], {}, ['product']),
      node('Add', ['product', 'both'], {}, ['sum']),
      node('Reshape', ['sum', 'shape'], {}, ['same']),
      node('Sub', ['same', 'both']),
    ];
    const initializers = {
      mean: random([4, 1, 1]),
      w: random([3, 4, 1, 1]),
      b: random([3]),
      ...Object.fromEntries(['scale', 'shift', 'average', 'variance'].map(name => [name, random([3])])),
      factor: random([3, 1, 1]),
      half: float([], [0.5]),
      linear: random([5, 3]),
      both: random([5]),
      shape: integers(-1, 5),
    };
    const graph = new Graph();
    const value = read(graph.input('x', 'float32', ['N', 4, 6, 6]), file(nodes, initializers));
    assert.deepEqual(value.shape, ['N', 5]);
    assert.deepEqual(
      [...graph.parameters.keys()],
      ['w', 'b', 'scale', 'shift', 'factor', 'linear'].map(name => `theirs/${name}`),
    );
    assert.ok(['mean', 'average', 'variance', 'half', 'both'].every(name => graph.constants.has(`theirs/${name}`)));
  });

  it('have gradients that agree with central differences', async () => {
    const same = { auto_pad: 'SAME_UPPER' };
    const nodes = [
      node('Conv', ['x', 'w', 'b'], { ...same, strides: [2n, 2n] }, ['conv']),
      node('BatchNormalization', ['conv', 'scale', 'shift', 'average', 'variance'], {}, ['norm']),
      node('LeakyRelu', ['norm'], { alpha: 0.3 }, ['leaky']),
      node('Conv', ['leaky', 'depthwise'], { ...same, group: 6n }, ['deep']),
      node('Sigmoid', ['deep'], {}, ['gate']),
      node('Mul', ['deep', 'gate'], {}, ['swish']),
      node('Split', ['swish'], { axis: 1n }, ['left', 'right']),
      node('Concat', ['right', 'left'], { axis: 1n }, ['swapped']),
      node('ReduceMean', ['swapped'], { axes: [2n, 3n], keepdims: 0n }, ['pooled']),
      node('Gemm', ['pooled', 'linear', 'bias'], { transB: 1n }),
    ];
    const initializers = {
      w: random([6, 4, 3, 3], 'w'),
      b: random([6], 'b'),
      scale: random([6], 'scale'),
      shift: random([6], 'shift'),
      average: random([6], 'average'),
      variance: float([6], [0.5, 1, 1.5, 2, 2.5, 3]),
      depthwise: random([6, 1, 3, 3], 'depthwise'),
      linear: random([5, 6], 'linear'),
      bias: random([5], 'bias'),
    };
    const graph = new Graph();
    const value = read(graph.input('x', 'float32', IMAGES), file(nodes, initializers));
    const loss = build.reduceMean(build.square(value), [0, 1]);
    const parameters = [...graph.parameters.values()];
    const gradients = backward(loss, parameters);
    graph.output('loss', loss);
    parameters.forEach(({ name }, i) => {
      graph.output(`gradient/${name}`, gradients[i]!);
    });
    const feeds: Record<string, Tensor> = { x: random(IMAGES) };
    for (const { name } of parameters) feeds[name] = graph.feed(name);
    assert.equal(parameters.length, 7);
    const session = await createSession(toOnnx(graph), { threads: 1 });
    const out = await session.run(feeds);
    const lossWith = async (name: string, at: number, by: number) => {
      const data = Float32Array.from(feeds[name]!.data as Float32Array);
      data[at]! += by;
      const moved = { ...feeds, [name]: { ...feeds[name]!, data } as Tensor };
      return Number((await session.run(moved, { outputs: ['loss'] })).loss!.data[0]);
    };
    const step = 1e-2;
    for (const { name } of parameters) {
      const gradient = out[`gradient/${name}`]!.data as Float32Array;
      for (const at of [0, gradient.length >> 1, gradient.length - 1]) {
        const slope = ((await lossWith(name, at, step)) - (await lossWith(name, at, -step))) / (2 * step);
        // Differences of float32 losses of about 0.3 over 0.02.
        assert.ok(
          Math.abs(slope - gradient[at]!) < 1e-4 + 1e-2 * Math.abs(slope),
          `${name} ${at}: ${slope} ${gradient[at]}`,
        );
      }
    }
    await session.close();
  });
});
