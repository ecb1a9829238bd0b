import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type QualityFacts, qualityFlags } from '../../src/images/quality.js';
import { readImageFacts } from '../../src/similarity/image-facts.js';
import { tempFolder } from '../datasets/temp.js';
import { drawn, listed, writeDataset } from '../similarity/images.js';

test('each thing that may be wrong with an image is flagged, and the images in order are not', async t => {
  const root = tempFolder(t);
  const good = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`good-${i}.jpg`, drawn(i).jpeg()]));
  const dataset = await writeDataset(root, {
    ...good,
    'blurred.jpg': drawn(50).blur(6).jpeg(),
    'dark.jpg': drawn(51).linear(0.15, 0).jpeg(),
    'over.jpg': drawn(52).linear(1.5, 90).jpeg(),
    'blank.jpg': drawn(53).linear(0.05, 110).jpeg(),
    'gray.jpg': drawn(54, { gray: true }).jpeg(),
    'small.jpg': drawn(55).resize(30, 30).jpeg(),
    'wide.jpg': drawn(56).resize(200, 100, { fit: 'fill' }).jpeg(),
  });
  const { facts, close } = await readImageFacts(dataset, join(root, 'cache'));
  t.after(close);
  const flags = qualityFlags(listed(facts).map(fact => fact!.quality));
  const byFile = Object.fromEntries(dataset.samples.map(({ file }, i) => [file, flags[i]!.map(({ kind }) => kind)]));
  for (const name of Object.keys(good)) assert.deepEqual(byFile[name], [], name);
  assert.deepEqual(byFile['blurred.jpg'], ['blurred']);
  assert.ok(byFile['dark.jpg']!.includes('dark'));
  assert.deepEqual(byFile['over.jpg'], ['over-exposed']);
  assert.ok(byFile['blank.jpg']!.includes('low information'));
  assert.deepEqual(byFile['gray.jpg'], ['grayscale']);
  assert.deepEqual(byFile['small.jpg'], ['odd size']);
  assert.deepEqual(byFile['wide.jpg'], ['odd aspect']);
  const [flag] = flags[dataset.samples.findIndex(({ file }) => file === 'small.jpg')]!;
  assert.equal(flag!.value, 30);
  assert.ok(Math.abs(flag!.threshold - 60) < 1e-9);
});

test('where gray or small images are the rule they are not odd', () => {
  const plain: QualityFacts = {
    ...{ width: 30, height: 30, brightness: 120, contrast: 50, overexposed: 0, blur: 0.5, color: 1 },
  };
  assert.deepEqual(qualityFlags(new Array(5).fill(plain)), [[], [], [], [], []]);
  assert.deepEqual(qualityFlags([]), []);
});

test('a wide spread moves the fence beyond the floor', () => {
  const of = (size: number): QualityFacts => ({
    ...{ width: size, height: size, brightness: 120, contrast: 50, overexposed: 0, blur: 0.5, color: 99 },
  });
  const sizes = Array.from({ length: 41 }, (_, i) => 100 * 2 ** ((i - 20) / 10));
  assert.ok(qualityFlags(sizes.map(of)).every(flags => flags.length === 0));
  const flags = qualityFlags([...sizes, 50_000].map(of));
  assert.deepEqual(
    flags.at(-1)!.map(({ kind }) => kind),
    ['odd size'],
  );
});
