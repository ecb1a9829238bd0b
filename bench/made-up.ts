import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { createRandom } from '../src/base/random.js';
import { contentHash, FeatureCache } from '../src/features/feature-cache.js';
import { RECORD_BYTES, segmentNames } from '../src/features/segments.js';

export const LABELS = 100;
const APPENDED = 1000;
const SAMPLED_MS = 10;
const MOST_PHASES = 64;

/** Encoded images of 32 px, all different. */
export async function tinyImages(): Promise<Buffer[]> {
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
export function fileOf(bases: readonly Buffer[], i: number): Buffer {
  return Buffer.concat([bases[Math.abs(i) % bases.length]!, Buffer.from(`${i}`.padStart(8, '0'))]);
}

export function labelOf(i: number): number {
  return Math.abs(i) % LABELS;
}

/** Adds a row for each image to the cache in `folder`, around a row that is there. */
export async function fill(folder: string, isFacts: boolean, bases: readonly Buffer[], images: number): Promise<void> {
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

/** Peak memory by phase. */
export interface Sampler {
  /** Starts a phase, or goes on with it. */
  phase(name: string): void;
  /** The peak memory of the process during each phase, in MB. */
  end(): Promise<Record<string, number>>;
}

export async function samplePeaks(): Promise<Sampler> {
  // The current phase, then the peak of each in kB.
  const shared = new SharedArrayBuffer(4 * (MOST_PHASES + 1));
  const view = new Int32Array(shared);
  const worker = new Worker(SAMPLER, { eval: true, workerData: shared });
  await new Promise(resolve => worker.once('online', resolve));
  const phases = ['start'];
  return {
    phase(name) {
      if (!phases.includes(name) && phases.length < MOST_PHASES) phases.push(name);
      view[0] = phases.indexOf(name);
    },
    async end() {
      await worker.terminate();
      return Object.fromEntries(phases.map((phase, i) => [phase, view[i + 1]! / 1000]));
    },
  };
}
