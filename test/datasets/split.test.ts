import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnGroups, crossFolds, folds, joinGroups, splitByQuantile } from '../../src/datasets/split.js';
import { failureOf } from './temp.js';

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

test('every index is in one part, once, in ascending order', () => {
  for (const n of [0, 1, 2, 3, 10, 101]) {
    for (const fraction of [0, 0.01, 0.1, 0.5, 0.9, 0.999]) {
      const labels = range(n).map(i => (i * 7919) % 13);
      const { train, validation } = splitByQuantile(labels, fraction, 0);
      assert.deepEqual(sorted([...train, ...validation]), range(n), `n ${n}, fraction ${fraction}`);
      assert.deepEqual(train, sorted(train));
      assert.deepEqual(validation, sorted(validation));
      const expected = n < 2 || fraction === 0 ? 0 : Math.min(Math.max(Math.round(n * fraction), 1), n - 1);
      assert.equal(validation.length, expected, `n ${n}, fraction ${fraction}`);
    }
  }
});

test('every stretch of the sorted labels gives its share', () => {
  // Skewed: the labels' cubes; some are negative.
  const labels = range(1000).map(i => ((i * 617) % 1000) ** 3 - 1e6);
  const { validation } = splitByQuantile(labels, 0.1, 3);
  const byLabel = range(1000).sort((a, b) => labels[a]! - labels[b]!);
  const held = new Set(validation);
  for (let from = 0; from < 1000; from += 10) {
    assert.equal(byLabel.slice(from, from + 10).filter(i => held.has(i)).length, 1, `rank ${from}`);
  }
});

test('the same seed gives the same split, another seed another', () => {
  const labels = range(500).map(i => i % 90);
  assert.deepEqual(splitByQuantile(labels, 0.2, 7), splitByQuantile(labels, 0.2, 7));
  assert.notDeepEqual(splitByQuantile(labels, 0.2, 7), splitByQuantile(labels, 0.2, 8));
});

test('chance decides which sample of a stratum is held out, and which stratum equal labels are in', () => {
  const distinct = new Array<number>(20).fill(0);
  const equal = new Array<number>(20).fill(0);
  let bothInFirstHalf = 0;
  for (let seed = 0; seed < 400; seed++) {
    for (const i of splitByQuantile(range(20), 0.1, seed).validation) distinct[i]!++;
    const { validation } = splitByQuantile(new Array(20).fill(5), 0.1, seed);
    for (const i of validation) equal[i]!++;
    if (validation.every(i => i < 10)) bothInFirstHalf++;
  }
  // 2 of 20 in each of 400 splits: 40 a position, standard deviation 6.
  for (const [i, count] of [...distinct, ...equal].entries())
    assert.ok(count > 12 && count < 68, `${i % 20}: ${count} of 400`);
  assert.ok(bothInFirstHalf > 60 && bothInFirstHalf < 130, `${bothInFirstHalf} of 400`); // 10/20 * 9/19: 95
});

test('a fraction outside [0, 1) is wrong usage', async () => {
  for (const fraction of [-0.1, 1, Number.NaN]) {
    assert.equal(
      await failureOf(() => splitByQuantile([1, 2, 3], fraction, 0)),
      `UsageError: \`validation\`: expected a share from 0 to below 1, got ${fraction}`,
    );
  }
});

/** Groups of 1 to 5 in an order that has nothing to do with the labels. */
function someGroups(count: number): number[] {
  const groups: number[] = [];
  for (let group = 0; groups.length < count; group++)
    for (let i = 0; i <= group % 5 && groups.length < count; i++) groups.push(group);
  return range(count).map(i => groups[(i * 7919) % count]!);
}

test('groups of one are split as samples are', () => {
  const labels = range(300).map(i => (i * 31) % 50);
  assert.deepEqual(
    splitByQuantile(
      labels,
      0.1,
      4,
      range(300).map(i => i + 1000),
    ),
    splitByQuantile(labels, 0.1, 4),
  );
});

test('no group is on both sides, and the share is kept', () => {
  const labels = range(1000).map(i => (i * 617) % 1000);
  const groups = someGroups(1000);
  for (let seed = 0; seed < 10; seed++) {
    const { train, validation } = splitByQuantile(labels, 0.1, seed, groups);
    const inTraining = new Set(train.map(i => groups[i]));
    assert.ok(validation.every(i => !inTraining.has(groups[i])));
    assert.equal(validation.length, 100);
    const low = validation.filter(i => labels[i]! < 500).length;
    assert.ok(low > 30 && low < 70, `${low} of 100 in the lower half`);
  }
});

test('where no group fits, the smallest is held out; of one group none can be', async () => {
  const groups = [7, 7, 7, 8, 8, 7, 7, 7, 8, 8];
  assert.deepEqual(splitByQuantile(range(10), 0.1, 0, groups).validation, [3, 4, 8, 9]);
  assert.equal(
    await failureOf(() => splitByQuantile([1, 2, 3], 0.1, 0, [5, 5, 5])),
    'UsageError: `validation`: expected images of two groups or more, got one group of 3; hold out none with `validation: 0`',
  );
  assert.deepEqual(splitByQuantile([1, 2, 3], 0, 0, [5, 5, 5]).validation, []);
});

test('folds have every sample once, keep groups together, and have the same spread of labels', () => {
  const labels = range(1000).map(i => (i * 617) % 1000);
  const groups = someGroups(1000);
  const parts = folds(labels, 5, groups, 1);
  assert.deepEqual(sorted(parts.flat()), range(1000));
  for (const part of parts) {
    assert.deepEqual(part, sorted(part));
    assert.ok(Math.abs(part.length - 200) <= 4, `${part.length} of 200`);
    const mean = part.reduce((sum, i) => sum + labels[i]!, 0) / part.length;
    assert.ok(Math.abs(mean - 499.5) < 40, `mean ${mean}`);
    const rest = new Set(parts.filter(other => other !== part).flatMap(other => other.map(i => groups[i])));
    assert.ok(part.every(i => !rest.has(groups[i])));
  }
  assert.deepEqual(folds(labels, 5, groups, 1), parts);
  assert.notDeepEqual(folds(labels, 5, groups, 2), parts);
});

test('more folds than groups are refused', async () => {
  assert.equal(
    await failureOf(() => folds([1, 2, 3], 3, [0, 0, 1], 0)),
    'InputError: cross-validation: expected at least 3 groups of images, got 2; add images that are no duplicates of others and share no value in a column "group"',
  );
});

test('a group may have hundreds of thousands of samples', () => {
  const groups = new Array<number>(200_000).fill(0).concat(range(4).map(i => i + 1));
  const parts = folds(new Float64Array(groups.length), 5, groups, 0);
  assert.deepEqual(sorted(parts.map(part => part.length)), [1, 1, 1, 1, 200_000]);
});

test('groups of several kinds are joined where they share a sample', () => {
  const samples = [{ group: 'x' }, {}, { group: 'y' }, { group: 'x' }, undefined, {}].map((columns, i) => ({
    file: `${i}`,
    label: i,
    ...(columns && { columns: columns as Record<string, string> }),
  }));
  assert.deepEqual(columnGroups(samples), [0, 1, 2, 0, 4, 5]);
  assert.deepEqual(joinGroups(6, [columnGroups(samples), [0, 1, 2, 2, 4, 4]]), [0, 1, 0, 0, 4, 4]);
  assert.deepEqual(joinGroups(2, []), [0, 1]);
});

test('folds of a cross-validation hold every row once, with the same spread of labels in each', () => {
  const labels = Float64Array.from(range(700), i => (i * 7919) % 131);
  const five = crossFolds(labels, 0);
  assert.equal(five.length, 5);
  assert.deepEqual(sorted(five.flat()), range(700));
  const means = five.map(fold => fold.reduce((sum, i) => sum + labels[i]!, 0) / fold.length);
  assert.ok(Math.max(...means) - Math.min(...means) < 0.5, `${means}`);
  assert.deepEqual(crossFolds(labels, 0), five);
  assert.notDeepEqual(crossFolds(labels, 1), five);
  assert.deepEqual(
    crossFolds(Float64Array.of(1, 2, 3), 0).map(fold => fold.length),
    [1, 1, 1],
  );
});

test('a cross-validation of a single group has five folds of samples, or one for each of fewer', () => {
  for (const [n, sizes] of [
    [7, [1, 1, 1, 2, 2]],
    [3, [1, 1, 1]],
  ] as const) {
    const parts = crossFolds(Float64Array.from(range(n)), 0, new Array(n).fill(0));
    assert.deepEqual(sorted(parts.map(part => part.length)), sizes);
    assert.deepEqual(sorted(parts.flat()), range(n));
  }
});

test('a cross-validation of two groups has a fold for each', () => {
  const parts = crossFolds(Float64Array.of(1, 2, 3, 4, 5), 0, [0, 0, 1, 1, 1]);
  assert.deepEqual(sorted(parts.map(part => part.length)), [2, 3]);
  assert.deepEqual(sorted(parts.flat()), range(5));
});

test('groups are dealt to folds by the mean of their labels, not by the sum', () => {
  // Means 1, 2, 3 and 4: the first two go to different folds, then the larger of the other two to the smaller fold.
  const labels = [1, 1, 1, 1, 2, 3, 4, 4, 4, 4];
  const groups = [0, 0, 0, 0, 1, 2, 3, 3, 3, 3];
  for (let seed = 0; seed < 8; seed++) {
    const parts = folds(labels, 2, groups, seed).sort((a, b) => a[0]! - b[0]!);
    assert.deepEqual(parts, [
      [0, 1, 2, 3, 5],
      [4, 6, 7, 8, 9],
    ]);
  }
});

test('a group is held out whole, and only if it fits', () => {
  // Groups of 3 and singles: a tenth of 20 is 2, so no group of 3 is held out.
  const groups = range(20).map(i => (i < 12 ? Math.floor(i / 3) : i));
  for (let seed = 0; seed < 8; seed++) {
    const { validation } = splitByQuantile(range(20), 0.1, seed, groups);
    assert.equal(validation.length, 2);
    assert.ok(validation.every(i => i >= 12));
  }
});
