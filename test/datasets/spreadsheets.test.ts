import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openDataset } from '../../src/datasets/open-dataset.js';
import { failureOf, tempFolder } from './temp.js';

const MEND = 'mend or remove the row';

/** Writes a table beside a.jpg, b.jpg and c.jpg. */
function table(t: TestContext, content: string | Uint8Array, name = 'l.csv'): string {
  const folder = tempFolder(t, ['a.jpg', 'b.jpg', 'c.jpg']);
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const labelsOf = async (data: string, target?: string) =>
  (await openDataset({ data, target })).samples.map(({ label }) => label);

const utf16 = (text: string, bigEndian = false) => {
  const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le');
  return bigEndian ? bytes.swap16() : bytes;
};

describe('a table from a spreadsheet', () => {
  it('has decimal commas where the delimiter is no comma', async t => {
    for (const [delimiter, name] of [
      [';', 'l.csv'],
      ['\t', 'l.csv'],
      ['\t', 'l.tsv'],
      ['\t', 'l.txt'],
    ] as const) {
      const rows = [
        ['file', 'price'],
        ['a.jpg', '350,5'],
        ['b.jpg', '-0,125'],
        ['c.jpg', '1e3'],
      ];
      const data = table(t, rows.map(row => row.join(delimiter)).join('\r\n'), name);
      assert.deepEqual(await labelsOf(data), [350.5, -0.125, 1000]);
    }
  });

  it('may mix decimal commas and points', async t => {
    assert.deepEqual(
      await labelsOf(table(t, 'file;p\na.jpg;350,5\nb.jpg;12.25\nc.jpg;1234.567\n')),
      [350.5, 12.25, 1234.567],
    );
  });

  it('has thousands separators refused', async t => {
    for (const [content, got] of [
      ['file;p\na.jpg;1.234,56\nb.jpg;2,5\n', '"1.234,56"'],
      ['file\tp\na.jpg\t1,234.56\nb.jpg\t2.5\n', '"1,234.56"'],
      ['file,p\na.jpg,"350,000"\nb.jpg,2\n', '"350,000"'],
      ["file,p\na.jpg,350'000\nb.jpg,2\n", '"350\'000"'],
      ['file;p\na.jpg;1.250.000\nb.jpg;2\n', '"1.250.000"'],
      ['file;p\na.jpg;1 250\nb.jpg;2\n', '"1 250"'],
    ] as const) {
      const data = table(t, content);
      const text = `expected a finite number in "p", got ${got}; leave out what separates the thousands`;
      assert.equal(await failureOf(() => openDataset({ data })), `InputError: ${data}:2: ${text}`);
    }
  });

  it('is asked about where a point or comma may separate thousands or decimals', async t => {
    const data = table(t, 'file;p\na.jpg;350.000\nb.jpg;1.250\nc.jpg;90\n');
    assert.equal(
      await failureOf(() => openDataset({ data })),
      `InputError: ${data}:2: expected a number of one meaning in "p", got "350.000", which may be 350000 or 350; ` +
        'write it as 350000 or as 350.0000 (and so in 1 more rows; one answer is enough)',
    );
    // One field that can only be decimal answers it, unless another one says the same of the other sign.
    assert.deepEqual(await labelsOf(table(t, 'file;p\na.jpg;350.0000\nb.jpg;1.250\nc.jpg;90\n')), [350, 1.25, 90]);
    assert.deepEqual(await labelsOf(table(t, 'file\tp\na.jpg\t0,125\nb.jpg\t1,250\n')), [0.125, 1.25]);
    const mixed = table(t, 'file;p\na.jpg;3,5\nb.jpg;1.250\n');
    assert.match(await failureOf(() => openDataset({ data: mixed })), /:3: .* which may be 1250 or 1\.25;/);
    // Between commas a point is decimal.
    assert.deepEqual(await labelsOf(table(t, 'file,p\na.jpg,350.000\nb.jpg,1.250\n')), [350, 1.25]);
  });

  it('may begin with sep=, and have rows of delimiters alone', async t => {
    const rows = 'file;p;note\n;;\na.jpg;1,5;x\n ; ;\nb.jpg;n.a.;\n;;\n';
    for (const first of ['sep=;\n', 'sep=;\r\n', '\uFEFFsep=;\n', '"sep=;"\n', 'SEP=;;;\n']) {
      const data = table(t, first + rows);
      assert.equal(
        await failureOf(() => openDataset({ data, target: 'p' })),
        `InputError: ${data}:6: expected a finite number in "p", got "n.a."; ${MEND}`,
      );
    }
    assert.deepEqual(await labelsOf(table(t, 'sep=|\nfile|p\na.jpg|1,5\n')), [1.5]);
  });

  it('has the delimiter under which there is a column of files, counted outside quotes', async t => {
    for (const header of [
      'file_name;"price (EUR, net, rounded)"',
      'file_name;price (EUR, net, rounded)',
      '"a, b";file_name;"price (EUR, net, rounded)"',
    ]) {
      const row = header.startsWith('"a') ? 'x;a.jpg;3\n' : 'a.jpg;3\n';
      const data = table(t, `${header}\n${row}`);
      const { samples, target } = await openDataset({ data, target: 'price (EUR, net, rounded)' });
      assert.deepEqual([samples[0]!.label, target], [3, 'price (EUR, net, rounded)']);
    }
    assert.deepEqual(await labelsOf(table(t, 'file,"a;b;c;d"\na.jpg,3\n')), [3]);
  });

  it("may have pandas' index without a name", async t => {
    for (const content of [
      ',file_name,age\n0,a.jpg,3\n1,b.jpg,4\n',
      '\tfile_name\tage\n0\ta.jpg\t3\n1\tb.jpg\t4\n',
      'Unnamed: 0,file_name,age\n0,a.jpg,3\n1,b.jpg,4\n',
    ]) {
      const { target, samples } = await openDataset({ data: table(t, content) });
      assert.deepEqual(
        [target, samples],
        [
          'age',
          [
            { file: 'a.jpg', label: 3 },
            { file: 'b.jpg', label: 4 },
          ],
        ],
      );
    }
  });

  it('may be in UTF-16 with a byte order mark, as Excel writes "Unicode text"', async t => {
    const text = 'file\tpréis\r\na.jpg\t1,5\r\nb.jpg\t2\r\n';
    for (const bigEndian of [false, true]) {
      const { target, samples } = await openDataset({ data: table(t, utf16(text, bigEndian), 'l.txt') });
      assert.deepEqual([target, samples.map(({ label }) => label)], ['préis', [1.5, 2]]);
    }
  });

  it('in another encoding is refused with its first line that shows it', async t => {
    const data = table(t, Buffer.from('file,age\na.jpg,1\ncaf\xe9.jpg,2\n', 'latin1'));
    assert.equal(
      await failureOf(() => openDataset({ data })),
      `InputError: ${data}:3: expected text in UTF-8, got "café.jpg,2" in another encoding, such as Windows-1252; ` +
        'save it as UTF-8 (in Excel: Save As, "CSV UTF-8")',
    );
  });

  it('keeps lines counted where line ends stand in quotes', async t => {
    const content = 'file,note,age\r\na.jpg,"one\r\ntwo\nthree\rfour",1\r\n\r\nb.jpg,"x\r\ny",2\r\nc.jpg,,x\r\n';
    const data = table(t, content);
    assert.match(await failureOf(() => openDataset({ data, target: 'age' })), /l\.csv:9: expected a finite number/);
    const first = table(t, content.replace('",1', '",x'));
    assert.match(await failureOf(() => openDataset({ data: first, target: 'age' })), /2: expected a finite number/);
    const { samples } = await openDataset({ data: table(t, content.replace(',,x', ',,3')), target: 'age' });
    assert.equal(samples[0]!.columns!.note, 'one\r\ntwo\nthree\rfour');
  });
});
