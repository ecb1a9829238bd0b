import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import type { Head, HeadData } from '../../src/training/head.js';
import { fitRidge } from '../../src/training/ridge.js';
import { expectNumbersClose } from '../close.js';
import { rowsOf } from '../features/rows.js';

interface Table extends HeadData {
  readonly table: Float32Array;
}

/** `count` random rows whose labels are `label` of their signed roots; the last `held` are for validation. */
function tableOf(
  { count, width, held, seed = 0 }: { count: number; width: number; held: number; seed?: number },
  label: (roots: readonly number[], noise: number) => number,
): Table {
  const { normal } = createRandom(seed, 'table');
  const table = Float32Array.from({ length: count * width }, (_, i) => normal() * (1 + (i % width)) + (i % width) - 1);
  const labels = Float64Array.from({ length: count }, (_, i) => label(rootsOf(table, width, i), normal()));
  const indices = Array.from({ length: count }, (_, i) => i);
  const data = {
    rows: rowsOf(table, width),
    labels,
    train: indices.slice(0, count - held),
    validation: indices.slice(count - held),
  };
  return { ...data, table };
}

const rootsOf = (table: Float32Array, width: number, row: number): number[] =>
  [...table.subarray(row * width, (row + 1) * width)].map(x => x / Math.sqrt(Math.abs(x) + 1e-3));

/** Solves a x = b by Gaussian elimination with pivots. */
function solve(a: number[][], b: number[]): number[] {
  const m = a.map((row, i) => [...row, b[i]!]);
  for (let column = 0; column < m.length; column++) {
    const pivot = m.reduce(
      (best, row, i) => (i >= column && Math.abs(row[column]!) > Math.abs(m[best]![column]!) ? i : best),
      column,
    );
    [m[column], m[pivot]] = [m[pivot]!, m[column]!];
    for (let row = 0; row < m.length; row++) {
      if (row === column) continue;
      const factor = m[row]![column]! / m[column]![column]!;
      for (let k = column; k <= m.length; k++) m[row]![k]! -= factor * m[column]![k]!;
    }
  }
  return m.map((row, i) => row.at(-1)! / row[i]!);
}

/** The ridge solution `[w, b]` in float64, from the definition: the gradient of the penalised sum of squares is zero. */
function closedForm({ table, labels, train, rows: { width } }: Table, strength: number, over: readonly number[]) {
  const mean = Array.from({ length: width }, (_, k) => average(train.map(i => rootsOf(table, width, i)[k]!)));
  const std = mean.map((m, k) => Math.sqrt(average(train.map(i => (rootsOf(table, width, i)[k]! - m) ** 2))));
  const z = (i: number) => [...rootsOf(table, width, i).map((root, k) => (root - mean[k]!) / std[k]!), 1];
  const side = Array.from({ length: width + 1 }, (_, k) => k);
  const designs = over.map(z);
  const matrix = side.map(i =>
    side.map(j => {
      const penalty = i === j && i < width ? strength * over.length : 0;
      return designs.reduce((sum, row) => sum + row[i]! * row[j]!, penalty);
    }),
  );
  const right = side.map(k => designs.reduce((sum, row, at) => sum + row[k]! * labels[over[at]!]!, 0));
  const solution = solve(matrix, right);
  const predict = (i: number) => z(i).reduce((sum, value, k) => sum + value * solution[k]!, 0);
  return { mean, std, weight: solution.slice(0, width), bias: solution[width]!, predict, matrix, designs, solution };
}

const average = (numbers: readonly number[]) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

/** Weights and bias in the labels' own unit. */
function inUnit({ layers: [layer], target }: Head): { weight: number[]; bias: number } {
  const { mean, std } = target!;
  return { weight: Array.from(layer!.weight.data, w => w * std), bias: layer!.bias.data[0]! * std + mean };
}

/** What a head answers for row `row`, in float64. */
function answer(head: Head, { table, rows: { width } }: Table, row: number): number {
  const { mean, std } = head.standardization!;
  const { weight, bias } = inUnit(head);
  return rootsOf(table, width, row).reduce((sum, root, k) => sum + ((root - mean[k]!) / std[k]!) * weight[k]!, bias);
}

const rule = (roots: readonly number[], noise: number) => 40 + 5 * roots[0]! - 2 * roots[1]! + noise;

describe('fitRidge', () => {
  it('is the closed form on all rows, for the strength it names', async () => {
    const data = tableOf({ count: 120, width: 6, held: 20 }, rule);
    const { head, strength, validationMse } = await fitRidge(data);
    const all = [...data.train, ...data.validation];
    const expected = closedForm(data, strength, all);
    expectNumbersClose(head.standardization!.mean, expected.mean, { rtol: 1e-5, atol: 1e-6 });
    expectNumbersClose(head.standardization!.std, expected.std, { rtol: 1e-5, atol: 1e-6 });
    const { weight, bias } = inUnit(head);
    expectNumbersClose(weight, expected.weight, { rtol: 1e-4, atol: 1e-4 });
    expectNumbersClose([bias], [expected.bias], { rtol: 1e-6, atol: 0 });

    // The error on the held-out rows is that of a head which has not seen them.
    const blind = closedForm(data, strength, data.train);
    const mse = average(data.validation.map(i => (blind.predict(i) - data.labels[i]!) ** 2));
    expectNumbersClose([validationMse!], [mse], { rtol: 1e-4, atol: 0 });
  });

  it('adds blocks of rows up', async () => {
    const data = tableOf({ count: 2300, width: 3, held: 0 }, rule);
    const { head, strength, validationMse } = await fitRidge(data);
    const expected = closedForm(data, strength, data.train);
    const { weight, bias } = inUnit(head);
    expectNumbersClose([...weight, bias], [...expected.weight, expected.bias], { rtol: 1e-4, atol: 1e-4 });
    assert.equal(validationMse, null);
  });

  it('is weak for a rule without noise and strong for noise without a rule', async () => {
    const size = { count: 200, width: 12, held: 20 };
    const exact = await fitRidge(tableOf(size, roots => 40 + 5 * roots[0]! - 2 * roots[1]!));
    assert.ok(exact.strength < 1e-4, `${exact.strength}`);
    assert.ok(exact.validationMse! < 1e-4, `${exact.validationMse}`);

    const data = tableOf(size, (_, noise) => 40 + 10 * noise);
    const noise = await fitRidge(data);
    assert.ok(noise.strength > 1, `${noise.strength}`);
    const mean = average([...data.labels]);
    const answers = data.train.map(i => answer(noise.head, data, i));
    assert.ok(Math.max(...answers.map(value => Math.abs(value - mean))) < 5, 'answers stay near the mean');
  });

  it('names the strength with the best score of generalized cross-validation, by its definition', async () => {
    const data = tableOf(
      { count: 60, width: 30, held: 0, seed: 3 },
      (roots, noise) => 8 * average(roots.slice(0, 8)) + 2 * noise,
    );
    const { strength } = await fitRidge(data);
    const scoreAt = (tried: number) => {
      const { matrix, designs, solution } = closedForm(data, tried, data.train);
      const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, k) => sum + x * b[k]!, 0);
      const residual = average(designs.map((row, i) => (dot(row, solution) - data.labels[data.train[i]!]!) ** 2));
      // The trace of the hat matrix: each row's own influence on its fit.
      const freedom = designs.reduce((sum, row) => sum + dot(row, solve(matrix, [...row])), 0);
      return residual / (1 - freedom / designs.length) ** 2;
    };
    const least = Math.min(...Array.from({ length: 13 }, (_, i) => scoreAt(10 ** (i / 2 - 4))));
    assert.ok(scoreAt(strength) <= 1.01 * least, `${strength}: ${scoreAt(strength)}, at best ${least}`);
  });

  it('chooses better than no penalty where there are nearly as many features as rows', async () => {
    const data = tableOf({ count: 140, width: 60, held: 60 }, (roots, noise) => 40 + roots[0]! + 3 * noise);
    const { strength, validationMse } = await fitRidge(data);
    const mse = (at: number) => {
      const { predict } = closedForm(data, at, data.train);
      return average(data.validation.map(i => (predict(i) - data.labels[i]!) ** 2));
    };
    assert.ok(validationMse! < 0.7 * mse(1e-6), `${validationMse} at ${strength}, ${mse(1e-6)} without a penalty`);
    const best = Math.min(...[1e-3, 1e-2, 0.1, 1, 10, 100].map(mse));
    assert.ok(validationMse! < 1.2 * best, `${validationMse} at ${strength}, best ${best}`);
  });

  it('holds for a constant feature, constant labels, few rows and more features than rows', async () => {
    const wide = tableOf({ count: 12, width: 40, held: 3 }, rule);
    const constant = tableOf({ count: 50, width: 4, held: 5 }, rule);
    for (let i = 0; i < 50; i++) constant.table[i * 4 + 2] = 7;
    const flat = tableOf({ count: 50, width: 4, held: 5 }, () => 33);
    const two = tableOf({ count: 2, width: 4, held: 0 }, rule);
    const oneAndOne = tableOf({ count: 2, width: 4, held: 1 }, rule);
    for (const data of [wide, constant, flat, two, oneAndOne]) {
      const { head, strength, validationMse } = await fitRidge(data);
      const numbers = [
        ...inUnit(head).weight,
        inUnit(head).bias,
        ...head.standardization!.mean,
        ...head.standardization!.std,
        strength,
      ];
      assert.ok(numbers.every(Number.isFinite));
      assert.ok(validationMse === null || Number.isFinite(validationMse));
      const low = Math.min(...data.labels);
      const high = Math.max(...data.labels);
      for (const i of [...data.train, ...data.validation]) {
        const value = answer(head, data, i);
        const slack = high - low + 0.01;
        assert.ok(value > low - slack && value < high + slack, `${value} for labels from ${low} to ${high}`);
      }
    }
    const { head } = await fitRidge(constant);
    assert.ok(Math.abs(inUnit(head).weight[2]!) < 1e-3, 'a constant feature says nothing');
    expectNumbersClose([answer((await fitRidge(flat)).head, flat, 0)], [33], { rtol: 1e-5, atol: 0 });
  });

  it('gives the same bytes for the same data', async () => {
    const data = tableOf({ count: 80, width: 70, held: 10 }, rule);
    assert.deepEqual(await fitRidge(data), await fitRidge(data));
  });

  it('says how far it is and stops when it is aborted', async () => {
    const data = tableOf({ count: 1500, width: 3, held: 100 }, rule);
    const seen: number[] = [];
    await fitRidge(data, { onProgress: ({ done, total }) => seen.push(done / total) });
    assert.equal(seen.at(-1), 1);
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
    await assert.rejects(fitRidge(data, { signal: AbortSignal.abort() }), { name: 'AbortedError' });
  });
});
