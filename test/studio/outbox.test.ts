import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { build } from 'esbuild';
import type { DecisionRequest, ShownDecision } from '../../src/formats/studio-protocol.js';

// The module is the browser's; it is bundled as the pages are and run here.
type Sent =
  | { kind: 'saved' | 'conflict'; event: { revision: number; file: string; decision: ShownDecision | null } }
  | { kind: 'refused' | 'failed' | 'unreachable'; reason: string }
  | { kind: 'elsewhere' };
interface Outbox {
  readonly waiting: number;
  readonly trouble: string | undefined;
  wanted(file: string): ShownDecision | null | undefined;
  decide(file: string, wanted: ShownDecision | null, known: ShownDecision | null): void;
  run(): Promise<void>;
}
let open: new (options: object) => Outbox;

before(async () => {
  const bundled = await build({ entryPoints: ['studio/base/outbox.ts'], bundle: true, format: 'esm', write: false });
  const code = Buffer.from(bundled.outputFiles[0]!.contents).toString('base64');
  ({ Outbox: open } = await import(`data:text/javascript;base64,${code}`));
});

const keep = { kind: 'keep' } as const;
const drop = { kind: 'drop' } as const;

/** A storage as a browser has it. */
function storage() {
  const map = new Map<string, string>();
  return {
    map,
    get length() {
      return map.size;
    },
    key: (i: number) => [...map.keys()][i] ?? null,
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, text: string) => void map.set(key, text),
    removeItem: (key: string) => void map.delete(key),
  };
}

/** An outbox before a server whose answers are given one by one. */
function outbox(kept = storage(), wait = () => Promise.resolve()) {
  const requests: DecisionRequest[] = [];
  const answers: ((sent: Sent) => void)[] = [];
  const told: string[] = [];
  const box = new open({
    storage: kept,
    prefix: 'unsent ',
    send: (request: DecisionRequest) =>
      new Promise<Sent>(resolve => {
        requests.push(request);
        answers.push(resolve);
      }),
    wait,
    onChange: () => {},
    onSaved: ({ file, decision }: { file: string; decision: ShownDecision | null }) =>
      told.push(`saved ${file} ${decision?.kind}`),
    onConflict: ({ file, decision }: { file: string; decision: ShownDecision | null }, wanted: ShownDecision | null) =>
      told.push(`conflict ${file}: ${decision?.kind}, not ${wanted?.kind}`),
    onRefused: (file: string, _: unknown, reason: string) => told.push(`refused ${file}: ${reason}`),
  });
  const answer = async (sent: Sent) => {
    answers.shift()!(sent);
    await turn();
  };
  const saved = (file: string, decision: ShownDecision | null): Sent => ({
    kind: 'saved',
    event: { revision: 1, file, decision },
  });
  return { box, requests, told, kept, answer, saved };
}

describe('the outbox of decisions', () => {
  it('keeps a decision in the storage until the server has it', async () => {
    const { box, requests, kept, answer, saved, told } = outbox();
    box.decide('a.jpg', keep, null);
    assert.deepEqual([...kept.map.keys()], ['unsent a.jpg']);
    assert.deepEqual(requests, [{ file: 'a.jpg', decision: keep, expected: null }]);
    await answer(saved('a.jpg', keep));
    assert.deepEqual([kept.map.size, box.waiting], [0, 0]);
    assert.deepEqual(told, ['saved a.jpg keep']);
  });

  it('retries without a response, and sends what an earlier page left', async () => {
    const first = outbox();
    first.box.decide('a.jpg', keep, null);
    await first.answer({ kind: 'unreachable', reason: 'no answer' });
    assert.equal(first.box.trouble, 'no answer');
    assert.equal(first.requests.length, 2);

    const second = outbox(first.kept);
    assert.deepEqual(second.box.wanted('a.jpg'), keep);
    void second.box.run();
    await second.answer(second.saved('a.jpg', keep));
    assert.deepEqual([second.kept.map.size, second.box.waiting, second.box.trouble], [0, 0, undefined]);
  });

  it('sends what was decided meanwhile on top of what was saved', async () => {
    const { box, requests, answer, saved } = outbox();
    box.decide('a.jpg', keep, null);
    box.decide('a.jpg', drop, keep);
    await answer(saved('a.jpg', keep));
    assert.deepEqual(requests[1], { file: 'a.jpg', decision: drop, expected: keep });
    await answer(saved('a.jpg', drop));
    assert.equal(box.waiting, 0);
  });

  it('drops a decision that another tab decided differently, and treats an equal one as saved', async () => {
    const { box, told, answer } = outbox();
    box.decide('a.jpg', keep, null);
    await answer({ kind: 'conflict', event: { revision: 2, file: 'a.jpg', decision: drop } });
    box.decide('b.jpg', keep, null);
    await answer({ kind: 'conflict', event: { revision: 2, file: 'b.jpg', decision: keep } });
    assert.deepEqual(told, ['conflict a.jpg: drop, not keep', 'saved b.jpg keep']);
    assert.equal(box.waiting, 0);
  });

  it('leaves what another tab wrote into the storage for the same image', async () => {
    const { box, kept, answer, saved } = outbox();
    box.decide('a.jpg', keep, null);
    kept.setItem('unsent a.jpg', JSON.stringify({ wanted: drop, expected: null }));
    await answer(saved('a.jpg', keep));
    assert.equal(kept.map.size, 1);
  });

  it('reports a refusal of the server, and continues', async () => {
    const { box, told, answer, saved } = outbox();
    box.decide('a.jpg', keep, null);
    box.decide('b.jpg', keep, null);
    await answer({ kind: 'refused', reason: 'no such image' });
    await answer(saved('b.jpg', keep));
    assert.deepEqual(told, ['refused a.jpg: no such image', 'saved b.jpg keep']);
  });

  it('sends other decisions while the server fails at one', async () => {
    let time = () => {};
    const later = () =>
      new Promise<void>(resolve => {
        time = resolve;
      });
    const { box, requests, told, answer, saved } = outbox(storage(), later);
    const asked = () => requests.map(({ file }) => file).join(' ');
    box.decide('a.jpg', keep, null);
    box.decide('b.jpg', keep, null);
    await answer({ kind: 'failed', reason: 'the service failed' });
    assert.equal(asked(), 'a.jpg b.jpg');
    await answer(saved('b.jpg', keep));
    assert.deepEqual([told, box.waiting, box.trouble], [['saved b.jpg keep'], 1, 'the service failed']);
    // One that is made meanwhile neither waits nor stands behind the one that fails.
    box.decide('c.jpg', drop, null);
    await turn();
    assert.equal(asked(), 'a.jpg b.jpg c.jpg');
    await answer(saved('c.jpg', drop));
    await answer({ kind: 'failed', reason: 'the service failed' });
    assert.equal(asked(), 'a.jpg b.jpg c.jpg a.jpg');
    time();
    await turn();
    await answer(saved('a.jpg', keep));
    assert.deepEqual([told.at(-1), box.waiting, box.trouble], ['saved a.jpg keep', 0, undefined]);
  });

  it('keeps decisions about another dataset than the server has', async () => {
    const { box, requests, kept, told, answer, saved } = outbox();
    box.decide('a.jpg', drop, null);
    await answer({ kind: 'elsewhere' });
    assert.deepEqual([requests.length, box.waiting, told], [1, 1, []]);
    assert.deepEqual([...kept.map.keys()], ['unsent a.jpg']);
    // The server works on it again.
    void box.run();
    await answer(saved('a.jpg', drop));
    assert.deepEqual([kept.map.size, told], [0, ['saved a.jpg drop']]);
  });
});
