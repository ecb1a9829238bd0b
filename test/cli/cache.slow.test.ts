// Slow: fills, lists, prunes and damages caches of trainings.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { FeatureCache } from '../../src/features/feature-cache.js';
import { eyeball, start, TINY, temporaryFolder, writeImages } from './eyeball.js';

const root = temporaryFolder();
const [data, home] = [join(root, 'data'), join(root, 'home')];
const cache = join(home, 'eyeball');
const run = (...args: string[]) => start(args, { XDG_CACHE_HOME: home }).outcome;
const day = 24 * 3600;

interface Entry {
  readonly kind: string;
  readonly name: string;
  readonly path: string;
  readonly images: number | null;
  readonly bytes: number;
  readonly lastUsed: string;
}

async function json(...args: string[]): Promise<{ entries: Entry[]; removed: Entry[]; inUse: Entry[]; bytes: number }> {
  const { code, stdout, stderr } = await run('cache', '--json', ...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** Sets the last use of an entry to this number of days ago. */
function age({ path }: Entry, days: number): void {
  const then = Date.now() / 1000 - days * day;
  utimesSync(path, then, then);
}

before(async () => {
  await writeImages(data, 20);
  const { code, stderr } = await run('train', data, '--out', join(root, 'model'), ...TINY, '--head', 'linear');
  assert.equal(code, 0, stderr);
  const weights = join(cache, 'hub', 'timm--resnet18.a1_in1k', 'main');
  mkdirSync(weights, { recursive: true });
  writeFileSync(join(weights, 'model.safetensors'), Buffer.alloc(5000));
  writeFileSync(join(cache, 'notes.txt'), 'mine');
});

describe('cache', () => {
  it('lists features by backbone, image facts and downloads, with images, size and last use', async () => {
    const { entries, bytes } = await json();
    const found = entries.map(({ kind, name, images }) => [kind, name.replace(/[0-9a-f]{16}/, 'KEY'), images]);
    assert.deepEqual(found.sort(), [
      ['duplicates', found.find(([kind]) => kind === 'duplicates')![1], null],
      ['facts', 'KEY', 20],
      ['features', 'resnet18-features-KEY', 20],
      ['features', 'resnet18-layer3-mean-KEY', 20],
      ['framing', found.find(([kind]) => kind === 'framing')![1], null],
      ['hub', 'timm/resnet18.a1_in1k main', null],
    ]);
    const features = entries.find(({ name }) => name.startsWith('resnet18-features'))!;
    assert.equal(features.bytes, 20 * (512 * 4 + 20));
    assert.equal(
      bytes,
      entries.reduce((sum, entry) => sum + entry.bytes, 0),
    );
    const { stdout } = await run('cache');
    assert.match(stdout, /^\S+eyeball: [\d.]+ kB\n {2}kind +name +images +size +last used\n/);
    assert.match(stdout, /\n {2}features +resnet18-features-[0-9a-f]{16} +20 +41\.4 kB +\d{4}-\d\d-\d\d \d\d:\d\d\n/);
  });

  it('prunes entries by age, except those that a process is writing', async () => {
    const { entries } = await json();
    const of = (kind: string) => entries.find(entry => entry.kind === kind && !entry.name.includes('mean'))!;
    age(of('facts'), 40);
    age({ ...of('hub'), path: join(of('hub').path, 'model.safetensors') }, 40);
    age(of('framing'), 20);
    const writer = await FeatureCache.open(of('features').path, 512, 'float32');
    await writer.append(['0'.repeat(32)], new Float32Array(512));
    age(of('features'), 40);
    const { removed, inUse, entries: left } = await json('--prune', '--older-than', '30d');
    assert.deepEqual(removed.map(({ kind }) => kind).sort(), ['facts', 'hub']);
    assert.deepEqual(
      inUse.map(({ kind }) => kind),
      ['features'],
    );
    assert.deepEqual(left.map(({ kind }) => kind).sort(), ['duplicates', 'features', 'features', 'framing']);
    await writer.close();
    assert.deepEqual(readdirSync(join(cache, 'hub')), []);
    assert.ok(existsSync(join(cache, 'notes.txt')));
  });

  it('prunes the least recently used entries down to a size', async () => {
    await writeImages(join(root, 'more'), 12, 5);
    const args = ['train', join(root, 'more'), '--head', 'linear', '--quiet'];
    assert.equal((await run(...args, '--out', join(root, 'm1'), ...TINY)).code, 0);
    assert.equal((await run(...args, '--out', join(root, 'm2'), ...TINY, '--size', '64')).code, 0);
    const before = (await json()).entries;
    const [a, b] = before.filter(({ kind }) => kind === 'features') as [Entry, Entry];
    before.forEach(entry => {
      age(entry, entry.path === a.path ? 9 : entry.path === b.path ? 5 : 1);
    });
    const total = before.reduce((sum, { bytes }) => sum + bytes, 0);
    const { removed } = await json('--prune', '--max-size', `${total - 1}`);
    assert.deepEqual(
      removed.map(({ path }) => path),
      [a.path],
    );
    const all = await json('--prune', '--max-size', '0');
    assert.deepEqual([all.entries, all.bytes], [[], 0]);
    assert.match((await run('cache')).stdout, /^\S+eyeball: empty\n$/);
    // Removed entries are made again.
    assert.equal((await run(...args, '--out', join(root, 'm3'), ...TINY)).code, 0);
  });

  it('refuses limits without --prune, --prune without a limit, and unknown units', async () => {
    const cases: readonly [readonly string[], RegExp][] = [
      [['--prune'], /--prune needs a limit; add --older-than, --max-size or both/],
      [['--older-than', '3d'], /--older-than has no effect without --prune; add it, or remove --older-than/],
      [['--max-size', '3GB'], /--max-size has no effect without --prune/],
      [['--prune', '--older-than', '3'], /Expected hours, days or weeks, such as 12h, 30d or 8w/],
      [['--prune', '--max-size', '3 apples'], /Expected a size, such as 500MB or 5GB/],
    ];
    for (const [args, text] of cases) {
      const { code, stderr } = await eyeball('cache', ...args, '--cache', join(root, 'none'));
      assert.equal(code, 2, stderr);
      assert.match(stderr, text);
    }
    assert.match((await eyeball('cache', '--cache', join(root, 'none'))).stdout, /none: empty/);
  });
});
