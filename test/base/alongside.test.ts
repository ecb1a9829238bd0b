import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { alongside } from '../../src/base/alongside.js';
import { Profile } from '../../src/base/profile.js';
import type { Progress, Watch } from '../../src/base/progress.js';

const told = (phase: string): Progress => ({ phase, done: 0, total: 1, unit: 'rows' });
const never = ({ signal }: Watch) =>
  new Promise<never>((_, reject) => {
    signal!.addEventListener('abort', () => setTimeout(5).then(() => reject(new Error('stopped'))));
  });

describe('work alongside other work', () => {
  it('is done at once, shows its progress afterwards, and costs what it takes longer', async () => {
    const seen: string[] = [];
    const profile = new Profile();
    const result = await alongside(
      { onProgress: ({ phase }) => seen.push(phase), profile },
      async watch => {
        watch.onProgress?.(told('main'));
        await setTimeout(50);
        return 'a';
      },
      'side',
      async watch => {
        watch.onProgress?.(told('early'));
        await setTimeout(100);
        watch.onProgress?.(told('late'));
        return 'b';
      },
    );
    assert.deepEqual(result, ['a', 'b']);
    assert.deepEqual(seen, ['main', 'late']);
    const { side } = profile.report().steps;
    assert.ok(side! > 0.02 && side! < 0.09, `${side}`);
  });

  it('stops when the other fails, and throws what it threw', async () => {
    const failure = () => Promise.reject(new Error('failed'));
    await assert.rejects(alongside({}, never, 'side', failure), /failed/);
    await assert.rejects(alongside({}, failure, 'side', never), /failed/);
  });

  it('stops both when it is aborted', async () => {
    const ending = new AbortController();
    const both = alongside({ signal: ending.signal }, never, 'side', never);
    ending.abort();
    await assert.rejects(both, /stopped/);
  });
});
