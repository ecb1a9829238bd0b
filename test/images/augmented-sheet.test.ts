import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { createRandom } from '../../src/base/random.js';
import { augmentations } from '../../src/images/augment.js';
import { augmentedSheet } from '../../src/images/augmented-sheet.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

describe('augmentedSheet', () => {
  const png = (background: string) =>
    sharp({ create: { width: 30, height: 30, channels: 3, background } })
      .png()
      .toBuffer();

  it('has a row an image: the image itself, then changed versions of it', async t => {
    const folder = tempFolder(t, { 'red.png': await png('#c00000'), 'blue.png': await png('#0000c0') });
    const sheet = (seed: number) =>
      augmentedSheet([`${folder}/red.png`, `${folder}/blue.png`], augmentations.photo, {
        seed,
        input: { sizePx: 20 },
        versions: 3,
      });
    const bytes = await sheet(1);
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height, info.channels], [8 + 4 * 28, 8 + 2 * 28, 3]);
    const pixel = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)];
    assert.deepEqual(pixel(8, 8), [192, 0, 0]);
    assert.deepEqual(pixel(27, 27), [192, 0, 0]);
    assert.deepEqual(pixel(8, 36), [0, 0, 192]);
    for (const [x, y] of [
      [7, 8],
      [28, 8],
      [8, 7],
      [8, 28],
      [119, 63],
    ] as const) {
      assert.deepEqual(pixel(x, y), [255, 255, 255]);
    }
    const versions = [36, 64, 92].map(x => pixel(x, 8).join());
    assert.equal(new Set(['192,0,0', ...versions]).size, 4, `${versions}`);
    assert.deepEqual(await sheet(1), bytes);
    assert.notDeepEqual(await sheet(2), bytes);
  });

  it('shows an unchanged image to the level', async t => {
    const random = createRandom(9);
    const noisy = Uint8Array.from({ length: 20 * 20 * 3 }, () => random.integer(256));
    const raw = { width: 20, height: 20, channels: 3 } as const;
    const folder = tempFolder(t, { 'noise.png': await sharp(noisy, { raw }).png().toBuffer() });
    const still = { ...augmentations.face, flip: 0, gray: 0, rotation: [0, 0], brightness: [1, 1] } as const;
    const none = {
      ...still,
      contrast: [1, 1],
      crop: { area: [1, 1], aspect: [1, 1] },
      erase: { ...still.erase, probability: 0 },
    } as const;
    const bytes = await augmentedSheet([`${folder}/noise.png`], none, { seed: 1, input: { sizePx: 20 }, versions: 2 });
    for (const left of [8, 36, 64]) {
      const tile = await sharp(bytes).extract({ left, top: 8, width: 20, height: 20 }).raw().toBuffer();
      assert.deepEqual(new Uint8Array(tile), noisy);
    }
  });

  it('refuses no images, and names one that cannot be read', async t => {
    const folder = tempFolder(t, { 'text.png': 'text' });
    const of = (paths: string[]) => augmentedSheet(paths, augmentations.face, { seed: 1, input: { sizePx: 20 } });
    assert.equal(await failureOf(() => of([])), 'InputError: augmentedSheet: expected at least one image, got none');
    assert.match(await failureOf(() => of([`${folder}/text.png`])), /^InputError: .*text\.png: expected a photo/);
  });
});
