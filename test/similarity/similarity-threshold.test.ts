import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { BY_PIXELS, similarityThreshold } from '../../src/similarity/similarity-threshold.js';

/** Likenesses whose Fisher z has an exponential tail of this scale, and `copies` of 0.995. */
function likenesses(count: number, scale: number, copies: number, seed = 0): number[] {
  const random = createRandom(seed, 'likenesses');
  const others = Array.from({ length: count }, () => Math.tanh(0.5 - scale * Math.log(1 - random.uniform())));
  return [...others, ...new Array<number>(copies).fill(0.995)];
}

const boundOf = (values: number[]) => similarityThreshold(values, BY_PIXELS);

test('the bound lies above what different images come to, and below copies', () => {
  for (let seed = 0; seed < 20; seed++) {
    const z = Math.atanh(boundOf(likenesses(30_000, 0.15, 0, seed)));
    // By the distribution that the values were drawn from, a tenth of a pair is expected above this, ten pairs above 1.70.
    const expected = 0.5 + 0.15 * Math.log(300_000);
    assert.ok(Math.abs(z - expected) < 0.1, `seed ${seed}: ${z}, expected ${expected}`);
  }
});

test('images that are unlike each other leave the bound at 0.95, and so do a few pairs', () => {
  assert.equal(boundOf(likenesses(3000, 0.08, 0)), 0.95);
  assert.equal(boundOf([]), 0.95);
  assert.equal(boundOf(new Array<number>(19).fill(0.94)), 0.95);
  assert.equal(boundOf([0.1, -0.4, 1, 1.0000001]), 0.95);
});

test('data full of copies has the same bound as data without', () => {
  assert.equal(boundOf(likenesses(3000, 0.15, 5000)), boundOf(likenesses(3000, 0.15, 0)));
});

test('the bound ends at 0.99, where different images are as alike as copies', () => {
  assert.equal(boundOf(Array.from({ length: 2000 }, (_, i) => 0.9 + 0.0999 * (i / 2000))), 0.99);
});
