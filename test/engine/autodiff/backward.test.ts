import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backward } from '../../../src/engine/autodiff/backward.js';
import {
  add,
  averagePool,
  clip,
  conv,
  div,
  flip,
  gemm,
  identity,
  matMul,
  maxPool,
  mul,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  sigmoid,
  sub,
  where,
} from '../../../src/engine/graph/build.js';
import { checkGraph } from '../../../src/engine/graph/check.js';
import { Graph, namesOf, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import type { OnnxNode } from '../../../src/engine/onnx/model.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { float, runGraph } from '../../run-graph.js';

const sum = (x: Value): Value => reduceSum(x, [...x.shape.keys()]);
const input = (name = 'x', shape: readonly number[] = [2, 3], graph = new Graph()) =>
  graph.input(name, 'float32', shape);
const softplus = (x: string, y: string): OnnxNode => ({
  opType: 'Softplus',
  domain: '',
  inputs: [x],
  outputs: [y],
  attributes: {},
  rawAttributes: [],
});

/** The operations that `make` adds to the graph. */
function added(graph: Graph, make: () => unknown): string[] {
  const before = graph.nodes.length;
  make();
  return graph.nodes.slice(before).map(node => (node.kind === 'op' ? node.op : node.node.opType));
}

describe('backward', () => {
  it('adds up what comes back from every use of a value', async () => {
    const x = float([3], [1, 2, 3]);
    // x^3 + 4 x, and x over itself, which is 1.
    const cube = await runGraph(
      at => {
        const y = add(mul(mul(at, at), at), mul(at, 4));
        return backward(sum(y), [at])[0]!;
      },
      [x],
    );
    assert.deepEqual(cube, float([3], [7, 16, 31]));
    const one = await runGraph(at => backward(sum(div(at, at)), [at])[0]!, [x]);
    assert.deepEqual(one, float([3], [0, 0, 0]));
    // Used by two branches that part and meet.
    const diamond = await runGraph(
      at => {
        const shared = mul(at, 2);
        return backward(sum(sub(mul(shared, shared), shared)), [at])[0]!;
      },
      [x],
    );
    assert.deepEqual(diamond, float([3], [6, 14, 22]));
  });

  it('gives gradients of values in between, and of the loss itself', async () => {
    const out = await runGraph(
      at => {
        const middle = mul(at, at);
        const loss = sum(mul(middle, 3));
        const [ofMiddle, ofInput, ofLoss] = backward(loss, [middle, at, loss]);
        return add(add(ofMiddle!, mul(ofInput!, 10)), mul(ofLoss!, 1000));
      },
      [float([2], [1, 2])],
    );
    assert.deepEqual(out, float([2], [1063, 1123]));
  });

  it('takes a loss in the middle of a graph, and what else is there, as it is', () => {
    const x = input();
    const squares = mul(x, x);
    const loss = sum(squares);
    // Behind the loss, and beside it.
    x.graph.output('more', mul(loss, squares));
    flip(squares, [0]);
    const ops = added(x.graph, () => x.graph.output('gradient', backward(loss, [x])[0]!));
    assert.deepEqual(ops, ['Reshape', 'Expand', 'Mul', 'Mul', 'Add']);
    checkGraph(x.graph);
  });

  it('can be taken of a gradient again', async () => {
    const second = await runGraph(
      x => {
        const [first] = backward(sum(mul(mul(x, x), x)), [x]);
        return backward(sum(first!), [x])[0]!;
      },
      [float([3], [1, 2, -3])],
    );
    assert.deepEqual(second, float([3], [6, 12, -18]));
  });

  it('refuses a loss that is no scalar or lies behind sizes that nobody knows', () => {
    const x = input();
    assert.throws(() => backward(reduceSum(x, [1]), [x]), {
      name: 'ShapeError',
      message: 'backward: expected a loss of shape [], got [2]',
    });
    const named = new Graph().input('images', 'float32', ['N', 3]);
    assert.throws(() => backward(reduceMean(relu(named), [0, 1]), [named]), {
      name: 'ShapeError',
      message: 'backward: expected values of known sizes, got images [N,3]',
    });
  });

  it('refuses a parameter that the loss does not depend on', () => {
    const x = input();
    const [stray, beside] = [input('stray', [2], x.graph), input('beside', [2, 3], x.graph)];
    add(x, beside);
    for (const [value, name] of [
      [stray, 'stray'],
      [beside, 'beside'],
    ] as const) {
      assert.throws(() => backward(sum(x), [x, value]), {
        name: 'UnsupportedOpError',
        message: `backward: expected a loss that depends on ${name}, got none`,
      });
    }
  });

  it('names an operation of another file between a parameter and the loss, and passes by others', () => {
    const refusal = {
      name: 'UnsupportedOpError',
      message: 'backward: expected operations with a gradient, got Softplus; leave what comes before it frozen',
    };
    const { graph, ...rest } = input();
    const x = { graph, ...rest };
    graph.addForeign(softplus('x', 'theirs'));
    const theirs = graph.foreignValue('theirs', x);
    const loss = sum(mul(theirs, input('scale', [3], graph)));
    assert.throws(() => backward(loss, [x]), refusal);
    assert.deepEqual(backward(loss, [theirs])[0]!.shape, [2, 3]);
    assert.deepEqual(backward(loss, [graph.inputs[1]!])[0]!.shape, [3]);
    // Beside the way to the loss.
    assert.deepEqual(backward(sum(x), [x])[0]!.shape, [2, 3]);
    // Two of them one after the other, the type of the value between unknown.
    graph.addForeign(softplus('theirs', 'between'));
    graph.addForeign(softplus('between', 'last'));
    assert.throws(() => backward(sum(graph.foreignValue('last', x)), [x]), refusal);
  });

  it('names inputs without a gradient, and slices that it has no rule for', () => {
    const x = input();
    const bound = input('bound', [], x.graph);
    const clipped = x.graph.add('Clip', [x, bound, x.graph.float(1)], {})[0]!;
    assert.throws(() => backward(sum(clipped), [bound]), {
      message: 'backward: expected operations with a gradient, got Clip (input 1); leave what comes before it frozen',
    });
    assert.deepEqual(backward(sum(clip(x, 0, 1)), [x])[0]!.shape, [2, 3]);
    assert.throws(() => backward(sum(flip(x, [0])), [x]), {
      name: 'UnsupportedOpError',
      message: 'backward: expected slices by 1, got others',
    });
  });

  it('lets a condition depend on what is trained', async () => {
    // The Huber loss of PyTorch, delta 1: x squared / 2 up to 1, |x| - 1 / 2 beyond.
    const slope = await runGraph(
      x => {
        const inside = x.graph.add('Less', [mul(x, x), x.graph.float(1)], {})[0]!;
        const loss = where(inside, mul(mul(x, x), 0.5), sub(x, 0.5));
        return backward(sum(loss), [x])[0]!;
      },
      [float([4], [-0.5, 0.25, 2, 3])],
    );
    assert.deepEqual(slope, float([4], [-0.5, 0.25, 1, 1]));
  });

  it('builds only what the parameters need', () => {
    const graph = new Graph();
    const x = input('x', [1, 2, 8, 8], graph);
    const [first, second] = [input('first', [3, 2, 3, 3], graph), input('second', [4, 3, 3, 3], graph)];
    const hidden = relu(conv(x, first, { pads: 1 }));
    const loss = sum(maxPool(conv(hidden, second, { pads: 1 }), 2, { stride: 2 }));
    const pooling = ['Reshape', 'Expand', 'Expand', 'Reshape', 'Reshape', 'ScatterElements', 'Reshape'];
    const ofWeight = ['Reshape', 'Transpose', 'Reshape', 'Transpose', 'Conv', 'Reshape', 'Transpose'];
    assert.deepEqual(
      added(graph, () => backward(loss, [second])),
      [...pooling, ...ofWeight],
    );
    // Through the second convolution and the ReLU to the first, whose image needs no gradient.
    const ofInput = ['Reshape', 'Transpose', 'Reshape', 'Reshape', 'MatMul', 'Reshape', 'Conv'];
    const ofRelu = ['Cast', 'Cast', 'Mul'];
    assert.deepEqual(
      added(graph, () => backward(loss, [first])),
      [...pooling, ...ofInput, ...ofRelu, ...ofWeight],
    );
    assert.deepEqual(
      added(graph, () => backward(loss, [first, second])),
      [...pooling, ...ofInput, ...ofWeight, ...ofRelu, ...ofWeight],
    );
    assert.deepEqual(
      added(graph, () => backward(sum(identity(x)), [x])),
      ['Identity', 'ReduceSum', 'Reshape', 'Expand'],
    );
  });

  it('computes marked values again for the gradients', async () => {
    const graph = new Graph();
    const x = graph.parameter(float([2, 3], [1, 2, 3, 4, 5, 6]), 'x');
    const factor = graph.constant(float([2, 2], [1, 2, 3, 4]));
    const scaled = gemm(factor, x);
    const loss = sum(matMul(x, reshape(scaled, [3, 2])));
    const scalings = () => graph.nodes.filter(node => namesOf(node).inputs.join() === `${factor.name},x`).length;
    graph.output('kept', backward(loss, [x])[0]!);
    assert.equal(scalings(), 1);
    graph.recomputed.add(scaled.name);
    graph.output('recomputed', backward(loss, [x])[0]!);
    assert.equal(scalings(), 2);
    const session = await createSession(toOnnx(graph), { threads: 1 });
    const { kept, recomputed } = await session.run({});
    await session.close();
    assert.deepEqual(recomputed, kept);
  });

  it('does not touch the forward pass', async () => {
    const x = float(
      [1, 1, 4, 4],
      Array.from({ length: 16 }, (_, i) => i - 7),
    );
    const forward = (at: Value) => sigmoid(averagePool(at, 2, { stride: 2 }));
    const [alone, beside] = [
      await runGraph(forward, [x]),
      await runGraph(
        at => {
          const y = forward(at);
          backward(sum(matMul(reshape(y, [2, 2]), reshape(y, [2, 2]))), [at]);
          return y;
        },
        [x],
      ),
    ];
    assert.deepEqual(beside, alone);
  });
});
