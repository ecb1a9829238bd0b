import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { Backbone, Precision } from '../../src/backbones/backbone.js';
import { loadBackbone } from '../../src/backbones/registry.js';
import { openDataset } from '../../src/datasets/open-dataset.js';
import { relu } from '../../src/engine/graph/build.js';
import type { Value } from '../../src/engine/graph/graph.js';
import { backboneAt } from '../../src/features/precision.js';
import { featureAgreement } from '../../src/features/quantize-backbone.js';
import { temporaryFolder, writeImages } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';

const root = temporaryFolder();
const many = join(root, 'many');
const few = join(root, 'few');
const cacheDir = join(root, 'cache');

let resnet: Backbone;

before(async () => {
  resnet = await loadBackbone({ backbone: 'resnet18', weights: 'formula', sizePx: 32, cacheDir });
  await writeImages(many, 40);
  await writeImages(few, 12);
});

async function at(precision: Precision, data = many, before: Backbone = resnet) {
  const messages: string[] = [];
  const dataset = await openDataset({ data });
  const after = await backboneAt(precision, before, dataset, cacheDir, { onMessage: line => messages.push(line) });
  return { before, after, messages };
}

describe('a backbone in int8', () => {
  it('is another one to the feature cache, cannot be trained, and says what it costs', async () => {
    const { before, after, messages } = await at('int8');
    assert.equal(after.precision, 'int8');
    assert.notEqual(after.sha256, before.sha256);
    assert.equal(after.buildTrainable, undefined);
    assert.match(
      messages.join('\n'),
      /^precision int8: the features in int8 agree to 0\.9\d\d, in the worst hundredth to 0\.9\d\d; fp32 in it: GlobalAveragePool, Reshape$/,
    );
  });

  it('is found out once, and is the same again', async () => {
    const first = (await at('int8')).after;
    const [name] = readdirSync(join(cacheDir, 'int8'));
    const path = join(cacheDir, 'int8', name!);
    const found = JSON.parse(readFileSync(path, 'utf8'));
    const [value] = Object.keys(found.ranges);
    found.ranges[value!].max *= 2;
    writeFileSync(path, JSON.stringify(found));
    assert.notEqual((await at('int8')).after.sha256, first.sha256);
    // A file that cannot be read is found out again.
    writeFileSync(path, '{');
    assert.equal((await at('int8')).after.sha256, first.sha256);
  });

  it('warns where its features do not agree, and auto keeps fp32', async () => {
    await at('int8');
    const folder = join(cacheDir, 'int8');
    const path = join(folder, readdirSync(folder).find(name => !name.includes('speed'))!);
    const found = readFileSync(path, 'utf8');
    const quantization = JSON.parse(found);
    writeFileSync(path, JSON.stringify({ ...quantization, agreement: { mean: 0.9, worst: 0.5 } }));
    assert.equal(
      (await at('int8')).messages[1],
      'warning: features in int8 agree with those in fp32 to 0.900 only, less than 0.95; compare the errors of both, or use `precision: fp32`',
    );
    const speed = path.replace('.json', '-speed.json');
    writeFileSync(speed, '9');
    const { before, after, messages } = await at('auto');
    assert.equal(after, before);
    assert.match(
      messages.join(),
      /^precision fp32: int8 is 9.0 times as fast here, the features in int8 agree to 0\.900,/,
    );
    rmSync(speed);
    writeFileSync(path, found);
  });

  it('stays the same when an image is added to many, so that what is cached by it serves on', async () => {
    const growing = join(root, 'growing');
    for (const folder of readdirSync(many)) {
      mkdirSync(join(growing, folder), { recursive: true });
      const files = readdirSync(join(many, folder));
      for (let i = 0; i < 40; i++) {
        copyFileSync(join(many, folder, files[i % files.length]!), join(growing, folder, `${i}.jpg`));
      }
    }
    const before = (await at('int8', growing)).after.sha256;
    const [folder] = readdirSync(many);
    const same: boolean[] = [];
    for (let i = 0; i < 4; i++) {
      copyFileSync(join(growing, folder!, '0.jpg'), join(growing, folder!, `added-${i}.jpg`));
      same.push((await at('int8', growing)).after.sha256 === before);
    }
    // Of some 300 images 96 are taken: two in three that are added change nothing.
    assert.ok(same[0], `${same}`);
  });

  it('needs 32 images to be calibrated on', async () => {
    const text =
      '`precision: int8`: expected at least 32 images to calibrate on, got 12; take more images, or `precision: fp32`';
    assert.equal(await failureOf(() => at('int8', few)), `InputError: ${text}`);
    const { before, after, messages } = await at('auto', few);
    assert.equal(after, before);
    assert.deepEqual(messages, [`precision fp32: ${text}`]);
  });

  it('needs a network whose values are finite, with convolutions', async () => {
    const { middle: _, ...plain } = resnet;
    const none = {
      ...plain,
      build: (x: Value) => ({ features: relu(x), stages: new Map() }),
    };
    assert.equal(
      await failureOf(() => at('int8', many, none)),
      'InputError: `precision: int8`: resnet18: expected a network with convolutions, got none; leave it at fp32',
    );
    const { scale, std } = resnet.normalization;
    const infinite = {
      ...resnet,
      sha256: 'infinite',
      normalization: { scale, std, mean: [Number.NaN, 0, 0] as const },
    };
    assert.equal(
      await failureOf(() => at('int8', many, infinite)),
      'InputError: `precision: int8`: resnet18: expected finite values in the network, got others; leave it at fp32',
    );
  });

  it('leaves no file behind for fp32', async () => {
    const elsewhere = join(root, 'elsewhere');
    assert.equal(await backboneAt('fp32', resnet, await openDataset({ data: many }), elsewhere), resnet);
    assert.equal(existsSync(elsewhere), false);
  });
});

describe('the agreement of features', () => {
  it('is the cosine after the mean is taken off', () => {
    const reference = Float32Array.of(11, 10, 9, 10, 10, 11, 10, 9);
    assert.deepEqual(featureAgreement(reference, reference, 2), { mean: 1, worst: 1 });
    const turned = Float32Array.of(11, 10, 9, 10, 10, 11, 11, 10);
    const { mean, worst } = featureAgreement(reference, turned, 2);
    assert.ok(Math.abs(mean - 0.75) < 1e-9 && Math.abs(worst) < 1e-9);
  });
});
