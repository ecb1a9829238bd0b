import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { mapAhead } from '../../src/base/concurrency.js';
import { createRandom } from '../../src/base/random.js';

/** What `work` rejects with and nobody hears of, while `body` runs. */
async function unheard(body: () => Promise<void>): Promise<unknown[]> {
  const found: unknown[] = [];
  const listener = (reason: unknown) => found.push(reason);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', listener);
  try {
    await body();
    await turn();
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const other of others) process.on('unhandledRejection', other);
  }
  return found;
}

describe('ahead', () => {
  it('gives results in order, whatever order they are ready in', async () => {
    const random = createRandom(0);
    const results = mapAhead(20, 5, index => sleep(random.integer(8), index * index));
    const taken = await collect(results);
    assert.deepEqual(
      taken,
      Array.from({ length: 20 }, (_, i) => i * i),
    );
  });

  it('has up to the limit under way and never more', async () => {
    let underWay = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++underWay);
      await sleep(1);
      underWay--;
    };
    await collect(mapAhead(30, 4, work));
    assert.equal(most, 4);
  });

  it('does not run further ahead than the limit if results are consumed slowly', async () => {
    let started = 0;
    const results = mapAhead(100, 6, async index => {
      started++;
      return index;
    });
    for await (const index of results) {
      await sleep(1);
      assert.ok(started <= index + 6, `${started} started before ${index} was done with`);
      if (index === 20) break;
    }
    assert.ok(started <= 26, `${started}`);
  });

  it('gives nothing for a count of 0', async () => {
    assert.deepEqual(await collect(mapAhead(0, 3, async () => 1)), []);
  });

  it('stops with AbortedError, after what was under way, and starts nothing more', async () => {
    const controller = new AbortController();
    let started = 0;
    let ended = 0;
    const work = async (index: number) => {
      started++;
      await sleep(2);
      ended++;
      return index;
    };
    const taken: number[] = [];
    const taking = (async () => {
      for await (const index of mapAhead(50, 3, work, controller.signal)) {
        taken.push(index);
        if (index === 4) controller.abort();
      }
    })();
    await assert.rejects(taking, { name: 'AbortedError', code: 'aborted', message: 'stopped before the end' });
    assert.deepEqual(taken, [0, 1, 2, 3, 4]);
    assert.ok(started < 10, `${started} started`);
    assert.equal(ended, started, 'left under way');
  });

  it('fails with the first error in order, and ignores the others', async () => {
    const work = async (index: number) => {
      // The later one fails first, while the earlier is still waited for.
      if (index === 2) throw new Error('second in order');
      await sleep(5);
      if (index === 1) throw new Error('first in order');
      return index;
    };
    const lost = await unheard(async () => {
      await assert.rejects(collect(mapAhead(6, 4, work)), { message: 'first in order' });
      await sleep(10);
    });
    assert.deepEqual(lost, []);
  });

  it('ignores errors after the consumer has stopped', async () => {
    const lost = await unheard(async () => {
      const work = async (index: number) => {
        if (index === 0) return index;
        await sleep(2);
        throw new Error(`late ${index}`);
      };
      for await (const _ of mapAhead(5, 3, work)) break;
      await sleep(5);
    });
    assert.deepEqual(lost, []);
  });
});

async function collect<T>(results: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const result of results) out.push(result);
  return out;
}
