import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitByQuantile } from '../../src/data/split.js';
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
      `UsageError: --val: expected a share from 0 to below 1, got ${fraction}`,
    );
  }
});
