import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Backbone, pixelInput } from '../../src/backbones/backbone.js';
import type { Progress, RunContext } from '../../src/base/progress.js';
import type { Dataset } from '../../src/datasets/dataset.js';
import { reduceMean } from '../../src/engine/graph/build.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { extractFeatures } from '../../src/features/extract.js';
import { decodeImage } from '../../src/images/image.js';
import { expectAllClose } from '../close.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { float } from '../run-graph.js';
import { image } from './images.js';
import { stagedBackbone } from './staged-backbone.js';
import { tinyBackbone } from './tiny-backbone.js';

const COUNT = 60;
let images: Buffer[];

/** A folder with `count` images, and a place for a cache. */
function setUp(t: TestContext, count: number): { root: string; cacheDir: string; dataset: Dataset } {
  const files = Object.fromEntries(images.slice(0, count).map((bytes, i) => [`${i}.png`, bytes]));
  const root = tempFolder(t, files);
  return { root, cacheDir: tempFolder(t), dataset: datasetOf(root, Object.keys(files)) };
}

function datasetOf(root: string, files: readonly string[]): Dataset {
  return { root, target: 'value', samples: files.map((file, label) => ({ file, label })), skipped: [] };
}

/** What an extraction comes to, its rows read and its files closed. */
async function extract(
  dataset: Dataset,
  cacheDir: string,
  backbone: Backbone = tinyBackbone(),
  watch: RunContext = {},
) {
  const { rows, close, ...rest } = await extractFeatures(dataset, backbone, cacheDir, watch);
  const data = rows.read(Array.from({ length: rows.length }, (_, i) => i));
  await close();
  return { ...rest, width: rows.width, data };
}

before(async () => {
  images = await Promise.all(Array.from({ length: COUNT }, (_, i) => image(i)));
});

describe('extractFeatures', () => {
  it('computes each image once ever', async t => {
    const { dataset, cacheDir } = setUp(t, 30);
    const [first, second] = [tinyBackbone(), tinyBackbone()];
    const computed = await extract(dataset, cacheDir, first);
    assert.deepEqual([computed.cached, computed.samples.length, computed.width, computed.data.length], [0, 30, 4, 120]);
    assert.equal(first.built(), 1);
    assert.ok(new Set(computed.data).size > 100, 'images differ in their features');

    const again = await extract(dataset, cacheDir, second);
    assert.equal(again.cached, 30);
    assert.equal(second.built(), 0, 'the network is not even loaded');
    assert.deepEqual(again.data, computed.data);
    assert.equal(again.fingerprint, computed.fingerprint);
  });

  it('gives each of many images the row that it has alone', async t => {
    const { root, cacheDir } = setUp(t, COUNT);
    // From 100 images on the network runs in two copies.
    const files = Array.from({ length: 120 }, (_, i) => `${i % COUNT}.png`);
    const changed = files.map((file, i) => (i < COUNT ? file : `again ${file}`));
    for (const [i, file] of changed.entries()) if (i >= COUNT) writeFileSync(join(root, file), await image(1000 + i));
    const { data, cached } = await extract(datasetOf(root, changed), cacheDir);
    assert.equal(cached, 0);
    for (const i of [0, 1, 59, 60, 118, 119]) {
      const alone = await extract(datasetOf(root, [changed[i]!]), tempFolder(t));
      assert.deepEqual(data.subarray(4 * i, 4 * i + 4), alone.data, `image ${i}`);
    }
  });

  it('keeps the means of the middle stage in the same pass, for those who ask for them later', async t => {
    const { dataset, cacheDir } = setUp(t, 5);
    let built = 0;
    const staged = (): Backbone => {
      const { build, ...rest } = stagedBackbone();
      const middle = { stage: 'middle', width: 4 };
      const counted: Backbone['build'] = x => {
        built++;
        return build(x);
      };
      return { ...rest, middle, build: counted };
    };
    const features = await extract(dataset, cacheDir, staged());
    assert.equal(features.middle, undefined);
    assert.deepEqual(
      readdirSync(join(cacheDir, 'features')).map(name => name.replace(/-[0-9a-f]{16}$/, '')),
      ['staged-features', 'staged-middle-mean'],
    );
    const means = async (of: Dataset) => {
      const { middle, rows, close } = await extractFeatures(of, staged(), cacheDir, {}, { middle: true });
      const all = [...of.samples.keys()];
      const found = [middle!.read(all), rows.read(all)];
      await close();
      return found;
    };
    const [middle, rows] = await means(dataset);
    assert.equal(built, 1, 'the network ran once');
    assert.deepEqual(rows, features.data);
    const graph = new Graph();
    const pixels = pixelInput(graph, staged(), 'N');
    graph.output('mean', reduceMean(staged().build(pixels).stages.get('middle')!, [2, 3]));
    const session = await createSession(toOnnx(graph));
    const data = await decodeImage(images[3]!, { width: 32, height: 32 });
    const { mean } = await session.run({ pixels: { dtype: 'uint8', shape: [1, 32, 32, 3], data } });
    await session.close();
    expectAllClose(float([4], middle!.slice(12, 16)), float([4], mean!.data as Float32Array), {
      rtol: 1e-6,
      atol: 1e-6,
    });

    // As of a cache of an older version: only the means are added.
    for (const name of readdirSync(join(cacheDir, 'features')))
      if (name.includes('-mean-')) rmSync(join(cacheDir, 'features', name), { recursive: true });
    built = 0;
    assert.deepEqual(await means(dataset), [middle, rows]);
    assert.equal(built, 1);
    assert.equal((await extract(dataset, cacheDir, staged())).cached, 5);
    assert.equal(built, 1);
  });

  it('reads by way of whom it is given', async t => {
    const { dataset, cacheDir } = setUp(t, 3);
    const asked: string[] = [];
    const read = async (path: string) => {
      asked.push(path);
      return images[7]!;
    };
    const { rows, close } = await extractFeatures(dataset, tinyBackbone(), cacheDir, {}, { read });
    const seventh = (await extract(datasetOf(tempFolder(t, { 'a.png': images[7]! }), ['a.png']), tempFolder(t))).data;
    for (let i = 0; i < 3; i++) assert.deepEqual(rows.read([i]), seventh);
    await close();
    assert.deepEqual(
      asked,
      [0, 1, 2].map(i => join(dataset.root, `${i}.png`)),
    );
  });

  it('computes an added and a changed image alone', async t => {
    const { root, dataset, cacheDir } = setUp(t, 10);
    const before = await extract(dataset, cacheDir);
    writeFileSync(join(root, '3.png'), images[50]!);
    writeFileSync(join(root, 'new.png'), images[51]!);
    const after = await extract(datasetOf(root, [...dataset.samples.map(({ file }) => file), 'new.png']), cacheDir);
    assert.equal(after.cached, 9);
    assert.equal(after.samples.length, 11);
    const row = (data: Float32Array, i: number) => data.subarray(4 * i, 4 * i + 4);
    for (let i = 0; i < 10; i++) {
      if (i === 3) assert.notDeepEqual(row(after.data, i), row(before.data, i));
      else assert.deepEqual(row(after.data, i), row(before.data, i));
    }
  });

  it('knows images by their content, not by their name', async t => {
    const { root, dataset, cacheDir } = setUp(t, 5);
    const before = await extract(dataset, cacheDir);
    for (const name of ['copy.png', 'another copy.png']) writeFileSync(join(root, name), images[2]!);
    const after = await extract(datasetOf(root, ['copy.png', '0.png', 'another copy.png']), cacheDir);
    assert.equal(after.cached, 3);
    const [third, first] = [before.data.slice(8, 12), before.data.slice(0, 4)];
    assert.deepEqual([...after.data], [...third, ...first, ...third]);
    // Twice the same in one batch that computes it.
    const fresh = await extract(datasetOf(root, ['copy.png', 'another copy.png']), tempFolder(t));
    assert.deepEqual([...fresh.data], [...third, ...third]);
  });

  it('keeps backbones, sizes and normalisations apart', async t => {
    const { dataset, cacheDir } = setUp(t, 3);
    const base = tinyBackbone();
    const others: Backbone[] = [
      tinyBackbone({ sha256: 'tiny-2' }),
      tinyBackbone({ sizePx: 40 }),
      tinyBackbone({ normalization: { ...base.normalization, mean: [0, 0, 0] } }),
    ];
    await extract(dataset, cacheDir, base);
    for (const backbone of others) assert.equal((await extract(dataset, cacheDir, backbone)).cached, 0);
    assert.equal((await extract(dataset, cacheDir, base)).cached, 3);
    assert.equal(readdirSync(join(cacheDir, 'features')).length, 4);
  });

  it('changes its fingerprint with any name, label and image', async t => {
    const { root, dataset, cacheDir } = setUp(t, 4);
    const fingerprint = async (samples = dataset.samples) =>
      (await extract({ ...dataset, samples }, cacheDir)).fingerprint;
    const first = await fingerprint();
    assert.match(first, /^[0-9a-f]{64}$/);
    assert.equal(await fingerprint(), first);
    assert.notEqual(await fingerprint(dataset.samples.slice(1)), first);
    assert.notEqual(await fingerprint(dataset.samples.with(2, { file: '2.png', label: 2.5 })), first);
    writeFileSync(join(root, 'renamed.png'), images[2]!);
    assert.notEqual(await fingerprint(dataset.samples.with(2, { file: 'renamed.png', label: 2 })), first);
    writeFileSync(join(root, '2.png'), images[50]!);
    assert.notEqual(await fingerprint(), first);
  });

  it('skips images that cannot be read, each with its reason', async t => {
    const { root, dataset, cacheDir } = setUp(t, 6);
    writeFileSync(join(root, '1.png'), images[1]!.subarray(0, 1500));
    writeFileSync(join(root, '3.png'), 'this is no image');
    rmSync(join(root, '4.png'));
    const known = { file: 'no-label.png', reason: 'it has no label' };
    for (const cached of [0, 3]) {
      const result = await extract({ ...dataset, skipped: [known] }, cacheDir);
      assert.equal(result.cached, cached);
      assert.deepEqual(
        result.samples.map(({ file }) => file),
        ['0.png', '2.png', '5.png'],
      );
      assert.deepEqual(
        result.skipped.map(({ file }) => file),
        ['no-label.png', '1.png', '3.png', '4.png'],
      );
      const reasons = result.skipped.map(({ reason }) => reason);
      assert.match(reasons[1]!, /^expected a complete png, got one that is truncated, damaged/);
      assert.match(reasons[2]!, /^expected a photo \(/);
      assert.match(reasons[3]!, /^expected an image, got no such file$/);
      assert.ok(reasons.every(reason => !reason.includes('\n')));
    }
  });

  it('fails where no image at all can be read', async t => {
    const root = tempFolder(t, { 'a.png': 'no', 'b.png': 'no' });
    const text = await failureOf(() => extract(datasetOf(root, ['a.png', 'b.png']), tempFolder(t)));
    assert.match(
      text,
      new RegExp(
        `^InputError: ${root}: expected at least one image that can be read, got none of 2; a.png: expected a photo`,
      ),
    );
  });

  it('says how far it is, up to all', async t => {
    const { dataset, cacheDir } = setUp(t, COUNT);
    const seen: Progress[] = [];
    await extract(dataset, cacheDir, tinyBackbone(), { onProgress: progress => seen.push(progress) });
    assert.deepEqual(
      seen.map(({ done }) => done),
      [12, 24, 36, 48, 60],
    );
    assert.deepEqual(seen.at(-1), { phase: 'extracting features', done: 60, total: 60, unit: 'images', cached: 0 });
  });

  it('stops when it is aborted and keeps what it has', async t => {
    const { dataset, cacheDir } = setUp(t, COUNT);
    const controller = new AbortController();
    const watch = { signal: controller.signal, onProgress: () => controller.abort() };
    await assert.rejects(extractFeatures(dataset, tinyBackbone(), cacheDir, watch), { name: 'AbortedError' });
    const { cached, data } = await extract(dataset, cacheDir);
    assert.ok(cached >= 12 && cached < COUNT, `${cached} cached`);
    assert.deepEqual(data, (await extract(dataset, tempFolder(t))).data);
  });

  it('goes on where a killed process was, with the same rows', async t => {
    const { root, dataset, cacheDir } = setUp(t, COUNT);
    const script = fileURLToPath(new URL('./extract-killed.js', import.meta.url));
    const child = spawn(process.execPath, [script, root, cacheDir, '40', ...dataset.samples.map(({ file }) => file)]);
    const signal = await new Promise(resolve => child.on('exit', (_, by) => resolve(by)));
    assert.equal(signal, 'SIGKILL');

    const resumed = await extract(dataset, cacheDir);
    assert.ok(resumed.cached >= 40 && resumed.cached < COUNT, `${resumed.cached} cached`);
    const undisturbed = await extract(dataset, tempFolder(t));
    assert.equal(undisturbed.cached, 0);
    assert.deepEqual(resumed.data, undisturbed.data);
    assert.equal(resumed.fingerprint, undisturbed.fingerprint);
  });

  it('is refused where the cache cannot be written', async t => {
    const { dataset } = setUp(t, 2);
    const cacheDir = join(tempFolder(t, { file: '' }), 'file');
    assert.match(
      await failureOf(() => extract(dataset, cacheDir)),
      /^InputError: .*: expected a folder for cached features, got "/,
    );
  });
});
