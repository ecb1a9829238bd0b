import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stretchMap } from '../../src/images/explanation-overlay.js';
import { float } from '../run-graph.js';

describe('stretchMap', () => {
  it('is bilinear with half-pixel centres', () => {
    const { shape, data } = stretchMap(float([1, 2], [0, 4]), 2, 4);
    assert.deepEqual(shape, [2, 4]);
    assert.deepEqual([...data], [0, 1, 3, 4, 0, 1, 3, 4]);
  });

  it('leaves a map of the same size as it is, and takes the middle of one that shrinks', () => {
    const map = float([2, 3], [1, -2, 3, 4, 5, -6]);
    assert.deepEqual([...stretchMap(map, 2, 3).data], [1, -2, 3, 4, 5, -6]);
    assert.deepEqual([...stretchMap(map, 1, 1).data], [1.5]);
  });
});
