import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  add,
  cast,
  concat,
  conv,
  globalAveragePool,
  matMul,
  mul,
  relu,
  reshape,
  transpose,
} from '../../../src/engine/graph/build.js';
import { checkGraph } from '../../../src/engine/graph/check.js';
import { Graph, type Node, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { decodeModel } from '../../../src/engine/onnx/decode.js';
import type { OnnxNode, Shape } from '../../../src/engine/onnx/model.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { float } from '../../run-graph.js';

function sample(): Graph {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['N', 2, 4, 4]);
  const weight = graph.constant(
    float(
      [3, 2, 3, 3],
      Array.from({ length: 54 }, (_, i) => i / 54),
    ),
    'conv.weight',
  );
  const pooled = globalAveragePool(relu(conv(x, weight, { pads: 1 })));
  graph.output('value', reshape(matMul(pooled, graph.constant(float([3, 1], [1, 2, 3]))), [0]));
  graph.output('features', mul(concat([pooled, pooled], 1), 2));
  return graph;
}

const value = (graph: Graph, name: string, shape: Shape = [2]): Value => ({ graph, name, dtype: 'float32', shape });
const node = (inputs: Value[], outputs: Value[]): Node => ({ kind: 'op', op: 'Relu', attributes: {}, inputs, outputs });
const foreign = (inputs: string[], outputs: string[]): OnnxNode => ({
  opType: 'Gelu',
  domain: '',
  inputs,
  outputs,
  attributes: {},
  rawAttributes: [],
});

describe('Graph', () => {
  it('refuses a name that is taken, a second output of a name and values of another graph', () => {
    const graph = sample();
    assert.throws(() => graph.input('x', 'float32', []), { message: 'internal: two values called x' });
    assert.throws(() => graph.constant(float([], [1]), 'conv.weight'), {
      message: 'internal: two values called conv.weight',
    });
    assert.throws(() => graph.output('value', graph.inputs[0]!), { message: 'internal: two outputs called value' });
    assert.throws(
      () => relu(value(new Graph(), 'stray')) && add(graph.inputs[0]!, value(new Graph(), 'stray', ['N', 2, 4, 4])),
      {
        message: 'internal: Add takes stray of another graph',
      },
    );
    assert.throws(() => graph.addForeign(foreign(['x'], ['x'])), { message: 'internal: two values called x' });
    assert.throws(() => graph.foreignValue('nowhere', { dtype: 'float32', shape: [] }), {
      message: 'internal: no value called nowhere',
    });
  });

  it('gives its own values names that nobody has', () => {
    const graph = new Graph();
    const x = graph.input('Relu_1', 'float32', [2]);
    const names = [relu(x), relu(x), relu(x)].map(({ name }) => name);
    assert.equal(new Set([...names, x.name]).size, 4);
  });
});

describe('Graph.feed', () => {
  it('makes an input of a weight, and gives back what it held', async () => {
    const graph = new Graph();
    const weight = graph.parameter(float([2], [3, 4]), 'weight');
    graph.output('product', mul(graph.input('x', 'float32', [2]), weight));
    assert.deepEqual(graph.feed('weight'), float([2], [3, 4]));
    const bytes = toOnnx(graph);
    const { inputs, initializers } = decodeModel(bytes, 'm.onnx');
    assert.deepEqual(
      inputs.map(({ name, shape }) => [name, shape]),
      [
        ['x', [2]],
        ['weight', [2]],
      ],
    );
    assert.equal(initializers.size, 0);
    assert.ok(!graph.parameters.has('weight'), 'and it is a constant no more');
    const session = await createSession(bytes);
    const out = await session.run({ x: float([2], [1, 2]), weight: float([2], [10, 20]) });
    await session.close();
    assert.deepEqual(out.product, float([2], [10, 40]));
  });

  it('refuses what is no constant, or is fed already', () => {
    const graph = sample();
    assert.throws(() => graph.feed('x'), { message: 'internal: no constant called x' });
    graph.feed('conv.weight');
    assert.throws(() => graph.feed('conv.weight'), { message: 'internal: no constant called conv.weight' });
  });
});

describe('checkGraph', () => {
  it('passes what the builders make', () => checkGraph(sample()));

  it('finds a value that nothing defines, or only later', () => {
    const graph = sample();
    const [relued, later] = [value(graph, 'relued'), value(graph, 'later')];
    graph.nodes.push(node([later], [relued]), node([relued], [later]));
    assert.throws(() => checkGraph(graph), { message: 'internal: Relu uses later before it is defined' });

    const output = sample();
    output.output('lost', value(output, 'lost value'));
    assert.throws(() => checkGraph(output), { message: 'internal: output lost is lost value, which nothing defines' });

    const unknown = sample();
    unknown.addForeign(foreign(['x', '', 'y'], ['z']));
    assert.throws(() => checkGraph(unknown), { message: 'internal: Gelu uses y before it is defined' });
  });

  it('finds a value that is defined twice', () => {
    const graph = sample();
    const x = graph.inputs[0]!;
    graph.nodes.push(node([x], [x]));
    assert.throws(() => checkGraph(graph), { message: 'internal: x is defined twice' });

    const constant = sample();
    constant.constants.set('x', float([], [1]));
    assert.throws(() => checkGraph(constant), { message: 'internal: x is defined twice' });

    const output = sample();
    output.output('x', [...output.outputs.values()][0]!);
    assert.throws(() => checkGraph(output), { message: 'internal: x is defined twice' });

    const twice = sample();
    twice.nodes.push({ kind: 'foreign', node: foreign(['x'], ['x']) });
    assert.throws(() => checkGraph(twice), { message: 'internal: x is defined twice' });
  });

  it('finds an output whose shape or type is not what its operation makes', () => {
    for (const [wrong, text] of [
      [{ shape: ['N', 2, 4, 5] }, 'float32 [N,2,4,5]'],
      [{ dtype: 'float64' }, 'float64 [N,2,4,4]'],
    ] as const) {
      const graph = sample();
      const x = graph.inputs[0]!;
      graph.nodes.push(node([x], [{ ...x, name: 'y', ...wrong }]));
      assert.throws(() => checkGraph(graph), { message: `internal: y is ${text} where Relu makes float32 [N,2,4,4]` });
    }
  });

  it('runs before a graph is written', () => {
    const graph = sample();
    graph.nodes.pop();
    assert.throws(() => toOnnx(graph), /^Error: internal: output features is \w+, which nothing defines$/);
  });
});

describe('toOnnx', () => {
  it('gives the same bytes for the same graph', () => {
    assert.deepEqual(toOnnx(sample()), toOnnx(sample()));
    const graph = sample();
    const before = toOnnx(graph);
    assert.deepEqual(toOnnx(graph), before, 'writing changes nothing');
    graph.output('more', transpose(graph.outputs.get('features')!, [1, 0]));
    assert.notDeepEqual(toOnnx(graph), before);
  });

  it('names inputs, outputs, weights and versions', () => {
    const graph = sample();
    graph.opsets.set('', 21).set('com.microsoft', 1);
    graph.irVersion = 10;
    const { inputs, outputs, initializers, opsets, irVersion, name } = decodeModel(toOnnx(graph, 'sample'), 'm.onnx');
    assert.deepEqual(inputs, [{ name: 'x', dtype: 'float32', shape: ['N', 2, 4, 4] }]);
    assert.deepEqual(outputs, [
      { name: 'value', dtype: 'float32', shape: ['N'] },
      { name: 'features', dtype: 'float32', shape: ['N', 6] },
    ]);
    assert.ok(initializers.has('conv.weight'));
    assert.deepEqual(
      [name, irVersion, opsets],
      [
        'sample',
        10,
        new Map([
          ['', 21],
          ['com.microsoft', 1],
        ]),
      ],
    );
  });

  it('leaves out operations, constants and second outputs that no output needs', () => {
    const graph = sample();
    const bytes = toOnnx(graph);
    const x = graph.inputs[0]!;
    // A dead branch of two operations, a foreign one among them, and weights that only they use.
    conv(relu(x), graph.parameter(float([1, 2, 3, 3], new Float32Array(18)), 'dead.weight'));
    graph.float([1, 2, 3]);
    graph.addForeign(foreign(['x'], ['dead']));
    graph.foreignValue('dead', x);
    assert.deepEqual(toOnnx(graph), bytes);

    const pooled = new Graph();
    const window = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] } as const;
    const image = pooled.input('x', 'float32', [1, 1, 4, 4]);
    const unused = pooled.input('unused', 'float32', [3]);
    const [maxima, places] = pooled.add('MaxPool', [image], window);
    pooled.output('maxima', maxima!);
    const outputsOfPool = () => decodeModel(toOnnx(pooled), 'm.onnx').nodes[0]!.outputs;
    assert.deepEqual(outputsOfPool(), ['maxima']);
    cast(places!, 'float32');
    assert.deepEqual(outputsOfPool(), ['maxima'], 'used by a dead operation alone');
    pooled.output('places', cast(places!, 'float32'));
    assert.deepEqual(outputsOfPool(), ['maxima', places!.name]);
    const { inputs } = decodeModel(toOnnx(pooled), 'm.onnx');
    assert.deepEqual(
      inputs.map(({ name }) => name),
      [image.name, unused.name],
      'inputs stay, for whoever feeds them',
    );
  });

  it('keeps the first output where only the second is needed', async () => {
    const graph = new Graph();
    const window = { kernel: [1, 2], strides: [1, 2], pads: [0, 0, 0, 0], dilations: [1, 1] } as const;
    const [, places] = graph.add('MaxPool', [graph.input('x', 'float32', [1, 1, 1, 4])], window);
    graph.output('places', places!);
    const session = await createSession(toOnnx(graph));
    const out = await session.run({ x: float([1, 1, 1, 4], [1, 2, 4, 3]) });
    await session.close();
    assert.deepEqual(out.places, { dtype: 'int64', shape: [1, 1, 1, 2], data: BigInt64Array.of(1n, 2n) });
  });

  it('writes inputs and constants that are outputs themselves, and foreign nodes', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['N', 2]);
    graph.addForeign({ ...foreign(['x'], ['theirs']), opType: 'Softplus' });
    graph.output('same', x);
    graph.output('fixed', graph.float([1, 2, 3]));
    graph.output('softplus', graph.foreignValue('theirs', x));
    const session = await createSession(toOnnx(graph));
    const out = await session.run({ x: float([1, 2], [0, 100]) });
    await session.close();
    assert.deepEqual(out.same, float([1, 2], [0, 100]));
    assert.deepEqual(out.fixed, float([3], [1, 2, 3]));
    assert.deepEqual(out.softplus, float([1, 2], [Math.LN2, 100]));
  });
});
