import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeModel } from '../../src/engine/onnx/decode.js';
import { createSession } from '../../src/engine/runtime/session.js';
import type { Manifest } from '../../src/formats/manifest.js';
import { decodeImage } from '../../src/images/image.js';
import { buildModel } from '../../src/model/build-model.js';
import { type ImagePrediction, loadModel } from '../../src/model/model.js';
import { openAhead } from '../../src/model/model-files.js';
import { linearHead } from '../../src/training/head.js';
import { expectNumbersClose } from '../close.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { image } from '../features/images.js';
import { tinyBackbone } from '../features/tiny-backbone.js';
import { sampleHead, saveSampleModel } from './sample-model.js';

describe('buildModel', () => {
  it('returns values and features for pixels', () => {
    const { inputs, outputs } = decodeModel(buildModel(tinyBackbone(), linearHead(sampleHead)), 'm.onnx');
    assert.deepEqual(inputs, [{ name: 'pixels', dtype: 'uint8', shape: ['N', 32, 32, 3] }]);
    assert.deepEqual(outputs, [
      { name: 'value', dtype: 'float32', shape: ['N'] },
      { name: 'features', dtype: 'float32', shape: ['N', 4] },
    ]);
  });

  it('gives the same bytes for the same backbone and head, and different bytes for others', () => {
    const bytes = buildModel(tinyBackbone(), linearHead(sampleHead));
    assert.deepEqual(buildModel(tinyBackbone(), linearHead(sampleHead)), bytes);
    assert.notDeepEqual(buildModel(tinyBackbone(), linearHead({ weight: new Float32Array(4), bias: 38 })), bytes);
  });
});

describe('loadModel', () => {
  it('loads a folder, or the model.onnx in it', async t => {
    const folder = await saveSampleModel(t);
    for (const path of [folder, join(folder, 'model.onnx')]) {
      const model = await loadModel(path);
      assert.equal(model.manifest.target.name, 'age');
      await model.close();
    }
  });

  it('uses the network that was opened ahead', async t => {
    const folder = await saveSampleModel(t);
    const path = join(folder, 'model.onnx');
    openAhead(folder, 1);
    // It has been read once a later request to the same thread is answered.
    await (await createSession(path)).close();
    rmSync(path);
    await (await loadModel(folder, { copies: 1 })).close();
    await assert.rejects(loadModel(folder, { copies: 1 }), /^InputError: .*model\.onnx: expected a file of the model/);
  });

  it('opens its own network if another was opened ahead', async t => {
    const folder = await saveSampleModel(t);
    openAhead('/nowhere/model', 1);
    await (await loadModel(folder)).close();
  });

  it('uses the network that was opened ahead, or opens the copies that it needs', async t => {
    const folder = await saveSampleModel(t);
    const pixels = { dtype: 'uint8', shape: [2, 32, 32, 3], data: new Uint8Array(6144).fill(90) } as const;
    const values = [];
    for (const [ahead, copies] of [
      [1, 1],
      [1, 2],
      [Number.POSITIVE_INFINITY, 1],
    ] as const) {
      openAhead(folder, ahead);
      const model = await loadModel(folder, { copies });
      const answers = await Promise.all([1, 2, 3].map(() => model.run(pixels)));
      values.push(...answers.map(({ value }) => value.data));
      await model.close();
    }
    for (const value of values) assert.deepEqual(value, values[0]);
  });

  it('runs on pixels with the head that it was built with', async t => {
    const model = await loadModel(await saveSampleModel(t), { threads: 1 });
    const { value, features } = await model.run({
      dtype: 'uint8',
      shape: [2, 32, 32, 3],
      data: new Uint8Array(6144).fill(90),
    });
    await model.close();
    assert.deepEqual([value.shape, features.shape], [[2], [2, 4]]);
    const expected = [0, 4].map(at =>
      sampleHead.weight.reduce((sum, w, k) => sum + w * features.data[at + k]!, sampleHead.bias),
    );
    expectNumbersClose(value.data, expected, { rtol: 1e-5, atol: 1e-4 });
    assert.ok(features.data.some(x => x > 0.01));
  });

  it('names a missing folder and a missing file', async t => {
    const folder = await saveSampleModel(t);
    const none = join(folder, 'none');
    assert.equal(
      await failureOf(() => loadModel(none)),
      `InputError: ${none}: expected the folder of a model, got none; make one with eyeball train`,
    );
    rmSync(join(folder, 'model.onnx'));
    assert.match(
      await failureOf(() => loadModel(folder)),
      new RegExp(
        `^InputError: ${join(folder, 'model.onnx')}: expected a file of the model, got "ENOENT[^\n]*"; train again or fetch it again$`,
      ),
    );
    rmSync(join(folder, 'eyeball.json'));
    assert.equal(
      await failureOf(() => loadModel(folder)),
      `InputError: ${folder}: expected the folder of a model, got one without eyeball.json; make one with eyeball train`,
    );
    const file = join(tempFolder(t, { 'photo.jpg': '' }), 'photo.jpg');
    assert.equal(
      await failureOf(() => loadModel(file)),
      `InputError: ${file}: expected the folder of a model, got none; make one with eyeball train`,
    );
  });

  it('refuses a network that was changed or cut short, before it is loaded', async t => {
    const changes: ((path: string) => void)[] = [
      path => truncateSync(path, 500),
      path => truncateSync(path, 0),
      path => {
        const bytes = readFileSync(path);
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(path, bytes);
      },
    ];
    for (const change of changes) {
      const folder = await saveSampleModel(t);
      const path = join(folder, 'model.onnx');
      const was = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12);
      change(path);
      const is = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12);
      assert.equal(
        await failureOf(() => loadModel(folder)),
        `InputError: ${path}: expected the checksum ${was}..., got ${is}...; it was changed or is damaged; train again or fetch it again`,
      );
    }
  });

  it('refuses a damaged manifest by its name', async t => {
    const folder = await saveSampleModel(t);
    const path = join(folder, 'eyeball.json');
    truncateSync(path, 100);
    assert.equal(
      await failureOf(() => loadModel(folder)),
      `InputError: ${path}: expected JSON, got a damaged file; train again or fetch it again`,
    );
  });

  it('refuses to load if the self-test fails', async t => {
    const folder = await saveSampleModel(t);
    const path = join(folder, 'eyeball.json');
    const manifest: Manifest = JSON.parse(readFileSync(path, 'utf8'));
    const save = (value: number) => writeFileSync(path, JSON.stringify({ ...manifest, selfTest: { value } }));
    // A hundredth of the labels' standard deviation, 20, is what machines may differ by.
    save(manifest.selfTest.value + 0.19);
    await (await loadModel(folder)).close();
    save(manifest.selfTest.value + 0.21);
    const text = await failureOf(() => loadModel(folder));
    assert.match(
      text,
      new RegExp(
        `^InputError: ${join(folder, 'eyeball.json')}: expected what its network computes, got "its self-test gives [\\d.]+ instead of [\\d.]+"; train again or fetch it again$`,
      ),
    );
  });
});

describe('a model', () => {
  it('predicts files and bytes the same, alone or in a batch', async t => {
    const images = await Promise.all([0, 1, 2].map(image));
    const root = tempFolder(t, { 'a.png': images[0]! });
    const model = await loadModel(await saveSampleModel(t));
    const path = join(root, 'a.png');
    const all = await model.predict([path, images[1]!, images[2]!, images[0]!]);
    assert.deepEqual(
      all.map(({ file }) => file),
      [path, 'image 2', 'image 3', 'image 4'],
    );
    assert.equal(all[0]!.value, all[3]!.value);
    assert.equal(new Set(all.map(({ value }) => value)).size, 3);
    for (const [i, bytes] of images.entries()) {
      const [alone] = await model.predict([bytes]);
      assert.deepEqual(alone, { file: 'image 1', value: all[i]!.value });
      const data = await decodeImage(bytes, { width: 32, height: 32 });
      const { value } = await model.run({ dtype: 'uint8', shape: [1, 32, 32, 3], data });
      assert.equal(value.data[0], all[i]!.value);
    }
    assert.deepEqual(await model.predict([]), []);
    await model.close();
  });

  it('returns an error for a broken image and values for the others', async t => {
    const good = await image(0);
    const root = tempFolder(t, { 'a.png': good, 'b.png': 'no image', 'folder/': '' });
    const model = await loadModel(await saveSampleModel(t));
    const paths = ['a.png', 'b.png', 'none.png', 'folder'].map(name => join(root, name));
    const results = await model.predict([...paths, good.subarray(0, 1000), good]);
    await model.close();
    assert.deepEqual(
      results.map(({ value }) => value === null),
      [false, true, true, true, true, false],
    );
    assert.equal(results[0]!.value, results[5]!.value);
    assert.match(results[1]!.error!, /^expected a photo \(/);
    assert.equal(results[2]!.error, 'expected an image, got no such file');
    assert.equal(results[3]!.error, 'expected an image, got a folder');
    assert.match(results[4]!.error!, /^expected a complete png, got one that is truncated, damaged/);
    assert.ok(!('error' in results[0]!));
  });

  it('reports predictions in order as they are made, and progress', async t => {
    const bytes = await image(0);
    const images = Array.from({ length: 60 }, (_, i) => (i % 7 === 3 ? Buffer.from('broken') : bytes));
    const model = await loadModel(await saveSampleModel(t));
    const handed: ImagePrediction[] = [];
    const seen: number[] = [];
    const results = await model.predict(images, {
      onPrediction: prediction => handed.push(prediction),
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    await model.close();
    assert.deepEqual(handed, results);
    assert.equal(results.length, 60);
    assert.equal(results.filter(({ error }) => error !== undefined).length, 9);
    assert.ok(seen.length > 1);
    assert.equal(seen.at(-1), 1);
  });

  it('stops when it is aborted', async t => {
    const bytes = await image(0);
    const model = await loadModel(await saveSampleModel(t));
    const signal = AbortSignal.abort();
    await assert.rejects(model.predict([bytes], { signal }), { name: 'AbortedError' });
    await model.close();
  });
});
