// Guards against falling back, by ratios of two things in one run. No part of the tests, since a busy machine changes them.
//   node dist/bench/speed.js
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { loadBackbone } from '../src/backbones/registry.js';
import { Profile } from '../src/base/profile.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { hasVnni } from '../src/engine/runtime/vnni.js';
import { extractFeatures } from '../src/features/extract.js';
import { backboneAt } from '../src/features/precision.js';
import { decodeImage } from '../src/images/image.js';
import { median } from '../src/metrics/statistics.js';
import { temporaryFolder, writeImages } from '../test/cli/eyeball.js';

/** The median over five turns of how many times as long `slow` takes as `fast`. */
async function timesAsLong(slow: () => unknown, fast: () => unknown): Promise<number> {
  const time = async (work: () => unknown) => {
    const started = performance.now();
    await work();
    return performance.now() - started;
  };
  const ratios: number[] = [];
  for (let turn = 0; turn < 5; turn++) ratios.push((await time(slow)) / (await time(fast)));
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
