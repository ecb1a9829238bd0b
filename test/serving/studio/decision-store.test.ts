import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decideAtOnce } from '../../../bench/soak/decisions.js';
import { lockFile } from '../../../src/base/file-lock.js';
import { readDecisions } from '../../../src/datasets/decisions.js';
import type { DecisionEvent, DecisionRequest } from '../../../src/formats/studio-protocol.js';
import { Problem } from '../../../src/serving/problem.js';
import { DecisionStore } from '../../../src/serving/studio/decision-store.js';
import { tempFolder } from '../../datasets/temp.js';

const set = (file: string, value: number, expected: DecisionRequest['expected'] = null) => ({
  file,
  decision: { kind: 'set' as const, value },
  expected,
});

/** The status, reason and body that a deed is refused with. */
async function refusal(work: Promise<unknown>): Promise<[number, string, object]> {
  const thrown = await work.then(
    () => assert.fail('expected a refusal, got none'),
    (thrown: unknown) => thrown,
  );
  assert.ok(thrown instanceof Problem, `${thrown}`);
  return [thrown.status, thrown.detail, thrown.more];
}

describe('a store of decisions', () => {
  it('saves before it answers, and reports each change once', async t => {
    const shown = join(tempFolder(t), 'new', 'decisions.csv');
    const store = await DecisionStore.open(shown);
    const events: DecisionEvent[] = [];
    store.onChange = event => events.push(event);
    const answer = await store.decide(set('a.jpg', 4));
    assert.deepEqual(answer, { revision: 1, file: 'a.jpg', decision: { kind: 'set', value: 4 } });
    assert.deepEqual((await readDecisions(shown)).byFile.get('a.jpg'), { kind: 'set', value: 4 });
    // A retry, because the answer was lost.
    assert.deepEqual(await store.decide(set('a.jpg', 4)), answer);
    assert.deepEqual(events, [answer]);
    await store.decide({ file: 'a.jpg', decision: null, expected: answer.decision });
    assert.equal((await readDecisions(shown)).byFile.size, 0);
    assert.equal(store.revision, 2);
  });

  it('refuses a decision with a wrong expectation, and returns the current one', async t => {
    const store = await DecisionStore.open(join(tempFolder(t), 'decisions.csv'));
    await store.decide(set('a.jpg', 4));
    assert.deepEqual(await refusal(store.decide(set('a.jpg', 5))), [
      409,
      'expected: the current decision is another one: set to 4',
      { revision: 1, file: 'a.jpg', decision: { kind: 'set', value: 4 } },
    ]);
    await store.decide(set('a.jpg', 5, { kind: 'set', value: 4 }));
    assert.deepEqual(store.byFile.get('a.jpg'), { kind: 'set', value: 5 });
  });

  it('loses nothing where many decide at once, in two services on one file', async t => {
    const shown = join(tempFolder(t), 'decisions.csv');
    const store = await DecisionStore.open(shown);
    const files = Array.from({ length: 40 }, (_, i) => `${i}.jpg`);
    // Two tabs: both of each pair want the same image, and one is told.
    const tabs = await Promise.allSettled(files.flatMap(file => [1, 2].map(value => store.decide(set(file, value)))));
    assert.equal(tabs.filter(({ status }) => status === 'fulfilled').length, 40);
    const other = await DecisionStore.open(shown);
    for (const file of files.slice(0, 5)) {
      await other.decide({ file, decision: { kind: 'drop' }, expected: { kind: 'set', value: 1 } });
      await store.decide(set(`other ${file}`, 3));
    }
    const { byFile } = await readDecisions(shown);
    assert.equal(byFile.size, 45);
    assert.equal([...byFile.values()].filter(({ kind }) => kind === 'drop').length, 5);
    assert.deepEqual(new Map(store.byFile), new Map(byFile));
    assert.deepEqual(readdirSync(join(shown, '..')), ['decisions.csv']);
  });

  it('loses nothing where three processes decide at once', async () => {
    assert.deepEqual(await decideAtOnce(3, 30), { saved: 90, lost: [], refused: [] });
  });

  it('waits while another process holds the file', async t => {
    const shown = join(tempFolder(t), 'decisions.csv');
    const store = await DecisionStore.open(shown);
    const lock = await lockFile(shown);
    const steps: string[] = [];
    const saving = store.decide(set('a.jpg', 4)).then(() => steps.push('saved'));
    await sleep(30);
    steps.push('released');
    await lock.release();
    await saving;
    assert.deepEqual(steps, ['released', 'saved']);
  });

  it('takes over what others wrote behind its back, other columns and all', async t => {
    const shown = join(tempFolder(t), 'decisions.csv');
    writeFileSync(shown, 'file,decision,value\na.jpg,keep,\n');
    const store = await DecisionStore.open(shown);
    assert.equal(store.revision, 0);
    const events: DecisionEvent[] = [];
    store.onChange = event => events.push(event);
    const text = 'note;file;decision;value\n"mine; really";a.jpg;drop;\n;c.jpg;set;8\n';
    writeFileSync(shown, text);
    await store.decide(set('b.jpg', 2));
    assert.equal(readFileSync(shown, 'utf8'), `${text};b.jpg;set;2\n`);
    assert.deepEqual(
      events.map(({ file, decision }) => [file, decision?.kind]),
      [
        ['a.jpg', 'drop'],
        ['c.jpg', 'set'],
        ['b.jpg', 'set'],
      ],
    );
    rmSync(shown);
    await store.refresh();
    assert.equal(store.byFile.size, 0);
    assert.equal(store.revision, 6);
  });

  it('does not change an unreadable file, until it is repaired', async t => {
    const shown = join(tempFolder(t), 'decisions.csv');
    const store = await DecisionStore.open(shown);
    await store.decide(set('a.jpg', 4));
    const text = 'file,decision\na.jpg,perhaps\n';
    writeFileSync(shown, text);
    const [status, detail] = await refusal(store.decide(set('b.jpg', 2)));
    assert.equal(status, 503);
    assert.match(detail, /decisions\.csv:2: expected keep, set, drop or nothing in "decision", got "perhaps"/);
    assert.equal(await store.isWritable(), false);
    assert.equal(readFileSync(shown, 'utf8'), text);
    writeFileSync(shown, 'file,decision\na.jpg,keep\n');
    await store.decide(set('b.jpg', 2));
    assert.equal(await store.isWritable(), true);
    assert.deepEqual([...store.byFile.keys()], ['a.jpg', 'b.jpg']);
  });

  it('reports that it cannot write, and keeps what is saved', async t => {
    const folder = tempFolder(t);
    const shown = join(folder, 'file', 'decisions.csv');
    const store = await DecisionStore.open(shown);
    writeFileSync(join(folder, 'file'), 'in the way');
    const [status, detail] = await refusal(store.decide(set('a.jpg', 4)));
    assert.equal(status, 503);
    assert.match(detail, /file[/\\]decisions\.csv cannot be (written|read): E[A-Z]+$/);
    assert.equal(store.byFile.size, 0);
    rmSync(join(folder, 'file'));
    mkdirSync(join(folder, 'file'));
    await store.decide(set('a.jpg', 4));
    assert.equal(store.byFile.size, 1);
  });

  it('changes one of 10,000 rows and keeps the others', async t => {
    const shown = join(tempFolder(t), 'decisions.csv');
    const rows = Array.from({ length: 10_000 }, (_, i) => `${i % 100}/image-${i}.jpg,,${i % 90},12,0.5,label`);
    writeFileSync(shown, `file,decision,value,label,score,kinds\n${rows.join('\n')}\n`);
    const store = await DecisionStore.open(shown);
    await store.decide(set('7/image-7.jpg', 3));
    const lines = readFileSync(shown, 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      lines.slice(1).filter((line, i) => line !== rows[i]),
      ['7/image-7.jpg,set,3,12,0.5,label'],
    );
    assert.equal(lines.length, 10_001);
  });
});
