// Slow: trains models with limits of each head.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import sharp from 'sharp';
import { loadModel, readManifest } from '../../src/model/model.js';
import { evaluateModel } from '../../src/verbs/evaluate-model.js';
import { type TrainOptions, trainModel } from '../../src/verbs/train-model.js';
import { eyeball, temporaryFolder, writeImages } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';

const root = temporaryFolder();
const data = join(root, 'data');

let last = 0;
/** Trains a tiny ResNet18 on labels from 0 to 90; ridge where nothing else is said. */
async function train(options: Partial<TrainOptions> = {}): Promise<string> {
  const out = join(root, `model-${++last}`);
  const { model } = await trainModel({
    data,
    out,
    backbone: 'resnet18',
    weights: 'formula',
    sizePx: 32,
    cacheDir: join(root, 'cache'),
    validation: 0.25,
    solver: 'ridge',
    ...options,
  });
  return model;
}

/** Images of one color, darker and brighter than any of the training. */
const plain = (level: number) =>
  sharp({ create: { width: 40, height: 40, channels: 3, background: { r: level, g: level, b: level } } })
    .png()
    .toBuffer();
let images: Buffer[];

async function predict(out: string, options: { level?: number; tta?: boolean } = {}) {
  const model = await loadModel(out);
  try {
    return (await model.predict(images, options)).map(({ value, low, high }) => ({
      value: value!,
      low: low!,
      high: high!,
    }));
  } finally {
    await model.close();
  }
}

before(async () => {
  await writeImages(data, 60);
  images = await Promise.all([0, 30, 100, 150, 230, 255].map(plain));
});

describe('train with --min and --max', () => {
  it('clamps predictions and the ends of intervals, and keeps values inside', async () => {
    const free = await predict(await train());
    const range = { min: 0, max: 90 };
    // Else the test would show nothing.
    assert.ok(free.some(({ value }) => value < 0) && free.some(({ value }) => value > 90), JSON.stringify(free));
    for (const correctBias of [false, true]) {
      const out = await train({ ...range, correctBias });
      for (const { value, low, high } of await predict(out, { level: 0.95, tta: true })) {
        assert.ok(value >= 0 && value <= 90 && low >= 0 && high <= 90 && low <= value && value <= high, `${value}`);
      }
    }
    const held = await predict(await train(range));
    assert.deepEqual(
      held.map(({ value }) => value),
      free.map(({ value }) => Math.min(Math.max(value, 0), 90)),
    );
  });

  it('clamps on one side only', async () => {
    const values = (await predict(await train({ min: 0 }))).map(({ value }) => value);
    assert.equal(Math.min(...values), 0);
    assert.ok(Math.max(...values) > 90);
  });

  it('keeps both in the manifest and its card, and measures what it then predicts', async () => {
    const out = await train({ min: 0, max: 90 });
    const { configuration, intervals, metrics } = await readManifest(out);
    assert.deepEqual([configuration.min, configuration.max], [0, 90]);
    assert.deepEqual(intervals!.ends, { low: 0, high: 90 });
    assert.match(
      readFileSync(join(out, 'README.md'), 'utf8'),
      /Predictions and the ends of intervals are clamped: each is from 0 to 90\./,
    );
    const plain = await readManifest(await train());
    assert.ok(metrics.validation!.mse <= plain.metrics.validation!.mse);
    const { coverage90, images: count } = await evaluateModel({ model: out, data });
    assert.equal(count, 60);
    assert.ok(coverage90! >= 0.9);
  });

  it('without them ends intervals a tenth of the range of the labels beyond it', async () => {
    const out = await train();
    const { configuration, intervals } = await readManifest(out);
    assert.ok(!('min' in configuration) && !('max' in configuration));
    assert.deepEqual(intervals!.ends, { low: -9, high: 99 });
    for (const { low, high } of await predict(out, { level: 0.95 })) assert.ok(low >= -9 && high <= 99 && low < high);
  });

  it('explains a clamped prediction by the value before clamping', async () => {
    const [free, held] = [await train(), await train({ min: 0, max: 90 })];
    const explained = async (out: string) => {
      const model = await loadModel(out);
      const found = [];
      for await (const image of model.explain([images[5]!])) found.push(image);
      await model.close();
      assert.ok(found[0]!.value !== null);
      return found[0]!;
    };
    const [plain, clamped] = [await explained(free), await explained(held)];
    assert.ok(plain.value > 90);
    assert.equal(clamped.value, 90);
    assert.deepEqual(clamped.explanation, { ...plain.explanation, value: 90, unclamped: plain.value });
  });

  it('refuses labels outside and an empty range before any work', async () => {
    const failure = (options: Partial<TrainOptions>) => failureOf(() => train(options));
    assert.match(
      await failure({ min: 10, max: 80 }),
      /^InputError: \d+ of 60 labels lie outside of the range that was asked for\n {2}0\/\d+\.jpg: expected a label from 10 to 80, got 0; mend the label, or change `min` or `max`\n/,
    );
    assert.equal(
      await failure({ min: 90, max: 0 }),
      'UsageError: `min`: expected a number below `max: 0`, by a step of float32 or more, got 90',
    );
    const { code, stderr } = await eyeball('train', data, '--out', join(root, 'none'), '--min', 'NaN');
    assert.equal(code, 2);
    assert.match(stderr, /--min <x>.*Expected a number/);
  });

  it('is shown by compare as a setting', async () => {
    const [free, held] = [await train(), await train({ min: -5 })];
    const { stdout } = await eyeball('compare', free, held);
    assert.match(stdout, /^min +- +-5$/m);
  });

  it('clamps a fine-tuned network too', async () => {
    const options = { solver: undefined, tune: 'last', head: 'linear', epochs: 1, batch: 9 } as const;
    const values = (await predict(await train({ ...options, min: 0, max: 90 }))).map(({ value }) => value);
    assert.ok(
      values.every(value => value >= 0 && value <= 90),
      `${values}`,
    );
  });
});
