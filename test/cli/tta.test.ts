import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import sharp from 'sharp';
import { loadModel } from '../../src/model/model.js';
import { compareModels } from '../../src/verbs/compare-models.js';
import { evaluateModel } from '../../src/verbs/evaluate-model.js';
import { predictImages } from '../../src/verbs/predict-images.js';
import { expectNumbersClose } from '../close.js';
import { tempFolder } from '../datasets/temp.js';
import { image } from '../features/images.js';
import { saveSampleModel } from '../model/sample-model.js';
import { eyeball } from './eyeball.js';

/** Six images in folders by label, and their mirror images in a folder `mirrored` of the same form. */
async function saveImages(t: TestContext): Promise<{ readonly plain: string; readonly mirrored: string }> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 6; i++) {
    const bytes = await image(i);
    files[`plain/${30 + i}/${i}.png`] = bytes;
    files[`mirrored/${30 + i}/${i}.png`] = await sharp(bytes).flop().png().toBuffer();
  }
  const root = tempFolder(t, files);
  return { plain: join(root, 'plain'), mirrored: join(root, 'mirrored') };
}

const valuesOf = (predictions: readonly { value: number | null }[]) => predictions.map(({ value }) => value!);

describe('test-time augmentation', () => {
  it('is the mean of the predictions for an image and its mirror image', async t => {
    const { plain, mirrored } = await saveImages(t);
    const model = await saveSampleModel(t);
    const values = valuesOf(await predictImages({ model, images: [plain] }));
    const others = valuesOf(await predictImages({ model, images: [mirrored] }));
    assert.notDeepEqual(values, others);
    const expected = values.map((value, i) => Math.fround((value + others[i]!) / 2));
    const both = await predictImages({ model, images: [plain], tta: true });
    assert.deepEqual(valuesOf(both), expected);
    assert.deepEqual(valuesOf(await predictImages({ model, images: [mirrored], tta: true })), expected);
    assert.ok(both.every(({ tta }) => tta === true));
  });

  it('is noted for each value, but not for an image that cannot be read', async t => {
    const model = await loadModel(await saveSampleModel(t));
    const [good, broken] = await model.predict([await image(0), Buffer.from('broken')], { tta: true });
    const [without] = await model.predict([await image(0)], { tta: false });
    await model.close();
    assert.deepEqual(Object.keys(good!), ['file', 'value', 'tta']);
    assert.deepEqual(Object.keys(broken!), ['file', 'value', 'error']);
    assert.deepEqual(Object.keys(without!), ['file', 'value']);
  });

  it('is noted by evaluate, in metrics.json and on the page', async t => {
    const { plain } = await saveImages(t);
    const model = await saveSampleModel(t);
    const out = join(tempFolder(t), 'results');
    const result = await evaluateModel({ model, data: plain, out, tta: true });
    assert.equal(result.tta, true);
    const [metrics, page] = ['metrics.json', 'report.html'].map(name => readFileSync(join(out, name), 'utf8'));
    assert.equal(JSON.parse(metrics!).tta, true);
    assert.match(page!, /mean of each image and its mirror image/);
    const expected = valuesOf(await predictImages({ model, images: [plain], tta: true }));
    const rows = readFileSync(join(out, 'predictions.csv'), 'utf8').trim().split('\n').slice(1);
    expectNumbersClose(
      rows.map(row => Number(row.split(',')[2])),
      expected,
      { rtol: 1e-6, atol: 0 }, // the table has seven digits
    );

    const without = await evaluateModel({ model, data: plain, out: `${out}-plain` });
    assert.equal(without.tta, false);
    assert.notEqual(without.mae, result.mae);
    assert.equal(JSON.parse(readFileSync(join(`${out}-plain`, 'metrics.json'), 'utf8')).tta, false);
    assert.doesNotMatch(readFileSync(join(`${out}-plain`, 'report.html'), 'utf8'), /mirror image/);
  });

  it('makes compare warn if only some results have it', async t => {
    const { plain } = await saveImages(t);
    const models = [await saveSampleModel(t), await saveSampleModel(t)];
    await evaluateModel({ model: models[0]!, data: plain, tta: true });
    await evaluateModel({ model: models[1]!, data: plain });
    for (const model of models) t.after(() => rmSync(`${model}-evaluation`, { recursive: true }));
    assert.match((await compareModels({ models })).warnings.join(), /evaluated with mirror images .* and some without/);
    await evaluateModel({ model: models[1]!, data: plain, tta: true });
    assert.deepEqual((await compareModels({ models })).warnings, []);
  });

  it('is --tta of predict and evaluate', async t => {
    const { plain } = await saveImages(t);
    const model = await saveSampleModel(t);
    const expected = await predictImages({ model, images: [plain], tta: true });
    const predicted = await eyeball('predict', model, plain, '--tta', '--json');
    assert.deepEqual(JSON.parse(predicted.stdout), expected);
    const out = join(tempFolder(t), 'results');
    const evaluated = await eyeball('evaluate', model, plain, '--tta', '--out', out);
    assert.equal(evaluated.code, 0, evaluated.stderr);
    assert.match(evaluated.stdout, /^6 images and their mirror images in /);
    const json = await eyeball('evaluate', model, plain, '--json', '--quiet', '--out', out, '--force');
    assert.equal(JSON.parse(json.stdout).tta, false);
  });
});
