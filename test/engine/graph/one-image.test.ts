import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { conv, type WindowOptions } from '../../../src/engine/graph/build.js';
import { rewriteGraph } from '../../../src/engine/graph/copy.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { asOneImage } from '../../../src/engine/graph/one-image.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { sizeOf } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

interface Case {
  readonly title: string;
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly options?: WindowOptions & { readonly groups?: number };
}

const rewritten: readonly Case[] = [
  { title: 'a 3 x 3 kernel', x: [5, 3, 4, 4], weight: [17, 3, 3, 3], options: { pads: 1 } },
  { title: 'pads that differ', x: [3, 2, 3, 5], weight: [40, 2, 2, 3], options: { pads: [2, 0, 1, 1] } },
  { title: 'dilation', x: [4, 2, 5, 4], weight: [20, 2, 3, 2], options: { pads: [2, 0, 0, 1], dilation: 2 } },
];
const kept: readonly Case[] = [
  { title: 'more pixels than kernels', x: [5, 3, 4, 4], weight: [16, 3, 3, 3], options: { pads: 1 } },
  { title: 'one image', x: [1, 3, 4, 4], weight: [17, 3, 3, 3], options: { pads: 1 } },
  { title: 'a stride', x: [2, 3, 4, 4], weight: [17, 3, 3, 3], options: { pads: 1, stride: 2 } },
  { title: 'groups', x: [2, 4, 4, 4], weight: [18, 2, 3, 3], options: { pads: 1, groups: 2 } },
  { title: 'a 1 x 1 kernel', x: [2, 3, 4, 4], weight: [17, 3, 1, 1] },
];

function graphOf({ x, weight, options }: Case): Graph {
  const graph = new Graph();
  const bias = graph.input('bias', 'float32', [weight[0]!]);
  const y = conv(graph.input('x', 'float32', x), graph.input('weight', 'float32', weight), { ...options, bias });
  graph.output('y', y);
  return graph;
}

const operations = (graph: Graph) => graph.nodes.map(node => (node.kind === 'op' ? node.op : 'foreign'));

describe('asOneImage', () => {
  for (const example of rewritten) {
    it(`gives the same numbers: ${example.title}`, async () => {
      const graph = graphOf(example);
      const other = rewriteGraph(graph, asOneImage);
      assert.ok(operations(other).includes('Transpose'));
      const random = createRandom(0, example.title);
      const fill = (shape: readonly number[]) => float(shape, Array.from({ length: sizeOf(shape) }, random.uniform));
      const feeds = { x: fill(example.x), weight: fill(example.weight), bias: fill(example.weight.slice(0, 1)) };
      const [expected, actual] = await Promise.all(
        [graph, other].map(async each => {
          const session = await createSession(toOnnx(each));
          const { y } = await session.run(feeds);
          await session.close();
          return y!;
        }),
      );
      expectAllClose(actual!, expected!, { rtol: 1e-5, atol: 1e-5 });
    });
  }

  for (const example of kept) {
    it(`leaves alone: ${example.title}`, () => {
      assert.deepEqual(operations(rewriteGraph(graphOf(example), asOneImage)), ['Conv']);
    });
  }
});
