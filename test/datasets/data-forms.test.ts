import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openDataset } from '../../src/datasets/open-dataset.js';
import { decodeImage } from '../../src/images/image.js';
import { failureOf, tempFolder } from './temp.js';

const open = async (options: Parameters<typeof openDataset>[0]) => {
  const lines: string[] = [];
  const dataset = await openDataset({ ...options, onMessage: line => lines.push(line) });
  return { ...dataset, lines };
};

describe('images without a row', () => {
  it('are counted, in all of the folder of a metadata.csv', async t => {
    const files = ['a.jpg', 'b.jpg', 'deep/c.PNG', 'deep/d.webp', 'e.tif', 'notes.txt', '.hidden.jpg', '@eaDir/a.jpg'];
    const data = tempFolder(t, files);
    writeFileSync(join(data, 'metadata.csv'), 'file_name,age\na.jpg,1\n');
    const { lines, samples, skipped } = await open({ data });
    assert.deepEqual([samples.length, skipped], [1, []]);
    assert.deepEqual(lines, [
      `${join(data, 'metadata.csv')}: 4 images have no row and are not used (b.jpg, deep/c.PNG, deep/d.webp, and 1 more)`,
    ]);
  });

  it('are counted in the folders whose files a table names, and a row without a file is no image', async t => {
    const data = tempFolder(t, ['train/a.jpg', 'train/b.jpg', 'test/c.jpg']);
    writeFileSync(join(data, 'train.csv'), 'file,age\ntrain/A.jpg,1\ntrain/gone.jpg,2\n');
    const { lines } = await open({ data: join(data, 'train.csv') });
    assert.equal(lines.length, 2);
    assert.equal(lines[1], `${join(data, 'train.csv')}: 1 image has no row and is not used (train/b.jpg)`);
  });

  it('are not mentioned where there are none', async t => {
    const data = tempFolder(t, { 'a.jpg': '', 'metadata.csv': 'file_name,age\na.jpg,1\n' });
    assert.deepEqual((await open({ data })).lines, []);
  });
});

describe('a row without a number', () => {
  const table = 'file,age\na.jpg,1\nb.jpg,\nc.jpg,NaN\nd.jpg,n/a\ne.jpg,old\n';

  it('is skipped with skipMissing, and what is no number stays an error', async t => {
    const data = tempFolder(t, { 'l.csv': table, 'a.jpg': '', 'b.jpg': '', 'c.jpg': '', 'd.jpg': '', 'e.jpg': '' });
    const where = join(data, 'l.csv');
    assert.equal(
      await failureOf(() => openDataset({ data: where, skipMissing: true, target: 'age' })),
      `InputError: ${where}:6: expected a finite number in "age", got "old"; mend or remove the row`,
    );
    writeFileSync(where, table.replace('old', '5'));
    const { samples, skipped, lines } = await open({ data: where, skipMissing: true });
    assert.deepEqual(samples, [
      { file: 'a.jpg', label: 1 },
      { file: 'e.jpg', label: 5 },
    ]);
    const reason = 'expected a number in "age", got none';
    assert.deepEqual(
      skipped,
      ['b.jpg', 'c.jpg', 'd.jpg'].map(file => ({ file, reason })),
    );
    assert.deepEqual(lines, [`${where}: 3 rows have no number in "age" and are skipped`]);
  });

  it('does not hide the row of the same file that has one', async t => {
    const data = tempFolder(t, { 'l.csv': 'file,age\na.jpg,\na.jpg,3\nb.jpg,4\nb.jpg,\n', 'a.jpg': '', 'b.jpg': '' });
    const { samples, skipped } = await open({ data: join(data, 'l.csv'), skipMissing: true });
    assert.deepEqual([samples.map(({ label }) => label), skipped], [[3, 4], []]);
  });

  it('is skipped in JSON lines too', async t => {
    const rows = '{"file":"a.jpg","age":1}\n{"file":"b.jpg","age":null}\n{"file":"c.jpg"}\n';
    const data = tempFolder(t, { 'l.jsonl': rows, 'a.jpg': '', 'b.jpg': '', 'c.jpg': '' });
    const { samples, skipped } = await open({ data: join(data, 'l.jsonl'), skipMissing: true });
    assert.deepEqual([samples.length, skipped.length], [1, 2]);
  });

  it('cannot be skipped where there is no table', async t => {
    const data = tempFolder(t, ['1/a.jpg']);
    assert.equal(
      await failureOf(() => openDataset({ data, skipMissing: true })),
      `UsageError: \`skipMissing\` has no effect on ${data}, which is no table; remove it`,
    );
  });
});

describe('tables in sub-folders', () => {
  it('are read together, also in folders named by numbers', async t => {
    const data = tempFolder(t, {
      'berlin/metadata.csv': 'file_name,price\na.jpg,1\ngone.jpg,2\n',
      'berlin/a.jpg': '',
      'berlin/b.jpg': '',
      '7/metadata.jsonl': '{"file_name":"deep/a.jpg","price":3}\n',
      '7/deep/a.jpg': '',
      'rest/c.jpg': '',
    });
    const { samples, skipped, target, lines } = await open({ data });
    assert.equal(target, 'price');
    assert.deepEqual(samples, [
      { file: '7/deep/a.jpg', label: 3 },
      { file: 'berlin/a.jpg', label: 1 },
    ]);
    assert.deepEqual(skipped, [{ file: 'berlin/gone.jpg', reason: 'expected a file, got nothing there' }]);
    assert.deepEqual(lines, [
      `${join(data, 'berlin/metadata.csv')}: 1 image has no row and is not used (b.jpg)`,
      `${data}: 1 image has no row and is not used (rest/c.jpg)`,
    ]);
  });

  it('of a split are not read together', async t => {
    const data = tempFolder(t, ['train/metadata.csv', 'test/metadata.csv']);
    assert.match(await failureOf(() => openDataset({ data })), /did you mean .*train\?$/);
  });

  it('must have the same column to learn', async t => {
    const data = tempFolder(t, {
      'a/metadata.csv': 'file_name,price\na.jpg,1\n',
      'a/a.jpg': '',
      'b/metadata.csv': 'file_name,weight\na.jpg,1\n',
      'b/a.jpg': '',
    });
    assert.match(await failureOf(() => openDataset({ data })), /b.metadata\.csv: expected a column "price"/);
  });
});

/** The beginning of a tar archive with one file. */
function tar(): Buffer {
  const header = Buffer.alloc(1024);
  header.write('a.jpg');
  header.write('0000644\0', 100);
  header.write('ustar\x0000', 257);
  header.write(`${'0'.repeat(10)}1\0`, 124);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** A zip archive that stores one file. */
function zip(name: string, content = ''): Buffer {
  const head = Buffer.alloc(30);
  head.write('PK\x03\x04', 'latin1');
  head.writeUInt16LE(20, 4);
  head.writeUInt32LE(content.length, 18);
  head.writeUInt32LE(content.length, 22);
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, Buffer.from(name + content)]);
}

const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n';

describe('data that is no table', () => {
  it('is said what it is, and what to do', async t => {
    const workbook =
      '<Types><Override ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>';
    const files: [name: string, content: string | Uint8Array, said: RegExp][] = [
      ['faces.zip', zip('a.jpg', 'x'.repeat(64)), /got a ZIP archive; unpack it and give the folder$/],
      ['labels.xlsx', zip('[Content_Types].xml', workbook), /got an Excel workbook; save its sheet as "CSV UTF-8"$/],
      ['labels.csv', zip('[Content_Types].xml', workbook), /got an Excel workbook; save its sheet as "CSV UTF-8"$/],
      [
        'train.parquet',
        Buffer.from(`PAR1\x15\x04${'\0'.repeat(64)}PAR1`),
        /got a Parquet file; write its images to files/,
      ],
      ['faces.tar', tar(), /got a tar archive; unpack it \(tar -xf FILE\)/],
      ['faces.tar.gz', gzipSync(tar()), /got a(n?) [\w.]*g(zip|z) archive; unpack it/],
      ['labels.csv', POINTER, /got a Git LFS pointer; fetch the file with "git lfs pull"$/],
    ];
    for (const [name, content, said] of files) {
      const data = join(tempFolder(t, { [name]: content }), name);
      const text = await failureOf(() => openDataset({ data }));
      assert.ok(text.startsWith(`InputError: ${data}: expected a table of labels (CSV or JSONL), got `), text);
      assert.match(text, said);
    }
  });

  it('may be an image that Git LFS has not fetched', async () => {
    assert.equal(
      await failureOf(() => decodeImage(Buffer.from(POINTER), { width: 4, height: 4 })),
      'InputError: expected a photo (jpeg, png, webp, gif, tiff, avif), got a Git LFS pointer; fetch the image with "git lfs pull"',
    );
  });

  it('in a folder is named where the folder has nothing else', async t => {
    const data = tempFolder(t, ['faces.zip', 'readme.txt']);
    assert.match(
      await failureOf(() => openDataset({ data })),
      /got 2 files and no folder, for example faces\.zip; unpack faces\.zip and give the folder that comes out$/,
    );
  });
});

describe('what systems leave in folders', () => {
  const junk = ['Thumbs.db', 'THUMBS.DB', 'desktop.ini', '.DS_Store', '._a.jpg', 'ehthumbs.db'];
  const folders = [
    '@eaDir',
    '#recycle',
    '$RECYCLE.BIN',
    'System Volume Information',
    'lost+found',
    '.Trashes',
    '__MACOSX',
    '@Recycle',
    '#snapshot',
    'RECYCLER',
  ];

  it('is no data in any form', async t => {
    const files = [
      ...folders.flatMap(name => [`${name}/37/a.jpg`, `37/${name}/a.jpg`]),
      ...junk.map(name => `37/${name}`),
    ];
    const data = tempFolder(t, [...files, ...junk, '37/1_a.jpg']);
    const sample = { file: '37/1_a.jpg', label: 37 };
    assert.deepEqual((await openDataset({ data })).samples, [sample]);
    assert.deepEqual((await openDataset({ data })).skipped, []);
    const named = await openDataset({ data, labelFrom: '^(\\d+)_' });
    assert.deepEqual([named.samples, named.skipped], [[{ ...sample, label: 1 }], []]);
    writeFileSync(join(data, 'metadata.csv'), 'file_name,age\n37/1_a.jpg,5\n');
    const { samples, lines } = await open({ data });
    assert.deepEqual([samples.length, lines], [1, []]);
  });
});

describe('labelFromPath', () => {
  it('takes the number from the path in the folder', async t => {
    const data = tempFolder(t, ['female/25/a.jpg', 'male/7/deep/b_9.jpg', 'male/old/c.jpg', '3.jpg']);
    const { samples, skipped, target } = await openDataset({ data, labelFromPath: '/(\\d+)/', target: 'age' });
    assert.deepEqual(samples, [
      { file: 'female/25/a.jpg', label: 25 },
      { file: 'male/7/deep/b_9.jpg', label: 7 },
    ]);
    const reason = 'expected a path that matches /\\/(\\d+)\\//, got another';
    assert.deepEqual(skipped, [
      { file: '3.jpg', reason },
      { file: 'male/old/c.jpg', reason },
    ]);
    assert.equal(target, 'age');
  });

  it('that cannot be meant is refused', async t => {
    const data = tempFolder(t, ['female/25/a.jpg']);
    assert.match(
      await failureOf(() => openDataset({ data, labelFromPath: '(' })),
      /^UsageError: `labelFromPath`: expected a regular expression, got "\("/,
    );
    assert.equal(
      await failureOf(() => openDataset({ data, labelFrom: 'a', labelFromPath: 'b' })),
      'UsageError: `labelFrom` has no effect beside `labelFromPath`; remove one of them',
    );
    assert.equal(
      await failureOf(() => openDataset({ data, labelFromPath: 'x(\\d)' })),
      `InputError: ${data}: expected files whose paths give a number by /x(\\d)/, got paths such as "female/25/a.jpg"; mend \`labelFromPath\``,
    );
  });
});
