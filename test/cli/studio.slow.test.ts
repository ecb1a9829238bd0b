// Slow: starts studios as processes.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readDecisions } from '../../src/datasets/decisions.js';
import type { StudioState } from '../../src/formats/studio-protocol.js';
import { SERVED, start, temporaryFolder, writeImages } from './eyeball.js';

const root = temporaryFolder();
const data = join(root, 'data');
const decisions = join(root, 'data-studio', 'decisions.csv');
const COUNT = 40;

before(async () => {
  await writeImages(data, COUNT);
});

/** Starts the service with the data and returns its address once it listens. */
async function serve(t: TestContext, ...options: string[]) {
  const child = start(['serve', '--data', data, '--port', '0', ...options]);
  t.after(() => child.kill('SIGKILL'));
  return { child, url: (await firstLine(child)).slice(`${data}: `.length) };
}

async function firstLine(child: ChildProcess & { readonly outcome: Promise<{ stderr: string }> }): Promise<string> {
  let text = '';
  child.stdout!.on('data', chunk => {
    text += chunk;
  });
  const ended = child.outcome.then(({ stderr }) => assert.fail(stderr));
  while (!text.includes('\n')) await Promise.race([once(child.stdout!, 'data'), ended]);
  return text.slice(0, text.indexOf('\n'));
}

const send = (url: string, method: string, path: string, body: unknown) =>
  fetch(`${url}/studio/api/${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  });

const fingerprintOf = async (url: string): Promise<string> =>
  ((await (await fetch(`${url}/studio/api/state`)).json()) as StudioState).data!.fingerprint;

describe('eyeball serve --data', () => {
  it('loses no decision with a response when it is killed', async t => {
    for (let round = 0; round < 4; round++) {
      const { child, url } = await serve(t);
      const fingerprint = await fingerprintOf(url);
      const answer = (await (await fetch(`${url}/studio/api/samples?limit=500`)).json()) as {
        samples: { file: string; decision: { kind: 'set'; value: number } | null }[];
      };
      const known = new Map(answer.samples.map(({ file, decision }) => [file, decision]));
      const files = [...known.keys()];
      const answered = new Map<string, number>();
      const asked = new Map<string, number>();
      const deciding = [0, 1].map(async tab => {
        for (let i = 0; ; i++) {
          const file = files[(2 * i + tab) % COUNT]!;
          const decision = { kind: 'set' as const, value: 1000 * round + i };
          asked.set(file, decision.value);
          const response = await send(url, 'PUT', 'decision', {
            fingerprint,
            file,
            decision,
            expected: known.get(file),
          });
          assert.equal(response.status, 200);
          known.set(file, decision);
          answered.set(file, decision.value);
        }
      });
      const ended = Promise.allSettled(deciding);
      const enough = async () => {
        while (answered.size < 10 + 3 * round) await sleep(1);
      };
      await Promise.race([enough(), ...deciding]);
      await sleep(7 * round);
      child.kill('SIGKILL');
      for (const result of await ended)
        assert.match(`${(result as PromiseRejectedResult).reason}`, /fetch failed|closed/);
      // The file is whole and has every decision with a response, and perhaps the next one.
      const { byFile } = await readDecisions(decisions);
      for (const [file, value] of answered) {
        const found = byFile.get(file)!;
        assert.ok(
          found.kind === 'set' && (found.value === value || found.value === asked.get(file)),
          `${file} ${value}`,
        );
      }
      assert.match(readFileSync(decisions, 'utf8'), /\n$/);
    }
    const { child, url } = await serve(t);
    const { data: state, writable } = (await (await fetch(`${url}/studio/api/state`)).json()) as StudioState;
    assert.deepEqual([state!.decided.set > 10, writable], [true, true]);
    const [file] = (await readDecisions(decisions)).byFile.keys();
    const expected = (await readDecisions(decisions)).byFile.get(file!);
    const body = { fingerprint: state!.fingerprint, file, decision: { kind: 'drop' }, expected };
    assert.equal((await send(url, 'PUT', 'decision', body)).status, 200);
    // Unfinished files of killed services are removed.
    assert.deepEqual(readdirSync(join(root, 'data-studio')), ['decisions.csv']);
    child.kill('SIGTERM');
    assert.equal((await child.outcome).code, 0);
  });

  it('stops its job and its event streams on SIGTERM', async t => {
    const { child, url } = await serve(t, '--cache', join(root, 'cache'), '--models', join(root, 'models'));
    const events = await fetch(`${url}/studio/api/events`);
    const order = { kind: 'train', name: 'long', tune: 'last', epochs: 500 };
    assert.equal((await send(url, 'POST', 'jobs', order)).status, 202);
    let text = '';
    for await (const chunk of events.body!.pipeThrough(new TextDecoderStream())) {
      const isRunning = text.includes('event: job');
      text += chunk;
      if (!isRunning && text.includes('event: job')) child.kill('SIGTERM');
    }
    assert.match(text, /^: here\n\nevent: job\n/);
    const { code, stderr } = await child.outcome;
    assert.equal(code, 0);
    assert.match(stderr, SERVED);
    assert.ok(!existsSync(join(root, 'models', 'long')));
  });
});
