import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { standardAlignment } from '../../src/backbones/face-detector/alignment.js';
import { facesAnswer } from '../../src/formats/http.js';
import { loadModel } from '../../src/model/model.js';
import { createApp } from '../../src/serving/app.js';
import { portraitScene } from '../images/portrait-scene.js';
import { saveSampleModel } from '../model/sample-model.js';
import { answerOf, form, image, post, startService } from './service.js';

// The threads that the engine starts, the last one last.
const workers: Worker[] = [];
process.on('worker', (worker: Worker) => workers.push(worker));

describe('POST /v1/predict?faces=true', () => {
  it('returns the prediction for each face of each image, and an error without faces', async t => {
    const folder = await saveSampleModel(t);
    const path = join(folder, 'eyeball.json');
    const framing = { ...standardAlignment(40), images: 9, faces: 9 };
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), framing }));
    const model = await loadModel(folder, { threads: 1 });
    t.after(() => model.close());
    const app = createApp({ model, name: 'sample', limits: { imagePixels: 500_000 } });
    const faces = [
      { age: 20, x: 550, y: 200, px: 150 },
      { age: 70, x: 200, y: 200, px: 300 },
    ];
    const scene = await portraitScene({ width: 700, height: 400, faces });
    const [large, small] = await model.predict([scene], { faces: true });
    const images = [scene, await image(9, 800), await image(9), scene];
    const response = await app.fetch(post(form(...images), undefined, '?faces=true'));
    assert.equal(response.status, 200);
    const { predictions } = facesAnswer.strict().parse(await response.json());
    const wanted = [large, small].map(row => {
      const { x, y, width, height, ...face } = row!.face!;
      return { box: { x, y, width, height }, ...face, value: row!.value };
    });
    assert.deepEqual(predictions, [
      { faces: wanted },
      { faces: [], error: 'expected at most 500000 pixels, got 800 x 800' },
      { faces: [], error: 'expected a face, got none in 40 x 40 px' },
      { faces: wanted },
    ]);
    const alone = await answerOf(await app.fetch(post(images[2]!, 'image/jpeg', '?faces=true')));
    assert.deepEqual([alone.status, alone.detail], [422, 'expected a face, got none in 40 x 40 px']);
    const whole = await answerOf(await app.fetch(post(scene, 'image/png', '?faces=false')));
    assert.deepEqual(Object.keys((whole.body as { predictions: [object] }).predictions[0]), ['value']);
  });

  it('loads the detector again if the thread of the engine has ended', async t => {
    const folder = await saveSampleModel(t);
    const path = join(folder, 'eyeball.json');
    const framing = { ...standardAlignment(40), images: 9, faces: 9 };
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), framing }));
    const app = createApp({ model: await loadModel(folder, { threads: 1 }) });
    t.after(() => app.close());
    const faces = [{ age: 70, x: 200, y: 200, px: 300 }];
    const scene = await portraitScene({ width: 400, height: 400, faces });
    const ask = async () => await (await app.fetch(post(scene, 'image/png', '?faces=true'))).text();
    const before = await ask();
    assert.equal(JSON.parse(before).predictions[0].faces.length, 1, before);
    await workers.at(-1)!.terminate();
    assert.deepEqual(await Promise.all([ask(), ask()]), [before, before]);
    await workers.at(-1)!.terminate();
    assert.equal(await ask(), before);
  });

  it('is refused for a model without alignment, and for other values', async t => {
    const app = await startService(t);
    const ask = async (query: string) => answerOf(await app.fetch(post(await image(9), 'image/jpeg', query)));
    const without = await ask('?faces=true');
    assert.deepEqual(
      [without.status, without.detail],
      [400, 'faces: the model has no face alignment; train it again on images of one face each'],
    );
    const other = await ask('?faces=yes');
    assert.deepEqual([other.status, other.detail], [400, 'faces: expected true or false, got "yes"']);
  });
});
