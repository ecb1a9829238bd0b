// Slow: trains models in 32 and 8 bits to adapt.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { loadModel, readManifest } from '../../src/model/model.js';
import { indexOfModel } from '../../src/model/training-leaks.js';
import { type AdaptOptions, adaptModel } from '../../src/verbs/adapt-model.js';
import { evaluateModel } from '../../src/verbs/evaluate-model.js';
import { type TrainOptions, trainModel } from '../../src/verbs/train-model.js';
import { temporaryFolder, writeImages } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';

const root = temporaryFolder();
const at = (name: string) => join(root, name);
const cacheDir = at('cache');
const resnet = { backbone: 'resnet18', weights: 'formula', sizePx: 32, solver: 'ridge', min: -10, max: 200 } as const;

const train = async (out: string, options: Partial<TrainOptions>) =>
  (await trainModel({ data: at('older'), out: at(out), cacheDir, target: 'shade', ...resnet, ...options })).model;

let last = 0;
async function adapt(options: Partial<AdaptOptions>) {
  const messages: string[] = [];
  const onMessage = (line: string) => messages.push(line);
  const out = at(`adapted-${++last}`);
  const result = await adaptModel({
    model: at('model'),
    data: at('shifted.csv'),
    out,
    cacheDir,
    onMessage,
    ...options,
  });
  return { ...result, messages };
}
const failure = (options: Partial<AdaptOptions>) => failureOf(() => adapt(options));

/** A table of images of `folder`, their labels changed. */
function writeTable(name: string, folder: string, change: (label: number) => number, count = 1000): void {
  const files = readdirSync(at(folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.jpg'))
    .sort((a, b) => Number(/(\d+)\.jpg/.exec(a)![1]) - Number(/(\d+)\.jpg/.exec(b)![1]));
  const rows = files.slice(0, count).map(file => `${folder}/${file},${change(Number(file.split(/[/\\]/)[0]))}`);
  writeFileSync(at(name), `file_name,shade\n${rows.join('\n')}\n`);
}

before(async () => {
  await writeImages(at('older'), 120);
  await writeImages(at('newer'), 60, 1);
  await writeImages(at('rest'), 60, 2);
  for (const [name, folder] of [
    ['shifted', 'newer'],
    ['shifted-rest', 'rest'],
  ] as const) {
    writeTable(`${name}.csv`, folder, label => label + 20);
  }
  writeTable('plain.csv', 'newer', label => label);
  writeTable('nine.csv', 'newer', label => label, 9);
  writeTable('constant.csv', 'newer', () => 30);
  writeTable('far.csv', 'newer', label => label + 150);
  writeTable('beyond.csv', 'newer', label => 30 * label);
  writeTable('known.csv', 'older', label => label);
  await train('model', {});
});

describe('adapt', () => {
  it('finds the offset of another source, and says what it changed', async () => {
    const { method, intercept, slope, before, after, images, tried, model } = await adapt({});
    assert.equal(images, 60);
    assert.ok(method === 'bias' || method === 'slope', method);
    assert.ok(Math.abs(intercept + slope * 50 - 70) < 4, `${intercept} + ${slope} x`);
    assert.ok(before.bias < -16 && Math.abs(after.bias) < 1, `${before.bias} ${after.bias}`);
    assert.ok(after.rmse < 0.5 * before.rmse, `${before.rmse} ${after.rmse}`);
    assert.ok(after.coverage90! > 0.8 && after.coverage90! > before.coverage90!);
    assert.deepEqual(
      tried.map(({ method }) => method),
      ['none', 'bias', 'slope'],
    );
    // What it promises holds on other images of that source.
    const results = { data: at('shifted-rest.csv'), target: 'shade', cacheDir };
    const { rmse, coverage90 } = await evaluateModel({ model, ...results, out: at('evaluation-1') });
    assert.ok(rmse < 1.4 * after.rmse, `${rmse} ${after.rmse}`);
    assert.ok(coverage90! > 0.75, `${coverage90}`);
  });

  it('writes a whole model that names its origin, and leaves the one before as it was', async () => {
    const before = readFileSync(at('model/eyeball.json'), 'utf8');
    const { model } = await adapt({});
    assert.equal(readFileSync(at('model/eyeball.json'), 'utf8'), before);
    const [origin, made] = [await readManifest(at('model')), await readManifest(model)];
    const { adaptedFrom, adaptedFromSha256, adaptedImages } = made.configuration;
    assert.deepEqual([adaptedFrom, adaptedFromSha256, adaptedImages], ['model', origin.sha256, 60]);
    assert.match(readFileSync(join(model, 'README.md'), 'utf8'), /Adapted to 60 labeled images of another source/);
    const index = await indexOfModel(model, made);
    assert.equal(index?.files.length, 180);
    assert.ok(existsSync(join(model, index!.root, index!.files.at(179))));
    const loaded = await loadModel(model);
    const [image] = readdirSync(at('newer/50'));
    const [prediction] = await loaded.predict([join(at('newer/50'), image!)]);
    assert.ok(Math.abs(prediction!.value! - 70) < 15, `${prediction!.value}`);
    for await (const { value } of loaded.explain([join(at('newer/50'), image!)])) assert.ok(value !== null);
    await loaded.close();
  });

  it('makes the same bytes again, and adapts an adapted model', async () => {
    const [one, other] = [await adapt({}), await adapt({})];
    assert.deepEqual(readFileSync(join(one.model, 'model.onnx')), readFileSync(join(other.model, 'model.onnx')));
    const twice = await adapt({ model: one.model, data: at('shifted-rest.csv') });
    assert.ok(Math.abs(twice.before.bias) < 4, `${twice.before.bias}`);
    assert.match(
      await failureOf(() => trainModel({ data: at('older'), out: at('on'), cacheDir, from: one.model })),
      /as trained to go on from, got one that was adapted/,
    );
  });

  it('keeps the predictions of a source that is not another one', async () => {
    const { before, after, method, intercept } = await adapt({ data: at('plain.csv') });
    assert.ok(after.rmse < 1.05 * before.rmse, `${method} ${before.rmse} ${after.rmse}`);
    assert.ok(Math.abs(intercept) < 5, `${intercept}`);
  });

  it('adapts a model in 8 bits', async () => {
    const model = await train('small', { precision: 'int8' });
    const { before, after, model: made } = await adapt({ model });
    assert.ok(after.rmse < 0.5 * before.rmse, `${before.rmse} ${after.rmse}`);
    assert.equal((await readManifest(made)).backbone.precision, 'int8');
  });

  it('leaves out images that the model was trained on', async () => {
    const text = await failure({ data: at('known.csv') });
    assert.match(
      text,
      /known\.csv: expected at least 10 labeled images that can be read, got \d beside 1\d\d that the model was trained on/,
    );
    const { model } = await adapt({});
    assert.match(await failure({ model }), /got 0 beside 60 that the model was trained on/);
  });

  it('refuses what no model can be adapted to', async () => {
    assert.match(
      await failure({ data: at('nine.csv') }),
      /expected at least 10 labeled images that can be read, got 9; label more/,
    );
    assert.match(await failure({ data: at('constant.csv') }), /expected labels that differ, got 30 for every image/);
    assert.match(
      await failure({ data: at('far.csv') }),
      /expected labels of shade within the limits of the model, -10 to 200, got labels from 150 to/,
    );
    assert.match(await failure({ data: at('beyond.csv') }), /within the limits of the model/);
    assert.match(
      await failure({ model: at('older') }),
      /older: expected the folder of a model, got one without eyeball\.json/,
    );
    assert.match(await failure({ model: at('newer'), data: at('model') }), /model is the model: expected MODEL DATA/);
    assert.match(
      await failure({ out: at('model'), force: true }),
      /expected a folder for results, got the folder of the input/,
    );
    mkdirSync(at('taken'));
    assert.match(await failure({ out: at('taken') }), /taken: expected/);
  });

  it('says where it cannot know its training images', async () => {
    cpSync(at('model'), at('without'), { recursive: true });
    rmSync(at('without/training-index.safetensors'));
    const { messages, leaked } = await adapt({ model: at('without'), data: at('known.csv') });
    assert.equal(leaked, 0);
    assert.match(
      messages.join('\n'),
      /has no training-index\.safetensors; images that it was trained on are not looked for/,
    );
  });
});

it('refuses labels of another unit by a model without limits', async () => {
  const model = await train('unlimited', { min: undefined, max: undefined });
  assert.match(
    await failure({ model, data: at('far.csv') }),
    /some of them from 0 to 90 as in the training, got labels from 150 to 240; check their unit/,
  );
});
