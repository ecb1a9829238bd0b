import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cachedJson } from '../../src/base/files.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';

const root = temporaryFolder();
const number = (json: unknown): number => {
  if (typeof json !== 'number') throw new Error('no number');
  return json;
};

describe('a value cached as JSON', () => {
  it('is made once', async () => {
    const path = join(root, 'once', 'n.json');
    let made = 0;
    const make = async () => ++made;
    assert.equal(await cachedJson(path, number, make), 1);
    assert.equal(await cachedJson(path, number, make), 1);
    assert.equal(readFileSync(path, 'utf8'), '1');
  });

  it('is made again if the file is truncated or has another form', async () => {
    const path = join(root, 'n.json');
    for (const text of ['', '"a"', '{']) {
      writeFileSync(path, text);
      assert.equal(await cachedJson(path, number, async () => 7), 7);
      assert.equal(readFileSync(path, 'utf8'), '7');
    }
  });

  it('is not cached if making it fails', async () => {
    const path = join(root, 'failed.json');
    await assert.rejects(
      cachedJson(path, number, () => Promise.reject(new Error('no'))),
      { message: 'no' },
    );
    assert.equal(await cachedJson(path, number, async () => 3), 3);
  });

  it('needs a path that can be written', async () => {
    const path = join(root, 'folder');
    mkdirSync(path);
    assert.match(
      await failureOf(() => cachedJson(path, number, async () => 1)),
      /^InputError: \S+folder: cannot be written: .*; choose another cache folder with `cacheDir`$/,
    );
  });
});
