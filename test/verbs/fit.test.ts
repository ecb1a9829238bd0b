import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import sharp from 'sharp';
import { inputOf } from '../../src/formats/resize.js';
import { decodeInput } from '../../src/images/image.js';
import { loadModel } from '../../src/model/model.js';
import { type TrainOptions, trainModel } from '../../src/verbs/train-model.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';

const ONNX = 'test/backbones/fixtures/pytorch.onnx';

describe('the fit of images', () => {
  const root = temporaryFolder();
  const data = join(root, 'data');
  const train = (name: string, options: Partial<TrainOptions>) =>
    trainModel({
      data,
      out: join(root, name),
      backbone: ONNX,
      solver: 'ridge',
      cacheDir: join(root, 'cache'),
      ...options,
    });
  const manifestOf = (name: string) => JSON.parse(readFileSync(join(root, name, 'eyeball.json'), 'utf8'));

  before(async () => {
    // Only the center tells the label: the sides are as bright as another one's.
    for (let i = 0; i < 60; i++) {
      const label = (7 * i) % 30;
      const level = (value: number) => 60 + 5 * value;
      const pixels = Buffer.alloc(90 * 30 * 3);
      for (let at = 0; at < 90 * 30; at++) {
        const isCenter = at % 90 >= 30 && at % 90 < 60;
        pixels.fill(level(isCenter ? label : (11 * i) % 30), 3 * at, 3 * at + 3);
      }
      mkdirSync(join(data, `${label}`), { recursive: true });
      const image = sharp(pixels, { raw: { width: 90, height: 30, channels: 3 } });
      writeFileSync(join(data, `${label}`, `${i}.png`), await image.png().toBuffer());
    }
  });

  it('is part of the model and of the key of its features', async () => {
    const stretched = await train('stretched', {});
    const cropped = await train('cropped', { fit: 'crop' });
    const again = await train('again', { fit: 'crop' });
    assert.deepEqual([stretched.cachedImages, cropped.cachedImages, again.cachedImages], [0, 0, 60]);
    assert.deepEqual(manifestOf('stretched').input, { sizePx: 16, kernel: 'linear', fit: 'fill' });
    assert.deepEqual(manifestOf('cropped').input, { sizePx: 16, kernel: 'linear', fit: 'crop' });
    const [whole, center] = [stretched.validation!.rmse, cropped.validation!.rmse];
    assert.ok(center < 0.75 * whole, `RMSE ${center} of the center, ${whole} of the whole images`);
    assert.match(
      readFileSync(join(root, 'cropped', 'README.md'), 'utf8'),
      /Resize the shorter edge to 16 pixels and take the center/,
    );
  });

  it('is that of predictions and explanations', async () => {
    const model = await loadModel(join(root, 'cropped'));
    const file = join(data, '7', '1.png');
    const pixels = await decodeInput(readFileSync(file), inputOf(model.manifest.input));
    const { value } = await model.run({ dtype: 'uint8', shape: [1, 16, 16, 3], data: pixels });
    const [prediction] = await model.predict([file]);
    assert.equal(prediction!.value, value.data[0]);
    for await (const explained of model.explain([file])) assert.ok(Math.abs(explained.value! - value.data[0]!) < 1e-3);
    await model.close();
  });

  it('is kept by a training that goes on from a model', async () => {
    const result = await train('longer', { from: join(root, 'cropped') });
    assert.equal(result.cachedImages, 60);
    assert.deepEqual(manifestOf('longer').input, manifestOf('cropped').input);
    assert.equal(
      await failureOf(() => train('other', { from: join(root, 'cropped'), fit: 'pad' })),
      'UsageError: `fit` has no effect with `from`, whose model sets it; remove it',
    );
  });

  it('is joined by the features and the normalization of an ONNX file', async () => {
    const tower = join(root, 'tower', 'model.onnx');
    mkdirSync(join(root, 'tower'));
    copyFileSync('test/backbones/fixtures/exported/dinov2-dynamo.onnx', tower);
    const config = { size: { shortest_edge: 40 }, crop_size: 32, do_center_crop: true, resample: 3 };
    const colors = { image_mean: [0.4, 0.5, 0.6], image_std: [0.2, 0.2, 0.2] };
    writeFileSync(join(root, 'tower', 'preprocessor_config.json'), JSON.stringify({ ...config, ...colors }));
    const features = 'last_hidden_state:mean';
    await train('pooled', { backbone: tower });
    const tokens = await train('tokens', { backbone: tower, features });
    assert.equal(tokens.cachedImages, 0);
    const { input, backbone } = manifestOf('tokens');
    assert.deepEqual(input, { sizePx: 32, kernel: 'cubic', fit: 'crop', cropShare: 0.8 });
    assert.deepEqual([backbone.output, backbone.normalization.mean], [features, [0.4, 0.5, 0.6]]);
    assert.equal(manifestOf('pooled').backbone.output, 'pooler_output');
    const longer = await train('longer-tokens', { backbone: tower, from: join(root, 'tokens') });
    assert.equal(longer.cachedImages, 60);
    const again = manifestOf('longer-tokens');
    assert.deepEqual([again.input, again.backbone], [input, backbone]);
  });

  it('is refused where it is none', async () => {
    assert.equal(
      await failureOf(() => train('none', { fit: 'squeeze' as 'pad' })),
      'UsageError: `fit`: expected stretch, crop, pad, got "squeeze"',
    );
  });
});
