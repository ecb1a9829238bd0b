import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import type { Tensor } from '../../src/engine/tensor.js';
import { mirror } from '../../src/images/warp.js';

/** Images whose every number is its place. */
function counted(shape: readonly number[]): Tensor<'uint8'> {
  const length = shape.reduce((a, b) => a * b);
  return { dtype: 'uint8', shape, data: Uint8Array.from({ length }, (_, i) => i) };
}

describe('mirror', () => {
  it('exchanges left and right of each row, and keeps the order of colours', () => {
    const { shape, data } = mirror(counted([2, 1, 3, 3]));
    assert.deepEqual(shape, [2, 1, 3, 3]);
    assert.deepEqual([...data], [6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11]);
  });

  it('does as sharp does, for widths even and odd, and twice is nothing', async () => {
    for (const width of [1, 2, 7, 8]) {
      const pixels = counted([1, 4, width, 3]);
      const raw = { width, height: 4, channels: 3 } as const;
      const expected = await sharp(pixels.data, { raw }).flop().raw().toBuffer();
      assert.deepEqual([...mirror(pixels).data], [...expected]);
      assert.deepEqual(mirror(mirror(pixels)), pixels);
    }
  });

  it('leaves the images as they are', () => {
    const pixels = counted([1, 2, 2, 3]);
    mirror(pixels);
    assert.deepEqual(pixels, counted([1, 2, 2, 3]));
  });
});
