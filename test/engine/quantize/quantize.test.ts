import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import * as build from '../../../src/engine/graph/build.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { decodeModel } from '../../../src/engine/onnx/decode.js';
import { prepare, quantize, weightBytes } from '../../../src/engine/quantize/quantize.js';
import type { Range } from '../../../src/engine/quantize/ranges.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import type { Tensor } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

const random = createRandom(0, 'quantize');
const weights = (shape: readonly number[], spread = 0.5) =>
  float(
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => spread * random.normal()),
  );

/** Two convolutions with a batch norm each, a residual sum, a pooling, and a linear layer. */
function network(): { graph: Graph; x: Value; y: Value } {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['N', 3, 12, 12]);
  const parameter = (name: string, tensor: Tensor<'float32'>) => graph.parameter(tensor, name);
  const block = (input: Value, name: string) => {
    const convolved = build.conv(input, parameter(`${name}.weight`, weights([4, Number(input.shape[1]), 3, 3])), {
      pads: 1,
    });
    const positive = float([4], [0.5, 1, 1.5, 2]);
    return build.batchNormalization(
      convolved,
      parameter(`${name}.scale`, weights([4])),
      parameter(`${name}.bias`, weights([4])),
      graph.constant(weights([4])),
      graph.constant(positive),
    );
  };
  const first = build.maxPool(build.relu(block(x, 'first')), 2, { stride: 2 });
  const sum = build.relu(build.add(block(first, 'second'), first));
  const clipped = build.clip(build.conv(sum, parameter('third.weight', weights([4, 1, 3, 3])), { groups: 4 }), 0, 6);
  const pooled = build.globalAveragePool(clipped);
  return { graph, x, y: build.matMul(pooled, parameter('last', weights([4, 2]))) };
}

const images: Tensor<'float32'> = weights([16, 3, 12, 12], 1);

/** The exact ranges of what `ranged` hold for the images, and the outputs. */
async function rangesOf(prepared: ReturnType<typeof prepare>): Promise<[Map<string, Range>, Tensor]> {
  const { graph, ranged, outputs } = prepared;
  for (const value of ranged) graph.output(`seen/${value.name}`, value);
  graph.output('y', outputs[0]!);
  const session = await createSession(toOnnx(graph));
  const out = await session.run({ x: images });
  await session.close();
  const ranges = ranged.map(({ name }): [string, Range] => {
    const data = out[`seen/${name}`]!.data as Float32Array;
    return [name, { min: data.reduce((a, b) => Math.min(a, b), 0), max: data.reduce((a, b) => Math.max(a, b), 0) }];
  });
  return [new Map(ranges), out.y!];
}

async function quantized(prepared: ReturnType<typeof prepare>, options: Parameters<typeof quantize>[2]) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', prepared.input.shape);
  graph.output('y', quantize(prepared, x, options)[0]!);
  const bytes = toOnnx(graph);
  const session = await createSession(bytes);
  const { y } = await session.run({ x: images });
  await session.close();
  return { y: y!, ops: decodeModel(bytes, 'm.onnx').nodes.map(({ opType }) => opType) };
}

describe('a quantized network', () => {
  it('has folded batch norms, and the same outputs', async () => {
    const { graph, x, y } = network();
    const prepared = prepare([y], x);
    assert.ok(prepared.graph.nodes.every(node => node.kind === 'op' && node.op !== 'BatchNormalization'));
    graph.output('y', y);
    const session = await createSession(toOnnx(graph));
    const before = (await session.run({ x: images })).y!;
    await session.close();
    const [, after] = await rangesOf(prepared);
    expectAllClose(after, before, { rtol: 1e-4, atol: 1e-5 });
  });

  it('stays in 8 bits from the first to the last convolution, with similar outputs', async () => {
    const { x, y } = network();
    const prepared = prepare([y], x);
    const [ranges, wanted] = await rangesOf(prepared);
    const { y: got, ops } = await quantized(prepared, { ranges });
    assert.deepEqual(ops, [
      'QuantizeLinear',
      'QLinearConv',
      'MaxPool',
      'QLinearConv',
      'QLinearAdd',
      'QLinearConv',
      'DequantizeLinear',
      'GlobalAveragePool',
      'Reshape',
      'MatMul',
    ]);
    const scale = (wanted.data as Float32Array).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    expectAllClose(got, wanted, { rtol: 0, atol: 0.02 * scale });
  });

  it('keeps stated convolutions in float32, with conversions around them', async () => {
    const { x, y } = network();
    const prepared = prepare([y], x);
    const [ranges] = await rangesOf(prepared);
    const { ops } = await quantized(prepared, { ranges, keep: new Set([prepared.convolutions[0]!]) });
    assert.deepEqual(ops.slice(0, 4), ['Conv', 'Relu', 'QuantizeLinear', 'MaxPool']);
  });

  it('names the operations that it cannot compute in 8 bits', () => {
    const { x, y } = network();
    assert.deepEqual(
      [...prepare([y], x).kept],
      [
        ['GlobalAveragePool', 1],
        ['Reshape', 1],
        ['MatMul', 1],
      ],
    );
  });

  it('has weights with one scale per filter, none of them -128', () => {
    const { bytes, scales } = weightBytes(float([3, 1, 1, 2], [1, -2, 0, 0, 0.5, 0.25]), 3);
    assert.deepEqual([...bytes], [64, -127, 0, 0, 127, 64]);
    expectAllClose(float([3], [...scales]), float([3], [2 / 127, 1, 0.5 / 127]), { rtol: 1e-6, atol: 0 });
  });

  it('has weights for which the sum of two products fits in 16 bits', () => {
    // Channels lie next to each other in the sums, pixels in the weight: 3 and 5, 5 and 2, 2 and 4.
    const { bytes, scales } = weightBytes(float([1, 2, 1, 2], [3, 2, -5, 4]), 1);
    assert.deepEqual([...bytes], [48, 32, -80, 64]);
    assert.equal(scales[0], Math.fround(8 / 128));
    // Both are rounded up, to 65 and 64.
    assert.deepEqual([...weightBytes(float([1, 2, 1, 1], [64.5, 63.5]), 1).bytes], [65, 63]);
    // A filter a channel is added up in 32 bits.
    assert.deepEqual([...weightBytes(float([1, 1, 1, 2], [1, -1]), 1).bytes], [127, -127]);
    assert.deepEqual([...weightBytes(float([2, 1, 1, 2], [1, -1, 1, 0]), 1).bytes], [64, -64, 127, 0]);
  });
});
