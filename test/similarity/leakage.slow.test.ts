// Slow: compares thousands of images.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { writeSafetensors } from '../../src/backbones/weights/safetensors.js';
import { descriptorsOf } from '../../src/similarity/descriptor.js';
import { DEFAULT_THRESHOLDS } from '../../src/similarity/duplicates.js';
import { readGray, readImageFacts } from '../../src/similarity/image-facts.js';
import { findLeaks } from '../../src/similarity/leakage.js';
import {
  encodeTrainingIndex,
  readTrainingIndex,
  TRAINING_INDEX,
  trainingPath,
} from '../../src/similarity/training-index.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { drawn, listed, writeDataset } from './images.js';

/** A training and a test set of which test images 0 to 3 repeat training images, and the index of the former. */
async function prepare(t: TestContext) {
  const root = tempFolder(t);
  const training = await writeDataset(
    join(root, 'train'),
    Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`sub/${i} ä.jpg`, drawn(i).jpeg({ quality: 90 })])),
  );
  const copy = async (seed: number) => sharp(await drawn(seed).jpeg({ quality: 90 }).toBuffer());
  const testing = await writeDataset(join(root, 'test'), {
    'same.jpg': drawn(3).jpeg({ quality: 90 }),
    'again.jpg': (await copy(4)).jpeg({ quality: 60 }),
    'mirror.png': (await copy(5)).flop().png(),
    'crop.jpg': (await copy(6)).extract({ left: 6, top: 0, width: 114, height: 114 }).jpeg({ quality: 90 }),
    'other.jpg': drawn(70).jpeg(),
    'another.jpg': drawn(71).jpeg(),
    'broken.jpg': Buffer.from('no image'),
  });
  const cache = join(root, 'cache');
  const { facts, close } = await readImageFacts(training, cache);
  t.after(close);
  const bytes = encodeTrainingIndex('../train', training.samples, facts, DEFAULT_THRESHOLDS);
  writeFileSync(join(root, TRAINING_INDEX), bytes);
  const { facts: asked, close: closeAsked } = await readImageFacts(testing, cache);
  t.after(closeAsked);
  const readTest = (i: number) => readGray(resolve(testing.root, testing.samples[i]!.file));
  return { root, training, facts, bytes, asked, readTest };
}

test('test images that repeat training images are found, by their pixels where those are at hand', async t => {
  const { root, asked, readTest } = await prepare(t);
  const index = await readTrainingIndex(join(root, TRAINING_INDEX));
  const read = (i: number) => readGray(trainingPath(index, join(root, 'model'), i), index.hashes.at(i));
  const leaks = await findLeaks({ ...index, readGray: read }, asked, readTest);
  assert.deepEqual(
    leaks.map(({ test, training, kind, by }) => [test, training, kind, by]),
    [
      [0, 3, 'exact', 'content'],
      [1, 4, 'near', 'pixels'],
      [2, 5, 'near', 'pixels'],
      [3, 6, 'near', 'pixels'],
    ],
  );
  const gone = await findLeaks({ ...index, readGray: async () => undefined }, asked, readTest);
  assert.deepEqual(
    gone.map(({ test, training, kind, by }) => [test, training, kind, by]),
    [
      [0, 3, 'exact', 'content'],
      [1, 4, 'near', 'descriptors'],
      [2, 5, 'near', 'descriptors'],
      [3, 6, 'near', 'descriptors'],
    ],
  );
});

test('the index remembers names, labels, hashes and descriptors, in the same bytes each time', async t => {
  const { root, training, facts, bytes } = await prepare(t);
  assert.deepEqual(encodeTrainingIndex('../train', training.samples, facts, DEFAULT_THRESHOLDS), bytes);
  const index = await readTrainingIndex(join(root, TRAINING_INDEX));
  assert.equal(index.root, '../train');
  assert.deepEqual(
    listed(index.files),
    training.samples.map(({ file }) => file),
  );
  assert.deepEqual([...index.labels], [...training.samples.keys()]);
  assert.deepEqual(
    listed(index.hashes),
    listed(facts).map(fact => fact!.hash),
  );
  assert.equal(index.files.indexOf('sub/7 ä.jpg'), listed(index.files).indexOf('sub/7 ä.jpg'));
  assert.equal(index.files.indexOf('sub/7'), -1);
  const exact = listed(facts).map(fact => fact!.descriptor);
  const largest = Math.max(...exact.flatMap(row => [...row]).map(Math.abs));
  exact.forEach((row, i) => {
    const found = index.descriptors.row(i);
    row.forEach((value, j) => {
      assert.ok(Math.abs(value - found[j]!) <= largest / 250, `${i} ${j}`);
    });
  });
  // An image that could not be read is left out; of none there is an empty index.
  writeFileSync(
    join(root, TRAINING_INDEX),
    encodeTrainingIndex('', training.samples, [...listed(facts).slice(1), undefined], DEFAULT_THRESHOLDS),
  );
  assert.equal((await readTrainingIndex(join(root, TRAINING_INDEX))).files.length, 19);
  writeFileSync(join(root, TRAINING_INDEX), encodeTrainingIndex('', [], [], DEFAULT_THRESHOLDS));
  assert.deepEqual((await readTrainingIndex(join(root, TRAINING_INDEX))).files.length, 0);
});

test('a damaged index, and other files, are refused', async t => {
  const { root, bytes } = await prepare(t);
  const path = join(root, TRAINING_INDEX);
  const refusal = async (content: Uint8Array) => {
    writeFileSync(path, content);
    return (await failureOf(() => readTrainingIndex(path))).replace(path, 'INDEX').replace(path, 'INDEX');
  };
  assert.match(await refusal(bytes.subarray(0, bytes.length - 9)), /^InputError: INDEX: expected an index of training/);
  assert.equal(
    await refusal(writeSafetensors(new Map())),
    'InputError: INDEX: expected an index of training images, got another file; train again, or fetch it again',
  );
  assert.equal(
    await refusal(writeSafetensors(new Map(), { format: 'eyeball training index 2' })),
    'InputError: INDEX: expected an index of training images, got "eyeball training index 2"; train again, or fetch it again',
  );
  assert.equal(
    await refusal(writeSafetensors(new Map(), { format: 'eyeball training index 1' })),
    'InputError: INDEX: expected an index of training images, got none of "labels"; train again, or fetch it again',
  );
  const labels = new Map([['labels', { dtype: 'float32', shape: [1], data: new Float32Array(1) }]] as const);
  assert.equal(
    await refusal(writeSafetensors(labels, { format: 'eyeball training index 1' })),
    'InputError: INDEX: expected an index of training images, got "labels" as float32 [1]; train again, or fetch it again',
  );
});

test('of no training or no test images none leaks', async t => {
  const { asked, readTest } = await prepare(t);
  const none = { hashes: [], descriptors: descriptorsOf(new Float32Array(0)), readGray: async () => undefined };
  assert.deepEqual(await findLeaks(none, asked, readTest), []);
  assert.deepEqual(await findLeaks(none, [], readTest), []);
});
