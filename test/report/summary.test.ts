import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate, type Prediction } from '../../src/evaluation/evaluate.js';
import { summarize } from '../../src/report/summary.js';

const trainingLabels = { mean: 33, median: 30 };

function summary(pairs: readonly (readonly [label: number, value: number])[]): string {
  const predictions: Prediction[] = pairs.map(([label, value], i) => ({ file: `${i}.jpg`, label, value }));
  return summarize(evaluate(predictions, { trainingLabels }), { target: 'age', unit: 'years', trainingLabels });
}

test('a good model: its error, the constant it is measured against, and what it explains', () => {
  const text = summary([
    [10, 12],
    [20, 18],
    [50, 52],
    [60, 58],
  ]);
  assert.match(text, /^On average a prediction is 2\.00 years off \(95 % interval 2\.00 to 2\.00\)\. /);
  assert.match(
    text,
    /the median age of the training images, 30\.0, would be 20\.00 off: the error of the model is 90 % lower\./,
  );
  assert.match(text, /It explains 99 % of the variance\./);
  assert.match(text, /neither too high nor too low\.$/);
});

test('a bad model is said to be no better, and nothing is explained', () => {
  const text = summary([
    [10, 80],
    [20, 80],
    [50, 80],
    [60, 80],
  ]);
  assert.match(text, /the model is no better than that\./);
  assert.doesNotMatch(text, /explains/);
  assert.match(text, /On average its predictions are 45\.0. years too high\.$/);
});

test('answers below the truth are too low', () => {
  assert.match(
    summary([
      [10, 7],
      [40, 37],
    ]),
    /On average its predictions are 3\.00 years too low\.$/,
  );
});

test('one image gets one sentence', () => {
  assert.equal(summary([[40, 37.5]]), 'The prediction is 2.50 years off, too low.');
});
