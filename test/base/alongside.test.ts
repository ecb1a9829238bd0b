import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { runConcurrently } from '../../src/base/concurrency.js';
import { Profile } from '../../src/base/profile.js';
import type { Progress, RunContext } from '../../src/base/progress.js';

const told = (phase: string): Progress => ({ phase, done: 0, total: 1, unit: 'rows' });
const never = ({ signal }: RunContext) =>
  new Promise<never>((_, reject) => {
    signal!.addEventListener('abort', () => setTimeout(5).then(() => reject(new Error('stopped'))));
  });

describe('work alongside other work', () => {
  it('runs concurrently, and shows progress only while it takes longer', async () => {
    const seen: string[] = [];
    const profile = new Profile();
    let mainEnds = (_: number) => {};
    const mainEnded = new Promise<number>(resolve => {
      mainEnds = resolve;
    });
    const result = await runConcurrently(
      { onProgress: ({ phase }) => seen.push(phase), profile },
      async watch => {
        watch.onProgress?.(told('main'));
        await setTimeout(50);
        mainEnds(performance.now());
        return 'a';
      },
      'side',
      async watch => {
        watch.onProgress?.(told('early'));
        await mainEnded;
        await setTimeout(50);
        watch.onProgress?.(told('late'));
        return 'b';
      },
    );
    assert.deepEqual(result, ['a', 'b']);
    assert.deepEqual(seen, ['main', 'late']);
    // However busy the machine is: no longer than from the end of the main work to now.
    const most = (performance.now() - (await mainEnded)) / 1000;
    const { side } = profile.report().steps;
    assert.ok(side! > 0.04 && side! <= most, `${side} of ${most}`);
  });

  it('stops when the other fails, and throws what it threw', async () => {
    const failure = () => Promise.reject(new Error('failed'));
    await assert.rejects(runConcurrently({}, never, 'side', failure), /failed/);
    await assert.rejects(runConcurrently({}, failure, 'side', never), /failed/);
  });

  it('stops both when it is aborted', async () => {
    const ending = new AbortController();
    const both = runConcurrently({ signal: ending.signal }, never, 'side', never);
    ending.abort();
    await assert.rejects(both, /stopped/);
  });
});
