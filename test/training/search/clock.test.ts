import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { throwIfAborted } from '../../../src/base/errors.js';
import type { Progress, RunContext } from '../../../src/base/progress.js';
import { SearchClock } from '../../../src/training/search/clock.js';
import { failureOf } from '../../datasets/temp.js';

/** Work that lasts until it is stopped. */
const endless = ({ signal }: RunContext) =>
  new Promise<never>((_, reject) => {
    // As work in a thread does, it keeps the process alive; the timeout of a signal does not.
    const running = setInterval(() => {}, 1000);
    signal!.addEventListener('abort', () => {
      clearInterval(running);
      try {
        throwIfAborted(signal);
      } catch (thrown) {
        reject(thrown);
      }
    });
  });

describe('SearchClock', () => {
  it('returns what is done in time, and nothing of what takes longer', async () => {
    const clock = new SearchClock(100, undefined);
    assert.equal((await clock.within(10, {}, async () => 7))!.result, 7);
    assert.equal(await clock.within(0.01, {}, endless), undefined);
    assert.equal(await clock.within(0, {}, async () => 7), undefined);
  });

  it('has no time left once it is stopped', async () => {
    const stop = new AbortController();
    const clock = new SearchClock(100, stop.signal);
    assert.ok(clock.secondsLeft > 90);
    const running = clock.within(50, {}, endless);
    stop.abort();
    assert.equal(await running, undefined);
    assert.equal(clock.secondsLeft, 0);
    assert.equal(await clock.within(50, {}, async () => 7), undefined);
  });

  it('lets the failure of the work and the signal of the whole through', async () => {
    const clock = new SearchClock(100, undefined);
    const failing = async () => {
      throw new Error('broken');
    };
    assert.match(`${await failureOf(() => clock.within(10, {}, failing))}`, /broken/);
    const whole = new AbortController();
    const running = failureOf(() => clock.within(50, { signal: whole.signal }, endless));
    whole.abort();
    assert.match(`${await running}`, /stopped before the end/);
  });

  it('reports its time as the progress of all that is done below it', () => {
    const reports: Progress[] = [];
    const clock = new SearchClock(60, undefined, performance.now() - 20_000);
    const { onProgress } = clock.progress({ onProgress: report => reports.push(report) }, () => 'candidate 2 of 5');
    onProgress!({ phase: 'fitting the mlp head', done: 3, total: 9, unit: 'images' });
    const { done, ...rest } = reports[0]!;
    assert.ok(done >= 20 && done < 25, `${done}`);
    assert.deepEqual(rest, { phase: 'searching', detail: 'candidate 2 of 5', total: 60, unit: 's', stage: undefined });
  });
});
