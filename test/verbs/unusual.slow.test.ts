// Slow: trains a model and draws images unlike those.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import sharp from 'sharp';
import { createRandom } from '../../src/base/random.js';
import { drawPortrait } from '../../src/demo/portraits/draw-portrait.js';
import { loadModel, readManifest } from '../../src/model/model.js';
import { evaluateModel } from '../../src/verbs/evaluate-model.js';
import { trainModel } from '../../src/verbs/train-model.js';
import { eyeball, temporaryFolder } from '../cli/eyeball.js';

const root = temporaryFolder();
const cacheDir = join(root, 'cache');
const [data, held, blank] = ['data', 'held', 'blank'].map(name => join(root, name)) as [string, string, string];
const SIZE = 100;

async function writePortraits(folder: string, count: number, seed: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const age = 10 * (i % 8);
    mkdirSync(join(folder, `${age}`), { recursive: true });
    const drawn = sharp(Buffer.from(drawPortrait(age, createRandom(seed + i, 'portrait')))).removeAlpha();
    writeFileSync(join(folder, `${age}`, `${i}.jpg`), await drawn.jpeg().toBuffer());
  }
}

/** Black, white, gray, a gradient, noise and a screenshot, in a folder of one label. */
async function writeBlank(folder: string): Promise<void> {
  const random = createRandom(0, 'noise');
  const noise = Buffer.from(Uint8Array.from({ length: SIZE * SIZE * 3 }, () => random.integer(256)));
  const svg = (content: string) =>
    sharp(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}">${content}</svg>`));
  const rect = (fill: string) => svg(`<rect width="100%" height="100%" fill="${fill}"/>`);
  const lines = Array.from({ length: 8 }, (_, i) => `<rect x="8" y="${20 + 9 * i}" width="${40 + 5 * i}" height="4"/>`);
  const images = {
    black: rect('black'),
    white: rect('white'),
    gray: rect('#808080'),
    gradient: svg(
      '<linearGradient id="g"><stop stop-color="black"/><stop offset="1" stop-color="white"/></linearGradient>' +
        '<rect width="100%" height="100%" fill="url(#g)"/>',
    ),
    noise: sharp(noise, { raw: { width: SIZE, height: SIZE, channels: 3 } }),
    screenshot: svg(`<rect width="100%" height="100%" fill="white"/><rect width="100%" height="12"/>${lines.join('')}`),
  };
  mkdirSync(join(folder, '40'), { recursive: true });
  for (const [name, image] of Object.entries(images))
    writeFileSync(join(folder, '40', `${name}.png`), await image.removeAlpha().png().toBuffer());
}

before(async () => {
  await writePortraits(data, 64, 0);
  await writePortraits(held, 16, 1000);
  await writeBlank(blank);
});

describe('a model of drawn faces', () => {
  for (const precision of ['fp32', 'int8'] as const) {
    it(`calls blank images another kind, and few faces unusual, in ${precision}`, async () => {
      const out = join(root, precision);
      await trainModel({ data, out, cacheDir, solver: 'ridge', precision });
      const { intervals } = await readManifest(out);
      assert.equal(intervals!.unusual.stage, 'stage4');
      assert.equal(intervals!.unusual.share, 1 / 65);
      const of = async (folder: string) => await evaluateModel({ model: out, data: folder, cacheDir });
      const blanks = await of(blank);
      assert.deepEqual([blanks.images, blanks.unusual, blanks.unlike], [6, 6, { kind: 6, source: 0 }]);
      const table = readFileSync(join(`${out}-evaluation`, 'predictions.csv'), 'utf8');
      assert.match(table, /^file,label,value,error,low,high,scale,unusual,unlike\n40\/black\.png,40,.*,1,kind\n/);
      const faces = await of(held);
      assert.ok(faces.unusual! <= 2, `${faces.unusual} of 16`);
    });
  }

  it('says so in words and in JSON', async () => {
    const [model, file] = [join(root, 'fp32'), join(blank, '40', 'black.png')];
    const { stdout } = await eyeball('predict', model, file);
    assert.match(stdout, /\tunusual: another kind of image than the training images; do not rely on this\n$/);
    const { stdout: json } = await eyeball('predict', model, file, '--json');
    const [answer] = JSON.parse(json) as { unusual?: true; unlike?: string; distance?: number }[];
    assert.deepEqual([answer!.unusual, answer!.unlike], [true, 'kind']);
    assert.ok(answer!.distance! > 1);
  });

  it('has the outputs for it in the network, for every runtime', async () => {
    const model = await loadModel(join(root, 'fp32'));
    const { sizePx } = model.manifest.input;
    const pixels = {
      dtype: 'uint8',
      shape: [1, sizePx, sizePx, 3],
      data: new Uint8Array(sizePx * sizePx * 3),
    } as const;
    const { unlikeness, activation, features } = await model.run(pixels);
    await model.close();
    const norm = Math.hypot(...features.data);
    assert.ok(Math.abs(activation!.data[0]! - norm) < 1e-4 * norm, `${activation!.data[0]}, ${norm}`);
    assert.ok(unlikeness!.data[0]! > model.manifest.intervals!.unusual.distance);
  });
});
