import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { loadModel } from '../../src/model/model.js';
import { createApp } from '../../src/serving/app.js';
import { saveSampleModel } from '../model/sample-model.js';
import { answerOf, image, post, request } from './service.js';

const IMAGE = new Uint8Array(await image(77));

// The threads that the engine starts, the last one last.
const workers: Worker[] = [];
process.on('worker', (worker: Worker) => workers.push(worker));

describe('a model', () => {
  it('reports that it is closed, and can be closed again', async t => {
    const model = await loadModel(await saveSampleModel(t), { threads: 1 });
    await model.close();
    await model.close();
    await assert.rejects(model.predict([IMAGE]), {
      name: 'UsageError',
      message: 'expected a model that is loaded, got one that was closed',
    });
  });
});

describe("a service whose engine's thread ends", () => {
  it('loads the model again, and is not ready after too many times', async t => {
    const told: unknown[] = [];
    const model = await loadModel(await saveSampleModel(t), { threads: 1 });
    const app = createApp({ model, onError: thrown => told.push(thrown) });
    t.after(() => app.close());
    const ask = () => app.fetch(post(IMAGE, 'image/jpeg'));
    const before = await (await ask()).text();
    for (let end = 1; end <= 8; end++) {
      await workers.at(-1)!.terminate();
      assert.equal((await app.fetch(request('/readyz'))).status, 200);
      assert.equal(await (await ask()).text(), before);
    }
    await workers.at(-1)!.terminate();
    for (const asked of [request('/readyz'), post(IMAGE, 'image/jpeg')]) {
      const { status, detail } = await answerOf(await app.fetch(asked));
      assert.equal(status, 503);
      assert.match(detail, /^the inference engine has stopped repeatedly; restart the service$/);
    }
    assert.deepEqual(told, []);
  });
});
