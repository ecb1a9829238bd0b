import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { fitAverage } from '../../src/training/fit-average.js';
import { buildModelHead, type HeadAverage, type HeadData, isAverage, readHead } from '../../src/training/head.js';
import { predictRows } from '../../src/training/out-of-fold.js';
import { planTraining } from '../../src/training/training-plan.js';
import { expectNumbersClose } from '../close.js';
import { rowsOf } from '../features/rows.js';

const WIDTH = 6;

/** Rows whose label is a rule of the signed roots of the features, with noise. */
function dataOf(count: number, rule: (z: readonly number[]) => number, noise = 0.3): HeadData {
  const random = createRandom(8);
  const features = new Float32Array(count * WIDTH);
  const labels = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const z = Array.from({ length: WIDTH }, () => random.normal());
    z.forEach((value, i) => {
      features[row * WIDTH + i] = Math.sign(value) * value * value;
    });
    labels[row] = rule(z) + noise * random.normal();
  }
  return { rows: rowsOf(features, WIDTH), labels, train: [...labels.keys()], validation: [] };
}

const linear = dataOf(120, z => 10 + 3 * z[0]! - 2 * z[1]!);
const bent = dataOf(200, z => 4 * Math.abs(z[0]!) + z[1]!);
// Few epochs, since the tests fit many heads.
const plan = planTraining({ epochs: 12, learningRate: 0.01 });
const fitOn = (data: HeadData) => fitAverage(data, plan, 0, undefined, {});
const onBent = fitOn(bent);
const mseOn = (value: ArrayLike<number>, labels: Float64Array) =>
  labels.reduce((sum, label, i) => sum + (value[i]! - label) ** 2, 0) / labels.length;

describe('fitAverage', () => {
  it('takes ridge where the rule is linear, and the mlp where it is not', async () => {
    const [first] = await fitOn(linear);
    assert.match(first!.name, /^(ridge|0\.[89]\d? ridge \+ 0\.\d+ mean of 5 mlp)$/);
    const [other, ...alone] = await onBent;
    assert.match(other!.name, /mean of 5 mlp$/);
    assert.ok(alone.some(({ name }) => name === 'ridge'));
  });

  it('measures the error of the weighted mean by predictions of heads that were fitted without the rows', async () => {
    const [fit] = await onBent;
    const folds = fit!.folds!;
    assert.deepEqual(
      folds.flatMap(({ rows }) => rows).toSorted((a, b) => a - b),
      bent.train,
    );
    const value = new Float64Array(bent.labels.length);
    for (const { rows, head } of folds) {
      const predicted = await predictRows(head, bent.rows, rows);
      rows.forEach((row, i) => {
        value[row] = predicted.value[i]!;
      });
    }
    expectNumbersClose([fit!.validationMse!], [mseOn(value, bent.labels)], { rtol: 1e-5, atol: 0 });
    // Predictions of the model for its own rows are better than that.
    const own = await predictRows(fit!.head, bent.rows, bent.train);
    assert.ok(mseOn(own.value, bent.labels) < fit!.validationMse!);
    for (const { validationMse } of (await onBent).slice(1)) assert.ok(fit!.validationMse! <= validationMse! + 1e-9);
  });

  it('is the weighted mean of its members, and their mixture has the spread', async () => {
    const [fit] = await onBent;
    const head = fit!.head as HeadAverage;
    assert.ok(isAverage(head));
    assert.ok(Math.abs(head.members.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-12);
    const rows = bent.train.slice(0, 7);
    const { standardization } = head;
    const each = await Promise.all(
      head.members.map(async ({ share, head }) => ({
        share,
        ...(await predictRows({ ...head, standardization }, bent.rows, rows)),
      })),
    );
    const { value, spread } = await predictRows(head, bent.rows, rows);
    const expected = rows.map((_, i) => each.reduce((sum, member) => sum + member.share * member.value[i]!, 0));
    expectNumbersClose(Array.from(value), expected, { rtol: 1e-5, atol: 1e-5 });
    const binned = each.filter(member => member.spread !== undefined);
    const total = binned.reduce((sum, { share }) => sum + share, 0);
    const mixture = rows.map((_, i) => {
      const mean = (of: (member: (typeof binned)[number]) => number) =>
        binned.reduce((sum, member) => sum + (member.share / total) * of(member), 0);
      const center = mean(member => member.value[i]!);
      return Math.sqrt(mean(member => member.spread![i]! ** 2 + (member.value[i]! - center) ** 2));
    });
    expectNumbersClose(Array.from(spread!), mixture, { rtol: 1e-4, atol: 0 });
  });

  it('is read back from the constants of a graph', async () => {
    const [fit] = await onBent;
    const head = fit!.head as HeadAverage;
    const graph = new Graph();
    buildModelHead(graph.input('features', 'float32', ['N', WIDTH]), head);
    const read = readHead(graph.constants) as HeadAverage;
    assert.equal(read.members.length, head.members.length);
    read.members.forEach(({ share, head: { layers, bins } }, i) => {
      assert.equal(share, Math.fround(head.members[i]!.share));
      assert.deepEqual([layers, bins], [head.members[i]!.head.layers, head.members[i]!.head.bins]);
    });
  });

  it('fits no head on held-out rows, and measures on them', async () => {
    const held = bent.train.filter(row => row % 5 === 0);
    const data = { ...bent, train: bent.train.filter(row => row % 5 !== 0), validation: held };
    const [fit] = await fitOn(data);
    const broken = { ...data, labels: data.labels.map((label, row) => (row % 5 === 0 ? 1e6 : label)) };
    const [same] = await fitOn(broken);
    assert.deepEqual(same!.head, fit!.head);
    assert.ok(same!.validationMse! > 1e11);
    assert.deepEqual(fit!.folds!.at(-1)!.rows, held);
  });

  it('gives the same head for the same seed, and another for another', async () => {
    const fit = async (seed: number) =>
      (await fitAverage(linear, planTraining({ head: 'mlp', epochs: 2 }), seed, undefined, {}))[0]!.head;
    assert.deepEqual(await fit(3), await fit(3));
    assert.notDeepEqual(await fit(4), await fit(3));
  });

  it('keeps the rows of a group in one fold', async () => {
    const groups = bent.train.map(row => Math.floor(row / 3));
    const [fit] = await fitAverage({ ...bent, groups }, planTraining({ solver: 'ridge' }), 0, undefined, {});
    for (const { rows } of fit!.folds!)
      for (const row of rows) assert.ok(rows.includes(3 * Math.floor(row / 3)), `${row}`);
  });
});
