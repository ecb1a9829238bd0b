import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Budget } from '../../src/base/concurrency.js';

describe('a budget', () => {
  it('runs what fits, in order, and work that is too large alone', async () => {
    const budget = new Budget(10);
    const log: string[] = [];
    const ends = new Map<string, () => void>();
    const work = (name: string, amount: number) =>
      budget.run(amount, async () => {
        log.push(name);
        await new Promise<void>(end => ends.set(name, end));
      });
    const end = async (name: string) => {
      ends.get(name)!();
      await new Promise(setImmediate);
    };
    const all = [work('a', 6), work('b', 4), work('c', 4), work('huge', 99), work('d', 1)];
    await new Promise(setImmediate);
    assert.deepEqual(log, ['a', 'b']);
    await end('b');
    // It does not overtake the one before it, for which there is no room.
    assert.deepEqual(log, ['a', 'b', 'c']);
    await end('a');
    assert.deepEqual(log, ['a', 'b', 'c']);
    await end('c');
    assert.deepEqual(log, ['a', 'b', 'c', 'huge']);
    await end('huge');
    await end('d');
    await Promise.all(all);
    assert.deepEqual(log, ['a', 'b', 'c', 'huge', 'd']);
  });

  it('is freed if work fails', async () => {
    const budget = new Budget(1);
    await assert.rejects(budget.run(1, () => Promise.reject(new Error('x'))));
    assert.equal(await budget.run(1, async () => 'runs'), 'runs');
  });
});
