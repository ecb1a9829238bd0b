import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { contentHash, FeatureCache } from '../../src/training/feature-cache.js';
import { failureOf, tempFolder } from '../data/temp.js';

const WIDTH = 5;
const hashOf = (i: number) => contentHash(Buffer.from(`picture ${i}`));
const rowOf = (i: number, width = WIDTH) => {
  const { normal } = createRandom(i, 'row');
  return Float32Array.from({ length: width }, normal);
};
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

async function append(cache: FeatureCache, indices: readonly number[]): Promise<void> {
  const rows = Float32Array.from(indices.flatMap(i => [...rowOf(i, cache.width)]));
  await cache.append(indices.map(hashOf), rows);
}

function expectRows(cache: FeatureCache, indices: readonly number[]): void {
  const rows = cache.rows(indices.map(hashOf));
  assert.deepEqual([rows.length, rows.width], [indices.length, cache.width]);
  const all = rows.read(indices.map((_, at) => at));
  indices.forEach((i, at) => {
    assert.deepEqual(all.slice(at * cache.width, (at + 1) * cache.width), rowOf(i, cache.width), `row ${i}`);
  });
}

/** Of pictures 0 to `count`: those that a cache opened anew in `folder` has, whose rows must then be right. */
async function found(folder: string, count: number, width = WIDTH): Promise<number[]> {
  const cache = await FeatureCache.open(folder, width, 'float32');
  const here = numbers(0, count).filter(i => cache.has(hashOf(i)));
  expectRows(cache, here);
  await cache.close();
  return here;
}

/** A closed cache with `count` rows, written in two pieces. */
async function filled(t: TestContext, count = 6): Promise<{ folder: string; index: string; rows: string }> {
  const folder = join(tempFolder(t), 'features', 'tiny');
  const cache = await FeatureCache.open(folder, WIDTH, 'float32');
  await append(cache, numbers(0, 2));
  await append(cache, numbers(2, count));
  await cache.close();
  const segment = (end: string) => join(folder, readdirSync(folder).find(name => name.endsWith(end))!);
  return { folder, index: segment('.index'), rows: segment('.rows') };
}

describe('contentHash', () => {
  it('is the first half of the SHA-256', () => {
    assert.equal(contentHash(Buffer.from('abc')), 'ba7816bf8f01cfea414140de5dae2223');
  });
});

describe('FeatureCache', () => {
  it('has what was added, at once and when it is opened again', async t => {
    const folder = join(tempFolder(t), 'deep', 'tiny');
    const cache = await FeatureCache.open(folder, WIDTH, 'float32');
    assert.ok(!cache.has(hashOf(0)));
    await append(cache, [0, 1]);
    await append(cache, [2]);
    assert.ok(cache.has(hashOf(0)) && cache.has(hashOf(2)) && !cache.has(hashOf(3)));
    expectRows(cache, [2, 0, 1]);
    await cache.close();
    assert.deepEqual(await found(folder, 5), [0, 1, 2]);
  });

  it('reads rows in any order, many times, from several runs', async t => {
    const { folder } = await filled(t);
    const cache = await FeatureCache.open(folder, WIDTH, 'float32');
    await append(cache, [6, 7, 8]);
    expectRows(cache, [7, 3, 4, 5, 0, 8, 6, 2, 1]);
    const rows = cache.rows(numbers(0, 9).map(hashOf));
    assert.deepEqual(
      [...rows.read([8, 8, 0])],
      [8, 8, 0].flatMap(i => [...rowOf(i)]),
    );
    assert.equal(rows.read([]).length, 0);
    await cache.close();
    assert.equal(readdirSync(folder).length, 4, 'two files a run that added something');
    assert.deepEqual(await found(folder, 10), numbers(0, 9));
  });

  it('writes nothing where nothing is added', async t => {
    const { folder } = await filled(t);
    const before = readdirSync(folder);
    assert.deepEqual(await found(folder, 6), numbers(0, 6));
    assert.deepEqual(readdirSync(folder), before);
  });

  it('forgets no more than the last row of an index that was cut within a record', async t => {
    const { folder, index } = await filled(t);
    truncateSync(index, readFileSync(index).length - 7);
    assert.deepEqual(await found(folder, 6), numbers(0, 5));
  });

  it('takes every cut of index and rows for what it is', async t => {
    const { folder, index, rows } = await filled(t);
    const [wholeIndex, wholeRows] = [readFileSync(index), readFileSync(rows)];
    for (let cut = 0; cut <= wholeRows.length; cut += 3) {
      writeFileSync(rows, wholeRows.subarray(0, cut));
      assert.deepEqual(await found(folder, 6), numbers(0, Math.floor(cut / (4 * WIDTH))), `rows of ${cut} bytes`);
    }
    writeFileSync(rows, wholeRows);
    for (let cut = 0; cut <= wholeIndex.length; cut += 3) {
      writeFileSync(index, wholeIndex.subarray(0, cut));
      assert.deepEqual(await found(folder, 6), numbers(0, Math.floor(cut / 20)), `index of ${cut} bytes`);
    }
  });

  it('forgets a row with a changed byte, and adds it anew', async t => {
    const { folder, rows } = await filled(t);
    const bytes = readFileSync(rows);
    bytes[3 * 4 * WIDTH + 9]! ^= 1;
    writeFileSync(rows, bytes);
    assert.deepEqual(await found(folder, 6), [0, 1, 2, 4, 5]);

    const cache = await FeatureCache.open(folder, WIDTH, 'float32');
    assert.ok(!cache.has(hashOf(3)));
    await append(cache, [3]);
    expectRows(cache, numbers(0, 6));
    await cache.close();
  });

  it('never gives a row to another picture, whatever byte of the index is changed', async t => {
    const { folder, index } = await filled(t);
    const whole = readFileSync(index);
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x40;
      writeFileSync(index, bytes);
      assert.deepEqual(
        await found(folder, 6),
        numbers(0, 6).filter(i => i !== Math.floor(at / 20)),
      );
    }
  });

  it('lets two runs write into one folder at a time', async t => {
    const folder = join(tempFolder(t), 'tiny');
    const [first, second] = [
      await FeatureCache.open(folder, WIDTH, 'float32'),
      await FeatureCache.open(folder, WIDTH, 'float32'),
    ];
    for (let i = 0; i < 20; i += 2) {
      // Each adds its own, and a picture that the other adds too.
      await Promise.all([append(first, [i, 100]), append(second, [i + 1, 100])]);
    }
    expectRows(first, [0, 2, 18, 100]);
    expectRows(second, [1, 3, 19, 100]);
    assert.ok(!first.has(hashOf(1)), 'what the other adds is seen when it is opened next');
    await Promise.all([first.close(), second.close()]);
    assert.deepEqual(await found(folder, 20), numbers(0, 20));
    assert.equal(readdirSync(folder).length, 4);
  });

  it('keeps rows of another width apart by their folder', async t => {
    const root = tempFolder(t);
    for (const width of [3, 7]) {
      const cache = await FeatureCache.open(join(root, `w${width}`), width, 'float32');
      await append(cache, numbers(0, width));
      await cache.close();
    }
    assert.deepEqual(await found(join(root, 'w3'), 9, 3), numbers(0, 3));
    assert.deepEqual(await found(join(root, 'w7'), 9, 7), numbers(0, 7));
    assert.deepEqual(await found(join(root, 'w7'), 9, 3), [], 'nor does a wrong width find rows that it would misread');
  });

  it('refuses rows that are not of its width, and pictures that it does not have', async t => {
    const cache = await FeatureCache.open(tempFolder(t), WIDTH, 'float32');
    await assert.rejects(cache.append([hashOf(0)], new Float32Array(4)), { message: 'internal: 4 numbers for 1 rows' });
    assert.throws(() => cache.rows([hashOf(0)]), { message: `internal: no cached row for ${hashOf(0)}` });
    await cache.close();
  });

  it('is refused where its folder cannot be made or written', async t => {
    const root = tempFolder(t, { file: '' });
    const folder = join(root, 'file', 'features');
    const text = await failureOf(() => FeatureCache.open(folder, WIDTH, 'float32'));
    assert.match(
      text,
      /^InputError: \S+: expected a folder for cached features, got "[^"\n]+"; choose another with --cache$/,
    );
    assert.ok(text.startsWith(`InputError: ${folder}: `), text);

    const gone = join(root, 'gone');
    const cache = await FeatureCache.open(gone, WIDTH, 'float32');
    rmSync(gone, { recursive: true });
    assert.match(
      await failureOf(() => append(cache, [0])),
      new RegExp(
        `^InputError: ${gone}: expected room for cached features, got "ENOENT[^\n]*"; choose another with --cache$`,
      ),
    );
    await cache.close();
  });
});
