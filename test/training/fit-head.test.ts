import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formulaHead, formulaParameters, formulaUniform } from '../../src/backbones/formula.js';
import { buildResnet, resnetWidth } from '../../src/backbones/resnet.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { fitClassicHead, fitHead } from '../../src/training/fit-head.js';
import type { HeadData } from '../../src/training/head.js';
import { expectNumbersClose } from '../close.js';
import { failureOf } from '../data/temp.js';
import { expectSummary, goldenNames, readGolden } from '../golden.js';
import { rowsOf } from './rows.js';

describe('fitClassicHead', () => {
  for (const name of goldenNames) {
    it(`takes the five steps on ${name} that PyTorch takes`, async () => {
      const { golden, plan } = readGolden(name);
      const width = resnetWidth(plan);
      const graph = new Graph();
      const x = graph.input('input', 'float32', [3, 3, 125, 125]);
      graph.output('features', buildResnet(x, plan, formulaParameters(plan)).features);
      const session = await createSession(toOnnx(graph));
      const input = Float32Array.from(formulaUniform('input', 3 * 3 * 125 * 125));
      const { features } = await session.run({ input: { dtype: 'float32', shape: [3, 3, 125, 125], data: input } });
      await session.close();

      const rows = rowsOf(features!.data as Float32Array, width);
      const data = { rows, labels: Float64Array.from(golden.target), train: [0, 1, 2], validation: [] };
      const options = { loss: 'mse', epochs: 5, batch: 3, seed: 0, start: formulaHead(width) } as const;
      const { head, fit } = await fitClassicHead(data, options);
      const losses = fit.epochs.map(epoch => epoch.trainMse);
      expectNumbersClose(losses, golden.head_adam.losses, { rtol: 1e-5, atol: 0 });
      expectSummary(head.layers[0]!.weight.data, golden.head_adam['fc.weight'], 1e-4);
      expectNumbersClose(head.layers[0]!.bias.data, golden.head_adam['fc.bias'].first, { rtol: 1e-6, atol: 0 });
    });
  }

  it('says where the loss stops being finite, and what to do', async () => {
    const text = await failureOf(() => fitClassicHead(ruleData(), { loss: 'mse', learningRate: 1e30, seed: 0 }));
    assert.match(
      text,
      /^InputError: adam: epoch 1 of 5, step [23]: expected a finite loss, got another; try a lower --lr than 1e\+30, --clip 1, or --find-lr$/,
    );
  });
});

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
      return { ...rows, read: (indices: ArrayLike<number>) => ((taken[key] += indices.length), rows.read(indices)) };
    };
    const data = { ...ruleData(), rows: counting('plain'), mirrored: counting('mirrored') };
    const { fit } = await fitHead(data, { kind: 'mlp', loss: 'mse', epochs: 20, batch: 10, seed: 0 });
    // 2,000 draws: within four standard deviations of the half.
    assert.ok(Math.abs(taken.mirrored - 1000) < 90, `${taken.mirrored}`);
    assert.equal(fit.epochs.length, 20);
  });
});
