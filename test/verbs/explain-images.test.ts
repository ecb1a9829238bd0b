import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadModel } from '../../src/model/model.js';
import { predictImages } from '../../src/verbs/predict-images.js';
import { eyeball } from '../cli/eyeball.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { image } from '../features/images.js';
import { tinyBackbone } from '../features/tiny-backbone.js';
import { saveSampleModel } from '../model/sample-model.js';

describe('predict with explanations', () => {
  it('writes a PNG for each image under its own name, and returns path, method and faithfulness', async t => {
    const [a, b] = [await image(0), await image(1)];
    const root = tempFolder(t, { 'one/a.png': a, 'two/A.png': b, 'two/a-2.png': a, 'two/ü b?.png': b });
    const model = await saveSampleModel(t);
    const explain = join(root, 'why');
    const images = ['one/a.png', 'two/A.png', 'two/a-2.png', 'two/ü b?.png', 'one/a.png'].map(name => join(root, name));
    const predictions = await predictImages({ model, images, explain });
    const names = ['a.png', 'A-2.png', 'a-2-2.png', 'ü b.png', 'a-3.png'];
    assert.deepEqual(
      predictions.map(({ explanation }) => explanation?.file),
      names.map(name => join(explain, name)),
    );
    assert.deepEqual(readdirSync(explain).sort(), [...names].sort());
    const plain = await predictImages({ model, images });
    assert.deepEqual(
      predictions.map(({ file, value }) => ({ file, value })),
      plain,
    );
    for (const { explanation } of predictions) {
      assert.equal(explanation?.method, 'cam');
      const { ratio, beats } = explanation.faithfulness;
      assert.ok(ratio! > 0 && beats >= 0 && beats <= 1);
    }
    // One image is explained alike, whatever stands beside it.
    assert.deepEqual(readFileSync(join(explain, 'a.png')), readFileSync(join(explain, 'a-3.png')));
  });

  it('gives the same bytes for the same seed', async t => {
    const root = tempFolder(t, { 'a.png': await image(3) });
    const model = await saveSampleModel(t);
    const run = async (name: string, seed: number) => {
      const explain = join(root, name);
      const [prediction] = await predictImages({ model, images: [join(root, 'a.png')], explain, seed });
      return { png: readFileSync(join(explain, 'a.png')), faithfulness: prediction!.explanation!.faithfulness };
    };
    assert.deepEqual(await run('again', 5), await run('first', 5));
    assert.notDeepEqual((await run('other', 6)).faithfulness, (await run('fifth', 5)).faithfulness);
  });

  it('returns an error for an unreadable image, and explains the others', async t => {
    const root = tempFolder(t, { 'a.png': 'text', 'b.png': await image(0) });
    const model = await saveSampleModel(t);
    const explain = join(root, 'why');
    const seen: string[] = [];
    const predictions = await predictImages({
      model,
      images: ['a.png', 'none.png', 'b.png'].map(name => join(root, name)),
      explain,
      onPrediction: ({ file }) => seen.push(file),
    });
    assert.match(predictions[0]!.error!, /^expected a photo \(/);
    assert.equal(predictions[1]!.error, 'expected an image, got no such file');
    assert.ok(predictions.slice(0, 2).every(({ value, explanation }) => value === null && explanation === undefined));
    assert.deepEqual(readdirSync(explain), ['b.png']);
    assert.deepEqual(
      seen,
      predictions.map(({ file }) => file),
    );
  });

  it('explains by occlusion where an operation has no gradient', async t => {
    const tiny = tinyBackbone();
    const rounded = tinyBackbone({
      build(x) {
        const name = 'foreign/round';
        const node = { opType: 'Round', domain: '', inputs: [x.name], outputs: [name] };
        x.graph.addForeign({ ...node, attributes: {}, rawAttributes: [] });
        return tiny.build(x.graph.foreignValue(name, x));
      },
    });
    const root = tempFolder(t, { 'a.png': await image(0) });
    const model = await saveSampleModel(t, rounded);
    const images = [join(root, 'a.png')];
    const [prediction] = await predictImages({ model, images, explain: join(root, 'why') });
    assert.equal(prediction!.explanation!.method, 'occlusion');
    assert.equal(prediction!.value, (await predictImages({ model, images }))[0]!.value);
    assert.ok(existsSync(join(root, 'why', 'a.png')));
  });

  it('makes no folder if nothing could be explained, and keeps an older one', async t => {
    const root = tempFolder(t, { 'a.png': 'text', 'why/old.txt': 'old' });
    const model = await saveSampleModel(t);
    const images = [join(root, 'a.png')];
    await predictImages({ model, images, explain: join(root, 'new') });
    await predictImages({ model, images, explain: join(root, 'why'), force: true });
    assert.deepEqual(readdirSync(root).sort(), ['a.png', 'why']);
    assert.ok(existsSync(join(root, 'why', 'old.txt')));
  });

  it('refuses a folder that exists, before any work, and moves it aside if told to', async t => {
    const root = tempFolder(t, { 'b.png': await image(0), 'why/old.txt': 'old' });
    const model = await saveSampleModel(t);
    const explain = join(root, 'why');
    const options = { model, images: [join(root, 'b.png')], explain };
    assert.equal(
      await failureOf(() => predictImages({ ...options, model: join(root, 'none') })),
      `InputError: ${explain}: expected a new folder, got one that exists; choose another, or add \`force: true\` to move it aside`,
    );
    const said: string[] = [];
    await predictImages({ ...options, force: true, onMessage: line => said.push(line) });
    assert.deepEqual(readdirSync(explain), ['b.png']);
    assert.deepEqual(readdirSync(`${explain}.old-1`), ['old.txt']);
    assert.deepEqual(said, [`moved the older ${explain} to ${explain}.old-1`]);
  });

  it('refuses mirror images, and its own options without a folder', async t => {
    const options = { model: 'none', images: ['none.png'] };
    assert.equal(
      await failureOf(() => predictImages({ ...options, explain: 'why', tta: true })),
      'UsageError: `tta` cannot be used with `explain`: an explanation is of one whole image; remove one of them',
    );
    assert.equal(
      await failureOf(() => predictImages({ ...options, seed: 1 })),
      'UsageError: `seed` has no effect without `explain`; remove it',
    );
    assert.equal(
      await failureOf(() => predictImages({ ...options, force: true })),
      'UsageError: `force` has no effect without `explain`; remove it',
    );
    const root = tempFolder(t);
    mkdirSync(join(root, 'why'));
    const { code, stderr } = await eyeball('predict', 'none', 'none.png', '--seed', '1');
    assert.equal(code, 2);
    assert.equal(stderr, 'eyeball: --seed has no effect without --explain; remove it\n');
  });

  it('is --explain of predict', async t => {
    const root = tempFolder(t, { 'b.png': await image(0), 'c.png': 'text' });
    const model = await saveSampleModel(t);
    const [good, bad, why] = ['b.png', 'c.png', 'why'].map(name => join(root, name)) as [string, string, string];
    const shown = await eyeball('predict', model, good, bad, '--explain', why);
    assert.equal(shown.code, 1);
    assert.match(shown.stdout, /b\.png\t[-\d.]+\n.*c\.png: expected a photo/);
    assert.ok(shown.stderr.includes(`explanations: ${why}\n`));
    const json = await eyeball('predict', model, good, '--explain', why, '--force', '--json', '--quiet');
    assert.equal(json.stderr, '');
    const [{ explanation }] = JSON.parse(json.stdout);
    assert.deepEqual(Object.keys(explanation), ['file', 'method', 'faithfulness']);
    assert.equal(explanation.file, join(why, 'b.png'));
  });

  it('is a stream of explanations from a loaded model, and stops when it is aborted', async t => {
    const model = await loadModel(await saveSampleModel(t), { threads: 1 });
    const seen = [];
    for await (const each of model.explain([await image(0), Buffer.from('text')])) seen.push(each);
    assert.deepEqual(
      seen.map(({ file, value }) => [file, value === null]),
      [
        ['image 1', false],
        ['image 2', true],
      ],
    );
    await assert.rejects(model.explain([await image(0)], { signal: AbortSignal.abort() }).next(), {
      name: 'AbortedError',
    });
    await model.close();
  });
});
