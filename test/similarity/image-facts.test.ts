import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { mirrorGray, stretch } from '../../src/images/gray.js';
import { cropMap, DESCRIPTOR_WIDTH, describe, GRAY_PX, imageOf, mirrored } from '../../src/similarity/descriptor.js';
import { readGray, readImageFacts } from '../../src/similarity/image-facts.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { drawn, listed, writeDataset } from './images.js';

/** A smooth gray image `[px, px]`, so that few frequencies say all of it. */
const smooth = (px: number, from = 0, share = 1) =>
  Float32Array.from({ length: px * px }, (_, i) => {
    const x = from + (share * ((i % px) + 0.5)) / px;
    const y = from + (share * (Math.floor(i / px) + 0.5)) / px;
    return 120 + 50 * Math.cos(Math.PI * (3 * x + 0.3)) * Math.cos(Math.PI * 2 * y) + 30 * Math.cos(Math.PI * 5 * y);
  });

const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++) assert.ok(Math.abs(a[i]! - b[i]!) <= tolerance, `${i}: ${a[i]} and ${b[i]}`);
};

test('a descriptor does not see brightness and contrast, and knows its mirror image', () => {
  const gray = smooth(GRAY_PX);
  const descriptor = describe(gray);
  assert.equal(descriptor.length, DESCRIPTOR_WIDTH);
  close(describe(gray.map(value => 0.9 * value + 20)), descriptor, 0.5);
  close(mirrored(descriptor), describe(mirrorGray(gray, GRAY_PX)), 1e-4);
  assert.deepEqual(mirrored(mirrored(descriptor)), descriptor);
  assert.deepEqual(describe(new Float32Array(GRAY_PX ** 2).fill(77)), new Float32Array(DESCRIPTOR_WIDTH));
});

test('a descriptor gives its image back, but for what is fine', () => {
  const gray = smooth(GRAY_PX);
  const mean = gray.reduce((sum, value) => sum + value, 0) / gray.length;
  const std = Math.sqrt(gray.reduce((sum, value) => sum + (value - mean) ** 2, 0) / gray.length);
  const wanted = gray.map(value => (value - mean) / (std + 4));
  close(imageOf(describe(gray), GRAY_PX), wanted, 0.2);
  close(imageOf(describe(gray), 16), stretch(wanted, { width: GRAY_PX, height: GRAY_PX }, 16), 0.2);
});

test('the map of a crop gives the low frequencies of what the crop shows', () => {
  const kept = 8;
  const whole = describe(smooth(GRAY_PX));
  const crop = { left: 0.1, top: 0.1, width: 0.9, height: 0.9 };
  const map = cropMap(kept, crop);
  const seen = Array.from({ length: kept * kept - 1 }, (_, to) =>
    whole.reduce((sum, value, from) => sum + value * map[to * DESCRIPTOR_WIDTH + from]!, 0),
  );
  const cropped = describe(smooth(GRAY_PX, 0.1, 0.9));
  const wanted = Array.from({ length: kept * kept - 1 }, (_, to) => {
    const index = to + 1;
    return cropped[Math.floor(index / kept) * 12 + (index % kept) - 1]!;
  });
  // The crop has a contrast of its own.
  const gain = Math.hypot(...wanted) / Math.hypot(...seen);
  assert.ok(Math.abs(gain - 1) < 0.1, `${gain}`);
  close(
    seen.map(value => value * gain),
    wanted,
    1.5,
  );
});

test('stretching takes means of areas, and keeps an image of the same size', () => {
  assert.deepEqual(
    [...stretch(Float32Array.of(0, 2, 4, 6, 8, 10), { width: 3, height: 2 }, 2)],
    [...[0 * (2 / 3) + 2 / 3, (2 / 3) * 1 + (4 * 2) / 3, 6 * (2 / 3) + 8 / 3, 8 / 3 + 10 * (2 / 3)].map(Math.fround)],
  );
  const same = smooth(16);
  assert.deepEqual(stretch(same, { width: 16, height: 16 }, 16), same);
  const wide = stretch(Float32Array.of(5, 7), { width: 2, height: 1 }, 4);
  assert.deepEqual([...wide.subarray(0, 4)], [5, 5, 7, 7]);
  assert.deepEqual([...wide.subarray(12)], [5, 5, 7, 7]);
});

test('facts are read once an image, and are the same from the cache', async t => {
  const root = tempFolder(t, { 'cache/': '' });
  const cache = join(root, 'cache');
  const dataset = await writeDataset(root, {
    'a.png': drawn(1).png(),
    'b.jpg': drawn(2).jpeg(),
    'broken.jpg': Buffer.from('no image'),
    'c.png': drawn(1).png(),
  });
  const first = await readImageFacts(dataset, cache);
  t.after(first.close);
  assert.equal(first.cached, 0);
  assert.equal(first.facts.at(0)!.hash, first.facts.at(3)!.hash);
  assert.equal(first.facts.at(2), undefined);
  assert.deepEqual(first.skipped, [
    {
      file: 'broken.jpg',
      reason: 'expected a photo (jpeg, png, webp, gif, tiff, avif), got text',
    },
  ]);
  const { quality } = first.facts.at(1)!;
  assert.deepEqual([quality.width, quality.height], [120, 120]);
  const again = await readImageFacts(dataset, cache);
  t.after(again.close);
  assert.equal(again.cached, 3);
  const valuesOf = ({ facts }: typeof first) =>
    listed(facts).map(fact => fact && [fact.hash, fact.descriptor, fact.quality, fact.warning]);
  assert.deepEqual(valuesOf(again), valuesOf(first));
  const gray = await readGray(resolve(root, 'a.png'));
  assert.deepEqual(describe(gray!), first.facts.at(0)!.descriptor);
});

test('a gray image is not read where the file is gone or another', async t => {
  const root = tempFolder(t);
  await writeDataset(root, { 'a.png': drawn(1).png() });
  assert.equal(await readGray(join(root, 'a.png'), 'another hash'), undefined);
  rmSync(join(root, 'a.png'));
  assert.equal(await readGray(join(root, 'a.png')), undefined);
});

test('stops when it is told to', async t => {
  const root = tempFolder(t);
  const dataset = await writeDataset(root, { 'a.png': drawn(1).png() });
  assert.equal(
    await failureOf(() => readImageFacts(dataset, join(root, 'cache'), { signal: AbortSignal.abort() })),
    'AbortedError: stopped before the end',
  );
});
