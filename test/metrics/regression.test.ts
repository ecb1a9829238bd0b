import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as metrics from '../../src/metrics/regression.js';
import { expectNumbersClose } from '../close.js';

const { meanAbsoluteError, meanBias, meanSquaredError, r2Score, regressionLine, rootMeanSquaredError, shareWithin } =
  metrics;

// The example of scikit-learn's documentation, and its results.
const yTrue = [3, -0.5, 2, 7];
const yPred = [2.5, 0, 2, 8];

test('metrics match scikit-learn on the example of its documentation', () => {
  expectNumbersClose(
    [
      meanSquaredError(yTrue, yPred),
      rootMeanSquaredError(yTrue, yPred),
      meanAbsoluteError(yTrue, yPred),
      r2Score(yTrue, yPred),
    ],
    [0.375, 0.6123724356957945, 0.5, 0.9486081370449679],
    { rtol: 1e-14, atol: 0 },
  );
});

test('R2 takes true values first: swapped arguments give another number', () => {
  expectNumbersClose([r2Score(yPred, yTrue)], [1 - 1.5 / 35.1875], { rtol: 1e-14, atol: 0 });
});

test('R2 of constant targets is not defined, also where their sum is rounded', () => {
  assert.ok(Number.isNaN(r2Score([-2, -2, -2], [-2, -2, -2])));
  const same = new Array<number>(10).fill(0.1);
  assert.ok(Number.isNaN(r2Score(same, [...same.slice(1), 0.2])));
});

test('R2 is 0 for the mean, negative for worse and NaN for a single pair', () => {
  assert.equal(r2Score([1, 2, 3], [2, 2, 2]), 0);
  assert.equal(r2Score([1, 2, 3], [3, 2, 1]), -3);
  assert.ok(Number.isNaN(r2Score([1], [1])));
});

test('bias is positive where predictions are too high', () => {
  assert.equal(meanBias([1, 2, 3], [2, 4, 3]), 1);
});

test('shareWithin counts an error that equals the tolerance', () => {
  assert.equal(shareWithin([10, 10, 10, 10], [15, 5, 15.001, 10], 5), 0.75);
});

test('the regression line and the interval of its slope match least squares with HC1 errors', () => {
  const { intercept, slope, interval95 } = regressionLine([1, 2, 3, 4, 6], [1.5, 1.9, 3.2, 3.1, 5]);
  // numpy.linalg.lstsq, and the sandwich by its formula in numpy.
  expectNumbersClose(
    [intercept, slope, ...interval95],
    [0.72162162162162, 0.69324324324324, 0.5973898205321514, 0.7890966659543349],
    { rtol: 1e-13, atol: 0 },
  );
});

test('the interval of a slope of three points has one degree of freedom', () => {
  const { slope, interval95 } = regressionLine([1, 2, 4], [1, 3, 4]);
  // The same in numpy.
  expectNumbersClose([slope, ...interval95], [0.9285714285714289, 0.41417858258696105, 1.4429642745558968], {
    rtol: 1e-13,
    atol: 0,
  });
});

test('a line through two points has an interval of no width; equal targets have no line', () => {
  assert.deepEqual(regressionLine([1, 2], [1, 3]), { intercept: -1, slope: 2, interval95: [2, 2] });
  assert.ok(Number.isNaN(regressionLine([2, 2], [1, 3]).slope));
});

test('typed arrays and plain arrays give the same result', () => {
  assert.equal(meanSquaredError(Float32Array.from(yTrue), Float64Array.from(yPred)), 0.375);
});

const all: Record<string, (yTrue: number[], yPred: number[]) => number> = {
  meanSquaredError,
  rootMeanSquaredError,
  meanAbsoluteError,
  meanBias,
  r2Score,
  shareWithin: (a, b) => shareWithin(a, b, 5),
  regressionLine: (a, b) => regressionLine(a, b).slope,
};
for (const [name, metric] of Object.entries(all)) {
  test(`${name} refuses unequal lengths and nothing at all`, () => {
    assert.throws(() => metric([1, 2], [1]), {
      name: 'InputError',
      message: `${name}: expected 2 predictions, one a true value, got 1`,
    });
    assert.throws(() => metric([], []), {
      name: 'InputError',
      message: `${name}: expected at least one pair of values, got none`,
    });
  });
}
