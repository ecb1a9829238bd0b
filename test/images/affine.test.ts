import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Affine,
  angleOf,
  applyAffine,
  fitSimilarity,
  invertAffine,
  type Point,
  scaleOf,
  similarity,
} from '../../src/images/affine.js';

const near = (a: Point, b: Point) => assert.ok(Math.hypot(a.x - b.x, a.y - b.y) < 1e-9, `${a.x} ${a.y}`);

describe('a similarity', () => {
  it('scales, turns clockwise and shifts', () => {
    // Twice as large and turned by a right angle: what lay right of (1, 1) lies below (10, 20).
    const map = similarity(2, 90, { x: 1, y: 1 }, { x: 10, y: 20 });
    near(applyAffine(map, { x: 1, y: 1 }), { x: 10, y: 20 });
    near(applyAffine(map, { x: 4, y: 1 }), { x: 10, y: 26 });
    near(applyAffine(map, { x: 1, y: 2 }), { x: 8, y: 20 });
    assert.ok(Math.abs(scaleOf(map) - 2) < 1e-12);
    assert.ok(Math.abs(angleOf(map) - 90) < 1e-12);
  });

  it('has a map back', () => {
    const map: Affine = [2, 1, 3, -1, 4, 5];
    near(applyAffine(invertAffine(map), applyAffine(map, { x: 7, y: -2 })), { x: 7, y: -2 });
  });

  it('is found again from points that it moved', () => {
    const map = similarity(0.7, -35, { x: 3, y: 4 }, { x: -2, y: 9 });
    const from = [
      { x: 0, y: 0 },
      { x: 10, y: 1 },
      { x: 4, y: 8 },
    ];
    const fitted = fitSimilarity(
      from,
      from.map(point => applyAffine(map, point)),
    );
    for (const point of from) near(applyAffine(fitted, point), applyAffine(map, point));
  });

  it('splits what no similarity can do: two points drawn apart in one direction', () => {
    const fitted = fitSimilarity(
      [
        { x: -1, y: 0 },
        { x: 1, y: 0 },
        { x: 0, y: 1 },
        { x: 0, y: -1 },
      ],
      [
        { x: -3, y: 0 },
        { x: 3, y: 0 },
        { x: 0, y: 1 },
        { x: 0, y: -1 },
      ],
    );
    assert.deepEqual([scaleOf(fitted), Math.abs(angleOf(fitted))], [2, 0]);
  });
});
