import assert from 'node:assert/strict';
import { type Tensor, toFloat32 } from '../src/engine/tensor.js';

/** How far numbers may be apart: |actual - expected| <= atol + rtol * |expected|. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** Fails unless shapes are equal, nothing is NaN and every element is within the tolerance; names the worst one. */
export function expectAllClose(actual: Tensor, expected: Tensor, { rtol, atol }: Tolerance): void {
  assert.equal(actual.dtype, expected.dtype, 'dtype');
  assert.deepEqual([...actual.shape], [...expected.shape], 'shape');
  expectNumbersClose([...toFloat32(actual).data], [...toFloat32(expected).data], { rtol, atol });
}

/** The same for plain numbers. */
export function expectNumbersClose(actual: ArrayLike<number>, expected: ArrayLike<number>, { rtol, atol }: Tolerance) {
  assert.equal(actual.length, expected.length, 'length');
  let worst = { index: -1, excess: 0 };
  for (let i = 0; i < expected.length; i++) {
    assert.ok(!Number.isNaN(actual[i]), `NaN at ${i}`);
    const excess = Math.abs(actual[i]! - expected[i]!) - (atol + rtol * Math.abs(expected[i]!));
    if (excess > worst.excess) worst = { index: i, excess };
  }
  const { index } = worst;
  assert.equal(
    index,
    -1,
    `element ${index}: expected ${expected[index]}, got ${actual[index]} (rtol ${rtol}, atol ${atol})`,
  );
}
