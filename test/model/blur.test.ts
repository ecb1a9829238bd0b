import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blur } from '../../src/model/blur.js';

describe('blur', () => {
  it('keeps an image of one color, also at its edges', () => {
    const pixels = Uint8Array.from({ length: 9 * 9 * 3 }, (_, i) => [200, 30, 5][i % 3]!);
    assert.deepEqual(blur(pixels, 9, 2), pixels);
  });

  it('spreads a point as a Gaussian, in its own channel', () => {
    const pixels = new Uint8Array(31 * 31 * 3);
    // A line of 255 down column 15, in green: along a row, 255 times the weights.
    for (let y = 0; y < 31; y++) pixels[3 * (31 * y + 15) + 1] = 255;
    const out = blur(pixels, 31, 2);
    for (let x = 0; x < 31; x++) {
      const weight = Math.exp(-((x - 15) ** 2) / 8) / Math.sqrt(8 * Math.PI);
      assert.ok(Math.abs(out[3 * (31 * 12 + x) + 1]! - 255 * weight) < 1, `column ${x}`);
      assert.equal(out[3 * (31 * 12 + x)], 0);
    }
  });
});
