import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { drawTaskImage, taskKinds } from '../../bench/drawn-tasks.js';

describe('drawn tasks', () => {
  for (const kind of taskKinds) {
    it(`draws the same JPEG of 224 to 256 px for the same seed, and others for other numbers and seeds: ${kind}`, async () => {
      const [first, again, next, other] = await Promise.all([
        drawTaskImage(kind, 0, 0),
        drawTaskImage(kind, 0, 0),
        drawTaskImage(kind, 1, 0),
        drawTaskImage(kind, 0, 1),
      ]);
      assert.deepEqual(first, again);
      for (const different of [next, other]) assert.ok(!first.jpeg.equals(different.jpeg));
      assert.notEqual(first.label, next.label);
      const { format, width, height } = await sharp(first.jpeg).metadata();
      assert.equal(format, 'jpeg');
      assert.ok(width === height && width >= 224 && width <= 256, `${width} x ${height}`);
    });
  }

  it('labels lie in the range of their kind and vary', async () => {
    const ranges = { dots: [1, 40], size: [8, 55], needle: [0, 180], blur: [0.15, 2], horizon: [15, 85] } as const;
    for (const kind of taskKinds) {
      const [low, high] = ranges[kind];
      const drawn = await Promise.all([0, 1, 2, 3, 4, 5].map(index => drawTaskImage(kind, index, 0)));
      const labels = drawn.map(({ label }) => label);
      assert.ok(Math.min(...labels) >= low && Math.max(...labels) <= high, `${kind}: ${labels}`);
      assert.ok(Math.max(...labels) - Math.min(...labels) > 0.3 * (high - low), `${kind}: ${labels}`);
    }
  });
});
