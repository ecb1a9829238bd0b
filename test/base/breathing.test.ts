import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cooperativeYield } from '../../src/base/concurrency.js';
import { AbortedError } from '../../src/base/errors.js';

const busy = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

describe('cooperativeYield', () => {
  it('yields to other work during a loop', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const breath = cooperativeYield();
    for (let i = 0; i < 100; i++) {
      await breath();
      busy(1);
    }
    clearInterval(timer);
    assert.ok(turns >= 5, `${turns} turns`);
  });

  it('costs almost nothing if it is called often', () => {
    const breath = cooperativeYield();
    assert.equal(breath(), undefined);
  });

  it('ends an aborted loop', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 5);
    const breath = cooperativeYield(stop.signal);
    let rounds = 0;
    const loop = async () => {
      for (; rounds < 1000; rounds++) {
        await breath();
        busy(1);
      }
    };
    await assert.rejects(loop, AbortedError);
    assert.ok(rounds < 500, `${rounds} rounds`);
  });
});
