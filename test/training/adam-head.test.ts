import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formulaHead, formulaParameters, formulaUniform } from '../../src/backbones/formula.js';
import { buildResnet, resnetWidth } from '../../src/backbones/resnet.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { fitAdamHead } from '../../src/training/adam-head.js';
import { expectNumbersClose } from '../close.js';
import { expectSummary, goldenNames, readGolden } from '../golden.js';
import { rowsOf } from './rows.js';

describe('fitAdamHead', () => {
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
      const options = { epochs: 5, batch: 3, seed: 0, start: formulaHead(width) };
      const { head, epochs } = await fitAdamHead(data, options);
      expectNumbersClose(
        epochs.map(epoch => epoch.trainMse),
        golden.head_adam.losses,
        { rtol: 1e-5, atol: 0 },
      );
      expectSummary(head.weight, golden.head_adam['fc.weight'], 1e-4);
      expectNumbersClose([head.bias], golden.head_adam['fc.bias'].first, { rtol: 1e-6, atol: 0 });
    });
  }

  const width = 4;
  const table = Float32Array.from(formulaUniform('table', 110 * width));
  const labels = Float64Array.from({ length: 110 }, (_, i) => 3 * table[i * width]! - 2);
  const rows = rowsOf(table, width);
  const train = Array.from({ length: 100 }, (_, i) => i);
  const validation = Array.from({ length: 10 }, (_, i) => 100 + i);

  it('learns a linear rule and reports what validation says of it', async () => {
    const { epochs } = await fitAdamHead(
      { rows, labels, train, validation },
      { epochs: 60, learningRate: 0.05, seed: 0 },
    );
    assert.ok(epochs.at(-1)!.trainMse < 1e-3, `train ${epochs.at(-1)!.trainMse}`);
    assert.ok(epochs.at(-1)!.valMse! < 1e-3, `validation ${epochs.at(-1)!.valMse}`);
    assert.ok(epochs[0]!.valMse! > 1, `first ${epochs[0]!.valMse}`);
  });

  it('gives the same head for the same seed and another for another', async () => {
    const fit = (seed: number) => fitAdamHead({ rows, labels, train, validation: [] }, { epochs: 2, seed });
    const [first, again, other] = [await fit(1), await fit(1), await fit(2)];
    assert.deepEqual(first.head, again.head);
    assert.notDeepEqual(first.head, other.head);
    assert.equal(first.epochs[0]!.valMse, null);
  });

  it('drops the last, smaller batch of an epoch', async () => {
    const seen: number[] = [];
    const read = (indices: ArrayLike<number>) => {
      seen.push(indices.length);
      return rows.read(indices);
    };
    const counting = { ...rows, read };
    await fitAdamHead({ rows: counting, labels, train, validation: [] }, { epochs: 1, batch: 30, seed: 0 });
    assert.deepEqual(seen, [30, 30, 30]);
  });
});
