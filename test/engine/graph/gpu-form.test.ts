import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/base/device.js';
import { formulaUniform } from '../../../src/base/random.js';
import { backward } from '../../../src/engine/autodiff/backward.js';
import {
  abs,
  cast,
  conv,
  logSoftmax,
  maxPool,
  mul,
  reduceSum,
  relu,
  square,
  transpose,
} from '../../../src/engine/graph/build.js';
import { formFor } from '../../../src/engine/graph/gpu-form.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { expectNumbersClose } from '../../close.js';
import { nodesOnCpu } from '../../gpu-placement.js';
import { float } from '../../run-graph.js';
import { softwareGpu } from '../../software-gpu.js';

const skip = softwareGpu();

/** The graph of the gradient of a weighted sum of `build(x)`, with `y` and `gradient` as outputs. */
function gradientGraph(shape: readonly number[], build: (x: Value) => Value): Graph {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [...shape]);
  const y = build(x);
  const size = y.shape.map(Number);
  const weights = graph.constant(
    float(
      size,
      formulaUniform(
        'weights',
        size.reduce((a, b) => a * b, 1),
      ),
    ),
  );
  const [gradient] = backward(reduceSum(mul(y, weights), [...size.keys()]), [x]);
  graph.output('y', y);
  graph.output('gradient', gradient!);
  return graph;
}

async function valuesOf(graph: Graph, device: Device): Promise<Record<string, Float32Array>> {
  const session = await createSession(toOnnx(formFor(device, graph)), { device });
  const { shape } = graph.inputs[0]!;
  const sizes = shape.map(Number);
  const results = await session.run({
    x: float(
      sizes,
      formulaUniform(
        'x',
        sizes.reduce((a, b) => a * b),
      ),
    ),
  });
  await session.close();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}

const cases: Readonly<Record<string, Graph>> = {
  // Many windows have several zeros, so ties decide where the gradient goes.
  'max pooling with ties, stride 2 and padding': gradientGraph([2, 3, 9, 9], x =>
    maxPool(relu(x), 3, { stride: 2, pads: 1 }),
  ),
  'max pooling of an even size, without padding': gradientGraph([1, 2, 6, 8], x => maxPool(x, 2, { stride: 2 })),
  'max pooling with overlap, one-sided padding': gradientGraph([1, 2, 5, 7], x =>
    maxPool(relu(x), 3, { pads: [0, 1, 2, 1] }),
  ),
  // Squared: the gradient of a linear function is a constant, which the runtime computes on the CPU.
  'a convolution with two filters for each channel': gradientGraph([2, 3, 9, 9], x =>
    square(
      conv(x, x.graph.constant(float([6, 1, 3, 3], formulaUniform('weight', 54))), { stride: 2, pads: 1, groups: 3 }),
    ),
  ),
  'the absolute value and its sign': gradientGraph([5], x => abs(x)),
  'the logarithm of a softmax of large values': gradientGraph([4, 7], x => logSoftmax(mul(x, 300))),
};

describe('the form of a graph for a GPU', { skip }, () => {
  for (const [name, graph] of Object.entries(cases)) {
    it(`computes ${name} as the CPU does`, async () => {
      const [cpu, gpu, plain] = [await valuesOf(graph, 'cpu'), await valuesOf(graph, 'webgpu'), formFor('cpu', graph)];
      assert.equal(plain, graph);
      for (const output of ['y', 'gradient'])
        expectNumbersClose(gpu[output]!, cpu[output]!, { rtol: 1e-4, atol: 1e-5 });
    });
  }

  it('leaves no operation to the CPU', () => {
    const models = Object.entries(cases).map(
      ([name, graph]) => [name.replaceAll(' ', '-'), toOnnx(formFor('webgpu', graph))] as const,
    );
    const found = nodesOnCpu(Object.fromEntries(models));
    assert.deepEqual(Object.values(found).flat(), []);
  });

  it('leaves the planes of bytes as they are where the number of images is not known', () => {
    const graph = new Graph();
    const pixels = graph.input('pixels', 'uint8', ['N', 4, 4, 3]);
    graph.output('planes', cast(transpose(pixels, [0, 3, 1, 2]), 'float32'));
    assert.deepEqual(toOnnx(formFor('webgpu', graph)), toOnnx(graph));
  });
});
