import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildHead, type Head, linearHead, startLayer, withParameters } from '../../src/training/head.js';
import { standardize } from '../../src/training/standardization.js';
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
    const out = await runGraph(x => buildHead(x, linearHead({ weight, bias: 10 }, { standardization })).value, [features]);
    expectAllClose(out, float([2], [0, 3].map(at => scaled[at]! + 2 * scaled[at + 1]! - 3 * scaled[at + 2]! + 10)), { rtol: 1e-6, atol: 0 });
  });

  it('refuses weights of another width while the graph is built', async () => {
    await assert.rejects(
      runGraph(x => buildHead(x, linearHead({ weight: new Float32Array(4), bias: 0 })).value, [features]),
      {
        name: 'ShapeError',
        message: 'MatMul: expected [M, K] and [K, P], got float32 [2, 3] and float32 [4, 1]',
      },
    );
  });
});
