import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { createRandom } from '../../src/base/random.js';
import { decodePicture } from '../../src/data/picture.js';
import { loadModel } from '../../src/model/model.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { noBrowser, startBrowser } from './browser.js';
import { type Harness, openHarness } from './harness.js';
import { predictInNode, trainPageModel } from './page-model.js';

const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const SIZE = { width: 60, height: 48 };

/** A picture of `width` x `height` with edges, gradients and noise. */
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

  it('gives the numbers of Node for the same pixels, to 0.01', async () => {
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
    [
      'a turned JPEG',
      () =>
        drawn(611, 803)
          .jpeg({ quality: 92 })
          .withExif({ IFD0: { Orientation: '6' } }),
      0.5,
    ],
    [
      'a JPEG upside down',
      () =>
        drawn(803, 611)
          .jpeg({ quality: 92 })
          .withExif({ IFD0: { Orientation: '3' } }),
      0.5,
    ],
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
      const here = await decodePicture(bytes, SIZE);
      assert.equal(there.length, here.length);
      const off = here.reduce((sum, level, i) => sum + Math.abs(level - there[i]!), 0) / here.length;
      assert.ok(off <= allowed, `${off} levels`);
    });
  }

  it('gives the value, the interval and the scale that Node gives for a file', async () => {
    const bytes = await drawn(90, 90).png().toBuffer();
    writeFileSync(join(files, 'picture'), bytes);
    const [here] = await predictInNode(model!, [bytes]);
    const there = await call<Record<string, number>>(`predict('/files/picture')`);
    const { file, ...wanted } = here!;
    assert.equal(file, 'image 1');
    assert.deepEqual(Object.keys(there), Object.keys(wanted));
    assert.ok('low' in there && 'high' in there);
    for (const [key, value] of Object.entries(wanted))
      assert.ok(
        value === there[key] || Math.abs(Number(value) - there[key]!) < 0.01,
        `${key}: ${value}, ${there[key]}`,
      );
    const narrow = await call<Record<string, number>>(`predict('/files/picture', { level: 0.5 })`);
    assert.ok(narrow.high! - narrow.low! < there.high! - there.low!);
  });

  it('takes an image element and a bitmap as well', async () => {
    const [image, bitmap] = await call<{ value: number }[]>(`predictImage('/files/picture')`);
    const { value } = await call<{ value: number }>(`predict('/files/picture')`);
    assert.deepEqual([image!.value, bitmap!.value], [value, value]);
  });

  it('says in a line what is no picture', async () => {
    writeFileSync(join(files, 'empty'), '');
    writeFileSync(join(files, 'text.json'), '{}');
    writeFileSync(join(files, 'cut'), (await drawn(90, 90).png().toBuffer()).subarray(0, 60));
    const photo = 'InputError: expected a photo (jpeg, png, webp, gif, tiff, avif), got';
    assert.equal(await call(`refusal('/files/empty')`), `${photo} an empty file`);
    assert.equal(await call(`refusal('/files/text.json')`), `${photo} application/json`);
    assert.equal(
      await call(`refusal('/files/cut')`),
      'InputError: expected a whole png that this browser can decode, got one that it refuses',
    );
  });

  it('says what is wrong with a model', async () => {
    const at = `${harness!.origin}/files/`;
    assert.equal(
      await call(`failure('/files/')`),
      `InputError: ${at}eyeball.json: expected a file of the model, got status 404; load the page again, or mend the address`,
    );
    const manifest = JSON.parse(await (await fetch(`${harness!.origin}/model/eyeball.json`)).text());
    writeFileSync(join(files, 'eyeball.json'), JSON.stringify(manifest));
    writeFileSync(join(files, 'model.onnx'), 'damaged');
    assert.equal(
      await call(`failure('/files/model.onnx')`),
      `InputError: ${at}model.onnx: expected the checksum ${manifest.sha256.slice(0, 12)}..., got 41f0c27c00e8...; it was changed or is damaged; train again or fetch it again`,
    );
  });
});
