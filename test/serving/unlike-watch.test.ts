import assert from 'node:assert/strict';
import { it } from 'node:test';
import { UnlikeWatch } from '../../src/serving/unlike-watch.js';

it('a service warns once when most of its last 100 images are unlike the training images, and again after they were not', () => {
  const told: string[] = [];
  const watch = new UnlikeWatch(warning => told.push(warning));
  const add = (count: number, grade?: 'kind' | 'source') => {
    for (let i = 0; i < count; i++) watch.add(grade);
  };
  add(99, 'source');
  assert.deepEqual(told, []);
  add(1, 'source');
  assert.equal(told.length, 1);
  assert.match(
    told[0]!,
    /^the last 100 images: 100 of 100 images are unlike the training images, 100 of them as from another source/,
  );
  assert.match(told[0]!, /eyeball adapt/);
  add(200, 'source');
  assert.equal(told.length, 1);
  add(60);
  add(60, 'kind');
  assert.equal(told.length, 2);
  assert.match(told[1]!, /^the last 100 images: 51 of 100 images are of another kind/);
});
