import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binOf, cut, edgesOfStep, fullest, quantileEdges, roundEdges } from '../../src/metrics/bins.js';

test('edges are multiples of the smallest step of 1, 2 or 5 that needs no more bins than allowed', () => {
  assert.deepEqual(roundEdges([1, 2, 9, 10], 5), [0, 5, 10, 15]);
  assert.deepEqual(roundEdges([0, 11], 12), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.deepEqual(roundEdges([0, 12], 12), [0, 2, 4, 6, 8, 10, 12, 14]);
  assert.deepEqual(roundEdges([-250, 250], 10), [-300, -200, -100, 0, 100, 200, 300]);
  assert.deepEqual(roundEdges([0.1, 0.25, 0.4], 4), [0.1, 0.2, 0.3, 0.4, 0.5]);
  assert.deepEqual(roundEdges([0, 1e-200, 2e-200], 4), [0, 1e-200, 2e-200, 3e-200]);
});

test('a step is below 1 only where a value is not whole', () => {
  assert.deepEqual(roundEdges([0, 1, 2], 12), [0, 1, 2, 3]);
  assert.deepEqual(roundEdges([0, 0.5, 2], 5), [0, 0.5, 1, 1.5, 2, 2.5]);
  assert.deepEqual(roundEdges([0.5, 1, 2], 12), [0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.2]);
  assert.deepEqual(roundEdges([100, 101.5], 4), [100, 100.5, 101, 101.5, 102]);
});

test('equal values are one bin of the width of their first digit', () => {
  assert.deepEqual(roundEdges([3, 3, 3], 10), [3, 4]);
  assert.deepEqual(roundEdges([-3, -3], 5), [-3, -2]);
  assert.deepEqual(roundEdges([0.02, 0.02], 5), [0.02, 0.03]);
  assert.deepEqual(roundEdges([30, 30], 5), [30, 40]);
  assert.deepEqual(roundEdges([1e6, 1e6 + 1e-7], 4), [1e6, 2e6]);
  // A spread of exactly 1e-12 of the largest value counts as none.
  assert.deepEqual(roundEdges([1e12 - 1, 1e12], 10), [0, 1e12, 2e12]);
});

test('values too small for a step are one bin around 0', () => {
  for (const value of [0, 1e-301]) assert.deepEqual(roundEdges([value, value], 10), [0, 1]);
  assert.deepEqual(roundEdges([1e-300, 1e-300], 10), [1e-300, 2e-300]);
});

test('edges of a step enclose the values, and the last is above the highest', () => {
  assert.deepEqual(edgesOfStep(5, -7, 3), [-10, -5, 0, 5]);
  assert.deepEqual(edgesOfStep(10, 20, 20), [20, 30]);
  // 3 * 0.1 is 0.30000000000000004, and 0.7 / 0.1 is 6.999999999999999.
  assert.deepEqual(edgesOfStep(0.1, 0.3, 0.9), [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
  assert.deepEqual(edgesOfStep(0.1, 0.7, 0.8), [0.7, 0.8, 0.9]);
});

test('quantile edges have two digits, and equal ones are joined', () => {
  assert.deepEqual(quantileEdges([8, 7, 6, 5, 4, 3, 2, 1], 4), [1, 2.8, 4.5, 6.3, 8.1]);
  assert.deepEqual(quantileEdges([123, 456, 789, 1234], 3), [120, 460, 790, 1300]);
  assert.deepEqual(quantileEdges([0.0123, 0.0456, 0.0999], 2), [0.012, 0.046, 0.1]);
  assert.deepEqual(quantileEdges([1, 1, 1, 1, 1, 9], 4), [1, 9.1]);
});

test('the last quantile edge is above the highest value', () => {
  assert.deepEqual(quantileEdges([5, 5], 2), [5, 5.1]);
  assert.deepEqual(quantileEdges([0, 0, 0], 3), [0, 1]);
  assert.deepEqual(quantileEdges([-5, -4, 0], 2), [-5, -4, 1]);
  assert.deepEqual(quantileEdges([-9, -8], 2), [-9, -8.5, -7.9]);
  assert.deepEqual(quantileEdges([1, 1, 10, 10], 2), [1, 5.5, 11]);
  assert.deepEqual(quantileEdges([1, 9, 9, 9], 2), [1, 9, 9.1]);
  // 1e5 / 10 ** -4 is 100000.00000000001.
  assert.deepEqual(quantileEdges([1e5, 9e5], 1), [1e5, 910_000]);
  // 0.29 * 100 is 28.999999999999996.
  assert.deepEqual(quantileEdges([0.29, 0.29], 1), [0.28, 0.3]);
});

test('a value is in the bin that begins at or below it; the outermost bins take values beyond', () => {
  const bins = [-1, 0, 9.99, 10, 19, 20, 29, 30].map(value => binOf([0, 10, 20, 30], value));
  assert.deepEqual(bins, [0, 0, 0, 1, 1, 2, 2, 2]);
  assert.deepEqual(
    [5, 15, 25, 35].map(value => binOf([0, 10, 20, 30, 40], value)),
    [0, 1, 2, 3],
  );
});

test('groups list positions, without empty groups', () => {
  const groups = cut([5, 25, 6, 0], [0, 10, 20, 30]);
  assert.deepEqual(groups, [
    { from: 0, to: 10, indices: [0, 2, 3] },
    { from: 20, to: 30, indices: [1] },
  ]);
  assert.equal(fullest(groups), 3);
  assert.equal(fullest(groups.toReversed()), 3);
  assert.equal(fullest([]), 0);
});
