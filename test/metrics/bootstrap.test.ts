import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { bootstrapInterval, errorIntervals } from '../../src/metrics/bootstrap.js';
import { meanAbsoluteError, rootMeanSquaredError } from '../../src/metrics/regression.js';
import { expectNumbersClose } from '../close.js';

/** `n` true values of 0 and predictions with standard normal errors. */
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
  const trueMae = Math.sqrt(2 / Math.PI);
  const covered = (level: number) => {
    const random = createRandom(3, 'coverage');
    let count = 0;
    for (let seed = 0; seed < trials; seed++) {
      const errors = Float64Array.from({ length: 60 }, () => random.normal());
      const [low, high] = bootstrapInterval(new Float64Array(60), errors, { seed, resamples: 200, level }).mae;
      if (low <= trueMae && trueMae <= high) count++;
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

test('the limits of the options themselves: one resample is enough, a level of 0 is refused', () => {
  const { mae } = bootstrapInterval([0, 0], [1, 3], { resamples: 1 });
  assert.equal(mae[0], mae[1]);
  for (const level of [0, Number.NaN])
    assert.throws(() => bootstrapInterval([1], [1], { level }), { name: 'UsageError' });
  assert.throws(() => bootstrapInterval([1], [1], { resamples: 1.5 }), { name: 'UsageError' });
});

test('both intervals are percentiles of the resamples of one seed, 0 by default', () => {
  const { yTrue, yPred } = sample(80, 'pinned');
  const intervals = bootstrapInterval(yTrue, yPred);
  expectNumbersClose(
    [...intervals.rmse, ...intervals.mae],
    [0.9644709959926887, 1.2628647180993582, 0.7551154179548697, 1.0440187338223579],
    { rtol: 1e-12, atol: 0 },
  );
  assert.deepEqual(bootstrapInterval(yTrue, yPred, { seed: 0, resamples: 1000, level: 0.95 }), intervals);
});

test('intervals of errors are percentiles of 1,000 resamples, with 0 as the default seed', () => {
  const { yPred: errors } = sample(80, 'pinned');
  const { mae, bias } = errorIntervals(errors);
  expectNumbersClose(
    [...mae, ...bias],
    [0.7649069051530821, 1.0535758564175302, -0.19885655686903958, 0.2835390161086399],
    { rtol: 1e-12, atol: 1e-15 },
  );
  assert.deepEqual(errorIntervals(errors, { seed: 0 }), { mae, bias });
  assert.notDeepEqual(errorIntervals(errors, { seed: 1 }), { mae, bias });
});

test('from 2,000 errors on, intervals are those of the normal distribution', () => {
  const alternating = (n: number) => Float64Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 3 : -1));
  const { mae, bias } = errorIntervals(alternating(2000));
  // Sizes 3 and 1 have the mean 2 and the standard deviation 1; errors 3 and -1 the mean 1 and the deviation 2.
  const half = 1.96 / Math.sqrt(2000);
  expectNumbersClose([...mae, ...bias], [2 - half, 2 + half, 1 - 2 * half, 1 + 2 * half], { rtol: 1e-12, atol: 0 });
  const drawn = errorIntervals(alternating(1998));
  assert.notEqual(drawn.mae[0] + drawn.mae[1], 4);
});
