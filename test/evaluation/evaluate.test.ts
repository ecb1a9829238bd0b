import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { evaluate, type Prediction } from '../../src/evaluation/evaluate.js';
import { expectNumbersClose } from '../close.js';

const trainingLabels = { mean: 30, median: 28 };

/** Ages 1 to 80 with predictions `value(label, noise)`, noise standard normal. */
function ages(n: number, value: (label: number, noise: number) => number): Prediction[] {
  const random = createRandom(5, 'ages');
  return Array.from({ length: n }, (_, i) => {
    const label = 1 + random.integer(80);
    return { file: `${label}/${i}.jpg`, label, value: value(label, random.normal()) };
  });
}

const four: Prediction[] = [
  { file: 'a.jpg', label: 10, value: 12 },
  { file: 'b.jpg', label: 20, value: 26 },
  { file: 'c.jpg', label: 25, value: 24 },
  { file: 'd.jpg', label: 60, value: 55 },
];

test('numbers of four predictions, by hand', () => {
  const result = evaluate(four, { trainingLabels, skipped: [{ file: 'x', reason: 'broken' }] });
  assert.equal(result.images, 4);
  assert.deepEqual(result.skipped, [{ file: 'x', reason: 'broken' }]);
  assert.equal(result.mse, (4 + 36 + 1 + 25) / 4);
  assert.equal(result.mae, 14 / 4);
  assert.equal(result.bias, 2 / 4);
  assert.equal(result.cs5, 0.75);
  expectNumbersClose([result.rmse, result.r2!], [Math.sqrt(16.5), 1 - 66 / 1418.75], { rtol: 1e-14, atol: 0 });
  assert.deepEqual(result.byGroup, [
    { from: 10, to: 20, images: 1, mae: 2, bias: 2 },
    { from: 20, to: 30, images: 2, mae: 3.5, bias: 2.5 },
    { from: 60, to: 70, images: 1, mae: 5, bias: -5 },
  ]);
});

test('the baseline answers the training labels, not the labels at hand', () => {
  const { baseline } = evaluate(four, { trainingLabels });
  assert.equal(baseline.mean.mae, (20 + 10 + 5 + 30) / 4);
  assert.equal(baseline.median.mae, (18 + 8 + 3 + 32) / 4);
  assert.equal(baseline.mean.rmse, Math.sqrt((400 + 100 + 25 + 900) / 4));
  assert.equal(baseline.median.rmse, Math.sqrt((324 + 64 + 9 + 1024) / 4));
});

test('its JSON has the documented keys and no NaN', () => {
  const json = JSON.parse(JSON.stringify(evaluate(four, { trainingLabels })));
  assert.deepEqual(Object.keys(json).sort(), [
    'baseline',
    'bias',
    'byGroup',
    'cs5',
    'images',
    'interval95',
    'mae',
    'mse',
    'r2',
    'rmse',
    'skipped',
    'warnings',
  ]);
  assert.equal(json.interval95.rmse.length, 2);
  assert.equal(json.interval95.mae.length, 2);
});

test('the seed decides the intervals and nothing else', () => {
  const predictions = ages(50, (label, noise) => label + 3 * noise);
  const { interval95: first, ...rest } = evaluate(predictions, { trainingLabels, seed: 1 });
  const { interval95: second, ...restAgain } = evaluate(predictions, { trainingLabels, seed: 2 });
  assert.deepEqual(restAgain, rest);
  assert.notDeepEqual(second, first);
});

test('one picture has numbers, an R2 of null and a warning', () => {
  const result = evaluate([four[0]!], { trainingLabels });
  assert.equal(result.r2, null);
  assert.equal(result.mae, 2);
  assert.deepEqual(result.byGroup, [{ from: 10, to: 20, images: 1, mae: 2, bias: 2 }]);
  assert.deepEqual(result.interval95.mae, [2, 2]);
  assert.deepEqual(result.warnings.length, 1);
  assert.match(result.warnings[0]!, /^Only 1 picture was measured/);
});

test('a useful model on enough pictures has no warnings', () => {
  const predictions = ages(200, (label, noise) => 8 + 0.8 * label + 5 * noise);
  assert.deepEqual(evaluate(predictions, { trainingLabels }).warnings, []);
});

test('a near-constant model is called out, with advice', () => {
  const predictions = ages(200, label => 40 + 0.15 * (label - 40));
  const { warnings } = evaluate(predictions, { trainingLabels: { mean: 20, median: 20 } });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /almost the same number for every picture: its predictions spread 15 % as much/);
  assert.match(warnings[0]!, /Train longer/);
});

test('predictions that spread a quarter as much as the labels are not called near-constant', () => {
  const predictions = ages(200, label => 40 + 0.25 * (label - 40));
  assert.deepEqual(evaluate(predictions, { trainingLabels }).warnings, []);
});

test('a model no better than the mean of the training labels is called out once, not also for its R2', () => {
  const predictions = ages(200, (label, noise) => 80 - label + noise);
  const result = evaluate(predictions, { trainingLabels: { mean: 40, median: 40 } });
  assert.ok(result.r2! < 0);
  assert.equal(result.warnings.length, 1);
  assert.match(result.warnings[0]!, /^The model is no better than always answering the mean of the training labels/);
});

test('a model better than the training mean but not than the mean of these labels is called out for its R2', () => {
  const predictions = ages(200, label => label - 30);
  const result = evaluate(predictions, { trainingLabels: { mean: 200, median: 200 } });
  assert.ok(result.r2! <= 0);
  assert.equal(result.warnings.length, 1);
  assert.match(result.warnings[0]!, /^The mean of the labels measured here would have been a better answer/);
});

test('few pictures are called out under thirty', () => {
  const good = (n: number) =>
    evaluate(
      ages(n, (label, noise) => label + noise),
      { trainingLabels },
    ).warnings;
  assert.match(good(29)[0]!, /^Only 29 pictures were measured/);
  assert.deepEqual(good(30), []);
});

test('labels that are all equal get no verdict on spread', () => {
  const predictions = ages(40, (_, noise) => 30 + noise).map(prediction => ({ ...prediction, label: 30 }));
  assert.deepEqual(evaluate(predictions, { trainingLabels }).warnings, []);
});

test('no predictions are refused, with the first reason', () => {
  assert.throws(() => evaluate([], { trainingLabels, skipped: [{ file: 'a.jpg', reason: 'not a picture' }] }), {
    name: 'InputError',
    message:
      'evaluate: expected at least one picture with a prediction, got none (1 skipped, the first because: not a picture)',
  });
});

test('a prediction that is not a number is refused by the name of its file', () => {
  const broken = { file: '37/x.jpg', label: 37, value: Number.NaN };
  assert.throws(() => evaluate([...four, broken], { trainingLabels }), {
    name: 'InputError',
    message: '37/x.jpg: expected finite numbers, got a prediction of NaN',
  });
});
