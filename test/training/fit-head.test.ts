import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formulaUniform } from '../../src/backbones/formula.js';
import { fitHead } from '../../src/training/fit-head.js';
import type { HeadData } from '../../src/training/head.js';
import { rowsOf } from './rows.js';

const WIDTH = 4;
const table = Float32Array.from(formulaUniform('table', 110 * WIDTH));

/** 110 rows whose label follows the first feature; the last ten are held out. */
function ruleData(rule: (x: number) => number = x => 3 * x - 2): HeadData {
  const indices = Array.from({ length: 110 }, (_, i) => i);
  return {
    rows: rowsOf(table, WIDTH),
    labels: Float64Array.from(indices, i => rule(table[i * WIDTH]!)),
    train: indices.slice(0, 100),
    validation: indices.slice(100),
  };
}

describe('fitHead', () => {
  it('learns with two layers what one cannot', async () => {
    const data = ruleData(x => 40 + 20 * Math.abs(x));
    const options = { epochs: 60, batch: 10, seed: 0 } as const;
    const mlp = await fitHead(data, { ...options, kind: 'mlp', loss: 'mse' });
    const linear = await fitHead(data, { ...options, kind: 'linear', loss: 'mse' });
    assert.equal(mlp.head.layers.length, 2);
    const [bent, straight] = [mlp, linear].map(({ fit }) => Math.sqrt(fit.validation!.mse)) as [number, number];
    assert.ok(bent < 0.8 * straight, `${bent} against ${straight}`);
  });

  it('expects the number over bins of the training labels', async () => {
    const { head, fit } = await fitHead(ruleData(), {
      kind: 'mlp',
      loss: 'distribution',
      epochs: 60,
      batch: 10,
      seed: 0,
    });
    assert.equal(head.bins!.length, 101);
    assert.equal(head.target, undefined);
    assert.ok(Math.sqrt(fit.validation!.mse) < 0.6, `${fit.validation!.mse}`);
  });

  it('is the same for the same seed, and another for another', async () => {
    const run = (seed: number) => fitHead(ruleData(), { kind: 'mlp', loss: 'distribution', epochs: 2, seed });
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    assert.deepEqual(first.head, again.head);
    assert.notDeepEqual(first.head, other.head);
  });

  it('takes mirror images at even odds in training, and never to judge', async () => {
    const taken = { plain: 0, mirrored: 0 };
    const counting = (key: keyof typeof taken) => {
      const rows = rowsOf(table, WIDTH);
      return {
        ...rows,
        read(indices: ArrayLike<number>) {
          taken[key] += indices.length;
          return rows.read(indices);
        },
      };
    };
    const data = { ...ruleData(), rows: counting('plain'), mirrored: counting('mirrored') };
    const { fit } = await fitHead(data, { kind: 'mlp', loss: 'mse', epochs: 20, batch: 10, seed: 0 });
    // 2,000 draws: within four standard deviations of the half.
    assert.ok(Math.abs(taken.mirrored - 1000) < 90, `${taken.mirrored}`);
    assert.equal(fit.epochs.length, 20);
  });
});
