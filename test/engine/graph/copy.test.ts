import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { add, clip, conv, globalAveragePool, maxPool, mul, relu, sub } from '../../../src/engine/graph/build.js';
import { checkGraph } from '../../../src/engine/graph/check.js';
import { copyGraph } from '../../../src/engine/graph/copy.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import type { OnnxNode } from '../../../src/engine/onnx/model.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import type { Tensor } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

const image = float(
  [1, 2, 6, 6],
  Array.from({ length: 72 }, (_, i) => Math.sin(i)),
);
const softplus = (x: string, y: string): OnnxNode => ({
  opType: 'Softplus',
  domain: '',
  inputs: [x],
  outputs: [y],
  attributes: {},
  rawAttributes: [],
});

/** Two convolutions with a pooling between them, and something beside that nobody asks for. */
function network(): { x: Value; middle: Value; out: Value } {
  const graph = new Graph();
  const weights = (shape: number[], phase: number) =>
    float(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.cos(i * phase)),
    );
  const x = graph.input('x', 'float32', image.shape);
  const first = conv(x, graph.parameter(weights([3, 2, 3, 3], 0.7), 'first.weight'), { pads: 1 });
  const middle = maxPool(relu(first), 2, { stride: 2 });
  mul(middle, graph.constant(weights([3, 3], 0.3), 'unused'));
  const second = conv(middle, graph.parameter(weights([4, 3, 2, 2], 0.4), 'second.weight'));
  const shift = graph.constant(weights([4, 1, 1], 0.9), 'shift');
  return { x, middle, out: globalAveragePool(clip(add(second, shift), -3, 3)) };
}

async function run(graph: Graph, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await createSession(toOnnx(graph), { threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

async function whole(): Promise<Tensor> {
  const { out } = network();
  out.graph.output('out', out);
  return (await run(out.graph, { x: image })).out!;
}

describe('copyGraph', () => {
  it('copies what is wanted, weights with their names, and nothing else', async () => {
    const { out } = network();
    const target = new Graph();
    const x = target.input('images', 'float32', image.shape);
    const [copy] = copyGraph([out], target, new Map([['x', x]]));
    checkGraph(target);
    assert.equal(copy!.graph, target);
    assert.deepEqual(copy!.shape, out.shape);
    assert.deepEqual([...target.parameters.keys()], ['first.weight', 'second.weight']);
    assert.equal(target.parameters.get('first.weight')!.graph, target);
    assert.ok(target.constants.has('shift') && !target.constants.has('unused'));
    assert.equal(target.constants.get('shift'), out.graph.constants.get('shift'), 'the memory is shared');
    assert.equal(target.nodes.length, out.graph.nodes.length - 1);
    target.output('out', copy!);
    assert.deepEqual((await run(target, { images: image })).out, await whole());
  });

  it('cuts a network in two halves that give the whole', async () => {
    const { middle, out } = network();
    const [front, back] = [new Graph(), new Graph()];
    const x = front.input('x', 'float32', image.shape);
    front.output('middle', copyGraph([middle], front, new Map([['x', x]]))[0]!);
    assert.deepEqual([...front.constants.keys()], ['first.weight']);

    const cut = back.input('cut', 'float32', middle.shape);
    back.output('out', copyGraph([out], back, new Map([[middle.name, cut]]))[0]!);
    assert.deepEqual([...back.parameters.keys()], ['second.weight']);
    const between = (await run(front, { x: image })).middle!;
    assert.deepEqual((await run(back, { cut: between })).out, await whole());
  });

  it('puts a network behind another graph, whose names it may share', async () => {
    const { out } = network();
    const target = new Graph();
    const x = target.input('x', 'float32', image.shape);
    const own = target.constant(float([], [2]), 'shift');
    const [copy] = copyGraph([out], target, new Map([['x', mul(mul(x, own), 0.5)]]));
    target.output('out', copy!);
    assert.deepEqual(target.constants.get('shift'), float([], [2]));
    expectAllClose((await run(target, { x: image })).out!, await whole(), { rtol: 1e-5, atol: 1e-6 });
  });

  it('copies the same network twice: the second time under other names', () => {
    const { out } = network();
    const target = new Graph();
    const given = new Map([['x', target.input('x', 'float32', image.shape)]]);
    const [[first], [second]] = [copyGraph([out], target, given), copyGraph([out], target, given)];
    target.output('difference', sub(first!, second!));
    checkGraph(target);
    assert.equal(target.parameters.size, 4);
    for (const [name, value] of target.parameters) assert.equal(value.name, name);
  });

  it('gives values that are given, weights and several at once, in the order they are asked for', () => {
    const { x, middle, out } = network();
    const target = new Graph();
    const given = target.input('given', 'float32', image.shape);
    const weight = out.graph.parameters.get('second.weight')!;
    const copies = copyGraph([out, x, weight, middle], target, new Map([['x', given]]));
    assert.equal(copies[1], given);
    assert.equal(copies[2]!.name, 'second.weight');
    assert.deepEqual(
      copies.map(({ shape }) => shape),
      [out.shape, x.shape, weight.shape, middle.shape],
    );
  });

  it('puts what a rewrite makes in the place of an operation', async () => {
    const { out } = network();
    const target = new Graph();
    const x = target.input('x', 'float32', image.shape);
    const seen: string[] = [];
    const [copy] = copyGraph([out], target, new Map([['x', x]]), (node, inputs) => {
      seen.push(node.op);
      for (const input of inputs) assert.equal(input.graph, target);
      if (node.op === 'MaxPool') return [mul(maxPool(inputs[0]!, 2, { stride: 2 }), 0)];
      if (node.op === 'Clip') return [inputs[0]!];
      return undefined;
    });
    assert.deepEqual(seen, ['Conv', 'Relu', 'MaxPool', 'Conv', 'Add', 'Clip', 'GlobalAveragePool', 'Reshape']);
    target.output('out', copy!);
    // All but the shift is 0.
    expectAllClose(
      (await run(target, { x: image })).out!,
      float([1, 4], out.graph.constants.get('shift')!.data as Float32Array),
      { rtol: 1e-6, atol: 0 },
    );
  });

  it('takes foreign operations along, and the versions they are written for', async () => {
    const source = new Graph();
    source.opsets.set('', 19).set('com.microsoft', 1);
    source.irVersion = 9;
    const x = source.input('x', 'float32', [2]);
    const scale = source.constant(float([2], [1, 2]), 'scale');
    mul(x, scale);
    source.addForeign(softplus('x', 'theirs'));
    source.addForeign(softplus('theirs', 'between'));
    source.addForeign({ ...softplus('between', 'last'), opType: 'Add', inputs: ['between', 'scale'] });
    const last = source.foreignValue('last', { dtype: 'float32', shape: [2] });

    const target = new Graph();
    const input = target.input('input', 'float32', [2]);
    const taken = target.constant(float([], [0]), 'scale');
    const [copy] = copyGraph([mul(last, 10)], target, new Map([['x', add(input, taken)]]));
    target.output('out', copy!);
    assert.deepEqual(
      [target.irVersion, target.opsets],
      [
        9,
        new Map([
          ['', 19],
          ['com.microsoft', 1],
        ]),
      ],
    );
    target.opsets.delete('com.microsoft');
    const twice = (value: number) => Math.log1p(Math.exp(Math.log1p(Math.exp(value))));
    expectAllClose(
      (await run(target, { input: float([2], [0, 1]) })).out!,
      float([2], [10 * (twice(0) + 1), 10 * (twice(1) + 2)]),
      { rtol: 1e-5, atol: 0 },
    );
  });

  it('cuts behind a foreign operation, and leaves out inputs that are empty', async () => {
    const source = new Graph();
    source.input('x', 'float32', [2]);
    source.addForeign(softplus('x', 'theirs'));
    source.addForeign({ ...softplus('theirs', 'held'), opType: 'Clip', inputs: ['theirs', '', 'high'] });
    source.constant(float([], [1]), 'high');
    const held = source.foreignValue('held', { dtype: 'float32', shape: [2] });
    const target = new Graph();
    const cut = target.input('cut', 'float32', [2]);
    target.output('out', copyGraph([held], target, new Map([['theirs', cut]]))[0]!);
    assert.equal(target.nodes.length, 1);
    assert.deepEqual((await run(target, { cut: float([2], [-5, 5]) })).out, float([2], [-5, 1]));
  });

  it('refuses to copy what comes from an input that nothing is given for', () => {
    const { out } = network();
    assert.throws(() => copyGraph([out], new Graph(), new Map()), {
      message: 'internal: x is neither given nor made by what is copied',
    });
  });
});
