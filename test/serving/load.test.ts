import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Model } from '../../src/model/model.js';
import { type AppOptions, createApp } from '../../src/serving/app.js';
import { sampleManifest } from '../model/sample-model.js';
import { answerOf, type Body, form, image, post, request, startService } from './service.js';

const IMAGE = new Uint8Array(await image(77));

/** A service whose engine waits for `go` before each batch. */
function slowService(options: Partial<AppOptions> = {}) {
  const batches: number[] = [];
  let go = () => {};
  const gate = new Promise<void>(resolve => {
    go = resolve;
  });
  const model = {
    manifest: sampleManifest('0'.repeat(64)),
    async run({ shape: [n] }: Parameters<Model['run']>[0]) {
      batches.push(n!);
      await gate;
      return { value: { dtype: 'float32', shape: [n!], data: new Float32Array(n!).fill(37) } };
    },
  } as unknown as Model;
  return { app: createApp({ model, name: 'slow', ...options }), batches, go: () => go() };
}

const settled = () => sleep(20);

/** Waits until `holds`, and then a little longer, so that what should not happen has its chance. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
  await settled();
}

describe('a flood', () => {
  it('beyond the queue is refused at once, and the service answers afterwards', async () => {
    const { app, go, batches } = slowService({ limits: { queueImages: 40, clientImages: 30 } });
    const answers: { status: number; retry: string | null }[] = [];
    const asked = Array.from({ length: 200 }, async (_, i) => {
      const { status, headers } = await app.fetch(post(IMAGE, 'image/jpeg'), { client: `10.0.0.${i % 2}` });
      answers.push({ status, retry: headers.get('Retry-After') });
    });
    await until(() => answers.length >= 160);
    // The engine has not answered anything yet.
    assert.equal(answers.length, 160);
    assert.ok(answers.every(({ status, retry }) => status === 503 && retry === '1'));
    const ready = await app.fetch(request('/readyz'));
    assert.deepEqual([ready.status, ready.headers.get('Retry-After')], [503, '1']);
    assert.equal((await app.fetch(request('/healthz'))).status, 200);
    assert.match(await (await app.fetch(request('/metrics'))).text(), /^eyeball_queue_pictures 40$/m);
    go();
    await Promise.all(asked);
    assert.equal(answers.filter(({ status }) => status === 200).length, 40);
    assert.ok(Math.max(...batches) <= 25, `${batches}`);
    assert.equal((await app.fetch(request('/readyz'))).status, 200);
    assert.equal((await app.fetch(post(IMAGE, 'image/jpeg'))).status, 200);
  });

  it('of one client leaves room for others', async () => {
    const { app, go, batches } = slowService({
      limits: { queueImages: 40, clientImages: 20, requestImages: 20 },
    });
    const ask = (client: string, count = 1) =>
      app.fetch(post(form(...Array<Uint8Array>(count).fill(IMAGE))), { client });
    const accepted = [ask('a', 19), ask('a')];
    await until(() => batches.length >= 1);
    const refused = await ask('a');
    assert.equal(refused.headers.get('Retry-After'), '1');
    const answer = await answerOf(refused);
    assert.deepEqual(
      [answer.status, answer.detail],
      [429, 'expected at most 20 images of a client at a time, got more; wait for the answers'],
    );
    accepted.push(ask('b'));
    await settled();
    assert.equal((await ask('c', 20)).status, 503);
    go();
    assert.deepEqual(
      (await Promise.all(accepted)).map(({ status }) => status),
      [200, 200, 200],
    );
  });

  it('is computed in full batches, two of them in the engine', async () => {
    const { app, go, batches } = slowService();
    const asked = Array.from({ length: 100 }, () => app.fetch(post(IMAGE, 'image/jpeg')));
    // The first is what was decoded in 5 ms.
    await until(() => batches.length >= 2);
    assert.equal(batches.length, 2);
    assert.equal(batches[1], 25);
    go();
    for (const { status } of await Promise.all(asked)) assert.equal(status, 200);
    assert.equal(
      batches.reduce((sum, n) => sum + n),
      100,
    );
  });

  it('does not hold up single images', async () => {
    const { app, go, batches } = slowService();
    go();
    for (let i = 0; i < 3; i++) assert.equal((await app.fetch(post(IMAGE, 'image/jpeg'))).status, 200);
    assert.deepEqual(batches, [1, 1, 1]);
  });
});

describe('an explanation', () => {
  it('is not kept waiting by a client that sends slowly', async t => {
    const explain = async function* () {
      yield { value: null, error: 'explained' };
    };
    const model = { manifest: sampleManifest('0'.repeat(64)), run: () => {}, explain } as unknown as Model;
    const app = await startService(t, { model });
    const ask = (body: Body) =>
      app.fetch(
        request('/studio/api/explain', {
          method: 'POST',
          body: body as string,
          headers: { 'Content-Type': 'image/jpeg' },
          duplex: 'half',
        }),
      );
    let rest = (_: Uint8Array) => {};
    const slow = ask(
      new ReadableStream({
        start: controller => {
          controller.enqueue(IMAGE.subarray(0, 10));
          rest = bytes => {
            controller.enqueue(bytes);
            controller.close();
          };
        },
      }),
    );
    await settled();
    assert.equal((await answerOf(await ask(IMAGE))).detail, 'explained');
    rest(IMAGE.subarray(10));
    assert.equal((await answerOf(await slow)).detail, 'explained');
  });
});

describe('listeners', () => {
  it('are 64 of a client and 256 in all', async t => {
    const app = await startService(t);
    t.after(() => app.shutDown());
    const listen = (client: string, headers: Record<string, string> = {}) =>
      app.fetch(request('/studio/api/events', { headers }), { client });
    for (let i = 0; i < 64; i++) assert.equal((await listen('a')).status, 200);
    const refused = await answerOf(await listen('a'));
    assert.deepEqual([refused.status, refused.detail], [429, 'expected at most 64 listeners of a client, got more']);
    for (const client of ['b', 'c', 'd']) for (let i = 0; i < 64; i++) assert.equal((await listen(client)).status, 200);
    assert.equal((await answerOf(await listen('e'))).status, 503);
    // A page of another origin gets none, and holds none.
    assert.equal((await answerOf(await listen('a', { 'Sec-Fetch-Site': 'cross-site' }))).status, 403);
  });
});

describe('a service', () => {
  it('is not ready, and takes no image, while its model is loading', async t => {
    let load = (_: Model) => {};
    const model = new Promise<Model>(resolve => {
      load = resolve;
    });
    const app = await startService(t, { model });
    for (const asked of [request('/readyz'), post(IMAGE, 'image/jpeg')]) {
      const answer = await answerOf(await app.fetch(asked));
      assert.deepEqual([answer.status, answer.detail], [503, 'the model is still loading']);
    }
    assert.equal((await app.fetch(request('/healthz'))).status, 200);
    assert.match(await (await app.fetch(request('/studio/api/state'))).text(), /^{"model":null,/);
    load({ manifest: sampleManifest('0'.repeat(64)) } as Model);
    await settled();
    assert.equal((await app.fetch(request('/readyz'))).status, 200);
  });

  it('that shuts down is not ready, and completes accepted requests', async t => {
    const app = await startService(t);
    app.shutDown();
    assert.equal((await app.fetch(request('/readyz'))).status, 503);
    assert.equal((await app.fetch(post(IMAGE, 'image/jpeg'))).status, 200);
  });

  it('whose engine fails reports it without details', async (t: TestContext) => {
    const told: unknown[] = [];
    const run = () => Promise.reject(new Error('/home/anna/model.onnx is gone'));
    const model = { manifest: sampleManifest('0'.repeat(64)), run } as unknown as Model;
    const app = await startService(t, { model, onError: thrown => told.push(thrown) });
    const answer = await answerOf(await app.fetch(post(form(IMAGE, IMAGE))));
    assert.deepEqual([answer.status, answer.detail], [500, 'internal error of the service']);
    assert.equal(told.length, 1);
    assert.match(await (await app.fetch(request('/metrics'))).text(), /^eyeball_queue_pictures 0$/m);
  });
});
