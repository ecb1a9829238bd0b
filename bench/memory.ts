// Peak memory of train, evaluate and clean by stage as the data set grows, and its growth an image. Images are tiny and features and facts come
// from a formula, by way of the cache, so that 100,000 images take minutes. One image in ten has a near copy.
//   node dist/bench/memory.js [--sizes 2000,50000] [--verbs train,clean,evaluate] [--head linear]
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peakRssBytes } from '../src/base/environment.js';
import type { Progress } from '../src/base/progress.js';
import { cleanDataset, evaluateModel, trainModel } from '../src/index.js';
import { inTemporaryFolder, machine, options } from './common.js';
import { fileOf, fill, LABELS, labelOf, samplePeaks, tinyImages } from './made-up.js';

const NETWORK = { backbone: 'resnet18', weights: 'formula', sizePx: 32 } as const;
const VERBS = ['train', 'clean', 'evaluate'] as const;

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
  const sampler = await samplePeaks();
  const onProgress = ({ phase }: Progress) => sampler.phase(phase);
  const started = performance.now();
  const given = { data, cacheDir, onProgress };
  if (verb === 'train') await trainModel({ ...given, ...NETWORK, out, head: head as 'linear', precision: 'fp32' });
  else if (verb === 'clean') await cleanDataset({ ...given, ...NETWORK, out: `${out}-labels.csv` });
  else await evaluateModel({ ...given, model: out });
  const seconds = (performance.now() - started) / 1000;
  const phases = await sampler.end();
  console.log(JSON.stringify({ seconds, peakMb: peakRssBytes() / 1e6, phases }));
}
