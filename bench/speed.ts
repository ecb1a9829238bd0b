// Fails when something became slower: ratios of two durations in one run, and limits far above what an idle machine takes. Not part of the
// tests, since other programs on the machine change the results.
//   node dist/bench/speed.js
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { loadBackbone } from '../src/backbones/registry.js';
import { unpickle } from '../src/backbones/weights/pickle.js';
import { InputError } from '../src/base/errors.js';
import { Profile } from '../src/base/profile.js';
import { FileFinder } from '../src/datasets/file-finder.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { hasVnni } from '../src/engine/runtime/vnni.js';
import { extractFeatures } from '../src/features/extract.js';
import { backboneAt } from '../src/features/precision.js';
import { decodeImage } from '../src/images/image.js';
import { median } from '../src/metrics/statistics.js';
import { DecisionStore } from '../src/serving/studio/decision-store.js';
import { temporaryFolder, writeImages } from '../test/cli/eyeball.js';

async function msOf(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

const assertWithin = (limitMs: number, ms: number) => assert.ok(ms < limitMs, `${ms} ms, at most ${limitMs} expected`);

/** The median over five turns of how many times as long `slow` takes as `fast`. */
async function timesAsLong(slow: () => unknown, fast: () => unknown): Promise<number> {
  const ratios: number[] = [];
  for (let turn = 0; turn < 5; turn++) ratios.push((await msOf(slow)) / (await msOf(fast)));
  return median(ratios);
}

describe('speed', () => {
  it('of decoding small JPEGs is well above that of sharp', async () => {
    const pixels = Uint8Array.from({ length: 125 * 125 * 3 }, (_, i) => (i >> 6) & 255);
    const bytes = await sharp(pixels, { raw: { width: 125, height: 125, channels: 3 } })
      .jpeg()
      .toBuffer();
    const each = async (decode: () => Promise<unknown>) => {
      for (let i = 0; i < 50; i++) await decode();
    };
    const ratio = await timesAsLong(
      () => each(() => sharp(bytes).raw().toBuffer()),
      () => each(() => decodeImage(bytes, { width: 125, height: 125 })),
    );
    assert.ok(ratio > 1.5, `${ratio}`);
  });

  it('of listing 5,000 files is far below a second', async () => {
    const data = temporaryFolder();
    for (let label = 0; label < 50; label++) {
      mkdirSync(join(data, `${label}`));
      for (let i = 0; i < 100; i++) writeFileSync(join(data, `${label}/${i}.jpg`), '');
    }
    assertWithin(1000, await msOf(() => openDataset({ data }))); // 25 ms on two cores
  });

  it('of looking up names that differ from those of files depends on their number alone', async () => {
    const data = temporaryFolder();
    for (let i = 0; i < 2000; i++) writeFileSync(join(data, `${i}.jpg`), '');
    const names = Array.from({ length: 100_000 }, (_, i) => `${i % 2000}.JPG${' '.repeat(i % 50)}`);
    // Half a second; by a search through the folder it would be minutes.
    assertWithin(20_000, await msOf(() => new FileFinder(data, undefined).find(names)));
  });

  it('of one decision in a file of 10,000 is a few milliseconds', async () => {
    const file = join(temporaryFolder(), 'decisions.csv');
    const rows = Array.from({ length: 10_000 }, (_, i) => `${i % 100}/image-${i}.jpg,,${i % 90},12,0.5,label`);
    writeFileSync(file, `file,decision,value,label,score,kinds\n${rows.join('\n')}\n`);
    const store = await DecisionStore.open(file);
    const times: number[] = [];
    for (let i = 0; i < 30; i++) {
      const decision = { kind: 'set', value: 3 } as const;
      times.push(await msOf(() => store.decide({ file: `${i}/image-${i}.jpg`, decision, expected: null })));
    }
    assertWithin(100, median(times));
  });

  it('of refusing a pickle without end is below a second', async () => {
    const rules = { where: 'x.pth', globals: new Map(), persistentLoad: () => undefined };
    for (const endless of ['}\x94', '(', 'N2', '](]e']) {
      const bytes = Buffer.from(`${endless.repeat(500_001)}.`, 'latin1');
      assertWithin(1000, await msOf(() => assert.throws(() => unpickle(bytes, 0, rules), InputError)));
    }
  });

  it('of the list of commands is not that of loading them', async () => {
    const run = (...args: string[]) => spawnSync(process.execPath, args);
    const ratio = await timesAsLong(
      () => run('dist/src/cli/main.js', '--help'),
      () => run('-e', '0'),
    );
    assert.ok(ratio < 3, `${ratio}`);
  });

  it('of features is that of the engine, which does not wait for images', async () => {
    const root = temporaryFolder();
    await writeImages(join(root, 'images'), 150);
    const dataset = await openDataset({ data: join(root, 'images') });
    const backbone = await loadBackbone({ backbone: 'resnet18', weights: 'formula', sizePx: 125, cacheDir: root });
    const profile = new Profile();
    const { close } = await extractFeatures(dataset, backbone, join(root, 'cache'), { profile });
    await close();
    const { compute, wait } = profile.report().images;
    assert.ok(wait < 0.35 * compute, `${wait} s waited, ${compute} s computed`);
  });

  it('of a network in 8 bits is higher than in 32', { skip: process.arch !== 'x64' && 'measured on x64' }, async () => {
    const root = temporaryFolder();
    await writeImages(join(root, 'images'), 64);
    const dataset = await openDataset({ data: join(root, 'images') });
    const backbone = await loadBackbone({ backbone: 'resnet18', weights: 'formula', sizePx: 125, cacheDir: root });
    const messages: string[] = [];
    await backboneAt('auto', backbone, dataset, root, { onMessage: line => messages.push(line) });
    const [, times] = /int8 is (\d+\.\d) times as fast/.exec(messages.join('\n'))!;
    // Seen: 3 and more with VNNI, 1.6 and more without; 1.1 where sums have to be kept from overflowing.
    assert.ok(Number(times) >= (hasVnni() ? 1.5 : 1.3), times);
  });
});
