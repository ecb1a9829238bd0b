import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { standardize } from '../../src/features/standardization.js';
import { buildHead, type Head, type Layer, linearHead, startLayer, withParameters } from '../../src/training/head.js';
import { expectAllClose } from '../close.js';
import { float, runGraph } from '../run-graph.js';

const features = float([2, 3], [4, -9, 0, 0.25, 16, -1]);
const standardization = { mean: Float32Array.of(1, 0, -1), std: Float32Array.of(2, 0.5, 1) };
// x / sqrt(|x| + 0.001).
const root = (x: number) => x / Math.sqrt(Math.abs(x) + 1e-3);
const scaled = [4, -9, 0, 0.25, 16, -1].map(
  (x, i) => (root(x) - standardization.mean[i % 3]!) / standardization.std[i % 3]!,
);

describe('standardize', () => {
  it('takes signed square roots, then mean and standard deviation of each feature', async () => {
    const out = await runGraph(x => standardize(x, standardization), [features]);
    expectAllClose(out, float([2, 3], scaled), { rtol: 1e-6, atol: 1e-6 });
  });
});

describe('buildHead', () => {
  const weight = Float32Array.of(1, 2, -3);

  it('is a linear layer on the features as they are, one number a row', async () => {
    const out = await runGraph(x => buildHead(x, linearHead({ weight, bias: 10 })).value, [features]);
    expectAllClose(out, float([2], [4 - 18 + 10, 0.25 + 32 + 3 + 10]), { rtol: 1e-6, atol: 0 });
  });

  it('standardises them first where it says so', async () => {
    const out = await runGraph(
      x => buildHead(x, linearHead({ weight, bias: 10 }, { standardization })).value,
      [features],
    );
    expectAllClose(
      out,
      float(
        [2],
        [0, 3].map(at => scaled[at]! + 2 * scaled[at + 1]! - 3 * scaled[at + 2]! + 10),
      ),
      { rtol: 1e-6, atol: 0 },
    );
  });

  it('refuses weights of another width while the graph is built', async () => {
    await assert.rejects(
      runGraph(x => buildHead(x, linearHead({ weight: new Float32Array(4), bias: 0 })).value, [features]),
      {
        name: 'ShapeError',
        message: 'MatMul: expected [..., M, K] and [..., K, P], got float32 [2, 3] and float32 [4, 1]',
      },
    );
  });
});

describe('a head of two layers', () => {
  const layers = [startLayer(3, 4, 0, 'first'), startLayer(4, 2, 0, 'second')];
  const relu = (x: number) => Math.max(x, 0);
  /** x `[from]` through a layer. */
  const through = (x: readonly number[], { weight, bias }: Layer) =>
    Array.from(bias.data, (b, to) =>
      x.reduce((sum, value, from) => sum + value * weight.data[from * bias.data.length + to]!, b),
    );
  const outputsOf = (row: number) =>
    through(through([...features.data.subarray(3 * row, 3 * row + 3)], layers[0]!).map(relu), layers[1]!);

  it('has a ReLU between them and expects the number over its bins', async () => {
    const head: Head = { layers, bins: Float32Array.of(10, 30) };
    const out = await runGraph(x => buildHead(x, head).value, [features]);
    const expected = [0, 1].map(row => {
      const [a, b] = outputsOf(row) as [number, number];
      return 10 + 20 / (1 + Math.exp(a - b));
    });
    expectAllClose(out, float([2], expected), { rtol: 1e-5, atol: 0 });
  });

  it('gives its one output in units of its target', async () => {
    const one = [layers[0]!, startLayer(4, 1, 0, 'one')];
    const plain = await runGraph(x => buildHead(x, { layers: one }).value, [features]);
    const scaled = await runGraph(x => buildHead(x, { layers: one, target: { mean: 40, std: 20 } }).value, [features]);
    expectAllClose(
      scaled,
      float(
        [2],
        Array.from(plain.data as Float32Array, x => 40 + 20 * x),
      ),
      { rtol: 1e-6, atol: 0 },
    );
  });

  it('drops what enters a layer where the factor is 0', async () => {
    const none = float([2, 3], [0, 0, 0, 0, 0, 0]);
    const out = await runGraph(
      (x, kept) => buildHead(x, { layers: [layers[0]!], bins: Float32Array.of(1, 2, 3, 4) }, [kept]).outputs,
      [features, none],
    );
    expectAllClose(out, float([2, 4], [...layers[0]!.bias.data, ...layers[0]!.bias.data]), { rtol: 1e-6, atol: 0 });
  });

  it('takes over parameters by name and keeps the rest', () => {
    const bias = float([2], [5, 6]);
    const head = withParameters({ layers }, { 'head.1.bias': bias, 'conv1.weight': bias });
    assert.deepEqual(head.layers[1], { weight: layers[1]!.weight, bias });
    assert.deepEqual(head.layers[0], layers[0]);
  });
});

describe('startLayer', () => {
  it('is uniform within 1 / sqrt(from), by seed and name', () => {
    const { weight, bias } = startLayer(400, 50, 1, 'a');
    const bound = 1 / 20;
    assert.ok([...weight.data, ...bias.data].every(x => Math.abs(x) <= bound));
    const spread = Math.sqrt(weight.data.reduce((sum, x) => sum + x * x, 0) / weight.data.length);
    assert.ok(Math.abs(spread / (bound / Math.sqrt(3)) - 1) < 0.02, `${spread}`);
    assert.deepEqual(startLayer(400, 50, 1, 'a').weight, weight);
    assert.notDeepEqual(startLayer(400, 50, 2, 'a').weight, weight);
    assert.notDeepEqual(startLayer(400, 50, 1, 'b').weight, weight);
  });
});
