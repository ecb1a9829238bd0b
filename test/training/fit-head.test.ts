import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formulaUniform } from '../../src/base/random.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { continueHead, fitHead } from '../../src/training/fit-head.js';
import { buildHead, type Head, type HeadData, readHead } from '../../src/training/head.js';
import { rowsOf } from '../features/rows.js';

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

describe('a head to go on with', () => {
  const form = { kind: 'mlp', loss: 'distribution' } as const;

  it('is read back from the constants of a graph', async () => {
    for (const loss of ['distribution', 'mse'] as const) {
      const { head } = await fitHead(ruleData(), { kind: 'mlp', loss, epochs: 1, seed: 0 });
      const graph = new Graph();
      buildHead(graph.input('features', 'float32', ['N', WIDTH]), head);
      const read = readHead(graph.constants) as Head;
      assert.deepEqual([read.layers, read.bins, read.standardization], [head.layers, head.bins, head.standardization]);
      assert.equal(read.target?.std, head.target && Math.fround(head.target.std));
      assert.equal(read.target?.mean, head.target && Math.fround(head.target.mean));
    }
    assert.equal(readHead(new Map()), undefined);
  });

  it('has bins for labels beyond its own, which start a hundredth as probable as its outermost', async () => {
    const data = ruleData(x => Math.round(30 * x));
    const { head } = await fitHead(data, { ...form, epochs: 1, seed: 0 });
    const [first, last] = [head.bins![0]!, head.bins!.at(-1)!];
    const labels = data.labels.map((label, i) => (i === 0 ? first - 2 : i === 1 ? last + 3 : label));
    const wider = continueHead(head, { ...data, labels }, form)!;
    assert.deepEqual([...wider.bins!], [first - 2, first - 1, ...head.bins!, last + 1, last + 2, last + 3]);
    const [before, after] = [head.layers[1]!, wider.layers[1]!];
    const count = head.bins!.length;
    assert.deepEqual(after.weight.shape, [128, count + 5]);
    assert.deepEqual([...after.bias.data.subarray(2, 2 + count)], [...before.bias.data]);
    assert.ok(Math.abs(after.bias.data.at(-1)! - before.bias.data.at(-1)! - Math.log(0.01)) < 1e-6);
    for (const row of [0, 127]) {
      const [old, wide] = [before.weight.data.subarray(row * count), after.weight.data.subarray(row * (count + 5))];
      assert.deepEqual([...wide.subarray(0, 3)], [old[0], old[0], old[0]]);
      assert.equal(wide[count + 4], old[count - 1]);
    }
    assert.equal(continueHead(head, data, form)!.layers, head.layers);
    const far = labels.map((label, i) => (i === 1 ? 5000 : label));
    assert.equal(continueHead(head, { ...data, labels: far }, form), undefined);
  });

  it('is one of the same form alone', async () => {
    const { head } = await fitHead(ruleData(), { kind: 'linear', loss: 'mse', epochs: 1, seed: 0 });
    const can = (form: Parameters<typeof continueHead>[2], of: Head = head) =>
      continueHead(of, ruleData(), form) !== undefined;
    assert.deepEqual(
      [
        can({ kind: 'linear', loss: 'huber' }),
        can({ kind: 'linear', loss: 'distribution' }),
        can({ kind: 'mlp', loss: 'mse' }),
      ],
      [true, false, false],
    );
    assert.equal(can({ kind: 'classic', loss: 'mse' }), false);
    assert.equal(can({ kind: 'classic', loss: 'mse' }, { layers: head.layers }), true);
  });
});
