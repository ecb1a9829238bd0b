// Slow: predicts in Chromium what Node predicts.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { standardAlignment } from '../../src/backbones/face-detector/alignment.js';
import { faceDetectorNetwork } from '../../src/backbones/face-detector.js';
import { createRandom } from '../../src/base/random.js';
import { decodeImage, decodeInput } from '../../src/images/image.js';
import type { Explanation } from '../../src/model/explain.js';
import { type ImagePrediction, loadModel } from '../../src/model/model.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { portraitScene } from '../images/portrait-scene.js';
import { noBrowser, startBrowser } from './browser.js';
import { type Harness, openHarness } from './harness.js';
import { predictInNode, trainPageModel } from './page-model.js';

const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const SIZE = { width: 60, height: 48 };

/** An image of `width` x `height` with edges, gradients and noise. */
function drawn(width: number, height: number, channels: 3 | 4 = 3): Sharp {
  const random = createRandom(1, 'drawn');
  const data = Buffer.alloc(width * height * channels);
  for (let i = 0, at = 0; i < width * height; i++, at += channels) {
    const [x, y] = [(i % width) / width, Math.floor(i / width) / height];
    data[at] = 255 * x;
    data[at + 1] = (x - 0.3) ** 2 + (y - 0.6) ** 2 < 0.05 ? 230 : 255 * y * 0.7;
    data[at + 2] = 60 + 120 * random.uniform();
    if (channels === 4) data[at + 3] = 255 * Math.min(1, 2 * y);
  }
  return sharp(data, { raw: { width, height, channels } });
}

describe('eyeball-ml/web', { skip: noBrowser }, () => {
  const root = temporaryFolder();
  const files = join(root, 'files');
  let [browser, harness, model]: [Browser?, Harness?, string?] = [];
  const call = <T>(text: string) => harness!.call<T>(text);

  before(async () => {
    mkdirSync(files);
    model = await trainPageModel(root);
    browser = await startBrowser();
    harness = await openHarness(await browser.newPage(), { model, files }, ISOLATED);
    assert.equal(await call(`load({ device: 'wasm' })`), 'wasm');
  });

  after(async () => {
    await browser?.close();
    await harness?.close();
  });

  it('predicts as Node does for the same pixels, to 0.01', async () => {
    const inNode = await loadModel(model!, { threads: 1 });
    const { sizePx } = inNode.manifest.input;
    for (const seed of [0, 1, 2]) {
      const random = createRandom(seed, 'pixels');
      const data = Uint8Array.from({ length: sizePx * sizePx * 3 }, () => random.integer(80 * (seed + 1)));
      const there = await call<number>(`run([${data}])`);
      const { value } = await inNode.run({ dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data });
      assert.ok(Math.abs(value.data[0]! - there) < 0.01, `${value.data[0]} in Node, ${there} in the browser`);
    }
    await inNode.close();
  });

  const forms: readonly (readonly [string, () => Sharp, number])[] = [
    // A JPEG is decoded to within a level by both; what is shrunk while it is decoded is further off.
    ['a small JPEG', () => drawn(50, 40).jpeg({ quality: 95 }), 0.3],
    ['a JPEG', () => drawn(150, 110).jpeg({ quality: 92 }), 0.3],
    ['a large JPEG', () => drawn(803, 611).jpeg({ quality: 92 }), 0.5],
    ['a turned JPEG', () => drawn(611, 803).jpeg({ quality: 92 }).withMetadata({ orientation: 6 }), 0.5],
    ['a JPEG upside down', () => drawn(803, 611).jpeg({ quality: 92 }).withMetadata({ orientation: 3 }), 0.5],
    ['a gray JPEG', () => drawn(200, 200).grayscale().jpeg({ quality: 92 }), 0.3],
    ['a JPEG in Display P3', () => drawn(100, 90).withIccProfile('p3').jpeg({ quality: 95 }), 0.8],
    ['a PNG', () => drawn(301, 207).png(), 0.01],
    ['a PNG with transparent parts', () => drawn(130, 100, 4).png(), 0.5],
    // sharp has libwebp shrink what it decodes, by a filter of its own.
    ['a WebP', () => drawn(130, 100).webp({ quality: 90 }), 1.5],
    ['a GIF', () => drawn(130, 100).gif(), 0.01],
  ];
  for (const [what, make, allowed] of forms) {
    it(`reads ${what} as Node does, to ${allowed} levels in the mean`, async () => {
      const bytes = await make().toBuffer();
      const name = what.replaceAll(' ', '-');
      writeFileSync(join(files, name), bytes);
      const there = await call<number[]>(`pixels('/files/${name}', ${JSON.stringify(SIZE)})`);
      const here = await decodeImage(bytes, SIZE);
      assert.equal(there.length, here.length);
      const off = here.reduce((sum, level, i) => sum + Math.abs(level - there[i]!), 0) / here.length;
      assert.ok(off <= allowed, `${off} levels`);
    });
  }

  for (const fit of ['crop', 'pad', 'stretch'] as const) {
    for (const [width, height] of [
      [301, 207],
      [90, 260],
      [30, 21],
    ] as const) {
      it(`resizes ${width} x ${height} px as Node does, to a level: ${fit}, bicubic`, async () => {
        const bytes = await drawn(width, height).png().toBuffer();
        const name = `bicubic-${width}-${fit}`;
        writeFileSync(join(files, name), bytes);
        const input = { sizePx: 48, resize: { fit, interpolation: 'bicubic', cropShare: 0.9 } } as const;
        const there = await call<number[]>(`inputPixels('/files/${name}', ${JSON.stringify(input)})`);
        const here = await decodeInput(bytes, input);
        assert.equal(there.length, here.length);
        assert.ok(here.every((level, i) => Math.abs(level - there[i]!) <= 1));
      });
    }
  }

  it('crops JPEGs as Node does, turned ones too', async () => {
    const input = { sizePx: 48, resize: { fit: 'crop', interpolation: 'bilinear', cropShare: 0.875 } } as const;
    for (const orientation of [1, 3, 6]) {
      const bytes = await drawn(611, 803).jpeg({ quality: 92 }).withMetadata({ orientation }).toBuffer();
      writeFileSync(join(files, `cropped-${orientation}`), bytes);
      const there = await call<number[]>(`inputPixels('/files/cropped-${orientation}', ${JSON.stringify(input)})`);
      const here = await decodeInput(bytes, input);
      const off = here.reduce((sum, level, i) => sum + Math.abs(level - there[i]!), 0) / here.length;
      assert.ok(off <= 0.8, `${off} levels`);
    }
  });

  it('predicts and explains by the fit of the model as Node does', async () => {
    const folder = await trainPageModel(root, 'cropped', 'crop');
    const { input } = JSON.parse(readFileSync(join(folder, 'eyeball.json'), 'utf8'));
    assert.equal(input.fit, 'crop');
    const bytes = await drawn(260, 90).png().toBuffer();
    writeFileSync(join(files, 'wide'), bytes);
    const page = await browser!.newPage();
    const cropped = await openHarness(page, { model: folder, files }, ISOLATED);
    await cropped.call(`load({ device: 'wasm' })`);
    const there = await cropped.call(`predict('/files/wide')`);
    const [here] = await predictInNode(folder, [bytes]);
    assert.ok(Math.abs(here!.value! - there.value!) < 0.01, `${here!.value} in Node, ${there.value} in the browser`);
    const explained = await cropped.call<Explanation>(`explain('/files/wide')`);
    assert.ok(Math.abs(explained.value - there.value!) < 0.01);
    const [stretched] = await predictInNode(model!, [bytes]);
    assert.ok(Math.abs(stretched!.value! - here!.value!) > 0.05, 'the fit has an effect');
    await page.close();
    await cropped.close();
  });

  it('gives the value, the interval and the scale that Node gives for a file', async () => {
    const bytes = await drawn(90, 90).png().toBuffer();
    writeFileSync(join(files, 'image'), bytes);
    const [here] = await predictInNode(model!, [bytes]);
    const there = await call<Record<string, number>>(`predict('/files/image')`);
    const { file, ...wanted } = here!;
    assert.equal(file, 'image 1');
    assert.deepEqual(Object.keys(there), Object.keys(wanted));
    assert.ok('low' in there && 'high' in there);
    for (const [key, value] of Object.entries(wanted))
      assert.ok(
        value === there[key] || Math.abs(Number(value) - there[key]!) < 0.01,
        `${key}: ${value}, ${there[key]}`,
      );
    const narrow = await call<Record<string, number>>(`predict('/files/image', { level: 0.5 })`);
    assert.ok(narrow.high! - narrow.low! < there.high! - there.low!);
  });

  it('explains what Node explains, to a thousandth of the strongest part', async () => {
    const bytes = await drawn(90, 90).png().toBuffer();
    writeFileSync(join(files, 'explained'), bytes);
    const there = await call<Explanation & { readonly blocks: readonly number[] }>(`explain('/files/explained')`);
    const inNode = await loadModel(model!, { threads: 1 });
    for await (const image of inNode.explain([bytes])) {
      assert.ok(image.value !== null);
      const here = image.explanation;
      const most = Math.max(...here.blocks.data.map(Math.abs));
      assert.equal(there.blocks.length, here.blocks.data.length);
      here.blocks.data.forEach((block, i) => {
        assert.ok(Math.abs(block - there.blocks[i]!) <= most / 1000, `block ${i}: ${block}, ${there.blocks[i]}`);
      });
      assert.deepEqual([there.method, there.faithfulness.beats], [here.method, here.faithfulness.beats]);
      assert.ok(Math.abs(there.baseline - here.baseline) < 0.01);
    }
    await inNode.close();
  });

  it('finds the faces that Node finds, of a model that was trained on faces', async () => {
    assert.match(
      await call(`refusal('/files/explained', 'predictFaces')`),
      /^UsageError: predictFaces: expected a model that was trained on faces, got \S+eyeball\.json, which was not; use predict$/,
    );
    const folder = await trainPageModel(root, 'faces-too');
    const manifest = join(folder, 'eyeball.json');
    const framing = { ...standardAlignment(40), images: 9, faces: 9 };
    writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), framing }));
    writeFileSync(join(files, 'face-detector.onnx'), await faceDetectorNetwork());
    const scene = await portraitScene({
      width: 700,
      height: 400,
      faces: [
        { age: 20, x: 550, y: 200, px: 150 },
        { age: 70, x: 200, y: 200, px: 300, degrees: 20 },
      ],
    });
    writeFileSync(join(files, 'scene'), scene);
    const page = await browser!.newPage();
    const faces = await openHarness(page, { model: folder, files }, ISOLATED);
    await faces.call(`load({ device: 'wasm', faceDetector: '/files/face-detector.onnx' })`);
    const there = await faces.call<ImagePrediction[]>(`predictFaces('/files/scene', { level: 0.8 })`);
    const inNode = await loadModel(folder, { threads: 1 });
    const here = await inNode.predict([scene], { faces: true, level: 0.8 });
    await inNode.close();
    assert.equal(here.length, 2);
    assert.deepEqual(
      there.map(({ face }) => face),
      here.map(({ face }) => face),
    );
    here.forEach(({ value, low, high }, i) => {
      const { value: v, low: l, high: h } = there[i]!;
      assert.ok(
        Math.abs(value! - v!) < 0.02 && Math.abs(low! - l!) < 0.02 && Math.abs(high! - h!) < 0.02,
        `${value}, ${v}`,
      );
    });
    assert.equal(
      await faces.call(`refusal('/files/explained', 'predictFaces')`),
      'NoFaceError: expected a face, got none in 90 x 90 px',
    );
    await page.close();
    await faces.close();
  });

  it('accepts an image element and a bitmap', async () => {
    const [image, bitmap] = await call<{ value: number }[]>(`predictImage('/files/image')`);
    const { value } = await call<{ value: number }>(`predict('/files/image')`);
    assert.deepEqual([image!.value, bitmap!.value], [value, value]);
  });

  it('reports in one line that a file is not an image', async () => {
    writeFileSync(join(files, 'empty'), '');
    writeFileSync(join(files, 'text.json'), '{}');
    writeFileSync(join(files, 'cut'), (await drawn(90, 90).png().toBuffer()).subarray(0, 60));
    const photo = 'InputError: expected a photo (jpeg, png, webp, gif, tiff, avif), got';
    assert.equal(await call(`refusal('/files/empty')`), `${photo} an empty file`);
    assert.equal(await call(`refusal('/files/text.json')`), `${photo} text`);
    // What the file is named, and what the browser takes it for, is not what it is.
    writeFileSync(join(files, 'fake.jpg'), '<!doctype html>');
    assert.equal(await call(`refusal('/files/fake.jpg')`), `${photo} an HTML page`);
    assert.equal(
      await call(`refusal('/files/cut')`),
      'InputError: expected a complete png that this browser can decode, got one that it refuses',
    );
  });

  it('reports a damaged model', async () => {
    const at = `${harness!.origin}/files/`;
    assert.equal(
      await call(`failure('/files/')`),
      `InputError: ${at}eyeball.json: expected a file of the model, got status 404; load the page again, or mend the address`,
    );
    const manifest = JSON.parse(await (await fetch(`${harness!.origin}/model/eyeball.json`)).text());
    writeFileSync(join(files, 'eyeball.json'), JSON.stringify(manifest));
    writeFileSync(join(files, 'model.onnx'), 'damaged');
    const damaged = `${manifest.sha256.slice(0, 12)}..., got other content (status 200, application/octet-stream, 7 bytes, checksum 41f0c27c00e8...)`;
    assert.equal(
      await call(`failure('/files/model.onnx')`),
      `InputError: ${at}model.onnx: expected a file of the model with the checksum ${damaged}; it was changed or is damaged: upload the file again`,
    );
    writeFileSync(join(files, 'model.onnx'), '<!DOCTYPE html><title>Not here</title>');
    assert.equal(
      await call(`failure('/files/model.onnx')`),
      `InputError: ${at}model.onnx: expected a file of the model, got a web page (status 200, application/octet-stream); the host answers with a page where it has no such file: upload the file`,
    );
  });

  it('reports what the host returned instead of the runtime, not a faulty model', async () => {
    const at = `${harness!.origin}/files/ort-wasm-simd-threaded`;
    const load = (checksums = '{}') =>
      call<string>(`failure('/model/', { device: 'wasm', runtime: '/files/', runtimeChecksums: ${checksums} })`);
    const dist = join('node_modules', 'onnxruntime-web', 'dist');
    writeFileSync(join(files, 'ort-wasm-simd-threaded.mjs'), '<!doctype html>');
    const page =
      'a web page (status 200, text/javascript); the host answers with a page where it has no such file: upload the file';
    assert.equal(await load(), `InputError: ${at}.mjs: expected a file of the runtime, got ${page}`);
    copyFileSync(join(dist, 'ort-wasm-simd-threaded.mjs'), join(files, 'ort-wasm-simd-threaded.mjs'));
    assert.equal(
      await load(),
      `InputError: ${at}.wasm: expected a file of the runtime, got status 404; load the page again, or mend the address`,
    );
    writeFileSync(join(files, 'ort-wasm-simd-threaded.wasm'), 'damaged');
    assert.match(
      await load(`{ 'ort-wasm-simd-threaded.wasm': '${'0'.repeat(64)}' }`),
      /\.wasm: expected a file of the runtime with the checksum 000000000000\.\.\., got other content \(status 200, application\/wasm, 7 bytes, checksum 41f0c27c00e8\.\.\.\); /,
    );
  });

  it('reports that there is no GPU if one is requested', async () => {
    assert.equal(
      await call(`failure('/model/', { device: 'webgpu', runtime: '/runtime/' })`),
      'InputError: this browser: expected a GPU for WebGPU, got none; use another browser, or load the model for WebAssembly',
    );
  });
});
