import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../src/images/image.js';
import { readsForTwo } from '../../src/images/shared-reads.js';
import { tempFolder } from '../datasets/temp.js';

const jpeg = (px: number): Promise<Buffer> =>
  sharp({ create: { width: px, height: px, channels: 3, background: '#a06030' } })
    .jpeg()
    .toBuffer();

describe('reads for two', () => {
  it('keep a file until the second one asks, and no longer', async t => {
    const path = join(tempFolder(t), 'a.jpg');
    writeFileSync(path, 'first');
    const read = readsForTwo();
    const bytes = await read(path);
    writeFileSync(path, 'second');
    assert.equal(await read(path), bytes);
    assert.equal(Buffer.from(await read(path)).toString(), 'second');
  });

  it('read once for two that ask at once', async t => {
    const path = join(tempFolder(t, { 'a.jpg': 'content' }), 'a.jpg');
    const read = readsForTwo();
    const [first, second] = await Promise.all([read(path), read(path)]);
    assert.equal(first, second);
    assert.equal(Buffer.from(first).toString(), 'content');
    assert.notEqual(await read(path), first);
  });

  it('tell each of the two why a file cannot be read', async t => {
    const path = join(tempFolder(t), 'a.jpg');
    const read = readsForTwo();
    const told = { message: 'expected an image, got no such file' };
    await assert.rejects(read(path), told);
    await assert.rejects(read(path), told);
    writeFileSync(path, 'there');
    assert.equal(Buffer.from(await read(path)).toString(), 'there');
  });

  it('decode a small JPEG once, to what others see', async t => {
    const folder = tempFolder(t);
    const [path, size] = [join(folder, 'a.jpg'), { width: 24, height: 24 }];
    writeFileSync(path, await jpeg(24));
    const read = readsForTwo();
    const pixels = await decodeImage(await read(path), size);
    const bytes = await read(path);
    assert.equal(await decodeImage(bytes, size), pixels);
    // In another size it is another image; too small a size is sharp's.
    for (const px of [48, 12]) {
      const other = { width: px, height: px };
      assert.deepEqual(await decodeImage(bytes, other), await decodeImage(await jpeg(24), other));
    }
    rmSync(path);
    const alone = await jpeg(24);
    assert.deepEqual(await decodeImage(alone, size), pixels);
    assert.notEqual(await decodeImage(alone, size), await decodeImage(alone, size));
  });

  it('hold 64 MB, whether files are read one by one or at once', async t => {
    const folder = tempFolder(t);
    const paths = Array.from({ length: 80 }, (_, i) => join(folder, `${i}`));
    for (const path of paths) writeFileSync(path, new Uint8Array(2 ** 20));
    const read = readsForTwo();
    const oneByOne = async () => {
      const all: Uint8Array[] = [];
      for (const path of paths) all.push(await read(path));
      return all;
    };
    const atOnce = () => Promise.all(paths.map(path => read(path)));
    // What was read again is not kept: there is room for 64 each time.
    for (const readAll of [oneByOne, atOnce, oneByOne]) {
      const first = await readAll();
      const second = await oneByOne();
      assert.equal(second.filter((bytes, i) => bytes === first[i]).length, 64);
    }
  });
});
