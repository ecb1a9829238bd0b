import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createOutputFolder, recoverFolder } from '../../src/base/output-folder.js';
import { processMark } from '../../src/base/process-mark.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

const fresh = { force: false };

describe('createOutputFolder', () => {
  it('puts files in place on commit and not before, sub-folders included', async t => {
    const root = tempFolder(t);
    const path = join(root, 'deep', 'out');
    const folder = await createOutputFolder(path, fresh);
    assert.equal(folder.path, path);
    await folder.write('a.txt', 'one');
    await folder.write('pages/b.bin', Uint8Array.of(1, 2, 3));
    assert.ok(!readdirSync(join(root, 'deep')).includes('out'));
    assert.equal(await folder.commit(), undefined);
    await folder.close();
    assert.deepEqual(readdirSync(join(root, 'deep')), ['out']);
    assert.deepEqual(readdirSync(path).sort(), ['a.txt', 'pages']);
    assert.equal(readFileSync(join(path, 'a.txt'), 'utf8'), 'one');
    assert.deepEqual([...readFileSync(join(path, 'pages/b.bin'))], [1, 2, 3]);
  });

  it('removes everything if it is closed without commit', async t => {
    const root = tempFolder(t);
    const folder = await createOutputFolder(join(root, 'out'), fresh);
    await folder.write('a.txt', 'one');
    await folder.close();
    await folder.close();
    assert.deepEqual(readdirSync(root), []);
  });

  it('keeps what was committed when it is closed afterwards', async t => {
    const root = tempFolder(t);
    const folder = await createOutputFolder(join(root, 'out'), fresh);
    await folder.write('a.txt', 'one');
    await folder.commit();
    await folder.close();
    assert.deepEqual(readdirSync(join(root, 'out')), ['a.txt']);
  });

  it('refuses a path that exists, and changes nothing', async t => {
    const root = tempFolder(t, { 'out/old.txt': 'old', file: 'x' });
    for (const name of ['out', 'file']) {
      const path = join(root, name);
      assert.equal(
        await failureOf(() => createOutputFolder(path, fresh)),
        `InputError: ${path}: expected a new folder, got one that exists; choose another, or add \`force: true\` to move it aside`,
      );
    }
    assert.deepEqual(readdirSync(root).sort(), ['file', 'out']);
  });

  it('moves older ones aside with force, each to a name of its own', async t => {
    const root = tempFolder(t, { 'out/n.txt': '0' });
    const path = join(root, 'out');
    for (const round of [1, 2]) {
      const folder = await createOutputFolder(path, { force: true });
      assert.deepEqual(readFileSync(join(path, 'n.txt'), 'utf8'), `${round - 1}`, 'until commit the old one stays');
      await folder.write('n.txt', `${round}`);
      assert.equal(await folder.commit(), `${path}.old-${round}`);
      await folder.close();
    }
    const contents = ['out', 'out.old-1', 'out.old-2'].map(name => readFileSync(join(root, name, 'n.txt'), 'utf8'));
    assert.deepEqual(contents, ['2', '0', '1']);
    assert.equal(readdirSync(root).length, 3);
  });

  it('needs no force without an existing folder, and reports that nothing was moved', async t => {
    const folder = await createOutputFolder(join(tempFolder(t), 'out'), { force: true });
    assert.equal(await folder.commit(), undefined);
    await folder.close();
  });

  it('refuses a path below a file before any work is done', async t => {
    const root = tempFolder(t, { file: 'x' });
    const path = join(root, 'file', 'out');
    assert.match(
      await failureOf(() => createOutputFolder(path, fresh)),
      new RegExp(`^InputError: ${path}: expected a folder that can be written, got "(ENOTDIR|EEXIST): [^\n]*"$`),
    );
    assert.deepEqual(readdirSync(root), ['file']);
  });

  it('fails with an input error if its path becomes unusable meanwhile', async t => {
    const root = tempFolder(t);
    const path = join(root, 'out');
    const folder = await createOutputFolder(path, fresh);
    await folder.write('a', 'file');
    const text = new RegExp(`^InputError: ${path}: expected a folder that can be written, got "`);
    assert.match(await failureOf(() => folder.write('a/b', 'below a file')), text);
    // A link to nowhere does not count as existing, and a folder cannot take its place.
    symlinkSync(join(root, 'nowhere'), path);
    assert.match(await failureOf(() => folder.commit()), text);
    await folder.close();
    assert.deepEqual(readdirSync(root), ['out']);
  });

  it('removes what killed processes left beside it, and nothing of running ones and of others', async t => {
    const killed = processMark().replace(/-[0-9a-f]+$/, '-00000000');
    const left = `.eyeball-${killed}-0123abcd.partial/stale.txt`;
    const others = [
      `.eyeball-${processMark()}-0123abcd.partial`,
      '.eyeball-00000000-1-00000000-0123abcd.partial',
      '.eyeball-notes.partial',
      'out.0123abcd.partial',
    ];
    const root = tempFolder(t, [left, ...others]);
    const folder = await createOutputFolder(join(root, 'out'), fresh);
    await folder.commit();
    await folder.close();
    assert.deepEqual(readdirSync(root).sort(), [...others, 'out'].sort());
  });

  it('is one at a time, in place or not', async t => {
    const root = tempFolder(t);
    const path = join(root, 'out');
    const first = await createOutputFolder(path, fresh);
    const text = `InputError: ${path}: process ${process.pid} is writing it; wait until that has ended, or stop it`;
    assert.equal(await failureOf(() => createOutputFolder(path, { force: true })), text);
    await first.commit();
    assert.equal(await failureOf(() => createOutputFolder(path, { force: true })), text);
    await first.close();
    await (await createOutputFolder(path, { force: true })).close();
    assert.deepEqual(readdirSync(root), ['out']);
  });

  it('puts results into a folder in place of files of the same names, and leaves the others', async t => {
    const root = tempFolder(t, { 'out/a.txt': 'old', 'out/notes.txt': 'mine', 'out/pages/c.txt': 'mine' });
    const folder = await createOutputFolder(join(root, 'out'), { merge: true });
    await folder.write('a.txt', 'new');
    await folder.write('pages/b.txt', 'new');
    assert.equal(await folder.commit(), undefined);
    await folder.close();
    assert.deepEqual(readdirSync(root), ['out']);
    const content = (name: string) => readFileSync(join(root, 'out', name), 'utf8');
    assert.deepEqual(['a.txt', 'pages/b.txt', 'notes.txt', 'pages/c.txt'].map(content), ['new', 'new', 'mine', 'mine']);
  });

  it('restores the older folder if the new one cannot replace it', async t => {
    const root = tempFolder(t, { 'out/n.txt': 'old' });
    const path = join(root, 'out');
    const folder = await createOutputFolder(path, { force: true });
    await folder.write('n.txt', 'new');
    const { rename } = fs;
    // The disk fails when the new folder is moved to its place, the last of three moves.
    t.mock.method(fs, 'rename', (from: string, to: string) =>
      to === path && from.endsWith('.replacement') ? Promise.reject(new Error('disk failure')) : rename(from, to),
    );
    syncBuiltinESMExports();
    const text = `InputError: ${path}: expected a folder that can be written, got "disk failure"`;
    assert.equal(await failureOf(() => folder.commit()), text);
    t.mock.restoreAll();
    syncBuiltinESMExports();
    await folder.close();
    assert.deepEqual(readdirSync(root), ['out']);
    assert.equal(readFileSync(join(path, 'n.txt'), 'utf8'), 'old');
  });

  it('has every file and folder on disk before the new folder takes its place, and its name after', {
    skip: process.platform !== 'linux',
  }, async t => {
    const root = realpathSync(tempFolder(t));
    const handle = await fs.open(root);
    const prototype = Object.getPrototypeOf(handle) as { sync(): Promise<void> };
    await handle.close();
    const { sync } = prototype;
    const synced: string[] = [];
    t.mock.method(prototype, 'sync', function (this: FileHandle) {
      const isDone = existsSync(join(root, 'out'));
      const path = readlinkSync(`/proc/self/fd/${this.fd}`).slice(root.length);
      synced.push(`${isDone ? 'after' : 'before'} ${path.replace(/^\/\.eyeball-[^/]*/, '/partial')}`);
      return sync.call(this);
    });
    const folder = await createOutputFolder(join(root, 'out'));
    await folder.write('a.txt', 'one');
    await folder.write('deep/er/b.txt', 'two');
    await folder.commit();
    await folder.close();
    assert.deepEqual(synced.sort(), [
      'after ',
      'before /partial',
      'before /partial/a.txt',
      'before /partial/deep',
      'before /partial/deep/er',
      'before /partial/deep/er/b.txt',
    ]);
    synced.length = 0;
    const more = await createOutputFolder(join(root, 'out'), { merge: true });
    await more.write('deep/c.txt', 'three');
    await more.write('deep/new/d.txt', 'four');
    await more.commit();
    await more.close();
    // Those where names were added: "new" in "deep", and "d.txt" in "new".
    for (const folder of ['/out/deep', '/out/deep/new']) assert.ok(synced.includes(`after ${folder}`), `${synced}`);
    synced.length = 0;
    const top = await createOutputFolder(join(root, 'out'), { merge: true });
    await top.write('further/e.txt', 'five');
    await top.commit();
    await top.close();
    for (const folder of ['/out', '/out/further']) assert.ok(synced.includes(`after ${folder}`), `${synced}`);
  });
});

describe('a process that is killed while it commits', () => {
  const PROGRAM = fileURLToPath(new URL('output-folder-killed.js', import.meta.url));
  const killedAt = async (path: string, mode: string, move: number): Promise<boolean> => {
    const child = spawn(process.execPath, [PROGRAM, path, mode, `${move}`], { stdio: 'inherit' });
    const [code, signal] = await once(child, 'exit');
    assert.ok(code === 0 || signal === 'SIGKILL', `${code} ${signal}`);
    return signal === 'SIGKILL';
  };

  it('leaves the older folder or the new one, whole, and nothing else after the next run', async t => {
    let states = '';
    for (let move = 0, wasKilled = true; wasKilled; move++) {
      const root = tempFolder(t, { 'out/a.txt': 'old', 'out/b.txt': 'old' });
      const path = join(root, 'out');
      wasKilled = await killedAt(path, 'force', move);
      const isBack = await recoverFolder(path);
      const content = (folder: string) =>
        ['a.txt', 'b.txt'].map(name => readFileSync(join(root, folder, name), 'utf8')).join();
      states += `${content('out')}${isBack ? ' recovered' : ''}; `;
      await (await createOutputFolder(path, { force: true })).close();
      assert.deepEqual(readdirSync(root), content('out') === 'new,new' ? ['out', 'out.old-1'] : ['out'], `${move}`);
      if (existsSync(`${path}.old-1`)) assert.equal(content('out.old-1'), 'old,old');
    }
    // The moves: of the lock, of the new folder to the side, of the older one aside, of the new one into place.
    assert.equal(states, 'old,old; old,old; old,old; new,new recovered; new,new; ');
  });

  it('leaves other files where they are while it merges, and the next run ends the merge', async t => {
    let states = '';
    for (let move = 0, wasKilled = true; wasKilled; move++) {
      const root = tempFolder(t, { 'out/a.txt': 'old', 'out/b.txt': 'old', 'out/notes.txt': 'mine' });
      const path = join(root, 'out');
      wasKilled = await killedAt(path, 'merge', move);
      const content = () => ['a.txt', 'b.txt'].map(name => readFileSync(join(path, name), 'utf8')).join();
      assert.equal(readFileSync(join(path, 'notes.txt'), 'utf8'), 'mine');
      await (await createOutputFolder(path, { merge: true })).close();
      states += `${content()}; `;
      assert.deepEqual(readdirSync(root), ['out']);
    }
    assert.equal(states, 'old,old; old,old; new,new; new,new; new,new; ');
  });
});
