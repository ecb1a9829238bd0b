import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { type ResizePlan, STRETCH } from '../../src/formats/resize.js';
import { explanationPng } from '../../src/images/explanation-image.js';
import { failureOf } from '../datasets/temp.js';
import { float } from '../run-graph.js';

const plain = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#c08040' } })
    .png()
    .toBuffer();

async function drawn(map: ReturnType<typeof float>, bytes: Uint8Array, resize: ResizePlan = STRETCH) {
  const png = await explanationPng({ resize, bytes, map, title: 'age 40 years', note: 'A note.' });
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)];
  return { png, info, at };
}

describe('explanationPng', () => {
  it('shows the image, and beside it, in gray, warm what pushed up and cool what pushed down', async () => {
    const { at, info } = await drawn(float([1, 3], [1, 0, -1]), await plain(80, 80));
    assert.equal(info.width, 3 * 16 + 2 * 360);
    assert.deepEqual(at(16, 16), [192, 128, 64]);
    assert.deepEqual(at(375, 375), [192, 128, 64]);
    const [warm, none, cool] = [at(400, 200), at(392 + 180, 200), at(740, 200)] as [number[], number[], number[]];
    assert.ok(warm[0]! > warm[2]! + 80, `${warm}`);
    assert.ok(cool[2]! > cool[0]! + 80, `${cool}`);
    assert.ok(Math.max(...none) - Math.min(...none) <= 2, `${none}`);
    assert.deepEqual(at(384, 200), [255, 255, 255]);
  });

  it('leaves an image gray where nothing pushed, and keeps its shape', async () => {
    const { at, info } = await drawn(float([2, 2], [0, 0, 0, 0]), await plain(30, 300));
    const [r, g, b] = at(16 + 240 + 16 + 10, 100);
    assert.ok(r === g && g === b);
    assert.equal(info.width, 3 * 16 + 2 * 240);
    assert.deepEqual(at(16 + 36, 100), [255, 255, 255]);
  });

  it('shows the part of the image that the model reads', async () => {
    const left = await sharp({ create: { width: 60, height: 30, channels: 3, background: '#ff0000' } })
      .extend({ right: 60, background: '#0000ff' })
      .png()
      .toBuffer();
    const map = float([1, 1], [0]);
    const { at, info } = await drawn(map, left, { fit: 'crop', interpolation: 'bilinear', cropShare: 0.5 });
    assert.equal(info.width, 3 * 16 + 2 * 360);
    // A square of 15 px about the center of an image that is red to the left of it.
    assert.deepEqual(
      [at(16, 200), at(375, 200)],
      [
        [255, 0, 0],
        [0, 0, 255],
      ],
    );
    const padded = await drawn(map, left, { fit: 'pad', interpolation: 'bilinear', cropShare: 1 });
    assert.deepEqual(
      [padded.at(20, 20), padded.at(20, 196)],
      [
        [128, 128, 128],
        [255, 0, 0],
      ],
    );
  });

  it('gives the same bytes for the same explanation', async () => {
    const bytes = await plain(40, 30);
    const [one, again] = [await drawn(float([1, 2], [1, 2]), bytes), await drawn(float([1, 2], [1, 2]), bytes)];
    assert.deepEqual(one.png, again.png);
  });

  it('refuses what is no image', async () => {
    const text = await failureOf(() => drawn(float([1, 1], [1]), Buffer.from('text')));
    assert.match(text, /^InputError: expected a photo \(/);
  });
});
