import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { evaluate, type Prediction } from '../../src/evaluation/evaluate.js';
import { scoreTable } from '../../src/uncertainty/conformal.js';
import { calibrateIntervals } from '../../src/uncertainty/intervals.js';
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
  const errors = result.byGroup.map(({ interval95, rmse, ...rest }) => rest);
  assert.deepEqual(errors, [
    { from: 10, to: 20, images: 1, mae: 2, bias: 2 },
    { from: 20, to: 30, images: 2, mae: 3.5, bias: 2.5 },
    { from: 60, to: 70, images: 1, mae: 5, bias: -5 },
  ]);
  assert.equal(result.byGroup[1]!.rmse, Math.sqrt((36 + 1) / 2));
  assert.deepEqual(result.byGroup[1]!.interval95, { mae: [1, 6], bias: [-1, 6] });
});

test('regression to the mean is a slope below 1, with an interval that holds the true one', () => {
  const predictions = ages(500, (label, noise) => 10 + 0.7 * label + 4 * noise);
  const { slope } = evaluate(predictions, { trainingLabels });
  const [low, high] = slope!.interval95;
  assert.ok(low < 0.7 && high > 0.7 && high - low < 0.05, `${low} to ${high}`);
  assert.equal(evaluate(four.slice(0, 2), { trainingLabels }).slope, null);
});

test('what intervals hold is said over all and by group, where there are intervals', () => {
  const of = (n: number) => ages(n, (label, noise) => label + 4 * noise).map(p => ({ ...p, scale: 3 }));
  const known = of(2000);
  const intervals = calibrateIntervals(
    known.map(({ label }) => label),
    known.map(({ value }) => value),
    known.map(({ scale }) => scale),
  );
  const result = evaluate(
    of(1000).map((p, i) => ({ ...p, unusual: i < 3 })),
    { trainingLabels, intervals },
  );
  assert.ok(Math.abs(result.coverage90! - 0.9) < 0.03 && Math.abs(result.coverage80! - 0.8) < 0.04);
  assert.ok(Math.abs(result.intervalWidth90! - 2 * 1.645 * 4) < 1.5);
  assert.equal(result.unusual, 3);
  assert.ok(result.byGroup.filter(({ images }) => images >= 50).every(({ coverage90 }) => coverage90! > 0.8));
  assert.deepEqual(
    result.calibration!.map(({ level }) => level),
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99],
  );
  assert.equal(result.riskCoverage![0]!.kept, 1);
  expectNumbersClose([result.riskCoverage![0]!.mae], [result.mae], { rtol: 1e-12, atol: 0 });
  const none = evaluate(of(1000), { trainingLabels });
  assert.equal(none.coverage90, undefined);
  assert.ok(!('coverage90' in none.byGroup[0]!));
});

test('setting uncertain predictions aside lowers the error of the rest if the scale ranks them', () => {
  const random = createRandom(2);
  const wide = Array.from({ length: 1000 }, (_, i) => {
    const scale = 1 + 9 * random.uniform();
    return { file: `${i}`, label: 500, value: 500 + scale * random.normal(), scale };
  });
  const pooled = scoreTable(wide.map(({ value, scale }) => Math.abs(value - 500) / scale));
  const { riskCoverage } = evaluate(wide, { trainingLabels, intervals: { levels: [], groups: [], pooled } });
  const half = riskCoverage!.find(({ kept }) => kept === 0.5)!;
  assert.ok(half.mae < 0.65 * riskCoverage![0]!.mae);
});

test('levels that the calibration is too small for are null, and not in the curve', () => {
  const pooled = scoreTable([1, 2, 3, 4, 5]);
  const predictions = four.map(p => ({ ...p, scale: 1 }));
  const result = evaluate(predictions, { trainingLabels, intervals: { levels: [], groups: [], pooled } });
  assert.equal(result.coverage90, null);
  assert.equal(result.intervalWidth90, null);
  assert.equal(result.byGroup[0]!.coverage90, null);
  assert.equal(result.coverage80, 0.75);
  assert.equal(result.calibration!.at(-1)!.level, 0.8);
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
    'byColumn',
    'byGroup',
    'cs5',
    'images',
    'interval95',
    'mae',
    'mse',
    'r2',
    'rmse',
    'skipped',
    'slices',
    'slope',
    'warnings',
  ]);
  assert.equal(json.interval95.rmse.length, 2);
  assert.equal(json.interval95.mae.length, 2);
});

test('the seed decides the intervals and nothing else', () => {
  const predictions = ages(50, (label, noise) => label + 3 * noise);
  const withoutIntervals = (seed: number) => {
    const { interval95, byGroup, ...rest } = evaluate(predictions, { trainingLabels, seed });
    return { first: interval95, rest: { ...rest, byGroup: byGroup.map(({ interval95, ...group }) => group) } };
  };
  const { first, rest } = withoutIntervals(1);
  const { first: second, rest: restAgain } = withoutIntervals(2);
  assert.deepEqual(restAgain, rest);
  assert.notDeepEqual(second, first);
});

test('labels that are all equal have an R2 of null and a warning that says so', () => {
  const same = Array.from({ length: 40 }, (_, i) => ({
    ...four[0]!,
    file: `${i}.jpg`,
    label: 0.1,
    value: 0.1 + i / 100,
  }));
  const result = evaluate(same, { trainingLabels });
  assert.equal(result.r2, null);
  assert.equal(result.warnings.length, 1);
  assert.match(result.warnings[0]!, /^Every label is 0\.1, so R2 is not defined/);
});

test('one image has numbers, an R2 of null and a warning', () => {
  const result = evaluate([four[0]!], { trainingLabels });
  assert.equal(result.r2, null);
  assert.equal(result.mae, 2);
  const interval95 = { mae: [2, 2], bias: [2, 2] };
  assert.deepEqual(result.byGroup, [{ from: 10, to: 20, images: 1, rmse: 2, mae: 2, bias: 2, interval95 }]);
  assert.deepEqual(result.interval95.mae, [2, 2]);
  assert.deepEqual(result.warnings.length, 1);
  assert.match(result.warnings[0]!, /^Only 1 image was evaluated/);
});

test('a useful model on enough images has no warnings', () => {
  const predictions = ages(200, (label, noise) => 8 + 0.8 * label + 5 * noise);
  assert.deepEqual(evaluate(predictions, { trainingLabels }).warnings, []);
});

test('a near-constant model is called out, with advice', () => {
  const predictions = ages(200, label => 40 + 0.15 * (label - 40));
  const { warnings } = evaluate(predictions, { trainingLabels: { mean: 20, median: 20 } });
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /almost the same value for every image: the standard deviation of its predictions is 15 % of that of the labels/,
  );
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
  assert.match(
    result.warnings[0]!,
    /^The model is no better than the baseline \(always predicting the mean of the training labels\)/,
  );
});

test('a model better than the training mean but not than the mean of these labels is called out for its R2', () => {
  const predictions = ages(200, label => label - 30);
  const result = evaluate(predictions, { trainingLabels: { mean: 200, median: 200 } });
  assert.ok(result.r2! <= 0);
  assert.equal(result.warnings.length, 1);
  assert.match(result.warnings[0]!, /^Always predicting the mean of these labels would be better than the model/);
});

test('few images are called out under thirty', () => {
  const good = (n: number) =>
    evaluate(
      ages(n, (label, noise) => label + noise),
      { trainingLabels },
    ).warnings;
  assert.match(good(29)[0]!, /^Only 29 images were evaluated/);
  assert.deepEqual(good(30), []);
});

test('no predictions are refused, with the first reason', () => {
  assert.throws(() => evaluate([], { trainingLabels, skipped: [{ file: 'a.jpg', reason: 'not an image' }] }), {
    name: 'InputError',
    message:
      'evaluate: expected at least one image with a prediction, got none (1 skipped, the first because: not an image)',
  });
});

test('a prediction that is not a number is refused by the name of its file', () => {
  const broken = { file: '37/x.jpg', label: 37, value: Number.NaN };
  assert.throws(() => evaluate([...four, broken], { trainingLabels }), {
    name: 'InputError',
    message: '37/x.jpg: expected finite numbers, got a prediction of NaN',
  });
});
