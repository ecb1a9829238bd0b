import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { measureRows } from '../../src/features/standardization.js';
import { expectNumbersClose } from '../close.js';
import { rowsOf } from './rows.js';

const ROWS = 200;
const random = createRandom(3);
/** Normal values with these standard deviations, squared with their sign, so that their roots have them. */
const spreads = [1, 2, 4];
const table = new Float32Array(ROWS * 5);
for (let row = 0; row < ROWS; row++) {
  spreads.forEach((spread, i) => {
    const root = spread * random.normal();
    table[row * 5 + i] = Math.sign(root) * root * root;
  });
  // A feature that is 0 but once, and a constant one.
  table[row * 5 + 3] = row === 7 ? 1e-4 : 0;
  table[row * 5 + 4] = 0.3;
}

describe('measureRows', () => {
  const { mean, std } = measureRows(
    rowsOf(table, 5),
    Array.from({ length: ROWS }, (_, i) => i),
  );

  it('gives mean and standard deviation of the roots', () => {
    spreads.forEach((spread, i) => {
      assert.ok(Math.abs(mean[i]!) < 0.2 * spread, `${mean[i]}`);
      assert.ok(Math.abs(std[i]! / spread - 1) < 0.15, `${std[i]}`);
    });
  });

  it('takes a feature that varies in one row at a tenth of the median deviation, so that no other row is far from it', () => {
    const own = std.slice(0, 4).sort();
    expectNumbersClose([std[3]!], [0.1 * own[2]!], { rtol: 1e-6, atol: 0 });
    assert.equal(std[3], own[0]);
  });

  it('leaves a constant feature as it is', () => assert.equal(std[4], 1));
});
