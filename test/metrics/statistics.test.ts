import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extent, mean, median, quantile, standardDeviation } from '../../src/metrics/statistics.js';

test('mean, median and extent of a few numbers', () => {
  assert.equal(mean([1, 2, 6]), 3);
  assert.equal(mean([6, 1, 2]), 3);
  assert.equal(median([9, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 9]), 3);
  assert.deepEqual(extent([3, -1, 7, 0]), { min: -1, max: 7 });
  assert.deepEqual(extent([5, 1]), { min: 1, max: 5 });
  assert.deepEqual(extent([1, 5]), { min: 1, max: 5 });
});

test('the mean of equal values is that value, and their deviation is 0', () => {
  const same = new Array<number>(10).fill(0.1);
  assert.equal(mean(same), 0.1);
  assert.equal(standardDeviation(same), 0);
});

test('median leaves its input in its order', () => {
  const values = [3, 1, 2];
  median(values);
  assert.deepEqual(values, [3, 1, 2]);
});

test('the standard deviation divides by N, as numpy.std does', () => {
  assert.equal(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9]), 2);
  assert.equal(standardDeviation([5]), 0);
});

test('quantiles are linear between neighbors, as numpy.quantile has them', () => {
  const sorted = [1, 2, 4, 8];
  assert.deepEqual(
    [0, 0.25, 0.5, 0.9, 1].map(p => Number(quantile(sorted, p).toFixed(10))),
    [1, 1.75, 3, 6.8, 8],
  );
});

for (const [name, statistic] of Object.entries({ mean, median, standardDeviation, extent })) {
  test(`${name} of nothing is refused`, () => {
    assert.throws(() => statistic([]), { name: 'InputError', message: /: expected at least one value, got none$/ });
  });
}
