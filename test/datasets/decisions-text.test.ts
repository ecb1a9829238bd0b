import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision } from '../../src/datasets/decisions.js';
import {
  newDecisionsText,
  parseDecisionsText,
  textOfDecisions,
  withDecision,
} from '../../src/datasets/decisions-text.js';
import { NameIndex } from '../../src/datasets/name-index.js';
import { failureOf } from './temp.js';

const parse = (text: string, shown = 'decisions.csv') => parseDecisionsText(new TextEncoder().encode(text), shown);
const decided = (text: string, file: string, decision: Decision | null, shown?: string) => {
  const changed = textOfDecisions(withDecision(parse(text, shown), file, decision, { suggested: '9', label: '3' }));
  // What is written is read as what was decided.
  assert.deepEqual(parse(changed, shown).byFile.get(file) ?? null, decision);
  return changed;
};
const set = { kind: 'set', value: 4.5 } as const;
const [keep, drop] = [{ kind: 'keep' }, { kind: 'drop' }] as const;

describe('a decision in a text', () => {
  it('changes its row and no other byte', () => {
    const text =
      '\uFEFFdecision; file;value;note\r\n\r\nkeep;a.jpg;; "x;""y"" \n2" \r\nset;b.jpg;7;\r\n  ;  c.jpg;8;me\n;d.jpg;;';
    assert.equal(parse(text).byFile.size, 2);
    assert.equal(decided(text, 'c.jpg', set), text.replace('  ;  c.jpg;8;me', 'set;c.jpg;4.5;me'));
    assert.equal(decided(text, 'b.jpg', drop), text.replace('set;b.jpg;7;', 'drop;b.jpg;9;'));
    assert.equal(decided(text, 'd.jpg', keep), text.replace(';d.jpg;;', 'keep;d.jpg;9;'));
    assert.equal(decided(text, 'b.jpg', null), text.replace('set;b.jpg;7;', ';b.jpg;9;'));
    assert.equal(
      decided(text, 'a.jpg', drop),
      text.replace('keep;a.jpg;; ', 'drop;a.jpg;9;').replace(';9;"x;""y"" \n2" ', ';9;"x;""y"" \n2"'),
    );
  });

  it('about an image without a row is a new one, with what else is known', () => {
    const other = { label: '3', score: '0.5', kinds: 'label;small', suggested: '9' };
    const first = withDecision(newDecisionsText(), '1/a, b.jpg', set, other);
    assert.equal(
      textOfDecisions(first),
      'file,decision,value,label,score,kinds\n"1/a, b.jpg",set,4.5,3,0.5,label;small\n',
    );
    assert.equal(textOfDecisions(withDecision(first, '2.jpg', null)), textOfDecisions(first));
    assert.equal(
      decided('file,decision,value\r\na.jpg,keep,', 'b.jpg', drop),
      'file,decision,value\r\na.jpg,keep,\r\nb.jpg,drop,9\r\n',
    );
  });

  it('that sets a number gives a table a column for it', () => {
    assert.equal(
      decided('file,decision\na.jpg,\n\nb.jpg,keep\n', 'a.jpg', set),
      'file,decision,value\na.jpg,set,4.5\n\nb.jpg,keep,\n',
    );
    assert.equal(decided('file,decision\na.jpg,\n', 'a.jpg', drop), 'file,decision\na.jpg,drop\n');
  });

  it('stands in every row of its image', () => {
    const text = 'file,decision,value\na.jpg,keep,\n./a.jpg,keep,\nb.jpg,,\n';
    assert.equal(decided(text, 'a.jpg', drop), 'file,decision,value\na.jpg,drop,9\n./a.jpg,drop,9\nb.jpg,,\n');
  });

  it('stands in the row that spells the name of its image otherwise', () => {
    const files = new NameIndex(['b/caf\u00e9.jpg', 'b/x.jpg', 'b/X.jpg', 'c.jpg']);
    const parseFor = (text: string) => parseDecisionsText(new TextEncoder().encode(text), 'decisions.csv', files);
    const text = 'file,decision,value\nB\\CAFE\u0301.JPG,keep,\nC,,\nb/x.JPG,drop,\nb/x.jpg,keep,\n';
    const { byFile } = parseFor(text);
    // The third may be two files.
    assert.deepEqual(
      [...byFile],
      [
        ['b/caf\u00e9.jpg', keep],
        ['b/x.jpg', keep],
        ['b/x.JPG', drop],
      ],
    );
    let changed = text;
    for (const file of ['b/caf\u00e9.jpg', 'c.jpg'])
      changed = textOfDecisions(withDecision(parseFor(changed), file, drop, {}));
    assert.equal(changed, text.replace('JPG,keep,', 'JPG,drop,').replace('C,,', 'C,drop,'));
  });

  it('of two spellings of one name must be one', async () => {
    const bytes = new TextEncoder().encode('file,decision,value\nA.jpg,keep,\na,drop,\n');
    assert.equal(
      await failureOf(() => parseDecisionsText(bytes, 'decisions.csv', new NameIndex(['a.jpg']))),
      'InputError: decisions.csv: expected one decision for "a.jpg", got keep and, by another spelling, drop; remove one of the rows',
    );
  });

  it('keeps the fields of JSON lines', () => {
    const text = '{"file":"a.jpg","decision":"","mine":[1,2]}\n\n{"file":"b.jpg","decision":"drop"}\n';
    assert.equal(
      decided(text, 'a.jpg', set, 'decisions.jsonl'),
      text.replace('"decision":"","mine":[1,2]', '"decision":"set","mine":[1,2],"value":"4.5"'),
    );
    const added = decided(text, 'c.jpg', keep, 'decisions.jsonl');
    assert.equal(added, `${text}{"label":"3","file":"c.jpg","decision":"keep","value":"9"}\n`);
  });

  it('is refused in a text of bad rows, which are named', async () => {
    assert.equal(
      await failureOf(() => parse('file,decision\na.jpg,perhaps\n')),
      'InputError: decisions.csv:2: expected keep, set, drop or nothing in "decision", got "perhaps"; mend or remove the row',
    );
  });
});
