import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createRandom } from '../../src/base/random.js';
import { contentHash, FeatureCache } from '../../src/features/feature-cache.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

const WIDTH = 5;
const WRITER = fileURLToPath(new URL('./cache-writer.js', import.meta.url));
const hashOf = (i: number) => contentHash(Buffer.from(`image ${i}`));
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

/** Of images 0 to `count`: those that a cache opened anew in `folder` has, whose rows must then be right. */
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

  it('never gives a row to another image, whatever byte of the index is changed', async t => {
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
      // Each adds its own, and an image that the other adds too.
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

  it('refuses rows that are not of its width, and images that it does not have', async t => {
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
      /^InputError: \S+: expected a folder for cached features, got "[^"\n]+"; choose another with `cacheDir`$/,
    );
    assert.ok(text.startsWith(`InputError: ${folder}: `), text);

    const gone = join(root, 'gone');
    const cache = await FeatureCache.open(gone, WIDTH, 'float32');
    rmSync(gone, { recursive: true });
    writeFileSync(gone, '');
    assert.match(
      await failureOf(() => append(cache, [0])),
      new RegExp(
        `^InputError: ${gone}: expected room for cached features, got "EEXIST[^\n]*"; choose another with \`cacheDir\`$`,
      ),
    );
    await cache.close();
  });

  it('goes on where its folder was removed meanwhile', async t => {
    const { folder } = await filled(t);
    const cache = await FeatureCache.open(folder, WIDTH, 'float32');
    rmSync(folder, { recursive: true });
    await append(cache, [6]);
    expectRows(cache, numbers(0, 7));
    await cache.close();
    assert.deepEqual(await found(folder, 7), [6]);
  });
});

describe('segments', () => {
  const segments = (folder: string) => readdirSync(folder).filter(name => name.endsWith('.index')).length;
  const run = async (folder: string, indices: readonly number[]) => {
    const cache = await FeatureCache.open(folder, WIDTH, 'float32');
    await append(cache, indices);
    await cache.close();
  };

  it('are joined, so that files and descriptors are few after many runs, and rows keep their bytes', async t => {
    const folder = join(tempFolder(t), 'features', 'tiny');
    // A large run first: it is not written again for each that adds a row.
    await run(folder, numbers(0, 200));
    const [large] = readdirSync(folder).filter(name => name.endsWith('.rows'));
    for (let i = 200; i < 260; i++) await run(folder, [i, 3]);
    assert.ok(segments(folder) <= 9, `${segments(folder)} segments`);
    assert.ok(readdirSync(folder).includes(large!));
    assert.deepEqual(await found(folder, 261), numbers(0, 260));
    const names = readdirSync(folder);
    assert.ok(
      names.every(name => /^[\w-]+(\.\w+)?\.(rows|index)$/.test(name)),
      `${names}`,
    );
    const bytes = Buffer.concat(
      names.filter(name => name.endsWith('.rows')).map(name => readFileSync(join(folder, name))),
    );
    const wanted = Buffer.from(rowOf(205).buffer);
    assert.ok(bytes.indexOf(wanted) >= 0 && bytes.indexOf(wanted) === bytes.lastIndexOf(wanted));
  });

  it('are not joined while they are written, and what a damaged row says is not taken over', async t => {
    const folder = join(tempFolder(t), 'tiny');
    const open = await FeatureCache.open(folder, WIDTH, 'float32');
    await append(open, [1000]);
    for (let i = 0; i < 4; i++) await run(folder, [i]);
    const damaged = readdirSync(folder).find(
      name => name.endsWith('.rows') && readFileSync(join(folder, name)).equals(Buffer.from(rowOf(2).buffer)),
    );
    writeFileSync(join(folder, damaged!), Buffer.alloc(4 * WIDTH));
    for (let i = 4; i < 30; i++) await run(folder, [i]);
    await append(open, [1001]);
    await open.close();
    assert.deepEqual(
      await found(folder, 1002),
      [...numbers(0, 30), 1000, 1001].filter(i => i !== 2),
    );
  });

  it('lose no row to processes that write, join and are killed at the same time', async t => {
    const folder = join(tempFolder(t), 'features', 'tiny');
    const random = createRandom(0, 'kills');
    const added: number[] = [];
    const write = async (first: number, last: number, killAfter?: number) => {
      const child = spawn(process.execPath, [WRITER, folder, `${first}`, `${last}`]);
      let lines = 0;
      for await (const line of createInterface(child.stdout)) {
        added.push(Number(line));
        if (++lines === killAfter) child.kill('SIGKILL');
      }
    };
    await Promise.all([
      write(0, 60),
      write(1000, 1060),
      (async () => {
        for (let round = 2; round < 7; round++) await write(1000 * round, 1e9, 3 + random.integer(20));
      })(),
    ]);
    const cache = await FeatureCache.open(folder, WIDTH, 'float32');
    const lost = added.filter(i => !cache.has(hashOf(i)));
    assert.deepEqual(lost, []);
    const rows = cache.rows(added.map(hashOf)).read(added.map((_, at) => at));
    added.forEach((i, at) => {
      assert.deepEqual([...rows.subarray(at * WIDTH, (at + 1) * WIDTH)], [i, i + 1, i + 2, i + 3, i + 4]);
    });
    await cache.close();
    assert.ok(segments(folder) <= 9, `${segments(folder)} segments`);
    const rest = readdirSync(join(folder, '..')).concat(readdirSync(folder).filter(name => name.startsWith('.')));
    assert.deepEqual(rest, ['tiny'], 'nothing else is left');
  });
});
