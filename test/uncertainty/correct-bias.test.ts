import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildHead, type Head } from '../../src/training/head.js';
import { correctHead, fitBiasLine } from '../../src/uncertainty/correct-bias.js';
import { expectAllClose } from '../close.js';
import { float, runGraph } from '../run-graph.js';

describe('the correction of bias', () => {
  it('fits a line to the predictions, and none if they hardly increase', () => {
    const truth = [0, 10, 20, 30];
    const { intercept, slope } = fitBiasLine(truth, [12, 16, 24, 28])!;
    assert.ok(Math.abs(slope - 0.56) < 1e-12 && Math.abs(intercept - 11.6) < 1e-12);
    assert.equal(fitBiasLine(truth, [20, 20.5, 21, 21.5]), undefined);
    assert.equal(fitBiasLine([5, 5], [1, 2]), undefined);
  });

  it('is (value - intercept) / slope in every kind of head', async () => {
    const layer = (to: number) => ({
      weight: float(
        [3, to],
        Array.from({ length: 3 * to }, (_, i) => Math.sin(i + 1)),
      ),
      bias: float([to], new Float32Array(to)),
    });
    const heads: Head[] = [
      { layers: [layer(1)] },
      { layers: [layer(1)], target: { mean: 30, std: 12 } },
      { layers: [layer(4)], bins: Float32Array.of(0, 10, 20, 30) },
    ];
    const features = float([2, 3], [1, -2, 3, 0.5, 0.1, -4]);
    for (const head of heads) {
      const value = async (of: Head) => await runGraph(x => buildHead(x, of).value, [features]);
      const plain = (await value(head)).data as Float32Array;
      const corrected = await value(correctHead(head, { intercept: 6, slope: 0.8 }));
      expectAllClose(
        corrected,
        float(
          [2],
          plain.map(v => (v - 6) / 0.8),
        ),
        { rtol: 1e-5, atol: 1e-5 },
      );
    }
  });
});
