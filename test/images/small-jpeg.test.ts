import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp, { type JpegOptions, type Sharp } from 'sharp';
import { decodeSmallJpeg } from '../../src/images/small-jpeg.js';

const ROOMY = { width: 64, height: 64 };

/** A colourful image with edges, 37 x 23. */
const drawn = (): Sharp =>
  sharp(
    Uint8Array.from({ length: 37 * 23 * 3 }, (_, i) => ((i * 2654435761) >>> 11) & (i % 3 === 0 ? 255 : 127)),
    { raw: { width: 37, height: 23, channels: 3 } },
  );

const jpeg = (options: JpegOptions = {}, image = drawn()): Promise<Buffer> => image.jpeg(options).toBuffer();

const pixelsOf = async (bytes: Uint8Array, size: typeof ROOMY) => {
  const decoded = await decodeSmallJpeg(bytes, size);
  return typeof decoded === 'object' ? decoded : undefined;
};

describe('a small JPEG', () => {
  it('has the pixels that sharp gives, however it is coded', async () => {
    const codings: JpegOptions[] = [
      {},
      { chromaSubsampling: '4:4:4' },
      { quality: 3 },
      { quality: 100, optimiseCoding: false },
    ];
    for (const options of codings) {
      const bytes = await jpeg(options);
      const decoded = await pixelsOf(bytes, ROOMY);
      assert.deepEqual([decoded!.width, decoded!.height], [37, 23]);
      assert.deepEqual(Buffer.from(decoded!.data), await sharp(bytes).raw().toBuffer());
    }
  });

  it('is left to sharp where it needs more than decoding', async () => {
    const bytes = await jpeg();
    assert.ok((await pixelsOf(bytes, { width: 37, height: 23 })) !== undefined);
    const others: [string, Uint8Array, typeof ROOMY][] = [
      ['wider', bytes, { width: 36, height: 64 }],
      ['higher', bytes, { width: 64, height: 22 }],
      ['progressive', await jpeg({ progressive: true }), ROOMY],
      ['of many bytes', Buffer.concat([bytes, Buffer.alloc(2 ** 18)]), ROOMY],
      ['gray', await jpeg({}, drawn().toColourspace('b-w')), ROOMY],
      ['CMYK', await jpeg({}, drawn().toColourspace('cmyk')), ROOMY],
      ['turned', await jpeg({}, drawn().withMetadata({ orientation: 6 })), ROOMY],
      ['with a profile', await jpeg({}, drawn().withIccProfile('p3')), ROOMY],
      ['no JPEG', await drawn().png().toBuffer(), ROOMY],
      ['empty', new Uint8Array(), ROOMY],
    ];
    for (const [name, other, size] of others) assert.equal(await pixelsOf(other, size), undefined, name);
  });

  it('is left to sharp where it is cut short at any byte, and the next one is decoded', async () => {
    const bytes = await jpeg({ quality: 20 });
    const whole = await pixelsOf(bytes, ROOMY);
    // From the last bytes of its data on: without the marker behind it, it is whole.
    for (let length = bytes.length - 8; length >= 0; length -= 7)
      assert.equal(await pixelsOf(bytes.subarray(0, length), ROOMY), undefined, `${length}`);
    const many = Array.from({ length: 200 }, (_, i) => bytes.subarray(0, bytes.length - (i % 2) * 50));
    const decoded = await Promise.all(many.map(some => pixelsOf(some, ROOMY)));
    assert.deepEqual(
      decoded,
      many.map((_, i) => (i % 2 === 0 ? whole : undefined)),
    );
  });

  it('is called damaged where data is missing inside, and others are not', async () => {
    const bytes = await jpeg();
    assert.equal(await decodeSmallJpeg(bytes.subarray(0, -20), ROOMY), 'damaged');
    assert.equal(await decodeSmallJpeg(await jpeg({ progressive: true }), ROOMY), undefined);
  });

  it('is whole without its last marker, or a half of it', async () => {
    const bytes = await jpeg();
    const whole = await pixelsOf(bytes, ROOMY);
    for (const missing of [1, 2])
      assert.deepEqual(await pixelsOf(bytes.subarray(0, bytes.length - missing), ROOMY), whole, `${missing}`);
  });

  it('does not lie in memory that the next one takes', async () => {
    const [first, second] = await Promise.all(
      [jpeg(), jpeg({}, drawn().negate())].map(async bytes => pixelsOf(await bytes, ROOMY)),
    );
    assert.deepEqual(
      Buffer.from(first!.data),
      await sharp(await jpeg())
        .raw()
        .toBuffer(),
    );
    assert.notDeepEqual(first!.data, second!.data);
  });
});
