import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { remembered } from '../../src/base/remembered.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';

const root = temporaryFolder();
const number = (json: unknown): number => {
  if (typeof json !== 'number') throw new Error('no number');
  return json;
};

describe('what is remembered', () => {
  it('is made once', async () => {
    const path = join(root, 'once', 'n.json');
    let made = 0;
    const make = async () => ++made;
    assert.equal(await remembered(path, number, make), 1);
    assert.equal(await remembered(path, number, make), 1);
    assert.equal(readFileSync(path, 'utf8'), '1');
  });

  it('is made again where the file is cut short or says something else', async () => {
    const path = join(root, 'n.json');
    for (const text of ['', '"a"', '{']) {
      writeFileSync(path, text);
      assert.equal(await remembered(path, number, async () => 7), 7);
      assert.equal(readFileSync(path, 'utf8'), '7');
    }
  });

  it('fails as its making does, and keeps nothing then', async () => {
    const path = join(root, 'failed.json');
    await assert.rejects(
      remembered(path, number, () => Promise.reject(new Error('no'))),
      { message: 'no' },
    );
    assert.equal(await remembered(path, number, async () => 3), 3);
  });

  it('needs a place that can be written', async () => {
    const path = join(root, 'folder');
    mkdirSync(path);
    assert.equal(
      await failureOf(() => remembered(path, number, async () => 1)),
      `InputError: ${path}: expected a file that can be written, got another; --cache names a folder`,
    );
  });
});
