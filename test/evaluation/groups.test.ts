import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { groupByLabel, histogram } from '../../src/evaluation/groups.js';

const ranges = (labels: readonly number[]) => groupByLabel(labels).map(({ from, to }) => [from, to]);
const numbers = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

test('ages go by decades, the lower edge included', () => {
  assert.deepEqual(
    groupByLabel([0, 9, 10, 39.9, 40, 100]).map(({ from, to, indices }) => ({ from, to, indices })),
    [
      { from: 0, to: 10, indices: [0, 1] },
      { from: 10, to: 20, indices: [2] },
      { from: 30, to: 40, indices: [3] },
      { from: 40, to: 50, indices: [4] },
      { from: 100, to: 110, indices: [5] },
    ],
  );
});

test('ages that start late still go by decades from a multiple of ten', () => {
  assert.deepEqual(ranges([18, 25, 36, 47, 59]), [
    [10, 20],
    [20, 30],
    [30, 40],
    [40, 50],
    [50, 60],
  ]);
});

test('negative numbers are grouped by round edges below zero', () => {
  assert.deepEqual(
    ranges(numbers(41, i => i - 30)),
    numbers(9, i => [-30 + 5 * i, -25 + 5 * i]),
  );
});

test('a tiny range has edges without rounding noise', () => {
  const edges = ranges(numbers(100, i => 0.1 + i * 0.004));
  assert.deepEqual(
    edges,
    numbers(8, i => [(2 + i) / 20, (3 + i) / 20]),
  );
});

test('whole numbers are never cut finer than 1', () => {
  assert.deepEqual(ranges([1, 2, 3, 4, 5, 5]), [
    [1, 2],
    [2, 3],
    [3, 4],
    [4, 5],
    [5, 6],
  ]);
});

test('skewed prices go by quantiles with two-digit edges, so that no group holds most of them', () => {
  const random = createRandom(1, 'prices');
  const prices = numbers(5000, () => Math.round(Math.exp(12.5 + random.normal())));
  const groups = groupByLabel(prices);
  assert.ok(groups.length >= 5 && groups.length <= 8, `${groups.length} groups`);
  for (const { from, to, indices } of groups) {
    assert.ok(indices.length < 1000, `${indices.length} of 5000 in [${from}, ${to})`);
    for (const edge of [from, to]) assert.equal(edge, Number(edge.toPrecision(2)));
  }
});

test('evenly spread prices keep even steps', () => {
  const edges = ranges(numbers(500, i => 100_000 + i * 1000));
  assert.deepEqual(
    edges,
    numbers(10, i => [100_000 + 50_000 * i, 150_000 + 50_000 * i]),
  );
});

test('mostly zeros keep zero and its neighbours in one group instead of empty ones', () => {
  const groups = groupByLabel([...numbers(900, () => 0), ...numbers(100, i => i * 13.7)]);
  assert.equal(
    groups.reduce((sum, { indices }) => sum + indices.length, 0),
    1000,
  );
  assert.equal(groups[0]!.from, 0);
});

for (const [label, from, to] of [
  [37, 30, 40],
  [5, 5, 6],
  [-37, -40, -30],
  [0, 0, 1],
  [0.25, 0.2, 0.3],
  [350_000, 300_000, 400_000],
] as const) {
  test(`a single label of ${label} is one group from ${from} to ${to}`, () => {
    assert.deepEqual(groupByLabel([label]), [{ from, to, indices: [0] }]);
  });
}

test('every label lies in exactly the group that names it, for ranges of any size and place', () => {
  const random = createRandom(2, 'ranges');
  for (let round = 0; round < 300; round++) {
    const scale = 10 ** (random.uniform() * 24 - 12);
    const shift = (random.uniform() - 0.5) * 4 * scale;
    const power = 1 + random.integer(4);
    const labels = numbers(1 + random.integer(200), () => shift + scale * random.uniform() ** power);
    const groups = groupByLabel(labels);
    assert.ok(groups.length <= 12, `${groups.length} groups of ${labels.length} labels`);
    assert.deepEqual(
      groups.flatMap(({ indices }) => indices).sort((a, b) => a - b),
      labels.map((_, i) => i),
    );
    for (const { from, to, indices } of groups) {
      for (const i of indices) assert.ok(from <= labels[i]! && labels[i]! < to, `${labels[i]} in [${from}, ${to})`);
    }
  }
});

test('labels at the limits of float64 come to an end', () => {
  assert.equal(groupByLabel([1e-310, 2e-310]).length, 1);
  assert.equal(groupByLabel([1e15, 1e15 + 1]).length, 1);
});

test('a histogram keeps empty bars inside its range and counts everything', () => {
  assert.deepEqual(histogram([1, 1, 4]), [
    { from: 1, to: 2, images: 2 },
    { from: 2, to: 3, images: 0 },
    { from: 3, to: 4, images: 0 },
    { from: 4, to: 5, images: 1 },
  ]);
});

test('a histogram of ages has bars of two years', () => {
  const bins = histogram(numbers(100, i => i + 1));
  assert.deepEqual(bins[0], { from: 0, to: 2, images: 1 });
  assert.equal(bins.length, 51);
  assert.deepEqual(bins.at(-1), { from: 100, to: 102, images: 1 });
});

test('no labels are refused', () => {
  assert.throws(() => groupByLabel([]), { name: 'InputError' });
});
