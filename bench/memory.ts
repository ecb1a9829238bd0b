// Peak memory of train, evaluate and clean by stage as the data set grows, and its growth an image. Images are tiny and features and facts come
// from a formula, by way of the cache, so that 100,000 images take minutes. One image in ten has a near copy.
//   node dist/bench/memory.js [--sizes 2000,50000] [--verbs train,clean,evaluate] [--head linear]
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { peakRssBytes } from '../src/base/environment.js';
import type { Progress } from '../src/base/progress.js';
import { createRandom } from '../src/base/random.js';
import { contentHash, FeatureCache } from '../src/features/feature-cache.js';
import { RECORD_BYTES, segmentNames } from '../src/features/segments.js';
import { cleanDataset, evaluateModel, trainModel } from '../src/index.js';
import { inTemporaryFolder, machine, options } from './common.js';

const LABELS = 100;
const APPENDED = 1000;
const SAMPLED_MS = 10;
const MOST_PHASES = 64;
const NETWORK = { backbone: 'resnet18', weights: 'formula', sizePx: 32 } as const;
const VERBS = ['train', 'clean', 'evaluate'] as const;

// Runs in a thread of its own, since the main thread is blocked at times, without the imports of this file.
const SAMPLER = `
const view = new Int32Array(require('node:worker_threads').workerData);
const sleep = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  const kb = process.memoryUsage.rss() / 1000;
  const at = 1 + view[0];
  if (kb > view[at]) view[at] = kb;
  Atomics.wait(sleep, 0, 0, ${SAMPLED_MS});
}`;

if (process.argv[2] === 'measure') await measure(process.argv.slice(3) as never);
else await main();

async function main(): Promise<void> {
  const { sizes, verbs, head } = options({ sizes: '2000,50000', verbs: VERBS.join(), head: 'linear' });
  console.log(machine());
  for (const verb of verbs.split(',')) if (!VERBS.includes(verb as never)) throw new Error(`--verbs: got "${verb}"`);
  await inTemporaryFolder(async folder => {
    const bases = await tinyImages();
    const measured = new Map<string, Measured & { readonly images: number }>();
    for (const images of sizes.split(',').map(Number)) {
      const data = join(folder, `data-${images}`);
      const cache = join(folder, `cache-${images}`);
      await makeData(folder, data, cache, bases, images, head);
      for (const verb of verbs.split(',')) {
        const found = spawned([verb, data, join(folder, `out-${images}`), cache, head]);
        const first = measured.get(verb);
        measured.set(verb, first ?? { ...found, images });
        const growth = (peakMb: number, before: number | undefined) =>
          first === undefined || before === undefined
            ? ''
            : `, ${(((peakMb - before) * 1000) / (images - first.images)).toFixed(2)} kB an image`;
        console.log(
          `${verb}, ${images} images: ${found.seconds.toFixed(1)} s, peak ${found.peakMb.toFixed(0)} MB${growth(found.peakMb, first?.peakMb)}`,
        );
        for (const [phase, mb] of Object.entries(found.phases))
          console.log(`  ${mb.toFixed(0).padStart(6)} MB  ${phase}${growth(mb, first?.phases[phase])}`);
      }
    }
  });
}

/** Encoded images of 32 px, all different. */
async function tinyImages(): Promise<Buffer[]> {
  const random = createRandom(0, 'pixels');
  const shape = { width: 4, height: 4, channels: 3 } as const;
  return await Promise.all(
    Array.from({ length: 64 }, () => {
      const pixels = Uint8Array.from({ length: 48 }, () => 256 * random.uniform());
      return sharp(pixels, { raw: shape }).resize(32, 32).jpeg().toBuffer();
    }),
  );
}

/** The file of image `i`: bytes after the end of a JPEG are ignored, and make it another file. */
function fileOf(bases: readonly Buffer[], i: number): Buffer {
  return Buffer.concat([bases[Math.abs(i) % bases.length]!, Buffer.from(`${i}`.padStart(8, '0'))]);
}

/** Writes the images, a folder a label, and fills the cache with their features and facts. */
async function makeData(
  folder: string,
  data: string,
  cache: string,
  bases: readonly Buffer[],
  images: number,
  head: string,
): Promise<void> {
  // A training on a few shows which folders of the cache are read.
  const few = join(folder, `few-${images}`);
  write(
    few,
    bases,
    Array.from({ length: 200 }, (_, i) => -1 - i),
  );
  spawned(['train', few, join(folder, `few-out-${images}`), cache, head]);
  write(
    data,
    bases,
    Array.from({ length: images }, (_, i) => i),
  );
  for (const part of ['facts', 'features']) {
    for (const name of readdirSync(join(cache, part)))
      await fill(join(cache, part, name), part === 'facts', bases, images);
  }
}

function write(data: string, bases: readonly Buffer[], numbers: readonly number[]): void {
  for (let label = 0; label < LABELS; label++) mkdirSync(join(data, `${label}`), { recursive: true });
  for (const i of numbers) writeFileSync(join(data, `${labelOf(i)}`, `image-${i}.jpg`), fileOf(bases, i));
}

function labelOf(i: number): number {
  return Math.abs(i) % LABELS;
}

/** Adds a row for each image to the cache in `folder`, around a row that is there. */
async function fill(folder: string, isFacts: boolean, bases: readonly Buffer[], images: number): Promise<void> {
  const [name] = await segmentNames(folder);
  const records = readFileSync(join(folder, `${name}.index`));
  const rowBytes = statSync(join(folder, `${name}.rows`)).size / (records.length / RECORD_BYTES);
  const width = rowBytes / 4;
  const cache = await FeatureCache.open(folder, width, 'float32');
  try {
    const [example] = [cache.rows([records.toString('hex', 0, RECORD_BYTES - 4)]).read([0])];
    const random = createRandom(0, `rows of ${width}`);
    // The sum of four uniform numbers: nearly normal, and quick.
    const noise = () => random.uniform() + random.uniform() + random.uniform() + random.uniform() - 2;
    let row = example;
    for (let from = 0; from < images; from += APPENDED) {
      const count = Math.min(APPENDED, images - from);
      const rows = new Float32Array(count * width);
      for (let i = 0; i < count; i++) {
        const isCopy = (from + i) % 10 === 9;
        const before = row;
        row = rows.subarray(i * width, (i + 1) * width);
        // Descriptors have both signs, features of a ResNet are positive.
        for (let j = 0; j < width; j++)
          row[j] = isCopy ? before[j]! : isFacts ? 5 * noise() : Math.abs(example[j]!) * 0.2 + 4 * noise() ** 2;
        // Labels can be learned.
        if (!isCopy && !isFacts) for (let j = 0; j < 8; j++) row[j]! += labelOf(from + i) * 0.05;
        // Facts end with measures of quality: those of a sharp image.
        if (isFacts) row.set(example.subarray(width - 8), width - 8);
      }
      await cache.append(
        Array.from({ length: count }, (_, i) => contentHash(fileOf(bases, from + i))),
        rows,
      );
    }
  } finally {
    await cache.close();
  }
}

/** A verb in a process of its own. */
interface Measured {
  readonly seconds: number;
  readonly peakMb: number;
  /** The peak of the process during each phase of its progress, in MB. */
  readonly phases: Readonly<Record<string, number>>;
}

function spawned(args: readonly string[]): Measured {
  const { status, stdout, stderr } = spawnSync(process.execPath, [process.argv[1]!, 'measure', ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${args.join(' ')}\n${stderr}`);
  return JSON.parse(stdout) as Measured;
}

async function measure([verb, data, out, cacheDir, head]: [string, string, string, string, string]): Promise<void> {
  // The current phase, then the peak of each in kB.
  const shared = new SharedArrayBuffer(4 * (MOST_PHASES + 1));
  const view = new Int32Array(shared);
  const sampler = new Worker(SAMPLER, { eval: true, workerData: shared });
  await new Promise(resolve => sampler.once('online', resolve));
  const phases = ['start'];
  const onProgress = ({ phase }: Progress) => {
    if (!phases.includes(phase) && phases.length < MOST_PHASES) phases.push(phase);
    view[0] = phases.indexOf(phase);
  };
  const started = performance.now();
  const given = { data, cacheDir, onProgress };
  if (verb === 'train') await trainModel({ ...given, ...NETWORK, out, head: head as 'linear', precision: 'fp32' });
  else if (verb === 'clean') await cleanDataset({ ...given, ...NETWORK, out: `${out}-labels.csv` });
  else await evaluateModel({ ...given, model: out });
  const seconds = (performance.now() - started) / 1000;
  await sampler.terminate();
  const peaks = phases.map((phase, i) => [phase, view[i + 1]! / 1000]);
  console.log(JSON.stringify({ seconds, peakMb: peakRssBytes() / 1e6, phases: Object.fromEntries(peaks) }));
}
