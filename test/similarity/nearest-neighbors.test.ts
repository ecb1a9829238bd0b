import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { searchForest } from '../../src/similarity/forest.js';
import { NearestLists } from '../../src/similarity/nearest-lists.js';
import { nearestNeighbors } from '../../src/similarity/nearest-neighbors.js';
import { failureOf } from '../datasets/temp.js';

/** Rows `[count, width]` near a surface of few dimensions, as descriptors and features lie. */
function surface(count: number, width: number, seed = 0): Float32Array {
  const random = createRandom(seed, 'surface');
  const latent = 6;
  const mixing = Float64Array.from({ length: latent * width }, () => random.normal());
  const rows = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    const z = Array.from({ length: latent }, () => random.normal());
    for (let d = 0; d < width; d++) {
      const sum = z.reduce((total, value, l) => total + value * mixing[l * width + d]!, 0);
      rows[i * width + d] = Math.tanh(sum / Math.sqrt(latent)) + 0.1 * random.normal();
    }
  }
  return rows;
}

/** The k nearest by comparing with every row in float64. */
function bruteForce(base: Float32Array, query: Float32Array, k: number, self = -1): number[] {
  const width = query.length;
  const distances = Array.from({ length: base.length / width }, (_, i) => ({
    i,
    distance: query.reduce((sum, value, d) => sum + (value - base[i * width + d]!) ** 2, 0),
  }));
  const others = distances.filter(({ i }) => i !== self).sort((a, b) => a.distance - b.distance || a.i - b.i);
  return others.slice(0, k).map(({ i }) => i);
}

test('small bases: the neighbors are exact, nearest first, and no row is its own', async () => {
  const [width, k] = [9, 4];
  const base = surface(700, width);
  const { indices, distances } = await nearestNeighbors(base, width, k);
  assert.equal(indices.length, 700 * k);
  for (let row = 0; row < 700; row += 7) {
    const wanted = bruteForce(base, base.subarray(row * width, (row + 1) * width), k, row);
    assert.deepEqual([...indices.subarray(row * k, (row + 1) * k)], wanted, `row ${row}`);
    const found = [...distances.subarray(row * k, (row + 1) * k)];
    assert.deepEqual(
      found,
      found.toSorted((a, b) => a - b),
    );
  }
});

test('other rows are found in a base, far from the origin too', async () => {
  const [width, k] = [5, 3];
  const far = (rows: Float32Array) => rows.map(value => value + 1000);
  const base = far(surface(300, width));
  const queries = far(surface(20, width, 1));
  const { indices, distances } = await nearestNeighbors(base, width, k, { queries });
  for (let row = 0; row < 20; row++) {
    const query = queries.subarray(row * width, (row + 1) * width);
    const wanted = bruteForce(base, query, k);
    assert.deepEqual([...indices.subarray(row * k, (row + 1) * k)], wanted);
    const distance = Math.hypot(...query.map((value, d) => value - base[wanted[0]! * width + d]!));
    assert.ok(Math.abs(distances[row * k]! - distance) < 1e-3);
  }
});

test('equal rows are at distance 0, and the first of equals comes first', async () => {
  const base = Float32Array.of(1, 2, 8, 9, 1, 2, 1, 2);
  const { indices, distances } = await nearestNeighbors(base, 2, 2);
  assert.deepEqual([...indices], [2, 3, 0, 2, 0, 3, 0, 2]);
  assert.deepEqual([...distances.subarray(0, 2)], [0, 0]);
});

test('where the base has fewer rows than asked for, the rest is -1 and infinite', async () => {
  const { indices, distances } = await nearestNeighbors(Float32Array.of(0, 3), 1, 3);
  assert.deepEqual([...indices], [1, -1, -1, 0, -1, -1]);
  assert.deepEqual([...distances].slice(0, 3), [3, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  const none = await nearestNeighbors(new Float32Array(0), 4, 2, { queries: new Float32Array(4) });
  assert.deepEqual([...none.indices], [-1, -1]);
  assert.equal((await nearestNeighbors(new Float32Array(0), 4, 2)).indices.length, 0);
});

/** What the forest finds for these rows in the base: positions `[N, k]`. */
async function byForest(base: Float32Array, queries: Float32Array | undefined, width: number, k: number, seed: number) {
  const lists = new NearestLists((queries ?? base).length / width, k);
  await searchForest(lists, base, queries ?? base, width, { own: queries === undefined, seed, signal: undefined });
  return lists;
}

test('a forest finds nearly all neighbors, and the same ones for the same seed', async () => {
  const [count, width, k] = [4000, 16, 8];
  const base = surface(count, width);
  // Twins far apart in the order, and many equal rows, which no direction can tell apart.
  base.copyWithin(3900 * width, 0, width);
  for (let i = 1; i < 600; i++) base.copyWithin((3000 + i) * width, 3000 * width, 3001 * width);
  const { ids, scores } = await byForest(base, undefined, width, k, 1);
  assert.deepEqual((await byForest(base, undefined, width, k, 1)).ids, ids);
  let found = 0;
  for (let row = 0; row < 3000; row += 30) {
    const wanted = bruteForce(base, base.subarray(row * width, (row + 1) * width), k, row);
    const got = new Set(ids.subarray(row * k, (row + 1) * k));
    assert.ok(!got.has(row));
    found += wanted.filter(i => got.has(i)).length;
  }
  assert.ok(found / (100 * k) > 0.98, `recall ${found / (100 * k)}`);
  assert.equal(ids[0], 3900);
  assert.ok(scores[3300 * k + k - 1]! < 1e-5);
});

test('a forest finds the rows of others too', async () => {
  const [width, k] = [8, 3];
  const base = surface(4000, width);
  const queries = base.map((value, i) => value + (i % 2 === 0 ? 0.01 : -0.01));
  const { ids } = await byForest(base, queries, width, k, 0);
  let first = 0;
  for (let row = 0; row < 4000; row++) if (ids[row * k] === row) first++;
  assert.ok(first / 4000 > 0.99, `${first} of 4000`);
});

test('stops when it is told to', async () => {
  const stopped = AbortSignal.abort();
  const text = 'AbortedError: stopped before the end';
  assert.equal(await failureOf(() => nearestNeighbors(surface(50, 4), 4, 2, { signal: stopped })), text);
  assert.equal(await failureOf(() => nearestNeighbors(surface(20_500, 4), 4, 2, { signal: stopped })), text);
});
