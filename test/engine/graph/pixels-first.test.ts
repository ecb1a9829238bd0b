import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { backward } from '../../../src/engine/autodiff/backward.js';
import { batchNormByBatch, foldBatchNorm } from '../../../src/engine/autodiff/batch-norm.js';
import {
  add,
  batchNormalization,
  conv,
  globalAveragePool,
  maxPool,
  mul,
  reduceMean,
  relu,
  reshape,
  sigmoid,
  square,
  type WindowOptions,
} from '../../../src/engine/graph/build.js';
import { copyGraph, type Rewrite } from '../../../src/engine/graph/copy.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { dependents, pixelsFirst } from '../../../src/engine/graph/pixels-first.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { sizeOf } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

const filler = () => {
  const random = createRandom(0, 'pixels first');
  return (shape: readonly number[]) =>
    float(
      shape,
      Array.from({ length: sizeOf(shape) }, () => random.uniform() - 0.4),
    );
};

/** The squared outputs of a residual network with squeeze and excitation; its parameters are `NAME.weight` and so on. */
function network(): Value {
  const graph = new Graph();
  const fill = filler();
  const parameter = (name: string, shape: readonly number[]) => graph.parameter(fill(shape), name);
  const block = (x: Value, name: string, kernel: number, options: WindowOptions & { groups?: number } = {}) => {
    const { groups = 1 } = options;
    const weight = parameter(`${name}.weight`, [32, Number(x.shape[1]) / groups, kernel, kernel]);
    const y = conv(x, weight, { pads: (kernel - 1) / 2, ...options });
    const [scale, bias] = ['scale', 'bias'].map(leaf => parameter(`${name}.${leaf}`, [32]));
    const mean = graph.constant(fill([32]), `${name}.mean`);
    const variance = graph.constant(float([32], new Array(32).fill(0.7)), `${name}.variance`);
    return batchNormalization(y, scale!, bias!, mean, variance);
  };
  const x = maxPool(graph.constant(fill([16, 32, 21, 18]), 'x'), 2, { stride: 1 });
  const first = relu(block(x, 'first', 3));
  const second = block(first, 'second', 1, { bias: parameter('second.shift', [32]) } as WindowOptions);
  const sum = relu(add(second, x));
  const squeezed = conv(reshape(globalAveragePool(sum), [16, 32, 1, 1]), parameter('squeeze', [32, 32, 1, 1]));
  const excited = mul(sum, sigmoid(squeezed));
  const grouped = relu(block(excited, 'grouped', 3, { groups: 32 }));
  const down = add(block(grouped, 'third', 3, { stride: 2 }), block(excited, 'skip', 1, { stride: 2 }));
  return reduceMean(square(globalAveragePool(relu(down))), [0, 1]);
}

async function results(rewrite: Rewrite, then?: (trained: ReadonlySet<string>) => Rewrite) {
  let loss = network();
  for (const each of [() => rewrite, ...(then === undefined ? [] : [then])]) {
    const trained = dependents(loss.graph, [...loss.graph.parameters.keys()]);
    [loss] = copyGraph([loss], new Graph(), new Map(), each(trained)) as [Value];
  }
  const { graph } = loss;
  const parameters = [...graph.parameters.values()];
  const kinds = graph.nodes.map(node => (node.kind === 'op' ? node.op : 'foreign'));
  graph.output('loss', loss);
  for (const [i, gradient] of backward(loss, parameters).entries())
    graph.output(`gradient of ${parameters[i]!.name}`, gradient);
  const session = await createSession(toOnnx(graph), { threads: 1 });
  const found = await session.run({});
  await session.close();
  return { found, kinds };
}

describe('pixelsFirst', () => {
  for (const [title, rewrite] of [
    ['folded batch norms', foldBatchNorm],
    ['batch statistics', batchNormByBatch([])],
  ] as const) {
    it(`keeps the loss and all gradients of a network with ${title}`, async () => {
      const expected = await results(rewrite);
      const actual = await results(rewrite, pixelsFirst);
      assert.equal(actual.kinds.filter(kind => kind === 'Conv').length, 2, 'grouped and squeezing convolutions stay');
      for (const name of Object.keys(expected.found)) {
        // The gradient of a bias before batch statistics is rounding error alone.
        const scale = Math.max(...(expected.found[name]!.data as Float32Array).map(Math.abs));
        expectAllClose(actual.found[name]!, expected.found[name]!, { rtol: 0, atol: 1e-4 * scale + 1e-7 });
      }
    });
  }
});

describe('pixelsFirst leaves alone', () => {
  const kept = [
    { title: 'few channels', weight: [32, 31, 3, 3] },
    { title: 'large images of few channels', weight: [32, 32, 3, 3], size: 32 },
    { title: 'few rows of tiles', weight: [32, 32, 3, 3], images: 1 },
    { title: 'a 5 x 5 kernel', weight: [32, 32, 5, 5] },
    { title: 'dilation', weight: [32, 32, 3, 3], options: { dilation: 2 } },
    { title: 'a stride of 3', weight: [32, 32, 3, 3], options: { stride: 3 } },
    { title: 'a 1 x 1 kernel at first', weight: [32, 32, 1, 1] },
    { title: 'a weight that is not trained', weight: [32, 32, 3, 3], trained: [] },
  ];
  for (const { title, weight, options, size = 9, images = 16, trained = ['weight'] } of kept) {
    it(title, () => {
      const graph = new Graph();
      const x = graph.input('x', 'float32', [images, weight[1]!, size, size]);
      const y = conv(x, graph.parameter(filler()(weight), 'weight'), options);
      const target = new Graph();
      const copy = target.input('x', 'float32', x.shape);
      copyGraph([y], target, new Map([['x', copy]]), pixelsFirst(dependents(graph, trained)));
      assert.deepEqual(
        target.nodes.map(node => node.kind === 'op' && node.op),
        ['Conv'],
      );
    });
  }
});
