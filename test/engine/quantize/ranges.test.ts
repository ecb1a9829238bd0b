import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { calibrations, entropyLimit, Seen } from '../../../src/engine/quantize/ranges.js';

const normals = (count: number, seed = 0) => {
  const random = createRandom(seed, 'ranges');
  return Float32Array.from({ length: count }, () => random.normal());
};

describe('a range', () => {
  it('by minmax contains all observed numbers and 0', () => {
    const seen = new Seen();
    assert.ok(seen.add(Float32Array.of(1, 2), Float32Array.of(2, 5), Float32Array.of(-1, -1)));
    assert.deepEqual(seen.range('minmax'), { min: 0, max: 5 });
    assert.ok(seen.add(Float32Array.of(-3), Float32Array.of(-2), Float32Array.of(4)));
    assert.deepEqual(seen.range('minmax'), { min: -4, max: 5 });
  });

  it('by percentile excludes one number of ten thousand at each end', () => {
    const seen = new Seen();
    const numbers = Float32Array.from({ length: 100_001 }, (_, i) => i - 50_000);
    assert.ok(seen.add(numbers, Float32Array.of(50_000), Float32Array.of(50_000)));
    assert.deepEqual(seen.range('percentile'), { min: -49_990, max: 49_990 });
  });

  it('by entropy excludes outliers, and nothing if there are none', () => {
    const numbers = normals(100_000);
    assert.ok(entropyLimit(Float32Array.of(...numbers.subarray(0, 50_000), 100), 100) < 10);
    const even = Float32Array.from({ length: 100_000 }, (_, i) => i / 100_000);
    assert.equal(entropyLimit(even, 1), 1);
  });

  it('of values that are always 0 is empty', () => {
    const seen = new Seen();
    assert.ok(seen.add(new Float32Array(10), new Float32Array(2), new Float32Array(2)));
    for (const calibration of calibrations) assert.deepEqual(seen.range(calibration), { min: 0, max: 0 });
  });

  it('is refused if a number is not finite', () => {
    for (const [numbers, largest] of [
      [[Number.NaN], [1]],
      [[1], [Number.POSITIVE_INFINITY]],
      [[1], [Number.NaN]],
    ] as const)
      assert.equal(new Seen().add(Float32Array.from(numbers), Float32Array.from(largest), Float32Array.of(0)), false);
  });
});
