import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { labelScale } from '../../src/labels/label-scale.js';

describe('labelScale', () => {
  it('leaves labels that are spread out as they are', () => {
    const ages = Float64Array.from({ length: 100 }, (_, i) => i);
    const { places, labelAt } = labelScale(ages);
    assert.deepEqual(places, ages);
    assert.equal(labelAt(37.5), 37.5);
  });

  it('takes the ranks of skewed labels, and finds the labels at them again', () => {
    const random = createRandom(0, 'prices');
    const prices = Float64Array.from({ length: 500 }, () => Math.exp(3 * random.normal()));
    const { places, labelAt } = labelScale(prices);
    const order = [...prices.keys()].sort((a, b) => prices[a]! - prices[b]!);
    for (const [rank, i] of order.entries()) assert.ok(Math.abs(places[i]! - (rank + 0.5) / 5) < 1e-9);
    for (const [i, price] of prices.entries()) assert.ok(Math.abs(labelAt(places[i]!) - price) < 1e-9 * price);
    assert.equal(labelAt(-5), Math.min(...prices));
    assert.equal(labelAt(500), Math.max(...prices));
  });

  it('gives equal labels one place, negative and tiny ones too', () => {
    const labels = Float64Array.from([
      ...Array<number>(80).fill(-1e-9),
      ...Array.from({ length: 20 }, (_, i) => 1e-3 * i),
    ]);
    const { places, labelAt } = labelScale(labels);
    assert.equal(new Set(places.subarray(0, 80)).size, 1);
    assert.equal(places[0], 40);
    assert.equal(labelAt(40), -1e-9);
  });

  it('takes labels that are all the same', () => {
    assert.deepEqual(labelScale(Float64Array.of(5, 5, 5)).places, Float64Array.of(5, 5, 5));
  });
});
