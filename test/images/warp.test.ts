import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { similarity } from '../../src/images/affine.js';
import { enlarge } from '../../src/images/enlarge.js';
import { pyramidOf, warp } from '../../src/images/warp.js';

const gray = (width: number, values: readonly number[]) => ({
  width,
  height: values.length / width,
  pixels: Uint8Array.from(values.flatMap(value => [value, value, value])),
});
const shades = (pixels: Uint8Array) => [...pixels].filter((_, i) => i % 3 === 0);

describe('an image through a map', () => {
  const random = createRandom(0, 'warp');
  const noise = gray(
    9,
    Array.from({ length: 63 }, () => random.integer(256)),
  );

  it('is itself through the identity', () => {
    assert.deepEqual(warp([noise], [1, 0, 0, 0, 1, 0], noise, 'edge'), noise.pixels);
  });

  it('becomes larger as enlarge makes it, to within a level', () => {
    const size = { width: 23, height: 20 };
    const warped = warp([noise], [9 / 23, 0, 0, 0, 7 / 20, 0], size, 'edge');
    const wanted = enlarge(noise.pixels, noise, size);
    warped.forEach((value, i) => {
      assert.ok(Math.abs(value - wanted[i]!) <= 1, `${i}: ${value} ${wanted[i]}`);
    });
  });

  it('is turned clockwise by a quarter', () => {
    const image = gray(3, [1, 2, 3, 4, 5, 6]);
    // From the result, 2 wide and 3 high, to the image: turned back.
    const map = similarity(1, -90, { x: 1, y: 1.5 }, { x: 1.5, y: 1 });
    assert.deepEqual(shades(warp([image], map, { width: 2, height: 3 }, 'edge')), [4, 1, 5, 2, 6, 3]);
  });

  it('is gray or more of its edge beyond the edge, as asked', () => {
    const image = gray(2, [10, 20]);
    const map = [1, 0, -2, 0, 1, 0] as const;
    const size = { width: 5, height: 1 };
    assert.deepEqual(shades(warp([image], map, size, 99)), [99, 99, 10, 20, 99]);
    assert.deepEqual(shades(warp([image], map, size, 'edge')), [10, 10, 10, 20, 20]);
  });

  it('becomes smaller as the mean of what each pixel covers', () => {
    const stripes = gray(
      64,
      Array.from({ length: 64 * 64 }, (_, i) => (i % 2 === 0 ? 0 : 200)),
    );
    for (const shrink of [2, 4, 8]) {
      const size = { width: 64 / shrink, height: 64 / shrink };
      const pixels = warp(pyramidOf(stripes, 4), [shrink, 0, 0, 0, shrink, 0], size, 'edge');
      assert.ok(
        shades(pixels).every(value => value === 100),
        `${shrink}: ${shades(pixels).slice(0, 5)}`,
      );
    }
  });
});

describe('a pyramid', () => {
  it('halves by means of four, until the shorter edge would be too short', () => {
    const levels = pyramidOf(gray(5, [0, 4, 8, 8, 99, 4, 8, 8, 9, 99, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), 1);
    assert.deepEqual(
      levels.map(({ width, height }) => [width, height]),
      [
        [5, 4],
        [2, 2],
        [1, 1],
      ],
    );
    assert.deepEqual(shades(levels[1]!.pixels), [4, 8, 1, 1]);
  });
});
