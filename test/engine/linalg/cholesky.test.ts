import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { createPositiveSolver } from '../../../src/engine/linalg/cholesky.js';

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

describe('a solver of positive definite systems', () => {
  // A panel has 192 columns: below one, exactly one, one more, two, and two and a bit.
  for (const n of [1, 2, 191, 192, 193, 384, 450]) {
    it(`solves ${n} equations to float64's precision`, async () => {
      const matrix = positiveDefinite(n, n);
      const { normal } = createRandom(n, 'right');
      const minus = Float64Array.from({ length: n }, () => 0.1 * normal());
      const right = Float64Array.from({ length: n * 2 }, normal);
      const solver = await createPositiveSolver(n);
      const square = { size: n, data: matrix.slice() };
      await solver.on(square, async solve => {
        assert.equal(square.data.length, 0, 'lent');
        // One matrix serves several ridges, after one that has failed too.
        for (const ridge of [1, -1e9, 3]) {
          const x = await solve({ minus, ridge, right, columns: 2 });
          if (ridge < 0) {
            assert.equal(x, undefined);
            continue;
          }
          for (const column of [0, 1]) {
            let worst = 0;
            let size = 0;
            for (let i = 0; i < n; i++) {
              let sum = ridge * x![2 * i + column]!;
              let magnitude = Math.abs(sum) + Math.abs(right[2 * i + column]!);
              for (let j = 0; j < n; j++) {
                const term = (matrix[i * n + j]! - minus[i]! * minus[j]!) * x![2 * j + column]!;
                sum += term;
                magnitude += Math.abs(term);
              }
              worst = Math.max(worst, Math.abs(sum - right[2 * i + column]!));
              size = Math.max(size, magnitude);
            }
            assert.ok(worst <= 1e-13 * size, `residual ${worst} for terms of ${size}, ridge ${ridge}`);
          }
        }
      });
      assert.deepEqual(square.data, matrix, 'it is back, unchanged');
      await solver.close();
    });
  }

  it('reads only the lower triangle, and returns the matrix if its use fails', async () => {
    const n = 250;
    const solver = await createPositiveSolver(n);
    const system = { ridge: 0.5, right: new Float64Array(n).fill(1), columns: 1 };
    const data = positiveDefinite(n, 1);
    const expected = await solver.on({ size: n, data: data.slice() }, solve => solve(system));
    const lower = { size: n, data: data.map((x, i) => (i % n > Math.floor(i / n) ? Number.NaN : x)) };
    assert.deepEqual(await solver.on(lower, solve => solve(system)), expected);
    await assert.rejects(
      solver.on(lower, () => Promise.reject(new Error('other work'))),
      /other work/,
    );
    assert.equal(lower.data[0], data[0]);
    await solver.close();
  });

  it('returns undefined for a matrix that is not positive definite, in any panel', async () => {
    const n = 200;
    const solver = await createPositiveSolver(n);
    const right = new Float64Array(n);
    for (const at of [0, 191, 192, 199]) {
      for (const wrong of [-1, Number.NaN]) {
        const matrix = { size: n, data: positiveDefinite(n, 2) };
        matrix.data[at * n + at] = wrong;
        assert.equal(
          await solver.on(matrix, solve => solve({ ridge: 0, right, columns: 1 })),
          undefined,
          `${wrong} at ${at}`,
        );
      }
    }
    await solver.close();
    const two = await createPositiveSolver(2);
    const singular = { size: 2, data: Float64Array.of(1, 0, 1, 1) };
    const solved = (ridge: number) =>
      two.on(singular, solve => solve({ ridge, right: new Float64Array(2), columns: 1 }));
    assert.equal(await solved(0), undefined, 'singular');
    assert.notEqual(await solved(1e-6), undefined, 'singular, helped by the ridge');
    await two.close();
  });
});
