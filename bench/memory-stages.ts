// Memory of the stages that keep something of each image, on made-up data: bytes kept after a garbage collection, and the peak meanwhile, each an
// image. No image is decoded: features and facts come from a formula, by way of the cache.
//   node --expose-gc dist/bench/memory-stages.js [--images 200000] [--duplicates]
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { loadBackbone } from '../src/backbones/registry.js';
import { createRandom } from '../src/base/random.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { evaluate, type Prediction } from '../src/evaluation/evaluate.js';
import { extractFeatures } from '../src/features/extract.js';
import { predictionsCsv } from '../src/report/csv.js';
import { DEFAULT_THRESHOLDS, findDuplicates } from '../src/similarity/duplicates.js';
import { readImageFacts } from '../src/similarity/image-facts.js';
import { embeddingsOfRows, encodeTrainingIndex, readTrainingIndex } from '../src/similarity/training-index.js';
import { inTemporaryFolder, machine, numbers, options } from './common.js';
import { fileOf, fill, LABELS, labelOf, samplePeaks, tinyImages } from './made-up.js';

const given = options({ images: '200000' }, ['duplicates']);
const [images] = numbers(given, 'images') as [number];
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run with node --expose-gc');
const everything: unknown[] = [];

console.log(`${machine()}; ${images} images`);
await inTemporaryFolder(async folder => {
  const bases = await tinyImages();
  const data = join(folder, 'data');
  for (let label = 0; label < LABELS; label++) mkdirSync(join(data, `${label}`), { recursive: true });
  for (let i = 0; i < images; i++) writeFileSync(join(data, `${labelOf(i)}`, `image-${i}.jpg`), '');
  const cache = join(folder, 'cache');
  const read = async (path: string) => fileOf(bases, Number(/image-(-?\d+)\.jpg$/.exec(path)![1]));
  const backbone = await loadBackbone({ backbone: 'resnet18', weights: 'formula', sizePx: 32, cacheDir: cache });
  // One image that is computed makes the folders of the cache.
  const one = { root: data, target: 'value', samples: [{ file: 'image--1.jpg', label: 0 }], skipped: [] };
  await (await readImageFacts(one, cache, {}, read)).close();
  await (await extractFeatures(one, backbone, cache, {}, { read, middle: true })).close();
  for (const part of ['facts', 'features'])
    for (const name of readdirSync(join(cache, part)))
      await fill(join(cache, part, name), part === 'facts', bases, images);

  const dataset = await stage('listing', () => openDataset({ data }));
  const facts = await stage('facts', () => readImageFacts(dataset, cache, {}, read));
  const extraction = await stage('features', () =>
    extractFeatures(dataset, backbone, cache, {}, { read, middle: true }),
  );
  if (given.duplicates) await stage('duplicates', () => findDuplicates(facts.facts, async () => undefined));
  const path = join(folder, 'index.safetensors');
  await stage('writing the index', async () => {
    const embeddings = await embeddingsOfRows(extraction.rows);
    writeFileSync(path, encodeTrainingIndex('data', dataset.samples, facts.facts, DEFAULT_THRESHOLDS, embeddings));
  });
  await stage('reading the index', () => readTrainingIndex(path));
  const { normal } = createRandom(0, 'predictions');
  const predictions = await stage('predictions', async () =>
    dataset.samples.map(({ file, label }): Prediction => ({ file, label, value: label + normal(), scale: 1 })),
  );
  await stage('metrics', async () => evaluate(predictions, { trainingLabels: { mean: 50, median: 50 } as never }));
  await stage('table', async () => predictionsCsv(predictions, (value, scale) => [value - scale, value + scale]));
  await facts.close();
  await extraction.close();
});

/** Runs a stage whose result is kept, and prints its memory. */
async function stage<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = await kept();
  const rss = process.memoryUsage.rss();
  const sampler = await samplePeaks();
  const started = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(started);
  const seconds = (user + system) / 1e6;
  const { start = 0 } = await sampler.end();
  everything.push(result);
  const each = (bytes: number) => `${Math.round(bytes / images)} B`.padStart(7);
  console.log(
    `${name.padEnd(18)} kept ${each((await kept()) - before)}, peak ${each(Math.max(start * 1e6 - rss, 0))} more than before, ${seconds.toFixed(1)} s of processor time`,
  );
  return result;
}

/** Bytes of the heap and of arrays. */
async function kept(): Promise<number> {
  // Memory of arrays is counted out some time after they are collected.
  for (let i = 0; i < 3; i++) {
    collect!();
    await setTimeout(100);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
