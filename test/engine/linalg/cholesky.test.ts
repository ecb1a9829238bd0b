import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { type CholeskyDecomposer, createCholeskyDecomposer } from '../../../src/engine/linalg/cholesky.js';

/** A^T A + I / 10 of random A `[n, n]`: positive definite, with eigenvalues of very different sizes. */
function positiveDefinite(n: number, seed: number): Float64Array {
  const { normal } = createRandom(seed);
  const a = Float64Array.from({ length: n * n }, normal);
  const out = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i * n + j]! += a[k * n + i]! * a[k * n + j]!;
  }
  for (let i = 0; i < n; i++) out[i * n + i]! += 0.1;
  return out;
}

describe('CholeskyDecomposer', () => {
  let decomposer: CholeskyDecomposer;
  before(async () => {
    decomposer = await createCholeskyDecomposer();
  });
  after(() => decomposer.close());

  // A panel has 64 rows: below one, exactly one, one more, two and a bit.
  for (const n of [1, 2, 63, 64, 65, 128, 130]) {
    it(`solves ${n} equations to float64's precision`, async () => {
      const matrix = positiveDefinite(n, n);
      const { normal } = createRandom(n, 'right');
      for (const ridge of [0, 3]) {
        const factor = (await decomposer.decompose(matrix, ridge))!;
        // One decomposition serves several right sides.
        for (const right of [Float64Array.from({ length: n }, normal), new Float64Array(n).fill(1)]) {
          const x = factor.solve(right);
          let worst = 0;
          let size = 0;
          for (let i = 0; i < n; i++) {
            let sum = ridge * x[i]!;
            let magnitude = Math.abs(ridge * x[i]!) + Math.abs(right[i]!);
            for (let j = 0; j < n; j++) {
              sum += matrix[i * n + j]! * x[j]!;
              magnitude += Math.abs(matrix[i * n + j]! * x[j]!);
            }
            worst = Math.max(worst, Math.abs(sum - right[i]!));
            size = Math.max(size, magnitude);
          }
          assert.ok(worst <= 1e-13 * size, `residual ${worst} for terms of ${size}, ridge ${ridge}`);
        }
      }
    });
  }

  it('reads the lower triangle alone and changes neither matrix nor right side', async () => {
    const n = 70;
    const matrix = positiveDefinite(n, 1);
    const expected = (await decomposer.decompose(matrix, 0.5))!.solve(new Float64Array(n).fill(1));
    const lower = matrix.map((x, i) => (i % n > Math.floor(i / n) ? Number.NaN : x));
    const kept = lower.slice();
    const right = new Float64Array(n).fill(1);
    assert.deepEqual((await decomposer.decompose(lower, 0.5))!.solve(right), expected);
    assert.deepEqual(lower, kept);
    assert.deepEqual(right, new Float64Array(n).fill(1));
  });

  it('finds nothing for a matrix that is not positive definite, in the first panel or a later one', async () => {
    for (const at of [0, 63, 64, 99]) {
      const n = 100;
      const matrix = positiveDefinite(n, 2);
      matrix[at * n + at] = -1;
      assert.equal(await decomposer.decompose(matrix, 0), undefined, `pivot ${at}`);
      matrix[at * n + at] = Number.NaN;
      assert.equal(await decomposer.decompose(matrix, 0), undefined, `NaN at ${at}`);
    }
    assert.equal(await decomposer.decompose(Float64Array.of(1, 0, 1, 1), 0), undefined, 'singular');
    assert.notEqual(
      await decomposer.decompose(Float64Array.of(1, 0, 1, 1), 1e-6),
      undefined,
      'singular, helped by the ridge',
    );
  });

  it('refuses a matrix that is not square', async () => {
    await assert.rejects(decomposer.decompose(new Float64Array(6), 0), {
      message: 'internal: a square matrix of 6 elements',
    });
  });
});
