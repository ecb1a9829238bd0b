import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formulaUniform } from '../../src/base/random.js';
import { reshape } from '../../src/engine/graph/build.js';
import { balanceWeights, binsOf, buildLoss, type LossName } from '../../src/training/loss.js';
import { expectAllClose } from '../close.js';
import { float, runGraph } from '../run-graph.js';

const EXACT = { rtol: 1e-5, atol: 1e-6 };
const values = [10, 33, 47.5, -4, 20];
const targets = [12, 30, 20, 0, 20];
const weights = [1, 0.5, 2, 1.25, 0.25];
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** The loss of `values`, as a network with one output has it. */
const lossOf = (name: LossName, std: number) =>
  runGraph(
    (value, target, weight) =>
      buildLoss(name, { outputs: reshape(value, [-1, 1]), unclamped: value }, target, weight, { std }),
    [values, targets, weights].map(numbers => float([5], numbers)),
  );

describe('buildLoss', () => {
  const plain: readonly [LossName, (error: number) => number][] = [
    ['mse', error => error ** 2],
    ['mae', Math.abs],
    // torch.nn.functional.huber_loss with delta 1.
    ['huber', error => (Math.abs(error) < 1 ? error ** 2 / 2 : Math.abs(error) - 0.5)],
  ];
  for (const [name, reference] of plain) {
    for (const std of [1, 8]) {
      it(`${name} is the weighted mean of errors in units of ${std}`, async () => {
        const losses = values.map((value, i) => weights[i]! * reference((value - targets[i]!) / std));
        expectAllClose(await lossOf(name, std), float([], [sum(losses) / 5]), EXACT);
      });
    }
  }

  it('distribution is the cross-entropy to a Gaussian around the label, and a share of the distance', async () => {
    // Bins of 3; labels on a bin, between two and beyond the last one.
    const bins = Float32Array.from({ length: 11 }, (_, i) => 10 + 3 * i);
    const labels = [16, 30.5, 44];
    const logits = [...formulaUniform('logits', 33)].map(u => 4 * u);
    const expectedValues = [17, 30, 35];
    const counts = [1, 2, 0.5];
    const loss = await runGraph(
      (outputs, value, target, weight) =>
        buildLoss('distribution', { outputs, unclamped: value }, target, weight, { std: 1, bins }),
      [float([3, 11], logits), float([3], expectedValues), float([3], labels), float([3], counts)],
    );
    const losses = labels.map((label, row) => {
      const normalised = (numbers: readonly number[]) => numbers.map(x => x / sum(numbers));
      const soft = normalised([...bins].map(bin => Math.exp(-0.5 * ((bin - label) / 3 / 2) ** 2)));
      const said = normalised(logits.slice(11 * row, 11 * row + 11).map(Math.exp));
      const crossEntropy = -sum(soft.map((p, i) => p * Math.log(said[i]!)));
      return counts[row]! * (crossEntropy + (0.05 / 3) * Math.abs(expectedValues[row]! - label));
    });
    expectAllClose(loss, float([], [sum(losses) / 3]), EXACT);
  });

  it('distribution stays finite where labels lie far beyond the bins and logits are large', async () => {
    const bins = Float32Array.of(0, 1, 2);
    const loss = await runGraph(
      (outputs, value, target, weight) =>
        buildLoss('distribution', { outputs, unclamped: value }, target, weight, { std: 1, bins }),
      [float([1, 3], [500, -500, 0]), float([1], [0]), float([1], [1000]), float([1], [1])],
    );
    // All of the label's mass is in the last bin: logit 500 to 0 there, and 1,000 bins of distance.
    expectAllClose(loss, float([], [500 + 50]), EXACT);
  });
});

describe('binsOf', () => {
  const range = (from: number, to: number, step = 1) =>
    Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + step * i);

  it('has one a whole number where labels are whole and span 50 to 200 of them', () => {
    assert.deepEqual([...binsOf([80, 3, 41])], range(3, 80));
    assert.deepEqual([...binsOf([-20, 60])], range(-20, 60));
    assert.equal(binsOf([1, 50]).length, 50);
    assert.equal(binsOf([1, 200]).length, 200);
  });

  it('has 101 over the range of other labels', () => {
    for (const labels of [
      [1, 49],
      [1, 201],
      [0, 60.5],
      [120_000, 1_950_000],
      [-0.5, 0.5],
    ]) {
      const [min, max] = labels as [number, number];
      const bins = binsOf(labels);
      assert.equal(bins.length, 101, `${labels}`);
      expectAllClose(float([101], bins), float([101], range(min, max, (max - min) / 100)), { rtol: 1e-6, atol: 1e-7 });
    }
  });

  it('are ascending around the only label where there is one', () => {
    for (const label of [7, 0, -3.5, 1e6]) {
      const bins = binsOf([label, label]);
      assert.equal(bins[50], label);
      assert.ok(bins.every((bin, i) => i === 0 || bin > bins[i - 1]!));
    }
  });
});

describe('balanceWeights', () => {
  const mean = (numbers: ArrayLike<number>) => sum(Array.from(numbers)) / numbers.length;

  it('counts rare labels more, by the inverse square root of the density around them', () => {
    // Far apart: nothing of one label's density reaches another.
    const labels = [...Array<number>(16).fill(0), ...Array<number>(4).fill(50), 99];
    const out = balanceWeights(labels);
    expectAllClose(float([2], [out[16]! / out[0]!, out[20]! / out[0]!]), float([2], [2, 4]), EXACT);
    assert.ok(Math.abs(mean(out) - 1) < 1e-6);
  });

  it('smooths the density by a Gaussian of two bins', () => {
    const labels = [0, 10, 11, 60];
    const density = labels.map(a => sum(labels.map(b => Math.exp(-((a - b) ** 2) / 8))));
    const raw = density.map(d => 1 / Math.sqrt(d));
    expectAllClose(
      float([4], balanceWeights(labels)),
      float(
        [4],
        raw.map(x => (4 * x) / sum(raw)),
      ),
      EXACT,
    );
  });

  it('counts nothing more than five times, and 1 on average all the same', () => {
    const labels = [...Array<number>(1000).fill(0), 60, 61, 90];
    const out = balanceWeights(labels);
    assert.ok(Math.abs(Math.max(...out) - 5) < 1e-4, `${Math.max(...out)}`);
    assert.ok(Math.abs(mean(out) - 1) < 1e-5, `${mean(out)}`);
    assert.ok(out.subarray(0, 1000).every(weight => weight === out[0]));
  });

  it('is 1 for all where there is one label', () => {
    assert.deepEqual([...balanceWeights([5, 5, 5])], [1, 1, 1]);
    assert.deepEqual([...balanceWeights([5])], [1]);
  });
});
