import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FileFinder } from '../../src/datasets/file-finder.js';
import { NameIndex } from '../../src/datasets/name-index.js';
import { openDataset } from '../../src/datasets/open-dataset.js';
import { loadModel } from '../../src/model/model.js';
import { failureOf, tempFolder } from './temp.js';

const composed = 'caf\u00e9';
const decomposed = 'cafe\u0301';

describe('a name', () => {
  const index = new NameIndex([
    'a.jpg',
    'B.JPG',
    ` ${decomposed}.png`,
    'x.jpg',
    'X.JPG',
    'two.png',
    'two.jpg',
    'two.txt',
  ]);

  it('is the file with exactly that name first', () => {
    assert.deepEqual(index.find('x.jpg'), { name: 'x.jpg', differs: [] });
    assert.deepEqual(index.find('X.JPG'), { name: 'X.JPG', differs: [] });
  });

  it('is else the file with a similar name, and reports the difference', () => {
    assert.deepEqual(index.find('A.JPG'), { name: 'a.jpg', differs: ['case'] });
    assert.deepEqual(index.find('b.jpg '), { name: 'B.JPG', differs: ['blanks', 'case'] });
    assert.deepEqual(index.find(`${composed}.png`), { name: ` ${decomposed}.png`, differs: ['blanks', 'unicode'] });
    assert.deepEqual(index.find(`${composed.toUpperCase()}.png`), {
      name: ` ${decomposed}.png`,
      differs: ['blanks', 'unicode', 'case'],
    });
    assert.deepEqual(index.find('a'), { name: 'a.jpg', differs: ['ending'] });
    assert.deepEqual(index.find('b'), { name: 'B.JPG', differs: ['case', 'ending'] });
  });

  it('that matches several files is none of them', () => {
    assert.deepEqual(index.find('X.jpg'), { candidates: ['X.JPG', 'x.jpg'] });
    assert.deepEqual(index.find('x'), { name: 'x.jpg', differs: ['ending'] });
    assert.deepEqual(index.find('two'), { candidates: ['two.jpg', 'two.png'] });
    assert.equal(index.find('three'), undefined);
  });
});

describe('the names of a table', () => {
  it('are matched to files of other spellings, and a line says how many', async t => {
    const data = tempFolder(t, {
      'img/a.jpg': '',
      'img/B.JPG': '',
      [`img/${decomposed}.jpg`]: '',
      'img/d.png': '',
      'img/e.png': '',
      'Deep/Down/f.png': '',
      'l.csv': `file,age\nimg\\a.jpg,1\nimg/b.jpg,2\nimg/${composed}.jpg,3\nimg/d,4\nimg/e.png,5\ndeep\\down\\F.PNG,6\n" img/e.png ",5\ngone.png,7\n`,
    });
    const lines: string[] = [];
    const { samples, skipped } = await openDataset({ data: join(data, 'l.csv'), onMessage: line => lines.push(line) });
    assert.deepEqual(
      samples.map(({ file, label }) => [file, label]),
      [
        ['Deep/Down/f.png', 6],
        ['img/B.JPG', 2],
        ['img/a.jpg', 1],
        [`img/${decomposed}.jpg`, 3],
        ['img/d.png', 4],
        ['img/e.png', 5],
      ].sort(([a], [b]) => (a! < b! ? -1 : 1)),
    );
    assert.deepEqual(skipped, [{ file: 'gone.png', reason: 'expected a file, got nothing there' }]);
    assert.deepEqual(lines, [
      `${join(data, 'l.csv')}: 6 rows matched to files of another spelling: ` +
        '1 with "/" for "\\" ("img\\\\a.jpg" is "img/a.jpg"), ' +
        '1 with other capital letters ("img/b.jpg" is "img/B.JPG"), ' +
        `1 with another Unicode form (NFC, NFD) ("img/${composed}.jpg" is "img/${decomposed}.jpg"), ` +
        '1 with the ending added ("img/d" is "img/d.png"), ' +
        '1 with "/" for "\\" and other capital letters ("deep\\\\down\\\\F.PNG" is "Deep/Down/f.png"), ' +
        '1 with other blanks at the ends (" img/e.png " is "img/e.png")',
    ]);
  });

  it('that match several files are errors that name them', async t => {
    const data = tempFolder(t, {
      'a.jpg': '',
      'A.JPG': '',
      'b.png': '',
      'b.jpg': '',
      'l.csv': 'file,age\nA.jpg,1\nb,2\n',
    });
    const where = join(data, 'l.csv');
    assert.deepEqual((await failureOf(() => openDataset({ data: where }))).split('\n'), [
      `InputError: ${where}: expected a file and a number in every row, got 2 faults`,
      `  ${where}:2: expected the name of one file, got "A.jpg", which may be "A.JPG" or "a.jpg"; write it as the file is named`,
      `  ${where}:3: expected the name of one file, got "b", which may be "b.jpg" or "b.png"; write it as the file is named`,
    ]);
  });

  it('are looked up in every matching folder', async t => {
    const files = ['Cafe\u0301/1/a.jpg', 'caf\u00e9/1/a.jpg', 'caf\u00e9/1/b.jpg', 'l.csv'];
    const data = tempFolder(t, files);
    const where = join(data, 'l.csv');
    writeFileSync(where, 'file,age\nCAFE\u0301\\1\\a.jpg,1\nCAF\u00c9/1/b.jpg,2\nCAF\u00c9/1/c.jpg,3\n');
    assert.deepEqual((await failureOf(() => openDataset({ data: where }))).split('\n'), [
      `InputError: ${where}:2: expected the name of one file, got "CAFE\u0301\\\\1\\\\a.jpg", which may be "Cafe\u0301/1/a.jpg" or ` +
        '"caf\u00e9/1/a.jpg"; write it as the file is named',
    ]);
    writeFileSync(where, 'file,age\nCAF\u00c9/1/b.jpg,2\nCAF\u00c9/1/c.jpg,3\n');
    const { samples, skipped } = await openDataset({ data: where });
    assert.deepEqual(samples, [{ file: 'caf\u00e9/1/b.jpg', label: 2 }]);
    assert.deepEqual(skipped, [{ file: 'CAF\u00c9/1/c.jpg', reason: 'expected a file, got nothing there' }]);
  });

  it('of two spellings are one file, whose numbers must agree', async t => {
    const data = tempFolder(t, { 'a.jpg': '', 'l.csv': 'file,age\na.jpg,1\nA.JPG,2\n' });
    assert.match(
      await failureOf(() => openDataset({ data: join(data, 'l.csv') })),
      /l\.csv:3: expected 1 for "a\.jpg" again, as in line 2, got 2/,
    );
  });

  it('do not leave the folder of metadata.csv by a backslash', async t => {
    const above = tempFolder(t, { 'a.jpg': '', 'in/metadata.csv': 'file_name,age\n..\\a.jpg,1\n' });
    assert.match(
      await failureOf(() => openDataset({ data: join(above, 'in') })),
      /expected a file inside the table's folder in "file_name", got "\.\.\\\\a\.jpg"/,
    );
  });

  it('are found in a linked folder and by a name that holds a backslash', {
    skip: process.platform === 'win32',
  }, async t => {
    const data = tempFolder(t, { 'real/a.jpg': '', 'b\\c.jpg': '', 'l.csv': 'file,age\nLINK/a.jpg,1\nb\\c.jpg,2\n' });
    symlinkSync(join(data, 'real'), join(data, 'link'));
    const { samples } = await openDataset({ data: join(data, 'l.csv') });
    assert.deepEqual(samples, [
      { file: 'b\\c.jpg', label: 2 },
      { file: 'link/a.jpg', label: 1 },
    ]);
  });

  it('are found where 100,000 names differ from 2,000 files in case, separator and trailing spaces', async t => {
    const data = tempFolder(t);
    mkdirSync(join(data, 'img'));
    for (let i = 0; i < 2000; i++) writeFileSync(join(data, `img/${i}.jpg`), '');
    const names = Array.from({ length: 100_000 }, (_, i) => `IMG\\${i % 2000}.JPG${' '.repeat(i % 50)}`);
    const found = await new FileFinder(data, undefined).find(names);
    assert.ok([...found.values()].every(file => 'differs' in file));
  });
});

describe('a path that is not there', () => {
  const data = (path: string) => failureOf(() => openDataset({ data: path }));
  const model = (path: string) => failureOf(() => loadModel(path));

  it('is an error that names similar names', async t => {
    const root = tempFolder(t, ['Faces/1/a.jpg', 'faces/1/a.jpg', 'Age/x', 'l.CSV']);
    const at = (...names: string[]) => join(root, ...names);
    const several = `a name that may be ${at('Faces')} or ${at('faces')}; write the one that is meant (complete it with Tab)`;
    assert.equal(
      await data(at('FACES')),
      `InputError: ${at('FACES')}: expected a folder of images or a table of labels, got ${several}`,
    );
    assert.match(await data(at('FACES', '1')), new RegExp(`may be ${at('Faces', '1')} or ${at('faces', '1')};`));
    assert.equal(
      await model(at('FACES')),
      `InputError: ${at('FACES')}: expected the folder of a model, got ${several}`,
    );
    const one = (name: string) => `got nothing of that spelling; write ${at(name)} (complete it with Tab)`;
    assert.equal(
      await model(at('age', 'model.onnx')),
      `InputError: ${at('age')}: expected the folder of a model, ${one('Age')}`,
    );
    assert.match(await data(at('l.csv')), new RegExp(`${one('l.CSV').replace(/[()]/g, '.')}$`));
  });

  it('without a similar name is an error that says so', async t => {
    const root = tempFolder(t, ['a/x']);
    const path = join(root, 'b');
    assert.match(await data(path), /got nothing there; check the path$/);
    assert.equal(
      await model(path),
      `InputError: ${path}: expected the folder of a model, got none; make one with eyeball train`,
    );
  });
});

describe('names on disk that are not UTF-8', () => {
  it('are skipped by name in a folder and beside a table', { skip: process.platform !== 'linux' }, async t => {
    const data = tempFolder(t, ['1/a.jpg', '1/\uFFFD.jpg']);
    const bad = Buffer.from(`${data}/1/caf\xe9.jpg`, 'latin1');
    writeFileSync(bad, '');
    const folder = Buffer.from(`${data}/1/\xe9t\xe9`, 'latin1');
    mkdirSync(folder);
    const reason = 'expected a name in UTF-8, got bytes of another encoding; rename it';
    const { samples, skipped } = await openDataset({ data });
    assert.deepEqual(
      samples.map(({ file }) => file),
      ['1/a.jpg', '1/\uFFFD.jpg'],
    );
    const named = [
      { file: '1/\\xe9t\\xe9', reason },
      { file: '1/caf\\xe9.jpg', reason },
    ];
    assert.deepEqual(skipped, named);
    writeFileSync(join(data, 'l.csv'), 'file,age\n1/a.jpg,1\n');
    assert.deepEqual((await openDataset({ data: join(data, 'l.csv') })).skipped, named);
    execFileSync('rm', ['-rf', join(data, '1')]);
  });
});
