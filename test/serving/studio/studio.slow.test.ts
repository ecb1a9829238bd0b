// Slow: runs jobs of the studio to their end.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { standardAlignment } from '../../../src/backbones/face-detector/alignment.js';
import type {
  ExplainAnswer,
  Results,
  Review,
  SampleDetail,
  SamplesAnswer,
  StudioState,
} from '../../../src/formats/studio-protocol.js';
import { loadModel, readManifest } from '../../../src/model/model.js';
import { createApp } from '../../../src/serving/app.js';
import { readEvaluation } from '../../../src/serving/studio/findings.js';
import { writeImages } from '../../cli/eyeball.js';
import { tempFolder } from '../../datasets/temp.js';
import { portraitScene } from '../../images/portrait-scene.js';
import { saveSampleModel } from '../../model/sample-model.js';
import { answerOf, image, post, request } from '../service.js';
import { fileAt, startStudio } from './place.js';

const IMAGE = new Uint8Array(await image(77));

describe('the state of a studio', () => {
  it('with a dataset describes it', async t => {
    const { get, root } = await startStudio(t, { unit: 'years' });
    const { model, data, job, writable } = await get<StudioState>('state');
    assert.deepEqual([model, job, writable], [null, null, true]);
    assert.equal(data!.images, 24);
    assert.equal(
      data!.histogram.reduce((sum, { images }) => sum + images, 0),
      24,
    );
    assert.deepEqual([data!.target, data!.unit, data!.revision], ['value', 'years', 0]);
    assert.deepEqual(data!.decided, { kept: 0, set: 0, dropped: 0 });
    assert.equal(data!.decisionsFile, join(root, 'data-studio', 'decisions.csv'));
    assert.ok(data!.labels.min >= 0 && data!.labels.max <= 90);
  });

  it('without a dataset has only the model', async t => {
    const app = createApp({ model: loadModel(await saveSampleModel(t), { threads: 1 }), name: 'sample' });
    t.after(() => app.close());
    while ((await app.fetch(request('/readyz'))).status !== 200) await new Promise(setImmediate);
    const state = (await (await app.fetch(request('/studio/api/state'))).json()) as StudioState;
    assert.deepEqual([state.data, state.job, state.writable], [null, null, false]);
    const { name, target, unit, images, rmse, intervals } = state.model!;
    assert.deepEqual([name, target, unit, images, rmse, intervals], ['sample', 'age', 'years', 100, 5, false]);
    for (const path of ['samples', 'image?file=x', 'results', 'review']) {
      const { status, detail } = await answerOf(await app.fetch(request(`/studio/api/${path}`)));
      assert.deepEqual([status, detail], [404, 'the service has no dataset; start it with `data`']);
    }
  });
});

describe('samples', () => {
  it('are filtered by label, name and decision, sorted, in pages', async t => {
    const studio = await startStudio(t);
    const { get, ask } = studio;
    const all = await get<SamplesAnswer>('samples?limit=500');
    assert.equal(all.total, 24);
    const files = all.samples.map(({ file }) => file);
    const natural = new Intl.Collator('en', { numeric: true });
    assert.deepEqual(files, files.toSorted(natural.compare));
    const page = await get<SamplesAnswer>('samples?limit=5&offset=3');
    assert.deepEqual([page.total, page.samples], [24, all.samples.slice(3, 8)]);
    const falling = await get<SamplesAnswer>('samples?sort=-label&limit=500');
    const labels = falling.samples.map(({ label }) => label);
    assert.deepEqual(
      labels,
      labels.toSorted((a, b) => b - a),
    );
    const some = await get<SamplesAnswer>('samples?from=20&to=40&limit=500');
    assert.deepEqual(
      some.samples,
      all.samples.filter(({ label }) => label >= 20 && label < 40),
    );
    const [{ file, label }] = all.samples as [SamplesAnswer['samples'][number]];
    assert.ok((await get<SamplesAnswer>(`samples?from=${label}&to=${label}`)).total > 0);
    assert.deepEqual((await get<SamplesAnswer>(`samples?search=${file.toUpperCase()}`)).samples, [all.samples[0]]);
    assert.equal((await get<SamplesAnswer>('samples?show=suspicious')).total, 0);
    await studio.decide(file, { kind: 'keep' });
    const decided = await get<SamplesAnswer>('samples?show=decided');
    assert.deepEqual(decided.samples, [{ file, label, decision: { kind: 'keep' } }]);
    for (const query of ['limit=501', 'offset=-1', 'from=x', 'sort=size', 'show=none', 'x=1']) {
      const { status } = await answerOf(await ask('GET', `samples?${query}`));
      assert.equal(status, 400, query);
    }
  });

  it('without an image are found in the background, and reported', { timeout: 30_000 }, async t => {
    const root = tempFolder(t);
    await writeImages(join(root, 'data'), 1);
    writeFileSync(join(root, 'data', 'loose.jpg'), 'no label');
    mkdirSync(join(root, 'data', '5'));
    writeFileSync(join(root, 'data', '5', 'text.jpg'), 'hello');
    writeFileSync(join(root, 'data', '5', 'cut.jpg'), IMAGE.subarray(0, 200));
    const { get, ask } = await startStudio(t, {}, {}, root);
    while ((await get<StudioState>('state')).data!.skipped < 3) await new Promise(setImmediate);
    const { total, broken, samples } = await get<SamplesAnswer>('samples?show=broken');
    assert.deepEqual([total, samples.length], [3, 0]);
    assert.deepEqual(
      broken.map(({ file }) => file),
      ['5/cut.jpg', '5/text.jpg', 'loose.jpg'],
    );
    assert.match(broken[1]!.reason, /got text$/);
    assert.equal((await get<StudioState>('state')).data!.images, 24);
    assert.equal((await get<SamplesAnswer>('samples')).total, 24);
    assert.deepEqual((await get<SamplesAnswer>('samples?show=broken&search=LOOSE')).total, 1);
    assert.equal((await ask('GET', 'image?file=5/cut.jpg')).status, 422);
  });
});

describe('an image', () => {
  it('is small, upright WebP with an ETag', async t => {
    const studio = await startStudio(t);
    const file = encodeURIComponent(await fileAt(studio, 0));
    const response = await studio.ask('GET', `image?file=${file}&edge=32`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('Content-Type'), 'image/webp');
    assert.match(response.headers.get('Cache-Control')!, /^private, /);
    assert.equal(response.headers.get('Cross-Origin-Resource-Policy'), 'same-origin');
    const { width, height, format } = await sharp(await response.arrayBuffer()).metadata();
    assert.deepEqual([width, height, format], [32, 32, 'webp']);
    const tag = response.headers.get('ETag')!;
    const again = await studio.ask('GET', `image?file=${file}&edge=32`, undefined, { 'If-None-Match': tag });
    assert.deepEqual([again.status, await again.text()], [304, '']);
    const other = await studio.ask('GET', `image?file=${file}`, undefined, { 'If-None-Match': tag });
    assert.equal(other.status, 200);
  });

  it('is served only for files of the dataset', async t => {
    const studio = await startStudio(t);
    const { ask, root } = studio;
    writeFileSync(join(root, 'secret.jpg'), IMAGE);
    const file = await fileAt(studio, 0);
    for (const path of [
      '',
      'nothing.jpg',
      '../secret.jpg',
      `${file}/../../../secret.jpg`,
      `./${file}`,
      join(root, 'secret.jpg'),
      join(root, 'data', file),
      '/etc/passwd',
      `${file}\0.png`,
      'file:///etc/passwd',
      '__proto__',
    ]) {
      const { status, detail } = await answerOf(await ask('GET', `image?file=${encodeURIComponent(path)}`));
      assert.deepEqual([status, detail], [404, 'file: not an image of the data'], path);
    }
    for (const edge of ['31', '1601', 'x', '1e9', '64.5', ''])
      assert.equal((await answerOf(await ask('GET', `image?file=${file}&edge=${edge}`))).status, 400, edge);
    writeFileSync(join(root, 'data', file), '<svg xmlns="http://www.w3.org/2000/svg"/>');
    const broken = await answerOf(await ask('GET', `image?file=${file}`));
    assert.equal(broken.status, 422);
    assert.match(broken.detail, /got an SVG drawing$/);
    rmSync(join(root, 'data', file));
    symlinkSync('/etc/passwd', join(root, 'data', file));
    assert.match((await answerOf(await ask('GET', `image?file=${file}`))).detail, /\), got text$/);
    rmSync(join(root, 'data', file));
    execFileSync('mkfifo', [join(root, 'data', file)]);
    assert.match((await answerOf(await ask('GET', `image?file=${file}`))).detail, /got a pipe$/);
    rmSync(join(root, 'data', file));
    assert.equal((await answerOf(await ask('GET', `image?file=${file}`))).status, 404);
  });
});

describe('a decision', () => {
  it('is saved with the facts of the image, and sent to all listeners', async t => {
    const studio = await startStudio(t);
    const { ask, app, root } = studio;
    const reader = (await app.fetch(request('/studio/api/events'))).body!.getReader();
    const heard = async () => new TextDecoder().decode((await reader.read()).value);
    assert.equal(await heard(), ': here\n\n');
    const file = await fileAt(studio, 3);
    const answer = await answerOf(await studio.decide(file, { kind: 'set', value: 7 }));
    assert.deepEqual(answer.body, { revision: 1, file, decision: { kind: 'set', value: 7 } });
    assert.equal(await heard(), `event: decision\ndata: ${JSON.stringify(answer.body)}\n\n`);
    const text = readFileSync(join(root, 'data-studio', 'decisions.csv'), 'utf8');
    assert.equal(text, `file,decision,value,label,score,kinds\n${file},set,7,${file.split('/')[0]},,\n`);
    const conflict = await studio.decide(file, { kind: 'drop' });
    assert.equal(conflict.headers.get('Content-Type'), 'application/problem+json');
    const { status, revision, decision } = (await conflict.json()) as Record<string, unknown>;
    assert.deepEqual([status, revision, decision], [409, 1, { kind: 'set', value: 7 }]);
    app.shutDown();
    assert.equal((await reader.read()).done, true);
    assert.equal((await answerOf(await ask('GET', 'events'))).status, 503);
  });

  it('is found in a file with other spellings of names, and changes its row there', async t => {
    const root = tempFolder(t);
    const place = { decisions: join(root, 'mine.csv') };
    await writeImages(join(root, 'data'), 24);
    const [folder] = readdirSync(join(root, 'data'));
    const file = `${folder}/${readdirSync(join(root, 'data', folder!))[0]}`;
    const written = file.toUpperCase().replace('/', '\\');
    writeFileSync(place.decisions, `file,decision,value\n${written},set,7\n`);
    const studio = await startStudio(t, place, {}, root);
    const { samples } = await studio.get<SamplesAnswer>('samples?show=decided');
    assert.deepEqual(
      samples.map(({ file, decision }) => [file, decision]),
      [[file, { kind: 'set', value: 7 }]],
    );
    assert.equal((await studio.get<StudioState>('state')).data!.decided.set, 1);
    assert.equal((await studio.decide(file, { kind: 'drop' }, { kind: 'set', value: 7 })).status, 200);
    assert.equal(readFileSync(place.decisions, 'utf8'), `file,decision,value\n${written},drop,\n`);
  });

  it('is refused if it is invalid', async t => {
    const studio = await startStudio(t);
    const { ask, root } = studio;
    const file = await fileAt(studio, 0);
    const { fingerprint } = (await studio.get<StudioState>('state')).data!;
    const good = { fingerprint, file, decision: { kind: 'keep' }, expected: null };
    const cases: [unknown, number, RegExp][] = [
      ['{"file":', 400, /^the body is not valid JSON$/],
      ['[]', 400, /^the body: /],
      [{ ...good, more: 1 }, 400, /Unrecognized key: "more"/],
      [{ ...good, decision: { kind: 'set' } }, 400, /^decision\.value: /],
      [{ ...good, decision: { kind: 'set', value: '3' } }, 400, /^decision\.value: /],
      [
        JSON.stringify({ ...good, decision: { kind: 'set', value: 9 } }).replace('9}', '1e999}'),
        400,
        /^decision\.value: /,
      ],
      [{ ...good, decision: { kind: 'perhaps' } }, 400, /^decision\.kind: |^decision: /],
      [{ fingerprint, file, decision: null }, 400, /^expected: /],
      [{ file, decision: null, expected: null }, 400, /^fingerprint: expected the fingerprint of the data/],
      [{ ...good, fingerprint: 'f'.repeat(64) }, 409, /^fingerprint: the service has another dataset now/],
      [{ ...good, file: '../../etc/passwd' }, 404, /^file: not an image of the data$/],
      [{ ...good, file: 'x'.repeat(70_000) }, 413, /^expected a body of at most 65536 bytes/],
    ];
    for (const [body, status, detail] of cases) {
      const answer = await answerOf(await ask('PUT', 'decision', body));
      assert.equal(answer.status, status, answer.detail);
      assert.match(answer.detail, detail);
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=b'])
      assert.equal((await answerOf(await ask('PUT', 'decision', good, { 'Content-Type': type }))).status, 415);
    assert.ok(!existsSync(join(root, 'data-studio')));
  });

  it('of two tabs is never lost', async t => {
    const studio = await startStudio(t);
    const { samples } = await studio.get<SamplesAnswer>('samples?limit=24');
    const tab = async (value: number, files: readonly string[]) => {
      for (const file of files) {
        assert.equal((await studio.decide(file, { kind: 'set', value })).status, 200);
      }
    };
    const files = samples.map(({ file }) => file);
    await Promise.all([tab(1, files.slice(0, 12)), tab(2, files.slice(12))]);
    const { data } = await studio.get<StudioState>('state');
    assert.deepEqual([data!.decided.set, data!.revision], [24, 24]);
    const rows = readFileSync(data!.decisionsFile, 'utf8').trim().split('\n').slice(1);
    assert.deepEqual(
      rows.map(row => row.split(',').slice(0, 3).join()).sort(),
      files.map((file, i) => `${file},set,${i < 12 ? 1 : 2}`).sort(),
    );
  });
});

describe('samples of many folders', () => {
  it('are in numeric order, and a value and a file have a position in the requested order', async t => {
    const root = tempFolder(t);
    const bytes = await image(9);
    for (const label of [5, 9, 50, 110]) {
      mkdirSync(join(root, 'data', `${label}`), { recursive: true });
      for (const name of ['img10.jpg', 'img9.jpg']) writeFileSync(join(root, 'data', `${label}`, name), bytes);
    }
    const { get, app } = await startStudio(t, { data: join(root, 'data') });
    const own = (await get<SamplesAnswer>('samples')).samples.filter(({ file }) => file.includes('img'));
    assert.deepEqual(
      own.map(({ file }) => file),
      [5, 9, 50, 110].flatMap(label => [`${label}/img9.jpg`, `${label}/img10.jpg`]),
    );
    const place = async (query: string) => (await get<SamplesAnswer>(`samples?limit=1&${query}`)).place;
    assert.equal(await place('file=110/img9.jpg'), 6);
    assert.equal(await place('file=none.jpg'), null);
    assert.equal(await place('sort=label&value=10'), 4);
    assert.equal(await place('sort=-label&value=50'), 2);
    assert.equal(await place('sort=label&value=200'), null);
    assert.equal(await place('sort=label'), undefined);

    const list = await app.fetch(request('/studio/api/samples', { headers: { 'Accept-Encoding': 'gzip' } }));
    assert.deepEqual([list.headers.get('Content-Encoding'), list.headers.get('Vary')], ['gzip', 'Accept-Encoding']);
    const events = await app.fetch(request('/studio/api/events', { headers: { 'Accept-Encoding': 'gzip' } }));
    assert.equal(events.headers.get('Content-Encoding'), null);
    await events.body!.cancel();
  });
});

describe('an explanation', () => {
  it('of a face is of its crop, and of its prediction', async t => {
    const folder = await saveSampleModel(t);
    const path = join(folder, 'eyeball.json');
    const framing = { ...standardAlignment(40), images: 9, faces: 9 };
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), framing }));
    const model = await loadModel(folder, { threads: 1 });
    const app = createApp({ model, name: 'sample' });
    t.after(() => app.close());
    const faces = [
      { age: 20, x: 550, y: 200, px: 150 },
      { age: 70, x: 200, y: 200, px: 300 },
    ];
    const scene = await portraitScene({ width: 700, height: 400, faces });
    const [large, small] = await model.predict([scene], { faces: true });
    const [whole] = await model.predict([scene]);
    const why = async (query: string) => {
      const headers = { 'Content-Type': 'image/png' };
      const asked = request(`/studio/api/explain${query}`, { method: 'POST', body: new Uint8Array(scene), headers });
      return await app.fetch(asked);
    };
    const value = async (query: string) => ((await (await why(query)).json()) as ExplainAnswer).value;
    assert.deepEqual(
      [await value('?face=0'), await value('?face=1'), await value('')],
      [large!.value, small!.value, whole!.value],
    );
    assert.notEqual(large!.value, whole!.value);
    const { crop } = (await (await why('?face=1')).json()) as ExplainAnswer;
    const { width, height } = await sharp(Buffer.from(crop!.split(',')[1]!, 'base64')).metadata();
    assert.deepEqual([width, height], [model.manifest.input.sizePx, model.manifest.input.sizePx]);
    const { status, detail } = await answerOf(await why('?face=2'));
    assert.deepEqual([status, detail], [422, 'face: expected one of 2, from 0, got 2']);
  });
});

describe('a studio at work', () => {
  it('searches, trains, evaluates, and restores everything after a restart', async t => {
    const root = tempFolder(t);
    await writeImages(join(root, 'test'), 12, 5);
    const test = join(root, 'test');
    const studio = await startStudio(t, { test, target: 'age', unit: 'years' }, {}, root);
    const { get, ask, work, app } = studio;
    for (const path of ['results', 'review']) assert.equal((await answerOf(await ask('GET', path))).status, 404);
    assert.equal((await answerOf(await app.fetch(request('/readyz')))).status, 503);

    const [kept, dropped] = [await fileAt(studio, 0), await fileAt(studio, 1)];
    await studio.decide(dropped, { kind: 'drop' });
    const searched = await work({ kind: 'clean' });
    assert.equal(searched.state, 'done', searched.error ?? '');
    // A decision that was taken meanwhile would have stayed; here the one before.
    assert.deepEqual((await get<StudioState>('state')).data!.decided, { kept: 0, set: 0, dropped: 1 });
    const { samples } = await get<SamplesAnswer>('samples?sort=score&limit=24');
    assert.equal(samples.filter(({ score }) => score !== undefined).length, 24);
    const review = await get<Review>('review');
    assert.ok(review.items.every(({ neighbours }) => neighbours.length > 0));
    assert.ok(review.items.every(({ file }) => file !== dropped));

    const trained = await work({ kind: 'train', name: 'first', backbone: 'resnet18', head: 'mlp', epochs: 3 });
    assert.equal(trained.state, 'done', trained.error ?? '');
    assert.deepEqual(
      trained.epochs.map(({ epoch }) => epoch),
      [1, 2, 3],
    );
    assert.ok(trained.messages.some(line => line.includes('1 dropped')));
    const { model } = await get<StudioState>('state');
    assert.deepEqual([model!.name, model!.target, model!.unit, model!.images], ['first', 'age', 'years', 23]);
    const { body } = await answerOf(await app.fetch(post(IMAGE, 'image/jpeg')));
    assert.equal((body as { model: { name: string } }).model.name, 'first');

    const measured = await work({ kind: 'evaluate' });
    assert.equal(measured.state, 'done', measured.error ?? '');
    const results = await get<Results>('results');
    assert.deepEqual([results.images, results.points.length, results.ownTraining], [12, 12, false]);
    assert.equal(results.data, test);
    const { file } = results.points[0]!;
    const shown = await ask('GET', `results/image?file=${file}&edge=64`);
    assert.equal(shown.headers.get('Content-Type'), 'image/webp');
    assert.equal((await ask('GET', `results/image?file=${kept}x`)).status, 404);
    // Names of the test data say nothing of images of the data.
    assert.ok((await get<SamplesAnswer>('samples')).samples.every(({ value }) => value === undefined));

    const explained = await app.fetch(
      request('/studio/api/explain', { method: 'POST', body: IMAGE, headers: { 'Content-Type': 'image/jpeg' } }),
    );
    const { value, crop, overlay } = (await explained.json()) as ExplainAnswer;
    const { predictions } = (await answerOf(await app.fetch(post(IMAGE, 'image/jpeg')))).body as {
      predictions: { value: number }[];
    };
    assert.deepEqual([value, crop], [predictions[0]!.value, null]);
    const { format, hasAlpha, width } = await sharp(Buffer.from(overlay.split(',')[1]!, 'base64')).metadata();
    assert.deepEqual([format, hasAlpha, width], ['png', true, 480]);

    // One image with all that is known of it, of the data and of the test data.
    const own = await get<SampleDetail>(`sample?file=${kept}`);
    assert.deepEqual([own.decidable, own.decision, own.doubt !== null], [true, null, true]);
    assert.equal(own.neighbours.length, 6);
    assert.ok(own.neighbours.every(near => near.isData && near.file !== kept && near.thumbnail !== null));
    const tested = await get<SampleDetail>(`sample?file=${file}&of=results`);
    assert.deepEqual([tested.decidable, tested.decision, tested.doubt], [false, null, null]);
    assert.ok(Math.abs(tested.prediction!.value - results.points[0]!.value) < 1e-4);
    const why = await ask('POST', `explain?file=${file}&of=results`);
    assert.ok(Math.abs(((await why.json()) as ExplainAnswer).value - tested.prediction!.value) < 1e-4);
    assert.equal((await ask('GET', `sample?file=${kept}x`)).status, 404);

    const folder = join(root, 'models', 'first');
    const again = await startStudio(
      t,
      { test, target: 'age' },
      { model: await loadModel(folder), name: 'first', folder },
      root,
    );
    assert.deepEqual(await again.get<Results>('results'), results);
    assert.deepEqual(await again.get<Review>('review'), { ...review, revision: 0 });
    assert.equal((await again.get<StudioState>('state')).data!.decided.dropped, 1);
  });

  it('evaluates on its own data without test data, and says so', async t => {
    const studio = await startStudio(t);
    const { get, ask, work, root } = studio;
    assert.equal((await answerOf(await ask('POST', 'jobs', { kind: 'evaluate' }))).status, 422);
    await work({ kind: 'train', name: 'own', backbone: 'resnet18', head: 'linear' });
    await work({ kind: 'evaluate' });
    const results = await get<Results>('results');
    assert.equal(results.ownTraining, true);
    assert.match(
      results.warnings[0]!,
      /^24 of 24 images repeat training images \(24 the same file, 0 the same photo\)/,
    );
    const { samples } = await get<SamplesAnswer>('samples?sort=error&limit=24');
    const errors = samples.map(({ label, value }) => Math.abs(value! - label));
    assert.deepEqual(
      errors,
      errors.toSorted((a, b) => b - a),
    );
    // Another model was not measured yet.
    const home = join(root, 'models', 'own');
    const wanted = { home, data: join(root, 'data'), isStudioData: true };
    assert.deepEqual(
      (await readEvaluation({ ...wanted, sha256: (await readManifest(home)).sha256 }))!.results,
      results,
    );
    assert.equal(await readEvaluation({ ...wanted, sha256: '0'.repeat(64) }), undefined);
  });

  it('stops and resumes a fine-tuning', async t => {
    const { work, ask, get } = await startStudio(t, { network: undefined });
    const order = { kind: 'train', name: 'tuned', tune: 'last', head: 'linear', epochs: 4, batch: 9 } as const;
    const running = await work(order, ({ epochs }) => epochs.length > 0);
    const refused = await answerOf(await ask('POST', 'jobs', { kind: 'clean' }));
    assert.equal(refused.status, 409);
    assert.match(refused.detail, /^job 1 is running/);
    assert.equal((await ask('DELETE', `jobs/${running.id + 1}`)).status, 404);
    assert.equal((await ask('DELETE', `jobs/${running.id}`)).status, 204);
    let state: StudioState;
    do state = await get<StudioState>('state');
    while (state.job!.state === 'running');
    assert.deepEqual([state.job!.state, state.job!.resumable, state.job!.error], ['stopped', true, null]);
    assert.equal(state.model, null);
    const { detail } = await answerOf(await ask('POST', 'jobs', order));
    assert.match(detail, /^name: the training of "tuned" is unfinished; `resume` or `force`$/);
    const done = await work({ ...order, resume: true });
    assert.equal(done.state, 'done', done.error ?? '');
    assert.deepEqual(
      done.epochs.map(({ epoch }) => epoch),
      [1, 2, 3, 4],
    );
    assert.equal((await get<StudioState>('state')).model!.name, 'tuned');
  });

  it('refuses invalid jobs', async t => {
    const { ask, root } = await startStudio(t);
    writeFileSync(join(root, 'models'), 'in the way');
    const train = { kind: 'train', name: 'a' };
    const cases: [unknown, number, RegExp][] = [
      [{ kind: 'dance' }, 400, /^kind: /],
      [{ ...train, name: '../a' }, 400, /^name: expected a name of letters/],
      [{ ...train, name: '.a' }, 400, /^name: /],
      [{ ...train, epochs: 0 }, 400, /^epochs: /],
      [
        { ...train, backbone: '/etc/passwd' },
        422,
        /^backbone: expected auto, face, objects or a network that .* lists, got/,
      ],
      [{ ...train, head: 'linear', epochs: 3 }, 422, /^`epochs` has no effect on a head fitted by ridge/],
      [{ ...train, resume: true, tune: 'last' }, 422, /^resume: there is no unfinished training of "a"$/],
      [{ kind: 'evaluate' }, 422, /^there is no model to evaluate/],
    ];
    for (const [body, status, detail] of cases) {
      const answer = await answerOf(await ask('POST', 'jobs', body));
      assert.equal(answer.status, status, answer.detail);
      assert.match(answer.detail, detail);
    }
    assert.equal((await ask('GET', 'jobs')).status, 405);
  });
});
