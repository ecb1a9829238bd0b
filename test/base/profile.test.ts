import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { during, Profile, step } from '../../src/base/profile.js';

describe('a profile', () => {
  it('counts overlapping times once', async () => {
    const profile = new Profile();
    const started = performance.now();
    await Promise.all([1, 2, 3].map(() => during(profile, 'decode', () => sleep(60))));
    const most = (performance.now() - started) / 1000;
    const { decode, read } = profile.report().images;
    assert.ok(decode > 0.05 && decode <= most, `${decode} of ${most}`);
    assert.equal(read, 0);
  });

  it('reports how long the engine waited for images', async () => {
    const profile = new Profile();
    const started = performance.now();
    const end = profile.start('way');
    await sleep(60);
    await during(profile, 'compute', () => sleep(60));
    end();
    const all = (performance.now() - started) / 1000;
    const { wait, compute } = profile.report().images;
    assert.ok(wait > 0.05 && compute > 0.05, `${wait}, ${compute}`);
    assert.ok(wait + compute <= all, `${wait} and ${compute} of ${all}`);
  });

  it('sums steps with the same name, including failed ones', async () => {
    const profile = new Profile();
    await step(profile, 'a', () => sleep(20));
    await step(profile, 'b', async () => {});
    await assert.rejects(
      step(profile, 'a', async () => {
        await sleep(20);
        throw new Error('no');
      }),
      /no/,
    );
    const { steps } = profile.report();
    assert.deepEqual(Object.keys(steps), ['a', 'b']);
    assert.ok(steps.a! > 0.03, `${steps.a}`);
    assert.equal(await step(undefined, 'a', async () => 7), 7);
  });
});
