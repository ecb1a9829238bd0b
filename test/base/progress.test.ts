import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pace } from '../../src/base/progress.js';

describe('a pace', () => {
  it('is that of the phase, from its first report', () => {
    let now = 1000;
    const pace = new Pace(() => now);
    const report = (phase: string, done: number) => pace.read({ phase, done, total: 100, unit: 'images' });
    assert.deepEqual(report('a', 0), { seconds: 0, rate: 0, secondsLeft: 0 });
    now += 2000;
    assert.deepEqual(report('a', 20), { seconds: 2, rate: 10, secondsLeft: 8 });
    assert.ok(pace.isNew('b') && !pace.isNew('a'));
    assert.equal(report('b', 1).seconds, 0);
    now += 500;
    assert.equal(report('b', 100).secondsLeft, 0);
    assert.equal(report('b', 3).seconds, 0);
    pace.end();
    assert.ok(pace.isNew('b'));
  });
});
