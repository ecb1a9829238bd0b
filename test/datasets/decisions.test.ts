import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Dataset } from '../../src/datasets/dataset.js';
import { applyDecisions, readDecisions } from '../../src/datasets/decisions.js';
import { temporaryFolder } from '../cli/eyeball.js';

const folder = temporaryFolder();
let count = 0;

/** A decisions file of this text. */
function file(text: string, extension = 'csv'): string {
  const path = join(folder, `${count++}.${extension}`);
  writeFileSync(path, text);
  return path;
}

const dataset: Dataset = {
  root: folder,
  target: 'age',
  samples: [
    { file: 'a.jpg', label: 1 },
    { file: 'b.jpg', label: 2 },
    { file: 'c.jpg', label: 3 },
  ],
  skipped: [{ file: 'broken.jpg', reason: 'no image' }],
};

describe('readDecisions', () => {
  it('reads keep, set and drop; rows without a decision are open', async () => {
    const { byFile, named } = await readDecisions(
      file('file,decision,value,score\na.jpg,keep,9,1\n./b.jpg,SET,7.5,1\nc.jpg,drop,,0.5\nd.jpg,,4,0.5\n'),
    );
    assert.deepEqual(Object.fromEntries(byFile), {
      'a.jpg': { kind: 'keep' },
      'b.jpg': { kind: 'set', value: 7.5 },
      'c.jpg': { kind: 'drop' },
    });
    assert.deepEqual([...named], ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg']);
  });

  it('reads a JSON object a line', async () => {
    const lines = '{"file":"a.jpg","decision":"set","value":3}\n{"file":"b.jpg","decision":""}\n';
    const { byFile } = await readDecisions(file(lines, 'jsonl'));
    assert.deepEqual([...byFile], [['a.jpg', { kind: 'set', value: 3 }]]);
  });

  it('takes the same decision twice, and one beside an open row', async () => {
    const { byFile } = await readDecisions(file('file,decision,value\na.jpg,,\na.jpg,set,3\na.jpg,set,3.0\n'));
    assert.deepEqual([...byFile], [['a.jpg', { kind: 'set', value: 3 }]]);
  });

  it('names two decisions for one image with their lines', async () => {
    const path = file('file,decision,value\na.jpg,set,3\nb.jpg,keep,\na.jpg,drop,\n');
    await assert.rejects(readDecisions(path), {
      code: 'input',
      message: `${path}:4: expected one decision for "a.jpg", got set 3 of line 2 and drop; remove one of the rows`,
    });
  });

  it('names all bad rows', async () => {
    const path = file('file,decision,value\na.jpg,maybe,\nb.jpg,set,n/a\n,drop,\n');
    await assert.rejects(readDecisions(path), {
      message: [
        `${path}: expected decisions, got 3 bad rows`,
        `  ${path}:2: expected keep, set, drop or nothing in "decision", got "maybe"; mend or remove the row`,
        `  ${path}:3: expected a finite number in "value" beside the decision set, got "n/a"; mend or remove the row`,
        `  ${path}:4: expected a file's name in "file", got ""; mend or remove the row`,
      ].join('\n'),
    });
  });

  it('refuses a table of something else', async () => {
    const path = file('file_name,age\na.jpg,3\n');
    await assert.rejects(readDecisions(path), {
      message: `${path}: expected the columns "file" and "decision", got the columns "file_name", "age"; make one with eyeball clean`,
    });
  });
});

describe('applyDecisions', () => {
  it('drops and sets, and leaves the rest as it is', async () => {
    const decisions = await readDecisions(file('file,decision,value\na.jpg,drop,\nb.jpg,set,20\nc.jpg,keep,\n'));
    const { samples, decisions: applied } = applyDecisions(dataset, decisions);
    assert.deepEqual(samples, [
      { file: 'b.jpg', label: 20 },
      { file: 'c.jpg', label: 3 },
    ]);
    assert.deepEqual(applied, { file: decisions.shown, kept: 1, set: 1, dropped: 1 });
    assert.equal(dataset.samples.length, 3);
  });

  it('takes decisions about images that turn out to be broken', async () => {
    const decisions = await readDecisions(file('file,decision,value\nbroken.jpg,drop,\n'));
    assert.equal(applyDecisions(dataset, decisions).samples.length, 3);
  });

  it('names images that are gone', async () => {
    const one = await readDecisions(file('file,decision,value\nx.jpg,drop,\na.jpg,keep,\n'));
    assert.throws(() => applyDecisions(dataset, one), {
      code: 'input',
      message: `${one.shown}: expected decisions about images of the data, got "x.jpg", which is not there; remove their rows, or put the images back`,
    });
    const two = await readDecisions(file('file,decision,value\nx.jpg,drop,\ny.jpg,keep,\n'));
    assert.throws(() => applyDecisions(dataset, two), {
      message: `${two.shown}: expected decisions about images of the data, got 2 that are not there; remove their rows, or put the images back\n  "x.jpg"\n  "y.jpg"`,
    });
  });

  it('refuses to drop everything', async () => {
    const decisions = await readDecisions(file('file,decision\na.jpg,drop\nb.jpg,drop\nc.jpg,drop\n'));
    assert.throws(() => applyDecisions(dataset, decisions), {
      message: `${decisions.shown}: expected an image that is not dropped, got none`,
    });
  });
});
