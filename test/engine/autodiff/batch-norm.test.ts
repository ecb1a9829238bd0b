import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { backward } from '../../../src/engine/autodiff/backward.js';
import { batchNormByBatch, foldBatchNorm, type StatisticUpdate } from '../../../src/engine/autodiff/batch-norm.js';
import { batchNormalization, conv, mul, reduceSum, relu } from '../../../src/engine/graph/build.js';
import { copyGraph, type Rewrite } from '../../../src/engine/graph/copy.js';
import { Graph, type OpNode, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import type { Shape } from '../../../src/engine/onnx/model.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { sizeOf } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float, runGraph } from '../../run-graph.js';
import { expectGradients, uniform } from './central-differences.js';

const numbers = (shape: readonly number[], name: string, of = (x: number) => x) =>
  float(shape, uniform(sizeOf(shape), createRandom(0, name)).map(of));
const positive = (x: number) => Math.abs(x) + 0.5;
const channels = [
  numbers([3], 'scale'),
  numbers([3], 'bias'),
  numbers([3], 'mean'),
  numbers([3], 'variance', positive),
] as const;

/** What `rewrite` makes of a batch norm of these values. */
function rewritten(rewrite: Rewrite, inputs: readonly Value[]): Value | undefined {
  const [x, scale, bias, mean, variance] = inputs as [Value, Value, Value, Value, Value];
  const node = x.graph.producerOf(batchNormalization(x, scale, bias, mean, variance)) as OpNode;
  return rewrite(node, node.inputs)?.[0];
}

describe('foldBatchNorm', () => {
  const x = numbers([2, 2, 5, 4], 'x');
  const weight = numbers([3, 2, 3, 3], 'weight');
  const options = { stride: 2, pads: 1 };
  const folded = ([input, kernel, convBias, ...norm]: Value[]) =>
    rewritten(foldBatchNorm, [conv(input!, kernel!, { ...options, bias: convBias! }), ...norm])!;
  const feeds = [x, weight, numbers([3], 'conv bias'), ...channels];

  it('computes what convolution and batch norm compute one after the other', async () => {
    const apart = await runGraph((input, kernel, convBias, scale, bias, mean, variance) => {
      const before = conv(input!, kernel!, { ...options, bias: convBias! });
      return batchNormalization(before, scale!, bias!, mean!, variance!);
    }, feeds);
    expectAllClose(await runGraph((...inputs) => folded(inputs), feeds), apart, { rtol: 1e-5, atol: 1e-5 });
    const without = feeds.toSpliced(2, 1);
    const bare = await runGraph((input, kernel, scale, bias, mean, variance) => {
      return batchNormalization(conv(input!, kernel!, options), scale!, bias!, mean!, variance!);
    }, without);
    const bareFolded = await runGraph(
      (input, kernel, ...norm) => rewritten(foldBatchNorm, [conv(input!, kernel!, options), ...norm])!,
      without,
    );
    expectAllClose(bareFolded, bare, { rtol: 1e-5, atol: 1e-5 });
  });

  it('has the gradients of both, in groups too', async () => {
    await expectGradients((...inputs) => folded(inputs), feeds, [0, 1, 2, 3, 4]);
    const depthwise = [numbers([2, 3, 4, 4], 'x'), numbers([3, 1, 3, 3], 'weight'), ...channels];
    await expectGradients(
      (input, kernel, ...norm) => rewritten(foldBatchNorm, [conv(input!, kernel!, { groups: 3, pads: 1 }), ...norm])!,
      depthwise,
      [0, 1, 2, 3],
    );
  });

  it('leaves no batch norm behind a convolution, and leaves others alone', () => {
    const source = new Graph();
    const constants = channels.map((channel, i) => source.constant(channel, `channel_${i}`));
    const [scale, bias, mean, variance] = constants as [Value, Value, Value, Value];
    const norm = (value: Value) => batchNormalization(value, scale, bias, mean, variance);
    const input = source.input('x', 'float32', x.shape);
    const out = norm(relu(norm(conv(input, source.constant(weight, 'weight')))));
    const target = new Graph();
    const [copy] = copyGraph([out], target, new Map([['x', target.input('x', 'float32', x.shape)]]), foldBatchNorm);
    target.output('out', copy!);
    assert.equal(target.nodes.filter(node => node.kind === 'op' && node.op === 'BatchNormalization').length, 1);
    assert.equal((target.producerOf(copy!) as OpNode).op, 'BatchNormalization');
  });
});

describe('batchNormByBatch', () => {
  const byBatch =
    (updates: StatisticUpdate[] = []) =>
    (...inputs: Value[]) =>
      rewritten(batchNormByBatch(updates), inputs)!;

  it('has the gradients of what it computes', async () => {
    for (const shape of [
      [2, 3, 3, 4],
      [5, 3],
    ])
      await expectGradients(byBatch(), [numbers(shape, 'x'), ...channels], [0, 1, 2]);
  });

  it('gives the gradients and running statistics of torch.nn.BatchNorm2d', async () => {
    // x = torch.sin(torch.arange(24.) * 1.7).reshape(2, 3, 2, 2); w = torch.cos(torch.arange(24.) * 0.9).reshape(2, 3, 2, 2)
    // norm = torch.nn.BatchNorm2d(3, eps=1e-5, momentum=0.1), with the weights and statistics below
    // x.requires_grad = True; (norm(x) * w).sum().backward()
    const graph = new Graph();
    const shape = [2, 3, 2, 2];
    const x = graph.input('x', 'float32', shape);
    const w = Float32Array.from({ length: 24 }, (_, i) => Math.cos(i * 0.9));
    const scale = graph.parameter(float([3], [1.5, -0.5, 1]), 'scale');
    const bias = graph.parameter(float([3], [0.1, 0.2, -0.3]), 'bias');
    const mean = graph.constant(float([3], [0.5, -1, 2]), 'running_mean');
    const variance = graph.constant(float([3], [1, 0.5, 2]), 'running_var');
    const updates: StatisticUpdate[] = [];
    const y = byBatch(updates)(x, scale, bias, mean, variance);
    const loss = reduceSum(mul(y, graph.constant(float(shape, w))), [0, 1, 2, 3]);
    const [dx, dScale, dBias] = backward(loss, [x, scale, bias]);
    graph.output('x.grad', dx!);
    graph.output('scale.grad', dScale!);
    graph.output('bias.grad', dBias!);
    for (const { name, next } of updates) graph.output(`next/${name}`, next);
    const session = await createSession(toOnnx(graph), { threads: 1 });
    const out = await session.run({
      x: float(
        shape,
        Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * 1.7)),
      ),
    });
    await session.close();
    assert.deepEqual(
      updates.map(({ name }) => name),
      ['running_mean', 'running_var'],
    );
    const close = { rtol: 1e-4, atol: 1e-5 };
    expectAllClose(out['scale.grad']!, float([3], [0.652888, -1.123641, 0.569631]), close);
    expectAllClose(out['bias.grad']!, float([3], [2.537957, -1.709932, 0.528837]), close);
    expectAllClose(
      float([12], (out['x.grad']!.data as Float32Array).subarray(0, 12)),
      float(
        [12],
        [
          1.452946, 0.405794, -1.090996, -2.364187, 0.419682, -0.109111, -0.496817, -0.766998, 0.653843, -0.487513,
          -1.239484, -1.324607,
        ],
      ),
      close,
    );
    expectAllClose(out['next/running_mean']!, float([3], [0.451109, -0.896085, 1.805698]), close);
    expectAllClose(out['next/running_var']!, float([3], [0.956994, 0.506943, 1.856882]), close);
  });

  it('stays finite where a channel is nearly constant', async () => {
    // A rounding error of 100 squared is larger than this variance.
    const x = numbers([4, 3, 2, 2], 'x', value => 100 + 0.005 * value);
    const out = await runGraph(byBatch(), [x, ...channels]);
    const [scale, bias] = channels;
    const expected = float(
      x.shape,
      Array.from(x.data, (value, i) => {
        const c = Math.floor(i / 4) % 3;
        const own = Array.from(x.data).filter((_, k) => Math.floor(k / 4) % 3 === c);
        const centre = own.reduce((a, b) => a + b, 0) / own.length;
        const spread = own.reduce((a, b) => a + (b - centre) ** 2, 0) / own.length;
        return ((value - centre) / Math.sqrt(spread + 1e-5)) * scale.data[c]! + bias.data[c]!;
      }),
    );
    // The mean itself is rounded, to 4e-6 of a spread of 6e-3.
    expectAllClose(out, expected, { rtol: 5e-3, atol: 5e-3 });
  });

  it('refuses a single value a channel, and a batch of unknown size', () => {
    const types: readonly [Shape, string][] = [
      [[1, 3, 1, 1], '1,3,1,1'],
      [['N', 3, 4, 4], 'N,3,4,4'],
    ];
    for (const [shape, shown] of types) {
      const graph = new Graph();
      const inputs = [graph.input('x', 'float32', shape), ...channels.map(channel => graph.constant(channel))];
      assert.throws(() => byBatch()(...inputs), {
        name: 'ShapeError',
        message: `batch norm by batch: expected a known number of values a channel, 2 or more, got [${shown}]`,
      });
    }
  });
});
