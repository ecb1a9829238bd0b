import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import type { FeatureRows } from '../../src/features/feature-cache.js';
import { addRows, noRows } from '../../src/features/row-sums.js';
import { measureRows, type Standardization } from '../../src/features/standardization.js';
import { mean } from '../../src/metrics/statistics.js';
import { distancesOf, fitPpca } from '../../src/uncertainty/ppca.js';
import { expectNumbersClose } from '../close.js';
import { rowsOf } from '../features/rows.js';

const WIDTH = 20;

/** Rows whose roots lie near a plane of three dimensions. */
function planeRows(count: number, seed: number, off = 0) {
  const shape = createRandom(7);
  const axes = Array.from({ length: 3 }, () => Array.from({ length: WIDTH }, () => shape.normal()));
  const random = createRandom(seed);
  const data = new Float32Array(count * WIDTH);
  for (let row = 0; row < count; row++) {
    const at = axes.map(() => 2 * random.normal());
    for (let i = 0; i < WIDTH; i++) {
      const z =
        axes.reduce((sum, axis, a) => sum + at[a]! * axis[i]!, 0) + 0.3 * random.normal() + off * (i % 2 ? 1 : -1);
      data[row * WIDTH + i] = Math.sign(z) * z * z;
    }
  }
  return rowsOf(data, WIDTH);
}

async function sumsOf(rows: FeatureRows, indices: readonly number[], standardization: Standardization) {
  const sums = noRows(rows.width);
  const labels = new Float64Array(rows.length);
  await addRows(sums, rows, labels, indices, { standardization, target: { mean: 0, std: 1 } });
  return sums;
}

async function fitted(count: number) {
  const rows = planeRows(count, 1);
  const indices = [...Array(count).keys()];
  const standardization = measureRows(rows, indices);
  const sums = await sumsOf(rows, indices, standardization);
  const ppca = await fitPpca(sums, standardization);
  return { rows, indices, gram: sums.gram.data, ppca };
}

describe('the Gaussian of features', () => {
  it('is about 1 away from rows like those it was fitted on, and farther from others', async () => {
    const { rows, indices, ppca } = await fitted(600);
    const square = (distances: Float32Array) => mean(distances.map(distance => distance ** 2));
    const own = square(await distancesOf(ppca, rows, indices));
    const fresh = square(await distancesOf(ppca, planeRows(600, 2), indices));
    const strange = await distancesOf(ppca, planeRows(600, 3, 1.5), indices);
    // A little below, for each dimension has a thousandth of the mean variance added.
    assert.ok(own > 0.85 && own < 1 && Math.abs(fresh / own - 1) < 0.1, `${own}, ${fresh}`);
    assert.ok(Math.min(...strange) > 1.5, `${Math.min(...strange)}`);
  });

  it('has an orthonormal basis, and white coordinates in it', async () => {
    const { rows, indices, ppca, gram } = await fitted(600);
    const size = ppca.basis.length / WIDTH;
    assert.equal(size, 20, 'all dimensions of 20, fewer than 64 and than a tenth of the rows');
    const product = (a: Float32Array, b: Float32Array, m?: Float64Array) => {
      const out: number[] = [];
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          let sum = 0;
          for (let r = 0; r < WIDTH; r++) {
            for (let s = 0; s < WIDTH; s++) {
              sum +=
                a[r * size + i]! *
                b[s * size + j]! *
                (Number(r === s) * (m === undefined ? 1 : 1e-3) + (m?.[r * WIDTH + s] ?? 0) / 600);
            }
          }
          out.push(sum);
        }
      }
      return out;
    };
    const unit = Array.from({ length: size * size }, (_, at) => Number(at % (size + 1) === 0));
    expectNumbersClose(product(ppca.basis, ppca.basis), unit, { rtol: 0, atol: 1e-5 });
    // Each dimension has a thousandth of the mean variance added.
    expectNumbersClose(product(ppca.whitening, ppca.whitening, gram), unit, { rtol: 0, atol: 1e-3 });
    assert.equal((await distancesOf(ppca, rows, indices.slice(0, 3))).length, 3);
  });

  it('works with three rows, and with constant features', async () => {
    const rows = rowsOf(
      Float32Array.from({ length: 12 }, (_, i) => (i % 4 < 2 ? 5 : i)),
      4,
    );
    const standardization = measureRows(rows, [0, 1, 2]);
    const ppca = await fitPpca(await sumsOf(rows, [0, 1, 2], standardization), standardization);
    const distances = await distancesOf(ppca, rows, [0, 1, 2]);
    assert.ok(distances.every(Number.isFinite));
    const same = rowsOf(new Float32Array(12).fill(5), 4);
    const flat = measureRows(same, [0, 1, 2]);
    const still = await fitPpca(await sumsOf(same, [0, 1, 2], flat), flat);
    assert.ok((await distancesOf(still, same, [0, 1, 2])).every(distance => distance < 0.1));
    assert.ok((await distancesOf(still, rows, [2])).every(distance => distance > 1));
  });
});
