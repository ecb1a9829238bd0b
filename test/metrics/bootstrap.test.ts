import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { bootstrapInterval } from '../../src/metrics/bootstrap.js';
import { meanAbsoluteError, rootMeanSquaredError } from '../../src/metrics/regression.js';

/** `n` true numbers 0 and predictions with standard normal errors. */
function sample(n: number, stream: string) {
  const random = createRandom(3, stream);
  return { yTrue: new Float64Array(n), yPred: Float64Array.from({ length: n }, () => random.normal()) };
}

test('the same seed gives the same intervals, another seed others', () => {
  const { yTrue, yPred } = sample(80, 'same');
  const first = bootstrapInterval(yTrue, yPred, { seed: 7 });
  assert.deepEqual(bootstrapInterval(yTrue, yPred, { seed: 7 }), first);
  assert.notDeepEqual(bootstrapInterval(yTrue, yPred, { seed: 8 }), first);
});

test('the intervals enclose the measured RMSE and MAE', () => {
  const { yTrue, yPred } = sample(500, 'enclose');
  const { rmse, mae } = bootstrapInterval(yTrue, yPred);
  const measured = { rmse: rootMeanSquaredError(yTrue, yPred), mae: meanAbsoluteError(yTrue, yPred) };
  assert.ok(rmse[0] < measured.rmse && measured.rmse < rmse[1], `${rmse} around ${measured.rmse}`);
  assert.ok(mae[0] < measured.mae && measured.mae < mae[1], `${mae} around ${measured.mae}`);
});

test('its width is that of the normal approximation', () => {
  const n = 2000;
  const { yTrue, yPred } = sample(n, 'width');
  const [low, high] = bootstrapInterval(yTrue, yPred).mae;
  // The standard deviation of |x| for a standard normal x is sqrt(1 - 2 / pi).
  const expected = (2 * 1.96 * Math.sqrt(1 - 2 / Math.PI)) / Math.sqrt(n);
  assert.ok(Math.abs((high - low) / expected - 1) < 0.15, `width ${high - low}, expected about ${expected}`);
});

test('the interval covers the true MAE about as often as its level says', () => {
  const trials = 400;
  const truth = Math.sqrt(2 / Math.PI);
  const covered = (level: number) => {
    const random = createRandom(3, 'coverage');
    let count = 0;
    for (let seed = 0; seed < trials; seed++) {
      const errors = Float64Array.from({ length: 60 }, () => random.normal());
      const [low, high] = bootstrapInterval(new Float64Array(60), errors, { seed, resamples: 200, level }).mae;
      if (low <= truth && truth <= high) count++;
    }
    return count / trials;
  };
  const wide = covered(0.95);
  const narrow = covered(0.5);
  // Chance over 400 data sets is 0.025 at level 0.5; percentile intervals of 60 pairs are a little too narrow.
  assert.ok(wide > 0.88 && wide < 0.98, `95 % interval covers ${wide}`);
  assert.ok(narrow > 0.4 && narrow < 0.6, `50 % interval covers ${narrow}`);
});

test('a single pair has an interval of no width', () => {
  assert.deepEqual(bootstrapInterval([1], [4]), { rmse: [3, 3], mae: [3, 3] });
});

test('options out of range are refused', () => {
  assert.throws(() => bootstrapInterval([1], [1], { resamples: 0 }), {
    name: 'UsageError',
    message: 'bootstrapInterval: expected a whole number of resamples from 1, got 0',
  });
  assert.throws(() => bootstrapInterval([1], [1], { level: 1 }), {
    name: 'UsageError',
    message: 'bootstrapInterval: expected a level between 0 and 1, got 1',
  });
  assert.throws(() => bootstrapInterval([1, 2], [1]), { name: 'InputError' });
});
