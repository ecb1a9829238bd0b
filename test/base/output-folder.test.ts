import assert from 'node:assert/strict';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createOutputFolder } from '../../src/base/output-folder.js';
import { failureOf, tempFolder } from '../data/temp.js';

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
    assert.deepEqual(readdirSync(join(root, 'deep')), ['out']);
    assert.deepEqual(readdirSync(path).sort(), ['a.txt', 'pages']);
    assert.equal(readFileSync(join(path, 'a.txt'), 'utf8'), 'one');
    assert.deepEqual([...readFileSync(join(path, 'pages/b.bin'))], [1, 2, 3]);
  });

  it('leaves nothing behind after discard', async t => {
    const root = tempFolder(t);
    const folder = await createOutputFolder(join(root, 'out'), fresh);
    await folder.write('a.txt', 'one');
    await folder.discard();
    await folder.discard();
    assert.deepEqual(readdirSync(root), []);
  });

  it('keeps what was committed when it is discarded afterwards', async t => {
    const root = tempFolder(t);
    const folder = await createOutputFolder(join(root, 'out'), fresh);
    await folder.write('a.txt', 'one');
    await folder.commit();
    await folder.discard();
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
    }
    const contents = ['out', 'out.old-1', 'out.old-2'].map(name => readFileSync(join(root, name, 'n.txt'), 'utf8'));
    assert.deepEqual(contents, ['2', '0', '1']);
    assert.equal(readdirSync(root).length, 3);
  });

  it('needs no force where nothing is there, and says that nothing was moved', async t => {
    const folder = await createOutputFolder(join(tempFolder(t), 'out'), { force: true });
    assert.equal(await folder.commit(), undefined);
  });

  it('refuses a path below a file before any work is done', async t => {
    const root = tempFolder(t, { file: 'x' });
    const path = join(root, 'file', 'out');
    assert.match(
      await failureOf(() => createOutputFolder(path, fresh)),
      new RegExp(`^InputError: ${path}: expected a folder that can be written, got "ENOTDIR: [^\n]*"$`),
    );
    assert.deepEqual(readdirSync(root), ['file']);
  });

  it('fails as an input error when the place is taken away on the way', async t => {
    const root = tempFolder(t);
    const path = join(root, 'out');
    const folder = await createOutputFolder(path, fresh);
    await folder.write('a', 'file');
    const text = new RegExp(`^InputError: ${path}: expected a folder that can be written, got "`);
    assert.match(await failureOf(() => folder.write('a/b', 'below a file')), text);
    // A link to nowhere does not count as existing, and a folder cannot take its place.
    symlinkSync(join(root, 'nowhere'), path);
    assert.match(await failureOf(() => folder.commit()), text);
    await folder.discard();
    assert.deepEqual(readdirSync(root), ['out']);
  });

  it('removes what killed processes left where it is alone, and nothing of others', async t => {
    const left = '.out.0123abcd.partial/stale.txt';
    const others = ['.out.notes.partial', '.other.0123abcd.partial', 'out.0123abcd.partial'];
    const root = tempFolder(t, [left, ...others]);
    await (await createOutputFolder(join(root, 'out'), fresh)).commit();
    assert.ok(readdirSync(root).includes('.out.0123abcd.partial'));
    await (await createOutputFolder(join(root, 'out'), { force: true, alone: true })).discard();
    assert.deepEqual(readdirSync(root).sort(), [...others, 'out'].sort());
  });

  it('starts anew where a killed process of the same id left its half', async t => {
    const root = tempFolder(t, { [`.out.${process.pid}.partial/stale.txt`]: 'x' });
    const folder = await createOutputFolder(join(root, 'out'), fresh);
    await folder.commit();
    assert.deepEqual(readdirSync(join(root, 'out')), []);
  });
});
