import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { createRandom } from '../../src/base/random.js';
import { type ImageRows, shrink } from '../../src/web/shrink.js';

const noise = (width: number, height: number): Uint8Array => {
  const random = createRandom(width, 'noise');
  return Uint8Array.from({ length: width * height * 4 }, () => random.integer(256));
};

const rowsOf = (rgba: Uint8Array, width: number, height: number): ImageRows => ({
  width,
  height,
  read: (top, count) => {
    assert.ok(top >= 0 && top + count <= height && count > 0, `rows ${top} to ${top + count} of ${height}`);
    return rgba.subarray(top * width * 4, (top + count) * width * 4);
  },
});

/** What sharp makes of the same colours. */
async function inSharp(
  rgba: Uint8Array,
  [width, height]: readonly [number, number],
  size: number,
  kernel: 'linear' | 'cubic' = 'linear',
) {
  const rgb = Buffer.from(rgba.filter((_, i) => i % 4 !== 3));
  return await sharp(rgb, { raw: { width, height, channels: 3 } })
    .resize(size, size, { fit: 'fill', kernel, withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
}

describe('shrinking in a browser', () => {
  // Whole and odd factors, a box and none, one direction alone.
  for (const from of [
    [500, 400],
    [225, 449],
    [448, 896],
    [1000, 700],
    [2001, 1501],
    [600, 100],
    [64, 2000],
    [224, 224],
  ] as [number, number][]) {
    it(`gives the bytes of libvips from ${from.join(' x ')} to 224 x 224`, async () => {
      const rgba = noise(...from);
      const { data, info } = await inSharp(rgba, from, 224);
      const { pixels, width, height } = shrink(rowsOf(rgba, ...from), { width: 224, height: 224 });
      assert.deepEqual([width, height, pixels.length], [info.width, info.height, data.length]);
      // libvips adds up where a row is read from, and so may round to the next of 64 places where it lies between two.
      const off = data.reduce((count, level, i) => count + Math.abs(level - pixels[i]!), 0);
      assert.ok(off <= 0.03 * data.length, `${off} levels in ${data.length} numbers`);
      assert.ok(data.every((level, i) => Math.abs(level - pixels[i]!) <= 1));
    });

    it(`gives the levels of libvips from ${from.join(' x ')} by the cubic kernel`, async () => {
      const rgba = noise(...from);
      const { data, info } = await inSharp(rgba, from, 224, 'cubic');
      const size = { width: 224, height: 224 };
      const { pixels, width, height } = shrink(rowsOf(rgba, ...from), size, { kernel: 'cubic' });
      assert.deepEqual([width, height, pixels.length], [info.width, info.height, data.length]);
      assert.ok(data.every((level, i) => Math.abs(level - pixels[i]!) <= 1));
    });
  }

  it('returns a window of what it shrinks, and the whole of a direction that it leaves', () => {
    const [from, size] = [[90, 40], { width: 30, height: 50 }] as const;
    const rows = rowsOf(noise(...from), ...from);
    const whole = shrink(rows, size, { kernel: 'cubic' });
    const window = { left: 7, top: 3, width: 20, height: 20 };
    const part = shrink(rows, size, { kernel: 'cubic', window });
    assert.deepEqual([part.width, part.height], [20, 40]);
    for (let y = 0; y < 40; y++)
      assert.deepEqual(
        part.pixels.subarray(60 * y, 60 * (y + 1)),
        whole.pixels.subarray(3 * (30 * y + 7), 3 * (30 * y + 27)),
      );
  });
});
