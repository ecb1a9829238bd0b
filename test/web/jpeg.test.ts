import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../src/images/image.js';
import { jpegRows } from '../../src/web/jpeg.js';
import { type ImageRows, shrink } from '../../src/web/shrink.js';

describe('the rows of a large JPEG', () => {
  /** 10 x 7 pixels whose red is their column and whose green is their row. */
  const image: ImageRows = {
    width: 10,
    height: 7,
    read: (top, count) =>
      Uint8Array.from({ length: count * 40 }, (_, i) => [(i >> 2) % 10, top + Math.floor(i / 40), 0, 0][i % 4]! * 10),
  };
  const reds = (rows: ImageRows) => [...rows.read(0, 1)].filter((_, i) => i % 4 === 0);
  const greens = (rows: ImageRows) => Array.from({ length: rows.height }, (_, y) => rows.read(y, 1)[1]);

  it('are the means of pixels that go together, without those left over', () => {
    const rows = jpegRows(image, { width: 3, height: 2 }, 1);
    assert.deepEqual([rows.width, rows.height], [5, 3]);
    assert.deepEqual(reds(rows), [5, 25, 45, 65, 85]);
    assert.deepEqual(greens(rows), [5, 25, 45]);
  });

  it('lack the edge that the file has at its right and bottom, wherever it is shown', () => {
    // Of 7 rows one is left over: shown at the top where the file is upside down or turned so that its right is there.
    const first = (orientation: number) => greens(jpegRows(image, { width: 3, height: 2 }, orientation))[0];
    assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 8].map(first), [5, 5, 15, 15, 5, 5, 15, 15]);
  });

  it('give what Node makes of the file, however it is turned', async () => {
    const size = { width: 50, height: 60 };
    const [width, height] = [239, 271];
    const colours = Buffer.from(
      Array.from({ length: width * height }, (_, i) => [
        i % width,
        Math.floor(i / width),
        ((i % width) - 90) ** 2 < 900 ? 220 : 30,
      ]).flat(),
    );
    const drawn = sharp(colours, { raw: { width, height, channels: 3 } }).jpeg({ quality: 95 });
    for (let orientation = 1; orientation <= 8; orientation++) {
      const bytes = await drawn.withMetadata({ orientation }).toBuffer();
      const { data, info } = await sharp(bytes).autoOrient().ensureAlpha().raw().toBuffer({ resolveWithObject: true });
      const stride = info.width * 4;
      const rows: ImageRows = {
        width: info.width,
        height: info.height,
        read: (top, count) => data.subarray(top * stride, (top + count) * stride),
      };
      const { pixels } = shrink(jpegRows(rows, size, orientation), size);
      const wanted = await decodeImage(bytes, size);
      const off = wanted.reduce((sum, level, i) => sum + Math.abs(level - pixels[i]!), 0) / wanted.length;
      assert.ok(off < 0.4, `orientation ${orientation}: ${off} levels in the mean`);
    }
  });

  it('are the image itself where sharp decodes all of it', () => {
    for (const size of [
      { width: 6, height: 4 },
      { width: 4, height: 3 },
      { width: 20, height: 20 },
    ])
      assert.equal(jpegRows(image, size, 1), image);
  });
});
