// Overhead of extraction, from files to cached features: extraction against sessions on the same images, decoded beforehand, in turns: one
// session with all threads, and as many copies of it as extraction has.
//   node dist/bench/extraction.js [--backbone resnet50] [--size 125] [--precision int8] [--images 2000] [--runs 5] [--photos] [--data DIR]
// With --photos the images are enlarged to JPEGs of 12 megapixels. Decoding and computing can then each use all cores, so the reference is
// one after the other.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Precision } from '../src/backbones/backbone.js';
import { buildFromPixels } from '../src/backbones/backbone.js';
import { loadBackbone } from '../src/backbones/registry.js';
import { mapAhead } from '../src/base/concurrency.js';
import { usableCores } from '../src/base/environment.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { copiesFor, createSession } from '../src/engine/runtime/session.js';
import { extractFeatures } from '../src/features/extract.js';
import { backboneAt } from '../src/features/precision.js';
import { decodeImage } from '../src/images/image.js';
import { readSource } from '../src/images/read-source.js';
import { drawFaces, inTemporaryFolder, numbers, options, record, writeTable } from './common.js';
import { startFairly } from './peer.js';

const given = options({ backbone: 'resnet50', size: '125', images: '2000', runs: '5', precision: 'fp32' }, ['photos']);
const { backbone: name, photos } = given;
const [sizeGiven, wanted, runs] = numbers(given, 'size', 'images', 'runs') as [number, number, number];
const size = name === 'face' ? 224 : sizeGiven;
const precision = given.precision as Precision;
startFairly(`${name}, ${size} px, ${wanted} images; ${runs} runs in turns; both include loading the network`);
const weights = name === 'face' ? undefined : 'formula';
const folder = mkdtempSync(join(tmpdir(), 'eyeball-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const faces = await drawFaces('train', wanted);
const images = faces.length;
if (photos) {
  const grow = async (i: number) => {
    const photo = join(folder, `${i}.jpg`);
    await sharp(faces[i]!.file).resize(4000, 3000, { fit: 'fill' }).jpeg({ quality: 90 }).toFile(photo);
    faces[i] = { ...faces[i]!, file: photo };
  };
  for await (const _ of mapAhead(faces.length, 4, grow));
}
const backbone = await inTemporaryFolder(async folder => {
  writeTable(join(folder, 'faces.csv'), faces);
  const dataset = await openDataset({ data: join(folder, 'faces.csv') });
  return backboneAt(
    precision,
    await loadBackbone({ backbone: name, weights, sizePx: size, cacheDir: '' }),
    dataset,
    folder,
  );
});

/** Seconds of the session alone, in `copies` copies, with the images in memory. */
async function bare(copies: number): Promise<number> {
  const { graph, features } = buildFromPixels(backbone);
  graph.output('features', features);
  const batch = copies === 1 ? 25 : 12;
  const batches: Uint8Array[] = [];
  for (let at = 0; at < faces.length; at += batch) {
    const decode = async ({ file }: (typeof faces)[number]) =>
      await decodeImage(readFileSync(file), { width: size, height: size });
    batches.push(Buffer.concat(await Promise.all(faces.slice(at, at + batch).map(decode))));
  }
  const started = performance.now();
  const session = await createSession(toOnnx(graph), { handOver: true, copies });
  const run = async (i: number) => {
    const data = batches[i]!;
    const shape = [data.length / (size * size * 3), size, size, 3];
    await session.run({ pixels: { dtype: 'uint8', shape, data } });
  };
  for await (const _ of mapAhead(batches.length, 2 * copies, run));
  const seconds = (performance.now() - started) / 1000;
  await session.close();
  return seconds;
}

/** Seconds of reading and decoding all images, on all cores. */
async function decoding(): Promise<number> {
  const decode = async (i: number) =>
    await decodeImage(await readSource(faces[i]!.file), { width: size, height: size });
  const started = performance.now();
  for await (const _ of mapAhead(faces.length, 4 * usableCores(), decode));
  return (performance.now() - started) / 1000;
}

const extraction = () =>
  inTemporaryFolder(async folder => {
    const data = join(folder, 'faces.csv');
    writeTable(data, faces);
    const dataset = await openDataset({ data });
    const result = await extractFeatures(dataset, backbone, folder);
    await result.close();
    return result.seconds;
  });

const copies = copiesFor(images);
await bare(1);
const found = new Map<string, number[]>();
let figures = '';
for (let run = 1; run <= runs; run++) {
  const peers = photos
    ? new Map([
        [`decoding on all cores and then ${copies} copies of a session`, (await decoding()) + (await bare(copies))],
      ])
    : new Map([
        ['a bare session on batches in memory', await bare(1)],
        [`the same in ${copies} copies`, await bare(copies)],
      ]);
  const seconds = await extraction();
  for (const [against, alone] of peers) {
    found.set(against, [...(found.get(against) ?? []), alone / seconds]);
    console.log(
      `${run}: extraction ${seconds.toFixed(2)} s, ${against} ${alone.toFixed(2)} s, ratio ${(alone / seconds).toFixed(3)}`,
    );
  }
  const rates = [...peers.values()].map(alone => (images / alone).toFixed(photos ? 1 : 0));
  figures = `${(images / seconds).toFixed(photos ? 1 : 0)} images/s, against ${rates.join(' and ')}`;
}
const what = `features from ${photos ? 'photos of 12 megapixels' : 'files'}, ${name} at ${size} px, ${precision}`;
for (const [against, ratios] of found) record({ what, against, ratios, figures });
process.exit();
