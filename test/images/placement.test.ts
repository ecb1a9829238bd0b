import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { createRandom } from '../../src/base/random.js';
import { type ModelInput, type ResizePlan, STRETCH } from '../../src/formats/resize.js';
import { cubicKernel, enlargeBicubic } from '../../src/images/bicubic.js';
import { enlarge } from '../../src/images/enlarge.js';
import { decodeImage, decodeInput } from '../../src/images/image.js';
import { placementOf } from '../../src/images/placement.js';

const input = (sizePx: number, resize: Partial<ResizePlan>): ModelInput => ({
  sizePx,
  resize: { ...STRETCH, ...resize },
});

/** A smooth image: two waves and a slope. */
const smooth = (width: number, height: number) =>
  Buffer.from(
    Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const [x, y] = [(Math.floor(i / 3) % width) / width, Math.floor(i / 3 / width) / height];
      return [128 + 120 * Math.sin(5 * x + 2 * y), 40 + 170 * y, 128 + 100 * Math.cos(7 * y) * Math.sin(3 * x)][i % 3]!;
    }),
  );

const png = (width: number, height: number, pixels = smooth(width, height)) =>
  sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length);
  return Array.from(a).reduce<number>((most, level, i) => Math.max(most, Math.abs(level - b[i]!)), 0);
};

describe('placing an image on the input', () => {
  // The sizes and corners of torchvision 0.26's Resize(floor(size / share)) and CenterCrop(size).
  for (const { image, sizePx, cropShare, scaled, corner } of [
    { image: [640, 480], sizePx: 224, cropShare: 0.875, scaled: [341, 256], corner: [58, 16] },
    { image: [480, 640], sizePx: 224, cropShare: 0.9, scaled: [248, 330], corner: [12, 53] },
    { image: [500, 375], sizePx: 224, cropShare: 1, scaled: [298, 224], corner: [37, 0] },
    { image: [100, 31], sizePx: 32, cropShare: 0.95, scaled: [106, 33], corner: [37, 0] },
    { image: [65, 65], sizePx: 32, cropShare: 0.9, scaled: [35, 35], corner: [2, 2] },
  ]) {
    it(`crops ${image.join(' x ')} to ${sizePx} px as torchvision does, share ${cropShare}`, () => {
      const [width, height] = image as [number, number];
      const found = placementOf({ width, height }, input(sizePx, { fit: 'crop', cropShare }));
      assert.deepEqual([found.scaled.width, found.scaled.height], scaled);
      assert.deepEqual(found.window, { left: corner[0], top: corner[1], width: sizePx, height: sizePx });
    });
  }

  it('pads the shorter direction, at least one pixel of it left', () => {
    const wide = placementOf({ width: 90, height: 40 }, input(32, { fit: 'pad' }));
    assert.deepEqual(wide, {
      scaled: { width: 32, height: 14 },
      window: { left: 0, top: 0, width: 32, height: 14 },
      left: 0,
      top: 9,
    });
    assert.deepEqual(placementOf({ width: 1, height: 5000 }, input(32, { fit: 'pad' })).scaled, {
      width: 1,
      height: 32,
    });
  });
});

describe('decoding for the input of a network', () => {
  it('stretches as decodeImage does by default', async () => {
    const bytes = await png(50, 31);
    const size = { width: 32, height: 32 };
    assert.deepEqual(await decodeInput(bytes, { sizePx: 32 }), await decodeImage(bytes, size));
    assert.deepEqual(await decodeInput(bytes, { sizePx: 32, resize: STRETCH }), await decodeImage(bytes, size));
  });

  for (const [what, width, height] of [
    ['larger', 200, 90],
    ['smaller', 20, 17],
    ['of the size', 32, 32],
    ['narrow', 3, 900],
  ] as const) {
    for (const interpolation of ['bilinear', 'bicubic'] as const) {
      it(`crops an image that is ${what} as a crop of the whole resized image, ${interpolation}`, async () => {
        const plan = input(32, { fit: 'crop', interpolation, cropShare: 0.9 });
        const { scaled, window } = placementOf({ width, height }, plan);
        const own = smooth(width, height);
        const found = await decodeInput(await png(width, height, own), plan);
        const kernel = interpolation === 'bicubic' ? 'cubic' : 'linear';
        const small = await sharp(own, { raw: { width, height, channels: 3 } })
          .resize(scaled.width, scaled.height, { fit: 'fill', kernel, withoutEnlargement: true })
          .raw()
          .toBuffer({ resolveWithObject: true });
        const grow = interpolation === 'bicubic' ? enlargeBicubic : enlarge;
        const wanted = grow(small.data, small.info, scaled, window);
        assert.ok(worst(found, wanted) <= 1);
      });
    }
  }

  it('takes its center, by half-pixel centers', async () => {
    const [width, height] = [300, 200];
    const found = await decodeInput(await png(width, height), input(64, { fit: 'crop', interpolation: 'bicubic' }));
    const wanted = Array.from({ length: 64 * 64 }, (_, i) => {
      const [x, y] = [(50 + ((i % 64) + 0.5) * (200 / 64)) / width, ((Math.floor(i / 64) + 0.5) * (200 / 64)) / height];
      return 128 + 120 * Math.sin(5 * (x - 0.5 / width) + 2 * (y - 0.5 / height));
    });
    assert.ok(
      worst(
        found.filter((_, i) => i % 3 === 0),
        wanted,
      ) <= 2,
    );
  });

  it('fills what is beside a padded image with gray, and keeps the image whole', async () => {
    const red = Buffer.from(Uint8Array.from({ length: 40 * 10 * 3 }, (_, i) => (i % 3 === 0 ? 250 : 3)));
    const found = await decodeInput(await png(40, 10, red), input(20, { fit: 'pad', interpolation: 'bicubic' }));
    for (let y = 0; y < 20; y++)
      for (let x = 0; x < 20; x++) {
        const level = [...found.subarray(3 * (20 * y + x), 3 * (20 * y + x) + 3)];
        const wanted = y < 7 || y >= 12 ? [128, 128, 128] : [250, 3, 3];
        assert.deepEqual(level, wanted, `${x}, ${y}`);
      }
  });

  it('crops a JPEG by its EXIF orientation', async () => {
    const turned = await sharp(smooth(120, 80), { raw: { width: 120, height: 80, channels: 3 } })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const upright = await sharp(smooth(120, 80), { raw: { width: 120, height: 80, channels: 3 } })
      .rotate(90)
      .png()
      .toBuffer();
    const plan = input(40, { fit: 'crop', cropShare: 0.8 });
    assert.ok(worst(await decodeInput(turned, plan), await decodeInput(upright, plan)) <= 4);
  });
});

describe('bicubic enlarging', () => {
  it('gives the levels of Pillow, to one', () => {
    const random = createRandom(7, 'bicubic');
    const pixels = Uint8Array.from({ length: 5 * 4 * 3 }, () => random.integer(256));
    // np.asarray(Image.fromarray(pixels).resize((8, 7), Image.BICUBIC))[:, :, 0]
    const wanted = [
      [156, 160, 151, 83, 38, 26, 24, 27],
      [133, 150, 164, 130, 75, 16, 69, 114],
      [97, 129, 177, 205, 139, 10, 143, 251],
      [123, 107, 100, 175, 170, 91, 140, 182],
      [154, 104, 51, 122, 167, 167, 118, 81],
      [135, 157, 172, 111, 100, 143, 119, 97],
      [121, 188, 248, 108, 60, 122, 121, 113],
    ];
    const to = { width: 8, height: 7 };
    const found = enlargeBicubic(pixels, { width: 5, height: 4 }, to, { left: 0, top: 0, ...to });
    assert.ok(
      worst(
        found.filter((_, i) => i % 3 === 0),
        wanted.flat(),
      ) <= 1,
    );
    // A part is a part of the whole.
    const part = enlargeBicubic(pixels, { width: 5, height: 4 }, to, { left: 2, top: 1, width: 5, height: 3 });
    for (let y = 0; y < 3; y++)
      assert.deepEqual(part.subarray(15 * y, 15 * y + 15), found.subarray(24 * (y + 1) + 6, 24 * (y + 1) + 21));
  });

  it('has a kernel of 1 at 0, and 0 at 1, 2 and beyond', () => {
    assert.deepEqual([0, 1, -1, 2, 3].map(cubicKernel), [1, 0, 0, 0, 0]);
  });
});
