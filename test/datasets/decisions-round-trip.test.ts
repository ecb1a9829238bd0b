import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { applyDecisions, type Decision, decisionsOf } from '../../src/datasets/decisions.js';
import {
  newDecisionsText,
  parseDecisionsText,
  textOfDecisions,
  withDecision,
} from '../../src/datasets/decisions-text.js';
import { parseTable } from '../../src/datasets/tables.js';
import { decisionRows } from '../../src/report/csv.js';
import { failureOf } from './temp.js';

const random = createRandom(16, 'round trip');
const PIECES = [
  'a',
  'B',
  ' ',
  '  ',
  '"',
  "'",
  ',',
  ';',
  '\t',
  '\n',
  '\r',
  '\r\n',
  'é',
  'e\u0301',
  '\\',
  '=',
  '/x',
  '中',
  'sep=;',
  '\uFEFF',
  '{',
  '.',
];
const KINDS = ['keep', 'drop', 'set'] as const;

/** A file's name as a data set may have it: in its shortest form. */
function drawName(i: number): string {
  const piece = () => PIECES[random.integer(PIECES.length)]!;
  return posix.normalize(
    `${Array.from({ length: 1 + random.integer(5) }, piece).join('')}${i}${piece()}`.replace(/^\/|\/$|\/\.+$/g, 'x'),
  );
}

function drawDecision(): Decision {
  const kind = KINDS[random.integer(3)]!;
  // Thousandths, which a spreadsheet's thousands look like, among others.
  const value = Math.round(2e5 * random.uniform() - 1e4) / 10 ** random.integer(4);
  return kind === 'set' ? { kind, value: value + 0 } : { kind };
}

const names = Array.from({ length: 400 }, (_, i) => drawName(i));
const encode = (text: string) => new TextEncoder().encode(text);

describe('decisions that eyeball writes', () => {
  for (const [form, start] of [
    ['a new file', undefined],
    ['CSV with semicolons', 'note;file;decision;value\n'],
    ['CSV with tabs, as Excel saves it', '\uFEFFfile\tdecision\tvalue\tlabel\r\n'],
    ['CSV whose first line tells the delimiter', 'sep=|\nfile|decision\n'],
    ['JSON lines', '{"file":"first.jpg","decision":""}\n'],
  ] as const) {
    it(`are read as they were: ${form}`, () => {
      const shown = form === 'JSON lines' ? 'd.jsonl' : 'd.csv';
      let text = start === undefined ? newDecisionsText() : parseDecisionsText(encode(start), shown);
      const wanted = new Map<string, Decision>();
      for (const name of [...names, ...names.slice(0, 100)]) {
        const decision = drawDecision();
        wanted.set(name, decision);
        text = withDecision(text, name, decision, { label: '3,5', suggested: '23.456', kinds: 'a;b' });
      }
      const bytes = encode(textOfDecisions(text));
      const table = parseTable(bytes, shown);
      const read = decisionsOf(table);
      assert.deepEqual(new Map(read.byFile), wanted);
      assert.deepEqual(new Map(parseDecisionsText(bytes, shown).byFile), wanted);
    });
  }

  it('are read as they were from clean', () => {
    const rows = names.map((file, i) => ({ file, label: i, suggested: i + 0.125, score: 0.5, kinds: [] }));
    for (const form of [undefined, { columns: ['decision', 'value', 'file'], delimiter: ';' }] as const) {
      const header = form === undefined ? '' : 'decision;value;file\n';
      const { byFile } = decisionsOf(parseTable(encode(header + decisionRows(rows, () => 'set', form)), 'd.csv'));
      assert.deepEqual(
        [...byFile],
        rows.map(({ file, suggested }) => [file, { kind: 'set', value: suggested }]),
      );
    }
  });

  it('may be saved by a spreadsheet in UTF-16 with decimal commas, and are then written as UTF-8', () => {
    const text = parseDecisionsText(
      Buffer.from('\uFEFFfile\tdecision\tvalue\r\na.jpg\tset\t4,5\r\nb.jpg\t\t\r\n\t\t\r\n', 'utf16le'),
      'd.txt',
    );
    assert.deepEqual([...text.byFile], [['a.jpg', { kind: 'set', value: 4.5 }]]);
    const changed = textOfDecisions(withDecision(text, 'b.jpg', { kind: 'set', value: 1.125 }));
    assert.equal(changed, '\uFEFFfile\tdecision\tvalue\r\na.jpg\tset\t4,5\r\nb.jpg\tset\t1.1250\r\n\t\t\r\n');
    assert.deepEqual(parseDecisionsText(encode(changed), 'd.txt').byFile.get('b.jpg'), { kind: 'set', value: 1.125 });
  });
});

describe('decisions about names of another spelling', () => {
  const dataset = {
    root: '/',
    target: 'age',
    samples: [
      { file: '1/a.jpg', label: 1 },
      { file: '1/B.JPG', label: 2 },
    ],
    skipped: [],
  };
  const decided = (text: string) => decisionsOf(parseTable(encode(text), 'd.csv'));

  it('are matched, and a line says so', () => {
    const lines: string[] = [];
    const { samples } = applyDecisions(dataset, decided('file,decision,value\n1\\a.jpg,set,7\n1/b.jpg,drop,\n'), line =>
      lines.push(line),
    );
    assert.deepEqual(samples, [{ file: '1/a.jpg', label: 7 }]);
    assert.equal(lines.length, 1);
    assert.match(
      lines[0]!,
      /^d\.csv: 2 rows matched to files of another spelling: 1 with "\/" for "\\" .*1 with other capital letters/,
    );
  });

  it('may not differ from one about the same file', async () => {
    const two = decided('file,decision\n1/a.jpg,keep\n1/A.JPG,drop\n');
    assert.equal(
      await failureOf(() => applyDecisions(dataset, two)),
      'InputError: d.csv: expected one decision for "1/a.jpg", got keep and, by another spelling, drop; remove one of the rows',
    );
  });
});
