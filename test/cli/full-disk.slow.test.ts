// Slow: fills a small disk in each command.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { eyeball, TINY, temporaryFolder, writeImages } from './eyeball.js';

const root = temporaryFolder();
const [data, disk, cache] = [join(root, 'data'), join(root, 'disk'), join(root, 'cache')];
mkdirSync(disk);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=30m', 'tmpfs', disk], { encoding: 'utf8' });
const reason =
  mounted.status === 0 ? undefined : `cannot mount a small disk: ${mounted.error ?? mounted.stderr.trim()}`;

const skipped = (t: TestContext): boolean => {
  if (reason !== undefined) t.skip(reason);
  return reason !== undefined;
};

/** Fills the disk up to this number of free bytes. */
function fill(freeBytes: number): void {
  const file = openSync(join(disk, 'filler'), 'a');
  const block = Buffer.alloc(64 * 1024);
  let size = 0;
  try {
    for (;;) size += writeSync(file, block);
  } catch {
    ftruncateSync(file, Math.max(0, size - freeBytes));
  }
  closeSync(file);
}

/** The files on the disk except the filler, with their contents. */
function content(): [string, string][] {
  const entries = readdirSync(disk, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return entries
    .map(entry => join(entry.parentPath, entry.name))
    .filter(path => path !== join(disk, 'filler'))
    .sort()
    .map(path => [path.slice(disk.length), readFileSync(path).toString('base64')]);
}

/** Runs a command on the full disk: it fails with one line that names the reason, and changes no existing file. */
async function expectRefused(line: RegExp, ...args: string[]): Promise<void> {
  const before = content();
  const { code, stderr } = await eyeball(...args, '--quiet');
  assert.equal(code, 1, stderr);
  assert.match(stderr.trim(), line);
  assert.ok(!stderr.includes('    at '), stderr);
  assert.deepEqual(content(), before);
}

const train = (out: string, ...more: string[]) => ['train', data, '--out', out, ...TINY, '--head', 'linear', ...more];

before(async () => {
  await writeImages(data, 30);
  const { code, stderr } = await eyeball(...train(join(root, 'model')), '--cache', cache, '--quiet');
  assert.equal(code, 0, stderr);
});

after(() => {
  if (mounted.status === 0) spawnSync('umount', [disk]);
});

describe('on a full disk', () => {
  it('the cache reports it, and keeps its entries', async t => {
    if (skipped(t)) return;
    await writeImages(join(root, 'more'), 200, 3);
    const on = ['--cache', join(disk, 'cache')];
    assert.equal((await eyeball(...train(join(root, 'a')), ...on, '--quiet')).code, 0);
    fill(60_000);
    const args = ['train', join(root, 'more'), '--out', join(root, 'b'), ...TINY, '--head', 'linear', ...on];
    const { code, stderr } = await eyeball(...args, '--quiet');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^eyeball: \S+: expected room for cached features, got "ENOSPC: [^"]*"; choose another with --cache\n$/,
    );
    rmSync(join(disk, 'filler'));
    const again = await eyeball(...train(join(root, 'a2')), ...on, '--json', '--quiet');
    assert.equal(again.code, 0, again.stderr);
    assert.ok(readFileSync(join(root, 'a2', 'model.onnx')).equals(readFileSync(join(root, 'a', 'model.onnx'))));
    rmSync(join(disk, 'cache'), { recursive: true });
  });

  it('an existing model stays', async t => {
    if (skipped(t)) return;
    const out = join(disk, 'model');
    makeOlder(out);
    fill(100_000);
    const line = /^eyeball: \S+model: expected a folder that can be written, got "ENOSPC: [^"]*"$/;
    await expectRefused(line, ...train(out, '--force'), '--cache', cache);
    rmSync(join(disk, 'filler'));
    rmSync(out, { recursive: true });
  });

  it('an existing checkpoint stays', async t => {
    if (skipped(t)) return;
    fill(2_000_000);
    const line =
      /^eyeball: \S+tuned\.checkpoint\.safetensors: expected a checkpoint that can be written, got "ENOSPC: /;
    await expectRefused(
      line,
      ...train(join(disk, 'tuned'), '--tune', 'last', '--checkpoint-every', '0'),
      '--cache',
      cache,
    );
    rmSync(join(disk, 'filler'));
  });

  it('an existing exported page stays', async t => {
    if (skipped(t)) return;
    const page = join(disk, 'page');
    makeOlder(page);
    const line = /^eyeball: \S+page: expected a folder that can be written, got "ENOSPC: [^"]*"$/;
    await expectRefused(line, 'export', join(root, 'model'), '--web', page, '--force');
    rmSync(page, { recursive: true });
  });

  it('an existing decisions file stays', async t => {
    if (skipped(t)) return;
    const decisions = join(disk, 'decisions.csv');
    writeFileSync(decisions, `file,decision,value,label\n${'gone.jpg,keep,,1\n'.repeat(2000)}`);
    fill(0);
    const args = ['clean', data, '--out', join(root, 'labels.csv'), '--decisions', decisions, ...TINY];
    await expectRefused(/ENOSPC/, ...args, '--cache', cache);
  });
});

/** An existing folder. */
function makeOlder(folder: string): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'older.txt'), 'older');
}
