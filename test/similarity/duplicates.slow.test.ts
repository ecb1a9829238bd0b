// Slow: searches duplicates of thousands of images.
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import { Connections } from '../../src/base/groups.js';
import { renderFile } from '../../src/demo/portraits/generate-portraits.js';
import { planPortraits } from '../../src/demo/portraits/plan-portraits.js';
import { contentHash } from '../../src/features/feature-cache.js';
import { luma, stretch } from '../../src/images/gray.js';
import { compared, DEFAULT_THRESHOLDS, findDuplicates } from '../../src/similarity/duplicates.js';
import { readGray, readImageFacts } from '../../src/similarity/image-facts.js';
import { pyramidOf } from '../../src/similarity/image-pyramid.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { drawn, writeDataset } from './images.js';

const jpeg = (image: Sharp, quality = 90) => image.jpeg({ quality });
const crop = (image: Sharp, left: number, top: number) => image.extract({ left, top, width: 114, height: 114 });

/** Alterations that leave a photo the same photo. */
const alterations: Readonly<Record<string, (image: Sharp) => Sharp>> = {
  'quality-60.jpg': image => jpeg(image, 60),
  'smaller.jpg': image => jpeg(image.resize(96, 96)),
  'mirrored.jpg': image => jpeg(image.flop()),
  'cropped.jpg': image => jpeg(crop(image, 3, 3)),
  'cropped-corner.jpg': image => jpeg(crop(image, 6, 0)),
  'cropped-side.jpg': image => jpeg(image.extract({ left: 0, top: 0, width: 114, height: 120 })),
  'mirrored-cropped.jpg': image => jpeg(crop(image.flop(), 1, 5), 60),
  'same.png': image => image.png(),
  'same.webp': image => image.webp(),
};

async function grayOf(image: Sharp): Promise<Float32Array> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return stretch(luma(data), info, 64);
}

async function search(t: TestContext, images: Readonly<Record<string, Sharp | Uint8Array>>) {
  const root = tempFolder(t, { 'cache/': '' });
  const dataset = await writeDataset(root, images);
  const { facts, skipped, close } = await readImageFacts(dataset, resolve(root, 'cache'));
  t.after(close);
  const read = (i: number) => readGray(resolve(root, dataset.samples[i]!.file));
  return { found: await findDuplicates(facts, read), facts, read, skipped, dataset };
}

test('a photo is found again however it was changed a little, and other photos are not', async t => {
  const others = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`other-${i}.jpg`, jpeg(drawn(100 + i))]));
  const copies: Record<string, Sharp> = {};
  let seed = 0;
  for (const [name, alter] of Object.entries(alterations)) {
    const original = await drawn(seed).png().toBuffer();
    copies[`${name}/a.png`] = drawn(seed).png();
    copies[`${name}/b-${name}`] = alter(sharp(original));
    seed++;
  }
  const { found, facts, read, dataset } = await search(t, { ...others, ...copies });
  const names = found.pairs.map(({ a, b }) => [dataset.samples[a]!.file, dataset.samples[b]!.file]);
  assert.deepEqual(
    names,
    Object.keys(alterations).map(name => [`${name}/a.png`, `${name}/b-${name}`]),
  );
  for (const { kind, similarity, mirrored, a } of found.pairs) {
    assert.equal(kind, dataset.samples[a]!.file.startsWith('same.png') ? 'exact' : 'near');
    assert.ok(similarity >= 0.95 && similarity <= 1, `${similarity}`);
    assert.equal(mirrored, dataset.samples[a]!.file.startsWith('mirrored'));
  }
  assert.equal(found.groups.length, seed);
  assert.deepEqual(await findDuplicates(facts, read), found);
});

/** Drawn people, of whom many differ in little. */
async function portraits(count: number): Promise<Record<string, Uint8Array>> {
  const plan = planPortraits(400, 0, 3).filter(({ kind }) => kind === 'plain');
  const drawings = plan.slice(0, count).map(async (planned, i) => [`${i}.jpg`, await renderFile(planned, 3)] as const);
  return Object.fromEntries(await Promise.all(drawings));
}

test('drawings by one hand are no copies of each other, and copies among them are found', async t => {
  const drawings = await portraits(260);
  const { found } = await search(t, drawings);
  assert.deepEqual(found.pairs, []);
  const copies: Record<string, Uint8Array> = {};
  for (const i of [7, 40, 99])
    copies[`${i}-copy.jpg`] = await sharp(drawings[`${i}.jpg`]).resize(110).jpeg().toBuffer();
  const { found: again, dataset } = await search(t, { ...drawings, ...copies });
  assert.deepEqual(
    again.pairs.map(({ a, b }) => [dataset.samples[a]!.file, dataset.samples[b]!.file]),
    [7, 40, 99].map(i => [`${i}.jpg`, `${i}-copy.jpg`]),
  );
  assert.ok(again.thresholds.pixels >= 0.95 && again.thresholds.pixels <= 0.99, `${again.thresholds.pixels}`);
});

test('of twenty drawings only the planted copy is found', async t => {
  const drawings = await portraits(19);
  const { found } = await search(t, {
    ...drawings,
    'copy.jpg': await sharp(drawings['3.jpg']).jpeg({ quality: 55 }).toBuffer(),
  });
  assert.deepEqual(
    found.pairs.map(({ a, b }) => [a, b]),
    [[3, 19]],
  );
});

test('groups join what pairs connect, and the others stand alone', async t => {
  const bytes = await jpeg(drawn(1)).toBuffer();
  const { found } = await search(t, {
    'a.jpg': jpeg(drawn(2)),
    'b.jpg': bytes,
    'c.jpg': jpeg(drawn(3)),
    'd.jpg': new Uint8Array(bytes),
    'e.jpg': jpeg(drawn(1), 50),
  });
  assert.deepEqual(
    found.pairs.map(({ a, b, kind }) => [a, b, kind]),
    [
      [1, 3, 'exact'],
      [1, 4, 'near'],
      [3, 4, 'near'],
    ],
  );
  assert.deepEqual(found.groups, [[1, 3, 4]]);
  assert.deepEqual(found.groupOf, [0, 1, 2, 1, 1]);
});

test('of very many equal files only the pairs with the first are named', async t => {
  const bytes = await jpeg(drawn(1)).toBuffer();
  const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i + 10}.jpg`, new Uint8Array(bytes)]));
  const { found } = await search(t, files);
  assert.equal(found.pairs.length, 19);
  assert.deepEqual(found.groupOf, new Array(20).fill(0));
});

test('of many copies of a photo all pairs are named, and each image is read once', async t => {
  const copies = [95, 90, 85, 80, 75, 70, 65, 60].map((quality, i) => [`${i}.jpg`, jpeg(drawn(1), quality)]);
  const { found, facts, read } = await search(t, Object.fromEntries(copies));
  assert.equal(found.pairs.length, (8 * 7) / 2);
  assert.deepEqual(found.groupOf, new Array(8).fill(0));
  assert.ok(found.pairs.every(({ kind, similarity }) => kind === 'near' && similarity >= 0.84 && similarity <= 1));
  const asked: number[] = [];
  await findDuplicates(facts, async i => {
    asked.push(i);
    return await read(i);
  });
  assert.deepEqual(asked.toSorted(), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('two copies of a third are not compared with each other', async () => {
  const levels = pyramidOf(await grayOf(drawn(1)), 64);
  const asked: number[] = [];
  const read = async (index: number) => {
    asked.push(index);
    return levels;
  };
  const candidates = [
    { query: 0, base: 1, mirrored: false, similarity: 0.9 },
    { query: 0, base: 2, mirrored: false, similarity: 0.95 },
    { query: 1, base: 2, mirrored: false, similarity: 0.87 },
    { query: 1, base: 2, mirrored: true, similarity: 0.88 },
  ];
  const found = [];
  for await (const pair of compared(candidates, read, read, {}, new Connections(3))) found.push(pair);
  assert.deepEqual(asked, [0, 1, 0, 2]);
  assert.deepEqual(found[2], {
    ...{ query: 1, base: 2, mirrored: true, similarity: 0.88, byDescriptors: 0.88 },
    isKnown: true,
  });
});

test('blank images are not near duplicates, and what cannot be read is in no pair', async t => {
  const blank = (shade: number) =>
    drawn(0).composite([
      { input: { create: { width: 120, height: 120, channels: 3, background: { r: shade, g: shade, b: shade } } } },
    ]);
  const { found, skipped } = await search(t, {
    'a.png': blank(10).png(),
    'b.png': blank(200).png(),
    'broken.png': Buffer.from('no image'),
    'c.jpg': jpeg(drawn(5)),
  });
  assert.deepEqual(found.pairs, []);
  assert.deepEqual(found.groups, []);
  assert.deepEqual(
    skipped.map(({ file }) => file),
    ['broken.png'],
  );
});

test('none and one image have no duplicates, and the search stops when it is told to', async t => {
  assert.deepEqual(await findDuplicates([], async () => undefined), {
    ...{ pairs: [], groupOf: [], groups: [] },
    thresholds: DEFAULT_THRESHOLDS,
  });
  const { found, facts, read } = await search(t, { 'a.jpg': jpeg(drawn(1)) });
  assert.deepEqual(found, { pairs: [], groupOf: [0], groups: [], thresholds: DEFAULT_THRESHOLDS });
  const { descriptor, quality } = facts.at(0)!;
  const two = [facts.at(0), { hash: contentHash(Buffer.from('another')), descriptor, quality }];
  assert.equal(
    await failureOf(() => findDuplicates(two, read, { signal: AbortSignal.abort() })),
    'AbortedError: stopped before the end',
  );
});
