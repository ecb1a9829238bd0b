import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { backward } from '../../../src/engine/autodiff/backward.js';
import { conv, mul, reduceSum, transpose } from '../../../src/engine/graph/build.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { winograd } from '../../../src/engine/graph/winograd.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { sizeOf, type Tensor } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

type Pads = readonly [number, number, number, number];
interface Case {
  readonly title: string;
  readonly x: readonly [number, number, number, number];
  readonly filters: number;
  readonly stride: number;
  readonly pads: Pads;
}

const cases: readonly Case[] = [
  { title: 'tiles of 2 x 2', x: [3, 5, 4, 4], filters: 7, stride: 1, pads: [1, 1, 1, 1] },
  { title: 'tiles of 4 x 4 in one product', x: [2, 3, 7, 8], filters: 4, stride: 1, pads: [1, 1, 1, 1] },
  { title: 'tiles of 4 x 4 by axes', x: [2, 3, 20, 17], filters: 4, stride: 1, pads: [0, 2, 1, 0] },
  { title: 'stride 2, tiles of 2 x 2', x: [3, 5, 8, 7], filters: 6, stride: 2, pads: [1, 1, 1, 1] },
  { title: 'stride 2, tiles of 4 x 4', x: [2, 3, 31, 20], filters: 5, stride: 2, pads: [1, 1, 1, 1] },
  { title: 'stride 2 with pads that differ', x: [2, 3, 12, 15], filters: 5, stride: 2, pads: [0, 1, 1, 0] },
  { title: 'one pixel', x: [2, 3, 1, 1], filters: 4, stride: 1, pads: [1, 1, 1, 1] },
];

const random = createRandom(0, 'winograd');
const fill = (shape: readonly number[]) =>
  float(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.uniform() - 0.5),
  );

/** The output, and the gradients of its sum weighted by fixed numbers. */
async function results({ x, filters }: Case, build: (x: Value, weight: Value) => Value, feeds: Record<string, Tensor>) {
  const graph = new Graph();
  const images = graph.parameter(feeds.x as Tensor<'float32'>, 'x');
  const weight = graph.parameter(feeds.weight as Tensor<'float32'>, 'weight');
  assert.deepEqual([images.shape, weight.shape], [x, [filters, x[1], 3, 3]]);
  const y = build(images, weight);
  graph.output('y', y);
  const upstream = graph.constant(
    float(
      y.shape.map(Number),
      Array.from({ length: sizeOf(y.shape.map(Number)) }, (_, i) => Math.sin(i)),
    ),
  );
  const [ofX, ofWeight] = backward(reduceSum(mul(y, upstream), [0, 1, 2, 3]), [images, weight]);
  graph.output('gradient of x', ofX!);
  graph.output('gradient of weight', ofWeight!);
  const session = await createSession(toOnnx(graph), { threads: 1 });
  const found = await session.run({});
  await session.close();
  return found;
}

describe('winograd', () => {
  for (const example of cases) {
    it(`has the outputs and gradients of the convolution: ${example.title}`, async () => {
      const { x, filters, stride, pads } = example;
      const feeds = { x: fill(x), weight: fill([filters, x[1], 3, 3]) };
      const expected = await results(example, (x, weight) => conv(x, weight, { stride, pads }), feeds);
      const actual = await results(
        example,
        (x, weight) => transpose(winograd(transpose(x, [2, 3, 0, 1]), weight, stride, pads), [2, 3, 0, 1]),
        feeds,
      );
      for (const name of Object.keys(expected)) {
        const scale = Math.max(...(expected[name]!.data as Float32Array).map(Math.abs));
        expectAllClose(actual[name]!, expected[name]!, { rtol: 0, atol: 3e-6 * scale });
      }
    });
  }
});
