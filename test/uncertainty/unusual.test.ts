import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { unusualGrade, unusualLimits } from '../../src/uncertainty/unusual.js';

/** Signals of images of one kind. */
function signals(count: number, seed: number) {
  const random = createRandom(seed, 'signals');
  const draw = (centre: number, spread: number) =>
    Float64Array.from({ length: count }, () => Math.max(0, centre + spread * random.normal()));
  return { unlikeness: draw(1, 0.1), activation: draw(17, 2) };
}

const infinite = Number.POSITIVE_INFINITY;
const free = { distance: infinite, far: infinite, activation: 0, faint: 0 };

describe('unusual images', () => {
  it('are on average at most the stated share of others of the same kind, from 300 images on', () => {
    for (const sides of [1, 2] as const) {
      for (const count of [300, 3000]) {
        let [marked, all] = [0, 0];
        for (let seed = 0; seed < 20; seed++) {
          const on = signals(count, seed);
          const limits = unusualLimits(on.unlikeness, on.activation, sides);
          assert.equal(limits.share, 0.01);
          const { unlikeness, activation } = signals(2000, 1000 + seed);
          unlikeness.forEach((far, i) => {
            all++;
            if (unusualGrade({ unlikeness: far, activation: activation[i]! }, limits) !== undefined) marked++;
          });
        }
        assert.ok(marked / all <= 0.011 && marked / all > 0.004, `${count}, ${sides}: ${marked / all}`);
      }
    }
  });

  it('state with few images that more of the same kind are marked', () => {
    const { unlikeness, activation } = signals(24, 1);
    const limits = unusualLimits(unlikeness, activation, 2);
    assert.equal(limits.share, 2 / 25);
    assert.equal(unusualLimits(unlikeness, activation, 1).share, 1 / 25);
    assert.ok(limits.distance >= Math.max(...unlikeness) && limits.distance < Math.max(...unlikeness) * 1.0001);
    assert.ok(limits.activation <= Math.min(...activation) && limits.activation > Math.min(...activation) * 0.9999);
    assert.equal(limits.faint, limits.activation);
  });

  it('need a much lower activation if there is a middle stage', () => {
    const { unlikeness, activation } = signals(300, 1);
    const { faint, activation: limit } = unusualLimits(unlikeness, activation, 1);
    assert.ok(Math.abs(faint - limit / 2) < 1e-4);
  });

  it('are of another kind if they are far away or hardly active, else from another source', () => {
    const limits = { distance: 1.5, far: 2, activation: 10, faint: 5 };
    const grade = (unlikeness: number, activation: number) => unusualGrade({ unlikeness, activation }, limits);
    assert.equal(grade(1, 15), undefined);
    assert.equal(grade(1.5, 5), undefined);
    assert.equal(grade(1.7, 15), 'source');
    assert.equal(grade(2.1, 15), 'kind');
    assert.equal(grade(1, 4.9), 'kind');
    assert.equal(grade(1.7, 9.9), 'kind');
    assert.equal(grade(Number.NaN, 15), 'kind');
    assert.equal(grade(1, Number.NaN), 'kind');
    assert.equal(unusualGrade({ unlikeness: 1e9, activation: 0 }, free), undefined);
  });

  it('are found among features that are never active', () => {
    const limits = unusualLimits(new Float64Array(50), new Float64Array(50), 2);
    assert.equal(unusualGrade({ unlikeness: 0, activation: 0 }, limits), undefined);
    assert.equal(unusualGrade({ unlikeness: 1, activation: 0 }, limits), 'kind');
  });
});
