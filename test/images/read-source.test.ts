import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readNamedSource, readSource } from '../../src/images/read-source.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

describe('the bytes of an image', () => {
  it('are those of the file, of a pipe, or given', async t => {
    const bytes = randomBytes(200_000);
    const root = tempFolder(t, { 'a.jpg': bytes, 'empty.jpg': '' });
    assert.deepEqual(Buffer.from(await readSource(join(root, 'a.jpg'))), bytes);
    assert.equal((await readSource(join(root, 'empty.jpg'))).length, 0);
    assert.equal(await readSource(bytes), bytes);
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    createWriteStream(pipe).end(bytes);
    assert.deepEqual(Buffer.from(await readNamedSource(pipe)), bytes);
    assert.deepEqual(Buffer.from(await readNamedSource(join(root, 'a.jpg'))), bytes);
  });

  it('are not waited for where a data set has a pipe or a link to a device', async t => {
    const root = tempFolder(t);
    const [pipe, device] = [join(root, 'pipe.jpg'), join(root, 'device.jpg')];
    execFileSync('mkfifo', [pipe]);
    symlinkSync('/dev/zero', device);
    assert.equal(await failureOf(() => readSource(pipe)), 'InputError: expected an image, got a pipe');
    assert.equal(await failureOf(() => readSource(device)), 'InputError: expected an image, got a device');
    assert.match(await failureOf(() => readNamedSource(device)), /^InputError: expected at most 100 MB, got 101 MB$/);
  });

  it('are not there for a folder or for nothing, and it says so', async t => {
    const root = tempFolder(t);
    assert.equal(await failureOf(() => readSource(root)), 'InputError: expected an image, got a folder');
    assert.equal(
      await failureOf(() => readSource(join(root, 'none.jpg'))),
      'InputError: expected an image, got no such file',
    );
  });
});
