import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { conformalRank, fewestScores, scoreAt, scoreTable } from '../../src/uncertainty/conformal.js';

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe('the conformal rank', () => {
  it('is ceil((n + 1) level), also if floating point would add one', () => {
    assert.equal(conformalRank(9, 0.9), 9);
    assert.equal(conformalRank(10, 0.9), 10);
    assert.equal(conformalRank(99, 0.7), 70); // 100 * 0.7 is 70.00000000000001
    assert.equal(conformalRank(8, 0.9), 9); // more than there are
  });

  it('refuses a level outside 0 to 1', () => {
    for (const level of [0, 1, 90, -0.1, Number.NaN]) {
      assert.throws(() => conformalRank(10, level), {
        name: 'UsageError',
        message: `\`level\`: expected a share above 0 and below 1, got ${level}; write 90 % as 0.9`,
      });
    }
  });
});

describe('a score table', () => {
  it('returns the score of the rank, and none for too few scores', () => {
    const table = scoreTable(upTo(9).reverse());
    assert.equal(scoreAt(table, 0.9), 9);
    assert.equal(scoreAt(table, 0.5), 5);
    assert.equal(scoreAt(table, 0.91), undefined);
    assert.equal(scoreAt(scoreTable([]), 0.1), undefined);
  });

  it('returns the number of scores that each level needs', () => {
    for (const level of [0.5, 0.8, 0.9, 0.95, 0.99, 0.999]) {
      const fewest = fewestScores(level);
      assert.notEqual(scoreAt(scoreTable(upTo(fewest)), level), undefined, `${level} of ${fewest}`);
      assert.equal(scoreAt(scoreTable(upTo(fewest - 1)), level), undefined, `${level} of ${fewest - 1}`);
    }
  });

  it('is thinned; then it returns at least the score of the rank, and at most a hundredth more', () => {
    const table = scoreTable(upTo(10_000));
    assert.ok(table.ranks.length <= 120);
    for (let level = 0.001; level < 1; level += 0.001) {
      const rank = conformalRank(10_000, level);
      const score = scoreAt(table, level)!;
      assert.ok(score >= rank && score < rank + 100, `${level}: ${score} for rank ${rank}`);
    }
    assert.equal(scoreAt(table, 0.9995), 9996);
  });

  it('rounds up only', () => {
    const random = createRandom(0);
    for (let i = 0; i < 1000; i++) {
      const score = random.uniform() * 10 ** (20 * random.uniform() - 10);
      const [rounded] = scoreTable([score]).scores;
      assert.ok(rounded! >= score && rounded! <= score * (1 + 1e-4), `${score} to ${rounded}`);
    }
    assert.deepEqual(scoreTable([0]).scores, [0]);
  });

  it('refuses negative scores and those that are not finite', () => {
    for (const score of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      assert.throws(() => scoreTable([1, score]), {
        name: 'InputError',
        message: `scoreTable: expected finite scores of 0 or above, got ${score}`,
      });
    }
  });

  it('has its stated coverage on average over calibrations', () => {
    const random = createRandom(3);
    for (const [level, n] of [
      [0.9, 19],
      [0.8, 50],
    ] as const) {
      let held = 0;
      const trials = 4000;
      for (let trial = 0; trial < trials; trial++) {
        const table = scoreTable(upTo(n).map(() => Math.abs(random.normal())));
        if (Math.abs(random.normal()) <= scoreAt(table, level)!) held++;
      }
      // The exact share is ceil((n + 1) level) / (n + 1): 0.9, and 41 / 51.
      assert.ok(Math.abs(held / trials - conformalRank(n, level) / (n + 1)) < 0.02, `${level}: ${held / trials}`);
    }
  });
});
