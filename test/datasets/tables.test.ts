import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDataset } from '../../src/datasets/open-dataset.js';
import { failureOf, tempFolder } from './temp.js';

function writeTable(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('a folder with metadata.csv is the imagefolder form', async t => {
  const metadata = 'file_name,caption,age\nsub/b.png,"hello, you",41.5\na.png,,3\n';
  const data = tempFolder(t, { 'metadata.csv': metadata, 'a.png': '', 'sub/b.png': '', 'unnamed.png': '' });
  assert.deepEqual(await openDataset({ data }), {
    root: data,
    target: 'age',
    samples: [
      { file: 'a.png', label: 3 },
      { file: 'sub/b.png', label: 41.5, columns: { caption: 'hello, you' } },
    ],
    skipped: [],
  });
});

test('a folder with metadata.jsonl is too, and columns are all keys met', async t => {
  const metadata =
    '\ufeff{"file_name":"a.png"  ,"tags":["x"],"age":"37"}\r\n\r\n{"age":-1e1,"file_name":"b.png","extra":null}';
  const data = tempFolder(t, { 'metadata.jsonl': metadata, 'a.png': '', 'b.png': '' });
  const { target, samples } = await openDataset({ data });
  assert.deepEqual(
    [target, samples],
    [
      'age',
      [
        { file: 'a.png', label: 37, columns: { tags: '["x"]' } },
        { file: 'b.png', label: -10 },
      ],
    ],
  );
});

test('the other columns of a row are kept as text, without their holes', async t => {
  const rows = [
    '{"file_name":"a.png","age":1,"group":7,"smiles":true,"camera":" X1 ","note":""}',
    '{"file_name":"b.png","age":2,"__proto__":"own","camera":null}',
    '{"file_name":"a.png","age":1,"camera":"another"}',
  ];
  const data = tempFolder(t, { 'metadata.jsonl': rows.join('\n'), 'a.png': '', 'b.png': '' });
  const [a, b] = (await openDataset({ data })).samples;
  assert.deepEqual(a!.columns, { group: '7', smiles: 'true', camera: 'X1' });
  assert.deepEqual(Object.entries(b!.columns!), [['__proto__', 'own']]);
});

test('a column of groups is not taken for the number to learn', async t => {
  const table = 'file_name,group,age\na.png,12,30\n';
  const data = tempFolder(t, { 'metadata.csv': table, 'a.png': '' });
  const { target, samples } = await openDataset({ data });
  assert.deepEqual([target, samples[0]!.columns], ['age', { group: '12' }]);
});

test('two tables in one folder are refused', async t => {
  const data = tempFolder(t, { 'metadata.csv': 'file_name,age\na,1', 'metadata.jsonl': '{}' });
  assert.equal(
    await failureOf(() => openDataset({ data })),
    `InputError: ${data}: expected one table of labels, got metadata.csv and metadata.jsonl; give ${join(data, 'metadata.csv')} itself`,
  );
});

test('several numeric columns need a target, which chooses among them', async t => {
  const table = 'file_name,id,age,sex\na.png,1,30,f\nb.png,2,n/a,m\nc.png,3,50,m\n';
  const data = tempFolder(t, { 'metadata.csv': table.replace('n/a', '40'), 'a.png': '', 'b.png': '', 'c.png': '' });
  const where = join(data, 'metadata.csv');
  assert.equal(
    await failureOf(() => openDataset({ data })),
    `InputError: ${where}: expected one numeric column, got "id", "age"; name the one to learn with \`target: NAME\``,
  );
  const { target, samples } = await openDataset({ data, target: 'age' });
  assert.deepEqual([target, samples.map(({ label }) => label)], ['age', [30, 40, 50]]);
  assert.equal(
    await failureOf(() => openDataset({ data, target: 'years' })),
    `InputError: ${where}: expected a column "years", got the columns "file_name", "id", "age", "sex"; give \`target\` one of them`,
  );
  const words = tempFolder(t, { 'metadata.csv': 'file_name,sex\na.png,f\n' });
  assert.equal(
    await failureOf(() => openDataset({ data: words })),
    `InputError: ${join(words, 'metadata.csv')}:2: expected a finite number in "sex", got "f"; mend or remove the row`,
  );
});

test('a table given itself: paths relative to it, out of its folder, absolute, in other delimiters', async t => {
  const data = tempFolder(t, ['images/a.png', 'tables/b.png', 'c.png']);
  const root = join(data, 'tables');
  for (const [name, delimiter] of [
    ['t.csv', ','],
    ['t.csv', ';'],
    ['t.tsv', '\t'],
    ['t', ','],
  ] as const) {
    const rows = [
      ['path', 'age'],
      ['../images/a.png', '1'],
      ['./b.png', '2'],
      [join(data, 'c.png'), '3'],
    ];
    writeTable(root, name, rows.map(row => row.join(delimiter)).join('\n'));
    const dataset = await openDataset({ data: join(root, name) });
    assert.equal(dataset.root, root);
    assert.deepEqual(dataset.samples, [
      { file: '../images/a.png', label: 1 },
      { file: join(data, 'c.png'), label: 3 },
      { file: 'b.png', label: 2 },
    ]);
  }
  writeTable(root, 'list', '{"file":"b.png","age":2}\n');
  assert.deepEqual((await openDataset({ data: join(root, 'list') })).samples, [{ file: 'b.png', label: 2 }]);
});

test('metadata.csv may not name files outside its folder', async t => {
  const data = tempFolder(t, {
    'metadata.csv': 'file_name,age\n../a.png,1\nx/../../b.png,2\n/etc/passwd,3\nx/../c.png,4\n',
  });
  const where = join(data, 'metadata.csv');
  const what = `expected a file inside the table's folder in "file_name"`;
  assert.deepEqual((await failureOf(() => openDataset({ data }))).split('\n'), [
    `InputError: ${where}: expected a file and a number in every row, got 3 faults`,
    `  ${where}:2: ${what}, got "../a.png"; mend or remove the row`,
    `  ${where}:3: ${what}, got "../b.png"; mend or remove the row`,
    `  ${where}:4: ${what}, got "/etc/passwd"; mend or remove the row`,
  ]);
});

test('bad rows are all reported with their physical lines', async t => {
  const lines = [
    '\ufeff"file","note",age', //            1
    'a.png,"two', //                         2
    'lines ""quoted""",1', //                3
    '', //                                   4
    'b.png,,n/a', //                         5
    ',,7', //                                6
    'c.png,8', //                            7
    'd.png,x,y,9', //                        8
    '"e.png","one', //                       9
    'two', //                                10
    'three",NaN', //                         11
    'f.png,,1e999', //                       12
    'g.png,,', //                            13
    'h.png,, 5 ', //                         14
  ];
  for (const end of ['\n', '\r\n', '\r']) {
    const data = tempFolder(t, { 'labels.csv': lines.join(end) });
    const where = join(data, 'labels.csv');
    const mend = 'mend or remove the row';
    const skip = `${mend}, or skip such rows with \`skipMissing\``;
    assert.deepEqual((await failureOf(() => openDataset({ data: where, target: 'age' }))).split('\n'), [
      `InputError: ${where}: expected a file and a number in every row, got 7 faults`,
      `  ${where}:5: expected a finite number in "age", got "n/a"; ${skip}`,
      `  ${where}:6: expected a file's name in "file", got ""; ${mend}`,
      `  ${where}:7: expected 3 fields as in the header, got 2; ${mend}`,
      `  ${where}:8: expected 3 fields as in the header, got 4; ${mend}`,
      `  ${where}:9: expected a finite number in "age", got "NaN"; ${skip}`,
      `  ${where}:12: expected a finite number in "age", got "1e999", which is beyond the range of 32-bit floats; ${mend}`,
      `  ${where}:13: expected a finite number in "age", got ""; ${skip}`,
    ]);
  }
});

test('one bad row is reported by itself and does not hide the numeric column', async t => {
  const data = tempFolder(t, { 'labels.csv': 'file,age\na.png,1\nb.png,?\nc.png,3\n' });
  const where = join(data, 'labels.csv');
  assert.equal(
    await failureOf(() => openDataset({ data: where })),
    `InputError: ${where}:3: expected a finite number in "age", got "?"; mend or remove the row, or skip such rows with \`skipMissing\``,
  );
});

test('twenty bad rows are named and the rest counted', async t => {
  const rows = Array.from({ length: 30 }, (_, i) => `${i}.png,${i < 25 ? 'bad' : i}`);
  const data = tempFolder(t, { 'labels.csv': `file,age\n${rows.join('\n')}` });
  const text = await failureOf(() => openDataset({ data: join(data, 'labels.csv'), target: 'age' }));
  assert.equal(text.split('\n').length, 22);
  assert.match(text, /got 25 faults\n[\s\S]*labels\.csv:21: [^\n]*\n {2}and 5 more$/);
});

test('lines of JSON that are no objects are reported', async t => {
  const data = tempFolder(t, { 'l.jsonl': '{"file":"a","age":1}\nnonsense\n[1]\n{"file":"b"}\n{"file":5,"age":true}' });
  const where = join(data, 'l.jsonl');
  assert.deepEqual((await failureOf(() => openDataset({ data: where, target: 'age' }))).split('\n'), [
    `InputError: ${where}: expected a file and a number in every row, got 5 faults`,
    `  ${where}:2: expected one JSON object, got "nonsense"; mend or remove the line`,
    `  ${where}:3: expected one JSON object, got "[1]"; mend or remove the line`,
    `  ${where}:4: expected a finite number in "age", got nothing; mend or remove the row, or skip such rows with \`skipMissing\``,
    `  ${where}:5: expected a file's name in "file", got 5; mend or remove the row`,
    `  ${where}:5: expected a finite number in "age", got true; mend or remove the row`,
  ]);
});

test('a file named twice is one sample, or an error where the numbers differ', async t => {
  const data = tempFolder(t, { 'same.csv': 'file,age\na.png,1\n./a.png,1.0\n', 'a.png': '' });
  const { samples } = await openDataset({ data: join(data, 'same.csv') });
  assert.deepEqual(samples, [{ file: 'a.png', label: 1 }]);
  const where = writeTable(data, 'other.csv', 'file,age\na.png,1\nb.png,2\na.png,3\n');
  assert.equal(
    await failureOf(() => openDataset({ data: where })),
    `InputError: ${where}:4: expected 1 for "a.png" again, as in line 2, got 3; mend or remove the row`,
  );
});

test('files that do not exist are skipped with the reason; none at all is an error', async t => {
  const table = 'file,age\na.png,1\ngone.png,2\nno/where.png,3\nfolder,4\na.png/x,5\nlink.png,6\n';
  const data = tempFolder(t, { 'l.csv': table, 'a.png': '', 'folder/x': '' });
  symlinkSync(join(data, 'a.png'), join(data, 'link.png'));
  const { samples, skipped } = await openDataset({ data: join(data, 'l.csv') });
  assert.deepEqual(samples, [
    { file: 'a.png', label: 1 },
    { file: 'link.png', label: 6 },
  ]);
  assert.deepEqual(skipped, [
    { file: 'a.png/x', reason: 'expected a file, got ENOTDIR' },
    { file: 'folder', reason: 'expected a file, got a folder' },
    { file: 'gone.png', reason: 'expected a file, got nothing there' },
    { file: 'no/where.png', reason: 'expected a file, got nothing there' },
  ]);
  const where = writeTable(data, 'none.csv', 'file,age\nx.png,1\n');
  assert.equal(
    await failureOf(() => openDataset({ data: where })),
    `InputError: ${where}: expected files with a number that exist in ${data}, got none, for example "x.png": expected a file, got nothing there; mend the paths or move the table`,
  );
});

test('a file that is no table is refused with what is wrong about it', async t => {
  const data = tempFolder(t);
  const failures: [string, string | Uint8Array, string][] = [
    ['e.csv', '', ': expected a table of labels, got an empty file'],
    ['h.csv', 'file,age\n', ': expected rows below the header, got none'],
    [
      'c.csv',
      'name,age\nx,1\n',
      ': expected a column file_name (or file, filename, path, image, photo), got the columns "name", "age"; rename the column of file names to file_name',
    ],
    ['d.csv', 'file,age,age\nx,1,2\n', ':1: expected columns of different names, got "age" twice; rename one of them'],
    [
      'q.csv',
      'file,age\na"b,1\n',
      ':2: expected well-formed CSV, got a quote (") in the middle of a field; put the whole field in quotes and write quotes in it twice',
    ],
    [
      'o.csv',
      'file,age\n"a,1\nb,2\n',
      ':3: expected well-formed CSV, got a quote that is never closed; put the whole field in quotes and write quotes in it twice',
    ],
    [
      'a.json',
      '[{"file":"x","age":1}]',
      ': expected one JSON object a line, got a JSON array; write each of its objects on a line',
    ],
    [
      'p.jpg',
      Uint8Array.of(0xff, 0xd8, 0xff, 0xe0),
      ': expected a table of labels (CSV or JSONL), got a file of type image/jpeg; give a folder of images, or a CSV or JSONL file',
    ],
  ];
  for (const [name, content, text] of failures) {
    const where = writeTable(data, name, content);
    assert.equal(await failureOf(() => openDataset({ data: where })), `InputError: ${where}${text}`);
  }
});
