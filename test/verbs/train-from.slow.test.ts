// Slow: goes on from models of each kind.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { loadModel, readManifest } from '../../src/model/model.js';
import type { TrainingReference } from '../../src/training/fit-model.js';
import { type TrainOptions, trainModel } from '../../src/verbs/train-model.js';
import { temporaryFolder, writeImages } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';

const root = temporaryFolder();
const [older, newer] = [join(root, 'older'), join(root, 'newer')];
const cacheDir = join(root, 'cache');
const resnet = { backbone: 'resnet18', weights: 'formula', sizePx: 32 } as const;

let last = 0;
async function train(options: Partial<TrainOptions>) {
  const messages: string[] = [];
  const references: TrainingReference[] = [];
  const result = await trainModel({
    ...{ data: older, out: join(root, `model-${++last}`), cacheDir, validation: 0.25 },
    onMessage: line => messages.push(line),
    onReference: reference => references.push(reference),
    ...options,
  });
  return { ...result, messages, startMse: references.at(-1)!.startMse };
}
const failure = (options: Partial<TrainOptions>) => failureOf(() => train(options));

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.jpg'))
    .sort();

/** What a model says of some images of the newer data. */
async function predictions(folder: string): Promise<number[]> {
  const model = await loadModel(folder);
  const results = await model.predict(images);
  await model.close();
  return results.map(({ value }) => value!);
}
let images: string[] = [];

let mlp = '';
let tuned = '';
before(async () => {
  await writeImages(older, 24);
  await writeImages(newer, 12, 1);
  images = filesOf(newer)
    .slice(0, 5)
    .map(name => join(newer, name));
  mlp = (await train({ ...resnet, head: 'mlp', epochs: 4, unit: 'years', min: -5, max: 200 })).model;
  tuned = (await train({ ...resnet, tune: 'last', epochs: 2, learningRate: 1e-4, batch: 6 })).model;
});

describe('train from a model', () => {
  it('goes on from its head, with its unit and limits, without the weights of its backbone', async () => {
    const { model, messages } = await train({ from: mlp, head: 'mlp', epochs: 1, learningRate: 1e-9 });
    assert.deepEqual(messages, []);
    const manifest = await readManifest(model);
    const { from, fromSha256, min, max } = manifest.configuration;
    assert.deepEqual([from, fromSha256, min, max], ['model-1', (await readManifest(mlp)).sha256, -5, 200]);
    assert.equal(manifest.target.unit, 'years');
    assert.equal(manifest.backbone.sha256, 'formula-resnet18');
    const [before, after] = [await predictions(mlp), await predictions(model)];
    for (const [i, value] of after.entries()) assert.ok(Math.abs(value - before[i]!) < 1e-3, `${value} ${before[i]}`);
  });

  it('starts fine-tuning where that of the model ended', async () => {
    const again = { from: tuned, tune: 'last', epochs: 1, batch: 6, learningRate: 1e-9 } as const;
    const { model, startMse, validation } = await train(again);
    const { metrics } = await readManifest(tuned);
    // The same images and seed: the same images are held out, and the start is the model.
    assert.ok(Math.abs(startMse! - metrics.validation!.mse) < 1e-3 * startMse!);
    assert.ok(Math.abs(validation!.mse - startMse!) < 1e-3 * startMse!);
    const [before, after] = [await predictions(tuned), await predictions(model)];
    for (const [i, value] of after.entries()) assert.ok(Math.abs(value - before[i]!) < 1e-3, `${value} ${before[i]}`);
    assert.notEqual((await readManifest(model)).backbone.sha256, 'formula-resnet18');
  });

  it('fits a new head on the features of its trained backbone, and calibrates it on held-out images alone', async () => {
    const { model, heads } = await train({ from: tuned });
    assert.ok(['ridge', 'mean of 5 mlp'].every(name => heads.some(head => head.name.includes(name))));
    // Features that were trained on these images: five held-out ones are too few for intervals.
    assert.equal((await readManifest(model)).intervals, undefined);
    const others = await train({ data: newer, from: tuned });
    assert.equal((await readManifest(others.model)).intervals?.method, 'cross');
  });

  it('holds out no image that the model was trained on', async () => {
    const table = join(root, 'both.csv');
    const lines = [older, newer].flatMap(folder =>
      filesOf(folder).map(name => `${join(folder, name)},${name.split('/')[0]}`),
    );
    writeFileSync(table, `file,value\n${lines.join('\n')}\n`);
    const { model, messages, validation } = await train({ data: table, from: mlp, head: 'mlp', epochs: 1 });
    const told = messages.find(line => line.includes('were among those'))!;
    assert.match(
      told,
      /^24 of 36 images were among those that .* was trained on; none of them is held out, and \d+ others are$/,
    );
    assert.equal(validation!.images, Number(/and (\d+) others/.exec(told)![1]));
    assert.ok(validation!.images < 9);
    // Its split was its own, less the images that the first model had seen; all of them are known now.
    assert.match(await failure({ data: table, from: model }), /images to hold out .*, got none; add others$/);
    assert.match(
      await failure({ from: mlp, seed: 5 }),
      /^InputError: `from`: expected images to hold out that its model was not trained on, got none; add others, or `seed: 0` `validation: 0\.25`$/,
    );
  });

  it('says what cannot be gone on from', async () => {
    for (const [key, value] of Object.entries({ weights: 'formula', sizePx: 64 }))
      assert.equal(
        await failure({ from: mlp, [key]: value }),
        `UsageError: \`${key}\` has no effect with \`from\`, whose model sets it; remove it`,
      );
    assert.match(
      await failure({ from: mlp, backbone: 'face' }),
      /^UsageError: .*backbone.* face conflicts with .*from/,
    );
    assert.match(
      await failure({ from: join(root, 'none') }),
      /^InputError: .*none: expected the folder of a model, got none/,
    );
    assert.match(await failure({ from: older, out: older }), /^InputError: /);
    assert.match(
      await failure({ from: mlp, out: mlp, force: true }),
      /expected a folder for results, got the folder of the input/,
    );
    const many = join(root, 'many');
    await writeImages(many, 40, 2);
    const int8 = await train({ ...resnet, precision: 'int8', data: many, head: 'linear' });
    assert.match(
      await failure({ from: int8.model }),
      /^InputError: .*: expected a model in fp32 to go on from, got one in int8/,
    );
    const network = readFileSync(join(mlp, 'model.onnx'));
    network[network.length - 9]! ^= 1;
    writeFileSync(join(mlp, 'model.onnx'), network);
    assert.match(await failure({ data: newer, from: mlp }), /model\.onnx: expected the checksum/);
  });
});
