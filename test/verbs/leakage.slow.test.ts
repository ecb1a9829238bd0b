// Slow: trains models and evaluates each on copies of its images.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import sharp from 'sharp';
import { readManifest } from '../../src/model/model.js';
import { evaluateModel } from '../../src/verbs/evaluate-model.js';
import { inspectDataset } from '../../src/verbs/inspect-dataset.js';
import { trainModel } from '../../src/verbs/train-model.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';
import { drawn } from '../similarity/images.js';

const root = temporaryFolder();
const train = join(root, 'train');
const testing = join(root, 'test');
const model = join(root, 'model');
const cacheDir = join(root, 'cache');
const messages: string[] = [];
const onMessage = (line: string) => messages.push(line);

/** 30 training images, of which 5 are the first again at quality 60; 6 test images, of which 2 are training images. */
before(async () => {
  for (const folder of [train, testing]) mkdirSync(folder, { recursive: true });
  const jpeg = (seed: number, quality = 90) => drawn(seed).jpeg({ quality }).toBuffer();
  const rows: string[] = [];
  for (let i = 0; i < 25; i++) {
    writeFileSync(join(train, `${i}.jpg`), await jpeg(i));
    rows.push(`${i}.jpg,${i},${i < 4 ? 'anna' : ''}`);
  }
  for (let i = 0; i < 5; i++) {
    const copy = sharp(await jpeg(i)).jpeg({ quality: 60 });
    writeFileSync(join(train, `copy-${i}.jpg`), await copy.toBuffer());
    rows.push(`copy-${i}.jpg,${i},`);
  }
  writeFileSync(join(train, 'metadata.csv'), `file_name,age,group\n${rows.join('\n')}\n`);
  writeFileSync(join(testing, '10.jpg'), await jpeg(10));
  writeFileSync(
    join(testing, 'flipped.jpg'),
    await sharp(await jpeg(11))
      .flop()
      .jpeg({ quality: 90 })
      .toBuffer(),
  );
  for (let i = 50; i < 54; i++) writeFileSync(join(testing, `${i}.jpg`), await jpeg(i));
  const labels = ['10.jpg,10', 'flipped.jpg,99', ...[50, 51, 52, 53].map(i => `${i}.jpg,${i - 40}`)];
  writeFileSync(join(testing, 'metadata.csv'), `file_name,age\n${labels.join('\n')}\n`);
  const backbone = { backbone: 'resnet18', weights: 'formula', size: 32 };
  await trainModel({ data: train, out: model, cacheDir, ...backbone, solver: 'ridge', validation: 0.2, onMessage });
});

/** The part of a page that shows pairs of images. */
const shownPairs = (page: string) => /<ul class="images twins">.*?<\/ul>/s.exec(page)?.[0] ?? '';

describe('training', () => {
  it('says how many groups of duplicates it kept together, and remembers its images', async () => {
    const line = 'kept 5 groups of duplicates (10 images) together where images are held out';
    assert.ok(messages.includes(line), messages.join('\n'));
    assert.match((await readManifest(model)).trainingIndexSha256!, /^[0-9a-f]{64}$/);
    assert.ok(existsSync(join(model, 'training-index.safetensors')));
  });
});

describe('evaluation', () => {
  it('shows the errors with and without images that were trained on', async () => {
    const out = join(root, 'evaluation');
    const { leakage, rmse, images } = await evaluateModel({ model, data: testing, out, cacheDir });
    assert.ok(leakage);
    assert.deepEqual([leakage.exact, leakage.near, leakage.images, leakage.reduced.images], [1, 1, 6, 4]);
    assert.ok(leakage.reduced.rmse! < rmse, 'the label of 99 is of an image that was trained on');
    assert.deepEqual(
      leakage.pairs.map(({ file, training, kind, by, label, trainingLabel }) => [
        file,
        training,
        kind,
        by,
        label,
        trainingLabel,
      ]),
      [
        ['10.jpg', '10.jpg', 'exact', 'content', 10, 10],
        ['flipped.jpg', '11.jpg', 'near', 'pixels', 99, 11],
      ],
    );
    assert.equal(images, 6);
    assert.deepEqual(JSON.parse(readFileSync(join(out, 'metrics.json'), 'utf8')).leakage, leakage);
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    assert.match(page, /Test images in the training data/);
    assert.match(page, /2 images of 6 \(33 %\)/);
    assert.equal(shownPairs(page).match(/<img src="data:image\/jpeg/g)?.length, 4);
    assert.match(shownPairs(page), /<span>test 99<\/span><span>training 11<\/span>/);
    assert.match(shownPairs(page), /similarity 1\.000.*similarity (?:1\.000|0\.99\d)/s);
  });

  it('goes without where the index was removed, and refuses one that was changed', async () => {
    const path = join(model, 'training-index.safetensors');
    const bytes = readFileSync(path);
    writeFileSync(
      path,
      bytes.map(byte => byte ^ 1),
    );
    const evaluate = () => evaluateModel({ model, data: testing, out: join(root, 'again'), force: true, cacheDir });
    assert.match(
      await failureOf(evaluate),
      /^InputError: \S+training-index\.safetensors: expected the checksum [0-9a-f]{12}\.\.\., got [0-9a-f]{12}\.\.\.; train again, fetch it again, or remove it to go without$/,
    );
    rmSync(path);
    assert.equal((await evaluate()).leakage, undefined);
    writeFileSync(path, bytes);
  });
});

describe('inspection', () => {
  it('finds images of another data set that repeat some of this one', async () => {
    const out = join(root, 'look');
    const { leakage } = await inspectDataset({ data: train, target: 'age', against: testing, out, cacheDir });
    assert.deepEqual([leakage!.exact, leakage!.near, leakage!.images, leakage!.pairs.length], [1, 1, 6, 2]);
    const { width } = await sharp(join(out, 'leakage.png')).metadata();
    assert.ok(width > 600);
    const page = readFileSync(join(out, 'inspect.html'), 'utf8');
    assert.match(page, /2 of 6 test images: 1 the same file as one of these, 1 the same photo/);
    assert.equal(shownPairs(page).match(/<img src="data:image\/jpeg/g)?.length, 4);
    assert.equal((await inspectDataset({ data: train, target: 'age' })).leakage, undefined);
  });

  it('writes no sheet where nothing is repeated', async () => {
    const out = join(root, 'apart');
    const only = join(root, 'only');
    mkdirSync(join(only, '5'), { recursive: true });
    writeFileSync(join(only, '5', 'a.jpg'), await drawn(80).jpeg().toBuffer());
    const { leakage } = await inspectDataset({ data: only, against: only, cacheDir });
    assert.deepEqual([leakage!.exact, leakage!.near], [1, 0]);
    const other = await inspectDataset({ data: only, against: testing, target: 'age', out, cacheDir });
    assert.deepEqual([other.leakage!.exact, other.leakage!.near], [0, 0]);
    assert.ok(!existsSync(join(out, 'leakage.png')));
  });

  it('refuses a cache without another data set', async () => {
    assert.equal(
      await failureOf(() => inspectDataset({ data: train, target: 'age', cacheDir })),
      'UsageError: `cacheDir` has no effect without `against`; remove it',
    );
  });
});
