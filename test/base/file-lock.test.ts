import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lockFile, withLock } from '../../src/base/file-lock.js';
import { processMark } from '../../src/base/process-mark.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

const PROGRAM = fileURLToPath(new URL('locking.js', import.meta.url));
const forever = { waitMs: Number.POSITIVE_INFINITY };

function run(...args: string[]): ChildProcess & { readonly lines: () => number } {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', chunk => {
    text += chunk;
  });
  return Object.assign(child, { lines: () => text.split('\n').length - 1 });
}

/** Puts a lock at `path` as the process of this mark would have left it when it was killed. */
function leaveLock(path: string, mark: string): string {
  const lock = join(path, '..', `.${path.slice(path.lastIndexOf('/') + 1)}.lock`);
  mkdirSync(lock);
  const owner = join(lock, `${mark}.0123abcd`);
  writeFileSync(owner, '');
  return owner;
}

describe('lockFile', () => {
  it('is held by one process at a time, and removes its files', async t => {
    const root = tempFolder(t);
    const path = join(root, 'a.csv');
    const first = await lockFile(path);
    const text = `InputError: ${path}: process ${process.pid} is writing it; wait until that has ended, or stop it`;
    assert.equal(await failureOf(() => lockFile(path)), text);
    await first.release();
    const second = await lockFile(path);
    await first.release();
    assert.equal(await failureOf(() => lockFile(path)), text, 'a second release of the first frees nothing');
    await second.release();
    assert.deepEqual(readdirSync(root), []);
  });

  it('waits until the holder gives it back, and is stopped by its signal', async t => {
    const path = join(tempFolder(t), 'a.csv');
    const first = await lockFile(path);
    const stopped = new AbortController();
    const vain = failureOf(() => lockFile(path, { ...forever, signal: stopped.signal }));
    stopped.abort();
    assert.equal(await vain, 'AbortedError: stopped before the end');
    const waiting = lockFile(path, forever);
    await first.release();
    await (await waiting).release();
  });

  it('is given back when the work under it fails', async t => {
    const path = join(tempFolder(t), 'a.csv');
    assert.equal(await failureOf(() => withLock(path, () => Promise.reject(new Error('no')))), 'Error: no');
    assert.equal(await withLock(path, async () => 7), 7);
  });

  it('is taken over from a process that was killed', async t => {
    const root = tempFolder(t);
    const path = join(root, 'a.csv');
    const holder = run('hold', path);
    await once(holder.stdout!, 'data');
    assert.match(await failureOf(() => lockFile(path)), new RegExp(`process ${holder.pid} is writing it`));
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await (await lockFile(path)).release();
    assert.deepEqual(readdirSync(root), []);
  });

  it('is taken over if another process has the id of the killed one', async t => {
    const path = join(tempFolder(t), 'a.csv');
    leaveLock(path, processMark().replace(/-[0-9a-f]+$/, '-00000000'));
    await (await lockFile(path)).release();
  });

  it('is taken over from another machine only after its holder has been silent for long', async t => {
    const path = join(tempFolder(t), 'a.csv');
    const owner = leaveLock(path, `00000000-1-00000000`);
    assert.match(await failureOf(() => lockFile(path)), /process 1 is writing it/);
    const longAgo = Date.now() / 1000 - 600;
    utimesSync(owner, longAgo, longAgo);
    await (await lockFile(path)).release();
  });

  it('names other files in its folder', async t => {
    const root = tempFolder(t, ['.a.csv.lock/notes.txt']);
    assert.equal(
      await failureOf(() => lockFile(join(root, 'a.csv'))),
      `InputError: ${join(root, '.a.csv.lock')}: expected a lock of eyeball, got other files; remove it`,
    );
  });

  it('excludes processes from each other, also while some of them are killed', async t => {
    const root = tempFolder(t, { count: '0' });
    const path = join(root, 'count');
    const times = 60;
    const steady = [run('count', path, `${times}`), run('count', path, `${times}`)];
    const ends = steady.map(child => once(child, 'exit'));
    let killed = 0;
    for (let round = 0; round < 3; round++) {
      const victim = run('count', path, '1000000');
      while (victim.lines() < 5) await once(victim.stdout!, 'data');
      victim.kill('SIGKILL');
      await once(victim, 'close');
      killed += victim.lines();
    }
    assert.deepEqual((await Promise.all(ends)).flat(), [0, null, 0, null]);
    const total = Number(readFileSync(path, 'utf8'));
    // A killed one may have written a number that it did not print any more.
    assert.ok(total >= 2 * times + killed && total <= 2 * times + killed + 3, `${total}, ${killed} by killed ones`);
    await (await lockFile(path)).release();
    const left = readdirSync(root).filter(name => name !== 'count.new');
    assert.deepEqual(left, ['count']);
  });
});
