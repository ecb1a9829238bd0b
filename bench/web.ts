// Differences between predictions in a browser and in Node, on the same pixels and on the same files, and the time per image: 100 faces, and
// 20 large photos made from other faces (3000 x 4000 px and other sizes, half of them with noise, some with an EXIF orientation).
//   node dist/bench/web.js MODEL [--faces 100] [--photos 20] [--data DIR]       CHROMIUM: the browser
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { createRandom } from '../src/base/random.js';
import { decodeImage } from '../src/images/image.js';
import { mean } from '../src/metrics/statistics.js';
import { loadModel } from '../src/model/model.js';
import { startBrowser } from '../test/web/browser.js';
import { type Harness, openHarness } from '../test/web/harness.js';
import { drawFaces, inTemporaryFolder, machine, numbers, options, spread } from './common.js';

const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const SIZES: readonly [number, number][] = [
  [3000, 4000],
  [4032, 3024],
  [2001, 1501],
  [1333, 1001],
];

// EXIF orientations, and the rotation of the stored pixels that each corrects.
const TURNS: readonly (readonly [number, number])[] = [
  [6, 270],
  [3, 180],
  [8, 90],
];

/** A photo of a face in the size of a phone's: enlarged, with noise or without, a third of them with an EXIF orientation. */
async function bigPhoto(face: string, index: number): Promise<Buffer> {
  const [width, height] = SIZES[index % SIZES.length]!;
  const [orientation, angle] = index % 3 === 0 ? TURNS[(index / 3) % TURNS.length]! : [1, 0];
  const image = sharp(face).resize(width, height, { fit: 'fill', kernel: 'cubic' }).removeAlpha();
  const { data, info } = await image.rotate(angle).raw().toBuffer({ resolveWithObject: true });
  const random = createRandom(index, 'noise');
  if (index % 2 === 1) {
    for (let i = 0; i < data.length; i++) data[i] = Math.min(Math.max(data[i]! + random.integer(64) - 32, 0), 255);
  }
  const { channels } = info;
  const raw = { width: info.width, height: info.height, channels };
  return await sharp(data, { raw }).jpeg({ quality: 90 }).withMetadata({ orientation }).toBuffer();
}

const given = options({ faces: '100', photos: '20' });
const [path] = given.positionals;
if (path === undefined) throw new Error('expected a model: node dist/bench/web.js MODEL');
const [faces, photos] = numbers(given, 'faces', 'photos') as [number, number];

await inTemporaryFolder(async folder => {
  const files = join(folder, 'files');
  mkdirSync(files);
  const drawn = (await drawFaces('test', faces + photos)).map(({ file }) => file);
  const names = { faces: [] as string[], photos: [] as string[] };
  for (const [i, file] of drawn.entries()) {
    const name = `${i}.jpg`;
    if (i < faces) copyFileSync(file, join(files, name));
    else writeFileSync(join(files, name), await bigPhoto(file, i - faces));
    names[i < faces ? 'faces' : 'photos'].push(name);
  }
  const model = await loadModel(path);
  const { sizePx } = model.manifest.input;
  const browser = await startBrowser();
  console.log(`${machine()}, ${browser.browserType().name()} ${browser.version()}\n${path}`);

  const pixelsOff = async (harness: Harness) => {
    const off: number[] = [];
    for (const name of names.faces.slice(0, 10)) {
      const data = await decodeImage(readFileSync(join(files, name)), { width: sizePx, height: sizePx });
      const { value } = await model.run({ dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data });
      off.push(Math.abs((await harness.call<number>(`run([${data}])`)) - value.data[0]!));
    }
    return off;
  };
  for (const threads of [1, undefined]) {
    const page = await browser.newPage();
    const harness = await openHarness(page, { model: resolve(path), files }, ISOLATED);
    const started = performance.now();
    await harness.call(`load({ device: 'wasm', threads: ${threads} })`);
    const loaded = performance.now() - started;
    console.log(`WebAssembly, ${threads ?? 'all'} threads: loaded in ${(loaded / 1000).toFixed(1)} s`);
    console.log(`  same pixels: ${describe(await pixelsOff(harness))}`);
    for (const kind of ['faces', 'photos'] as const) {
      const there: number[] = [];
      const times: number[] = [];
      for (const name of names[kind]) {
        const { value, ms } = await harness.call<{ value: number; ms: number }>(`timed('/files/${name}')`);
        there.push(value);
        times.push(ms);
      }
      const here = await model.predict(names[kind].map(name => join(files, name)));
      const off = here.map(({ value }, i) => Math.abs(value! - there[i]!));
      console.log(`  ${off.length} ${kind}, same files: ${describe(off)}; ${spread(times, 0)} ms each`);
    }
    await page.close();
    await harness.close();
  }
  await browser.close();
  await model.close();
});

function describe(off: readonly number[]): string {
  return `values differ by ${mean(off).toFixed(4)} in the mean, ${Math.max(...off).toFixed(4)} at worst`;
}
