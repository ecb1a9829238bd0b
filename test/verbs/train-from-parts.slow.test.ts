// Slow: trains on features of several networks, and goes on from these models.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { formulaUniform } from '../../src/base/random.js';
import { encodeModel } from '../../src/engine/onnx/encode.js';
import { loadModel, readManifest } from '../../src/model/model.js';
import { type TrainOptions, trainModel } from '../../src/verbs/train-model.js';
import { temporaryFolder, writeImages } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';
import { float } from '../run-graph.js';

const root = temporaryFolder();
const data = join(root, 'data');
const files = join(root, 'files');
const [first, second] = [join(files, 'first.onnx'), join(files, 'second.onnx')];
let images: string[] = [];

let last = 0;
async function train(options: Partial<TrainOptions>) {
  const messages: string[] = [];
  const result = await trainModel({
    ...{
      data,
      out: join(root, `model-${++last}`),
      cacheDir: join(root, 'cache'),
      head: 'mlp',
      epochs: 2,
      validation: 0.25,
    },
    onMessage: line => messages.push(line),
    ...options,
  });
  return { ...result, messages, manifest: await readManifest(result.model) };
}

async function predictions(folder: string) {
  const model = await loadModel(folder);
  const results = await model.predict(images);
  await model.close();
  return results;
}

/** Trains a head further, with a rate at which it does not change, without any file but the model. */
async function expectGoesOn(options: Partial<TrainOptions>) {
  const earlier = await train(options);
  rmSync(join(root, 'cache'), { recursive: true });
  rmSync(files, { recursive: true });
  const again = { from: earlier.model, epochs: 1, learningRate: 1e-9 } as const;
  const later = await train(again);
  const { name, sha256, blocks, parts, features, normalization } = earlier.manifest.backbone;
  const about = { name, sha256, blocks, parts, features, normalization };
  const { backbone } = later.manifest;
  assert.deepEqual(
    Object.fromEntries(Object.keys(about).map(key => [key, backbone[key as keyof typeof about]])),
    about,
  );
  assert.deepEqual(later.manifest.intervals?.unusual, earlier.manifest.intervals?.unusual);
  const [before, after] = [await predictions(earlier.model), await predictions(later.model)];
  for (const [i, { value }] of after.entries())
    assert.ok(Math.abs(value! - before[i]!.value!) < 1e-3, `${value} ${before[i]!.value}`);
  // And once more, from a model whose network was taken from a model.
  assert.deepEqual((await train({ ...again, from: later.model })).manifest.backbone.blocks, blocks);
  return { earlier, later };
}

before(async () => {
  await writeImages(data, 24);
  const names = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.jpg'));
  images = names.slice(0, 5).map(name => join(data, name));
});

const node = (opType: string, inputs: string[], outputs: string[], attributes = {}) => ({
  ...{ opType, domain: '', inputs, outputs, attributes },
  rawAttributes: [],
});

/** Writes two networks of images of any size, with equal names and different weights. */
function onnxFiles(): void {
  mkdirSync(files, { recursive: true });
  for (const path of [first, second]) {
    const network = encodeModel({
      irVersion: 8,
      opsets: new Map([['', 14]]),
      name: 'network',
      nodes: [
        node('Conv', ['x', 'kernel'], ['conv'], { strides: [4n, 4n] }),
        node('Relu', ['conv'], ['relu']),
        node('GlobalAveragePool', ['relu'], ['out']),
      ],
      initializers: new Map([['kernel', float([8, 3, 4, 4], formulaUniform(path.slice(-8), 384))]]),
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3, 'H', 'W'] }],
      outputs: [{ name: 'out', dtype: 'float32', shape: ['N', 8, 1, 1] }],
    });
    writeFileSync(path, network);
  }
}

describe('train from a model whose features are those of several networks', () => {
  it('needs no ONNX file that they were made of', async () => {
    onnxFiles();
    await expectGoesOn({ backbone: `face,${first}`, sizePx: 224 });
  });

  it('takes two files whose values have the same names', async () => {
    onnxFiles();
    const { earlier } = await expectGoesOn({ backbone: `${first},${second}`, sizePx: 32 });
    assert.deepEqual(earlier.manifest.backbone.blocks, ['first.last', 'second.last']);
  });

  it('needs no weights that they were made of', async () => {
    onnxFiles();
    const features = 'stage4:std+stage3';
    const { later } = await expectGoesOn({ backbone: 'vit-tiny', weights: 'formula', sizePx: 32, features });
    assert.equal(later.manifest.intervals?.unusual.stage, 'stage3');
    const tuned = await train({ from: later.model, head: undefined, tune: 'all', epochs: 1, batch: 6 });
    assert.equal(tuned.tune, 'all');
    // Its weights are those of the training, not those of the formula.
    assert.equal((await train({ from: tuned.model })).manifest.backbone.sha256, tuned.manifest.sha256);
  });

  it('refuses an ONNX file, which it does not need', async () => {
    onnxFiles();
    const { model } = await train({ backbone: `objects,${first}`, sizePx: 32 });
    assert.equal(
      await failureOf(() => train({ from: model, backbone: first })),
      `UsageError: \`backbone: ${first}\` conflicts with \`from\`, whose model has the features of objects+first; remove it`,
    );
  });
});
