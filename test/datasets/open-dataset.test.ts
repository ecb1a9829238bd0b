import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { openDataset } from '../../src/datasets/open-dataset.js';
import { failureOf, tempFolder } from './temp.js';

const faces = resolve(process.env.EYEBALL_FACES ?? '../shared/data/faces');

test('a folder per number: zeros, decimals, negatives and deeper folders, in code-unit order of the paths', async t => {
  const data = tempFolder(t, [
    '10/b.jpg',
    '9/a.jpg',
    '007/x.png',
    '1.5/x',
    '1/z/y/deep.jpg',
    '1/a.jpg',
    '-3/A.jpg',
    '-0/a.jpg',
  ]);
  const dataset = await openDataset({ data });
  assert.deepEqual(dataset, {
    root: data,
    target: 'value',
    samples: [
      { file: '-0/a.jpg', label: 0 },
      { file: '-3/A.jpg', label: -3 },
      { file: '007/x.png', label: 7 },
      { file: '1.5/x', label: 1.5 }, // "." is before "/"
      { file: '1/a.jpg', label: 1 },
      { file: '1/z/y/deep.jpg', label: 1 },
      { file: '10/b.jpg', label: 10 },
      { file: '9/a.jpg', label: 9 },
    ],
    skipped: [],
  });
});

test('the root is absolute where the path is not', async t => {
  const data = tempFolder(t, ['1/a.jpg']);
  assert.equal((await openDataset({ data: relative(process.cwd(), data) })).root, data);
});

test('hidden files and folders do not count', async t => {
  const data = tempFolder(t, ['1/a.jpg', '1/._a.jpg', '1/.cache/b.jpg', '.git/x', '.DS_Store', '__MACOSX/1/a.jpg']);
  const { samples, skipped } = await openDataset({ data });
  assert.deepEqual([samples, skipped], [[{ file: '1/a.jpg', label: 1 }], []]);
});

test('files without a folder around them are skipped, files that are no images are not', async t => {
  const data = tempFolder(t, ['1/a.jpg', '1/notes.txt', 'loose.jpg', 'README.md']);
  const { samples, skipped } = await openDataset({ data });
  assert.deepEqual(
    samples.map(({ file }) => file),
    ['1/a.jpg', '1/notes.txt'],
  );
  const reason = 'expected a folder named by a number around the file, got none';
  assert.deepEqual(skipped, [
    { file: 'README.md', reason },
    { file: 'loose.jpg', reason },
  ]);
});

test('limit takes the first in path order', async t => {
  const data = tempFolder(t, ['2/a.jpg', '10/a.jpg', '10/b.jpg']);
  const { samples } = await openDataset({ data, limit: 2 });
  assert.deepEqual(
    samples.map(({ file }) => file),
    ['10/a.jpg', '10/b.jpg'],
  );
  assert.equal((await openDataset({ data, limit: 99 })).samples.length, 3);
  for (const limit of [0, -1, 1.5, Number.NaN]) {
    assert.equal(
      await failureOf(() => openDataset({ data, limit })),
      `UsageError: \`limit\`: expected a whole number of at least 1, got ${limit}`,
    );
  }
});

test('links count as what they point to, and a link back up does not go round for ever', async t => {
  const elsewhere = tempFolder(t, ['real.jpg', 'more/b.jpg']);
  const data = tempFolder(t, ['1/a.jpg']);
  symlinkSync(join(elsewhere, 'real.jpg'), join(data, '1/link.jpg'));
  symlinkSync(join(elsewhere, 'more'), join(data, '2'));
  symlinkSync(join(elsewhere, 'gone.jpg'), join(data, '1/broken.jpg'));
  symlinkSync('..', join(data, '1/up'));
  // Two folders that point at each other.
  symlinkSync(join(data, '1'), join(elsewhere, 'more/back'));
  symlinkSync(join(elsewhere, 'more'), join(data, '1/there'));
  const { samples, skipped } = await openDataset({ data });
  const twice = ['1/there/back/a.jpg', '1/there/back/link.jpg'];
  const other = ['2/back/a.jpg', '2/back/link.jpg'];
  assert.deepEqual(
    samples.map(({ file }) => file),
    ['1/a.jpg', '1/link.jpg', ...twice, '1/there/b.jpg', ...other, '2/b.jpg'].sort(),
  );
  const reasons = new Map(skipped.map(({ file, reason }) => [file, reason]));
  assert.equal(reasons.get('1/broken.jpg'), 'expected a file, got a broken link (ENOENT)');
  assert.equal(reasons.get('1/up'), 'expected a file, got a link to a folder that it lies in');
});

test('a pipe is skipped, not waited for', { skip: process.platform === 'win32' }, async t => {
  const data = tempFolder(t, ['1/a.jpg']);
  execFileSync('mkfifo', [join(data, '1/pipe.jpg')]);
  const { skipped } = await openDataset({ data });
  assert.deepEqual(skipped, [{ file: '1/pipe.jpg', reason: 'expected a file, got a pipe' }]);
});

test('a folder whose name is no number is an error that names it', async t => {
  for (const name of ['abc', 'Infinity', 'NaN', '0x10', '1e5', '1,5', '1.', '+5', '5 ']) {
    const data = tempFolder(t, ['1/a.jpg', `${name}/a.jpg`]);
    const wayOut = 'rename it, move it out, or take the numbers from the names of the files with `labelFrom: REGEX`';
    assert.equal(
      await failureOf(() => openDataset({ data })),
      `InputError: ${join(data, name)}: expected a folder named by a number, got "${name}"; ${wayOut}`,
    );
  }
});

test('many wrong folders are all counted and twenty named', async t => {
  const names = Array.from({ length: 23 }, (_, i) => `person ${i + 10}`);
  const data = tempFolder(t, ['1/a.jpg', ...names.map(name => `${name}/a.jpg`)]);
  const lines = (await failureOf(() => openDataset({ data }))).split('\n');
  assert.equal(lines[0], `InputError: ${data}: expected folders named by numbers, such as 37 or 1.5, got 23 others`);
  assert.equal(lines.length, 22);
  assert.match(lines[20]!, /person 29: expected a folder named by a number, got "person 29"/);
  assert.equal(lines[21], '  and 3 more');
});

test('the folder above the one that is meant is recognised', async t => {
  const what = 'expected folders named by numbers, such as 37 or 1.5';
  const split = tempFolder(t, ['train/1/a.jpg', 'test/1/a.jpg']);
  assert.equal(
    await failureOf(() => openDataset({ data: split })),
    `InputError: ${split}: ${what}, got "test", "train"; did you mean ${join(split, 'train')}?`,
  );
  const nested = tempFolder(t, ['archive/37/a.jpg', 'readme.txt']);
  assert.equal(
    await failureOf(() => openDataset({ data: nested })),
    `InputError: ${nested}: ${what}, got "archive"; did you mean ${join(nested, 'archive')}?`,
  );
});

test('a data set without any labelled file is an error that says what is there', async t => {
  const what = 'expected images in folders named by numbers, such as 37/x.jpg';
  const empty = tempFolder(t);
  assert.equal(
    await failureOf(() => openDataset({ data: empty })),
    `InputError: ${empty}: ${what}, got an empty folder`,
  );
  const hollow = tempFolder(t, ['1/', '2/']);
  assert.equal(
    await failureOf(() => openDataset({ data: hollow })),
    `InputError: ${hollow}: ${what}, got 2 folders without any file`,
  );
  const flat = tempFolder(t, ['b.jpg', 'a.jpg']);
  assert.equal(
    await failureOf(() => openDataset({ data: flat })),
    `InputError: ${flat}: ${what}, got 2 files and no folder, for example a.jpg; sort them into folders, ` +
      'add a metadata.csv, or take the numbers from their names with `labelFrom: REGEX`',
  );
  const named = tempFolder(t, ['a.jpg', 'labels.csv']);
  assert.equal(
    await failureOf(() => openDataset({ data: named })),
    `InputError: ${named}: ${what}, got 2 files and no folder, for example a.jpg; did you mean ${join(named, 'labels.csv')}?`,
  );
});

test('a path where nothing is, or nothing usable, is named', async t => {
  const data = join(tempFolder(t), 'gone');
  const what = 'expected a folder of images or a table of labels';
  assert.equal(
    await failureOf(() => openDataset({ data })),
    `InputError: ${data}: ${what}, got nothing there; check the path`,
  );
  assert.equal(
    await failureOf(() => openDataset({ data: '' })),
    `InputError: : ${what}, got nothing there; check the path`,
  );
  if (existsSync('/dev/null')) {
    assert.equal(
      await failureOf(() => openDataset({ data: '/dev/null' })),
      `InputError: /dev/null: ${what}, got neither a file nor a folder`,
    );
  }
});

test('a folder that cannot be read is an error, not an empty one', async t => {
  const data = tempFolder(t, ['1/a.jpg', '2/b.jpg']);
  if (process.getuid?.() === 0 || process.platform === 'win32') return t.skip('this user may read every folder');
  chmodSync(join(data, '2'), 0);
  const failure = await failureOf(() => openDataset({ data }));
  chmodSync(join(data, '2'), 0o755);
  assert.equal(
    failure,
    `InputError: ${join(data, '2')}: expected a folder that can be read, got no permission to read it (EACCES); change its permissions`,
  );
});

test('labelFrom takes the number from the base name: first group, else the whole match', async t => {
  const data = tempFolder(t, ['37_0_1.jpg', 'deep/4_x_9.jpg', 'deep/77.jpg.txt', 'x_y.jpg', '.8_hidden.jpg']);
  const grouped = await openDataset({ data, labelFrom: '^(\\d+)_' });
  assert.equal(grouped.target, 'value');
  assert.deepEqual(grouped.samples, [
    { file: '37_0_1.jpg', label: 37 },
    { file: 'deep/4_x_9.jpg', label: 4 },
  ]);
  const reason = 'expected a name that matches /^(\\d+)_/, got another';
  assert.deepEqual(grouped.skipped, [
    { file: 'deep/77.jpg.txt', reason },
    { file: 'x_y.jpg', reason },
  ]);
  const whole = await openDataset({ data, labelFrom: '\\d+(?=\\.jpg)' });
  assert.deepEqual(
    whole.samples.map(({ label }) => label),
    [1, 9, 77],
  );
});

test('labelFrom skips names whose match is no number', async t => {
  const data = tempFolder(t, ['age-12.jpg', 'age--1.5.jpg', 'age-old.jpg', 'age.jpg']);
  const { samples, skipped } = await openDataset({ data, labelFrom: '^age(?:-(.+))?\\.jpg$' });
  assert.deepEqual(samples, [
    { file: 'age--1.5.jpg', label: -1.5 },
    { file: 'age-12.jpg', label: 12 },
  ]);
  const by = 'expected a number in the name by /^age(?:-(.+))?\\.jpg$/, got';
  assert.deepEqual(skipped, [
    { file: 'age-old.jpg', reason: `${by} "old"` },
    { file: 'age.jpg', reason: `${by} ""` },
  ]);
});

test('labelFrom that cannot be meant is refused', async t => {
  const data = tempFolder(t, ['1/abc.jpg']);
  assert.match(
    await failureOf(() => openDataset({ data, labelFrom: '(' })),
    /^UsageError: `labelFrom`: expected a regular expression, got "\(" \(Invalid regular expression: .*\)$/,
  );
  assert.equal(
    await failureOf(() => openDataset({ data, labelFrom: '^(\\d+)_' })),
    `InputError: ${data}: expected files whose names give a number by /^(\\d+)_/, got names such as "abc.jpg"; mend \`labelFrom\``,
  );
  const file = join(data, '1/abc.jpg');
  assert.equal(
    await failureOf(() => openDataset({ data: file, labelFrom: 'x' })),
    `UsageError: \`labelFrom\`: expected a folder of images, got the file ${file}`,
  );
});

test('a target names the number where no column does', async t => {
  const data = tempFolder(t, ['1/7_a.jpg']);
  assert.equal((await openDataset({ data })).target, 'value');
  assert.equal((await openDataset({ data, target: 'age' })).target, 'age');
  assert.equal((await openDataset({ data, target: 'age', labelFrom: '^\\d+' })).target, 'age');
});

test('an aborted signal stops it', async t => {
  const data = tempFolder(t, ['1/a.jpg']);
  assert.equal(
    await failureOf(() => openDataset({ data, signal: AbortSignal.abort() })),
    'AbortedError: stopped before the end',
  );
});

test('5,000 files in 50 folders are listed in order, with the labels of their folders', async t => {
  const data = tempFolder(t);
  for (let label = 0; label < 50; label++) {
    mkdirSync(join(data, `${label}`));
    for (let i = 0; i < 100; i++) writeFileSync(join(data, `${label}/${i}.jpg`), '');
  }
  const { samples } = await openDataset({ data });
  assert.equal(samples.length, 5000);
  assert.deepEqual(
    samples,
    [...samples].sort((a, b) => (a.file < b.file ? -1 : 1)),
  );
  assert.ok(samples.every(({ file, label }) => file.startsWith(`${label}/`)));
});

test('real faces: 10,000 to train on, 1,000 to test', {
  skip: !existsSync(faces) && `no faces in ${faces}`,
}, async () => {
  const train = await openDataset({ data: join(faces, 'train') });
  const test = await openDataset({ data: join(faces, 'test') });
  assert.deepEqual([train.samples.length, train.skipped.length, test.samples.length], [10000, 0, 1000]);
  // The name of each image begins with the age too.
  const named = await openDataset({ data: join(faces, 'train'), labelFrom: '^(\\d+)_' });
  assert.deepEqual(named.samples, train.samples);
});
