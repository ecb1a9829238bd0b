import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PredictAnswer } from '../../src/formats/http.js';
import type { ManifestIntervals } from '../../src/formats/manifest.js';
import { loadModel, type Model } from '../../src/model/model.js';
import { createApp } from '../../src/serving/app.js';
import { calibrateIntervals } from '../../src/uncertainty/intervals.js';
import { sampleManifest, saveSampleModel } from '../model/sample-model.js';
import { answerOf, form, image, post, request, startService } from './service.js';

const predictions = async (response: Response) => {
  assert.equal(response.status, 200, await response.clone().text());
  return ((await response.json()) as PredictAnswer).predictions;
};
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

describe('POST /v1/predict', () => {
  it('predicts the same as the model, in every form of a request', async t => {
    const model = await loadModel(await saveSampleModel(t), { threads: 1 });
    t.after(() => model.close());
    const app = createApp({ model, name: 'sample' });
    const images = [await image(20), await image(200, 300, 'png')];
    const wanted = (await model.predict(images)).map(({ value }) => ({ value }));
    const response = await app.fetch(post(form(...images)));
    const { unit, name } = model.manifest.target;
    const answer = (await response.json()) as PredictAnswer;
    assert.deepEqual(answer, {
      model: { name: 'sample', target: name, unit, sha256: model.manifest.sha256 },
      predictions: wanted,
    });
    assert.equal(response.headers.get('Cache-Control'), 'no-store');
    const json = (images: string[]) => post(JSON.stringify({ images }), 'application/json; charset=utf-8');
    const [first, second] = images.map(base64);
    assert.deepEqual(await predictions(await app.fetch(json([first!, second!]))), wanted);
    // As other programs write it: in lines, without padding, for URLs.
    const written = [
      first!.replace(/.{76}/g, '$&\r\n'),
      first!.replace(/=+$/, ''),
      Buffer.from(images[0]!).toString('base64url'),
      ` ${first}\n`,
      `data:image/jpeg;charset=utf-8;base64,${first!.replace(/.{64}/g, '$&\n')}`,
    ];
    assert.deepEqual(
      await predictions(await app.fetch(json(written))),
      written.map(() => wanted[0]),
    );
    const uris = [`data:image/jpeg;base64,${first}`, `data:;base64,${second}`];
    assert.deepEqual(await predictions(await app.fetch(json(uris))), wanted);
    for (const type of ['image/jpeg', 'application/octet-stream', 'IMAGE/PNG; x=1'])
      assert.deepEqual(await predictions(await app.fetch(post(images[0]!, type))), [wanted[0]]);
  });

  it('answers concurrent requests, each with its own images', async t => {
    const app = await startService(t);
    const shades = Array.from({ length: 40 }, (_, i) => 6 * i);
    const ask = async (shade: number) => predictions(await app.fetch(post(await image(shade), 'image/jpeg')));
    const alone: unknown[] = [];
    for (const shade of shades) alone.push(await ask(shade));
    assert.deepEqual(await Promise.all(shades.map(ask)), alone);
    const metrics = await (await app.fetch(request('/metrics'))).text();
    assert.match(metrics, /^eyeball_pictures_total\{outcome="predicted"\} 80$/m);
    assert.match(metrics, /^eyeball_queue_pictures 0$/m);
    const batches = Number(/^eyeball_batch_pictures_count (\d+)$/m.exec(metrics)![1]);
    assert.ok(batches > 40 && batches <= 60, `${batches} batches, 40 of them of one image`);
  });

  it('returns intervals at the requested level and marks unusual images, if the model has them', async t => {
    // Errors of 0.02, 0.04, ... 2 times what is expected.
    const errors = Array.from({ length: 99 }, (_, i) => (i + 1) / 50);
    const scores = calibrateIntervals(
      errors,
      errors.map(() => 0),
      errors.map(() => 1),
    );
    const unusual = { stage: null, distance: 2, far: 2.5, activation: 10, faint: 5, share: 0.01 };
    const ends = { low: -100, high: 100 };
    const manifest = {
      ...sampleManifest('0'.repeat(64)),
      intervals: { ...scores, method: 'split', folds: 1, groups: [], ends, unusual } as unknown as ManifestIntervals,
    };
    // By the image's red, since each batch holds as many as there happen to be.
    const run = async ({ shape, data }: Parameters<Model['run']>[0]) => {
      const at = Array.from({ length: shape[0]! }, (_, i) => (data[i * 32 * 32 * 3]! < 128 ? 0 : 1));
      const rows = (...values: number[]) => ({ data: Float32Array.from(at, i => values[i]!) });
      return { value: rows(37, 40), scale: rows(10, 20), distance: rows(1, 3), activation: rows(12, 12) };
    };
    const app = await startService(t, { model: { manifest, run } as unknown as Model });
    const two = form(await image(20), await image(220));
    const ask = async (query: string) => predictions(await app.fetch(post(two, undefined, query)));
    assert.deepEqual(await ask('?level=0.5'), [
      { value: 37, low: 27, high: 47 },
      { value: 40, low: 20, high: 60, unusual: true, unlike: 'kind' },
    ]);
    const [{ low, high } = {}] = await ask('');
    assert.deepEqual([low, high], [19, 55]);
    // 99.9 % cannot be had from 99 images.
    assert.deepEqual((await ask('?level=0.999'))[0], { value: 37, low: null, high: null });
  });

  it('refuses an invalid level', async t => {
    const app = await startService(t);
    const ask = async (query: string) => answerOf(await app.fetch(post(await image(1), 'image/jpeg', query)));
    for (const level of ['0', '1', '-1', 'x', '', 'NaN']) {
      const { status, detail } = await ask(`?level=${level}`);
      assert.deepEqual(
        [status, detail],
        [400, `level: expected a share above 0 and below 1, got ${JSON.stringify(level)}`],
      );
    }
    assert.deepEqual((await ask('?level=0.8')).detail, 'level: the model has no prediction intervals; train it again');
    assert.equal((await ask('?levle=0.8')).status, 400);
  });

  it('returns an error for one bad image, and refuses if all are bad', async t => {
    const app = await startService(t);
    const good = await image(10);
    const reason = 'expected a photo (jpeg, png, webp, gif, tiff, avif), got text';
    const mixed = await predictions(await app.fetch(post(form(new TextEncoder().encode('hello'), good, 'text'))));
    assert.deepEqual(
      mixed.map(({ error }) => error),
      [reason, undefined, 'expected a file, got a text field'],
    );
    assert.equal(mixed[0]!.value, null);
    const json = JSON.stringify({ images: [base64(good), '/etc/passwd', 'file:///etc/passwd'] });
    const errors = (await predictions(await app.fetch(post(json, 'application/json')))).map(({ error }) => error);
    assert.deepEqual(errors, [
      undefined,
      'expected a photo (jpeg, png, webp, gif, tiff, avif), got unknown content',
      'invalid base64: ":" at character 5',
    ]);
    const one = await answerOf(await app.fetch(post('hello', 'image/png')));
    assert.deepEqual([one.status, one.detail], [422, reason]);
    const two = await answerOf(await app.fetch(post(form(new Uint8Array(0), 'text'))));
    assert.deepEqual(
      [two.status, two.detail],
      [
        422,
        'none of 2 images is usable; the first: expected a photo (jpeg, png, webp, gif, tiff, avif), got an empty file',
      ],
    );
  });

  it('refuses an animation, and accepts its format with one frame', async t => {
    const app = await startService(t);
    const frames = Buffer.concat([Buffer.alloc(3 * 16 * 16, 10), Buffer.alloc(3 * 16 * 16, 240)]);
    const { default: sharp } = await import('sharp');
    const raw = { width: 16, height: 32, channels: 3, pageHeight: 16 } as const;
    for (const format of ['gif', 'webp'] as const) {
      const moving = await sharp(frames, { raw })
        .toFormat(format, { delay: [100, 100], loop: 0 })
        .toBuffer();
      const { status, detail } = await answerOf(await app.fetch(post(moving, `image/${format}`)));
      const text = 'expected a still image, got an animation of 2 frames; send one of them';
      assert.deepEqual([status, detail], [422, text]);
      const still = await sharp(moving, { pages: 1 }).toFormat(format).toBuffer();
      assert.equal((await predictions(await app.fetch(post(still, `image/${format}`)))).length, 1);
    }
  });
});
