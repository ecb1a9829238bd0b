import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { histogram } from '../../src/evaluation/groups.js';
import {
  errorHistogramPlot,
  type LearningRatePoint,
  labelHistogramPlot,
  learningRatePlot,
  lossPlot,
  type Point,
  residualPlot,
  scatterPlot,
  trainingPlot,
} from '../../src/report/plots.js';
import { expectWellFormed } from './markup.js';

const age = { target: 'age', unit: 'years' };

function points(n: number): Point[] {
  const random = createRandom(4, 'points');
  return Array.from({ length: n }, () => {
    const label = random.integer(100);
    return { label, value: label + 5 * random.normal() };
  });
}

/** A range test from 1e-6 to 1: flat, falling to 60 at about 1e-2, then running away to NaN. */
function rangeTest(steps: number): LearningRatePoint[] {
  return Array.from({ length: steps }, (_, i) => {
    const learningRate = 10 ** (-6 + (6 * i) / (steps - 1));
    const loss = 300 - 240 / (1 + (1e-3 / learningRate) ** 2) + (learningRate / 2e-2) ** 5;
    return { learningRate, loss: learningRate > 0.5 ? Number.NaN : loss };
  });
}

const few = points(200);
const plots: Record<string, string> = {
  scatter: scatterPlot(few, age),
  residuals: residualPlot(few, age),
  labels: labelHistogramPlot(histogram(few.map(({ label }) => label)), age),
  errors: errorHistogramPlot(few, age),
  training: trainingPlot(
    [
      { epoch: 1, trainMse: 300, valMse: 280, trainLoss: 3 },
      { epoch: 2, trainMse: 200, valMse: 220, trainLoss: 3 },
    ],
    age,
    2,
  ),
  loss: lossPlot([
    { epoch: 1, trainMse: 300, valMse: 280, trainLoss: 4 },
    { epoch: 2, trainMse: 200, valMse: 220, trainLoss: 3 },
  ]),
  'learning-rate': learningRatePlot(rangeTest(100), 1e-3),
};

for (const [name, svg] of Object.entries(plots)) {
  test(`the plot of ${name} is a well-formed SVG that scales and is named`, () => {
    expectWellFormed(svg);
    assert.match(svg, /^<svg /);
    assert.match(svg, /viewBox="0 0 480 \d+"/);
    assert.match(svg, /width: 100%/);
    assert.match(svg, new RegExp(`<title id="plot-${name}-title">[^<]+</title>`));
    assert.match(svg, new RegExp(`<desc id="plot-${name}-description">[^<]+</desc>`));
    assert.match(svg, new RegExp(`aria-labelledby="plot-${name}-title plot-${name}-description"`));
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  });

  test(`the plot of ${name} takes its colours from the page`, () => {
    assert.match(svg, /var\(--accent,/);
    assert.match(svg, /currentColor/);
    assert.doesNotMatch(svg, /(fill|stroke)="(black|white|#)/);
  });
}

test('axes carry the name of the target and its unit', () => {
  assert.match(plots.scatter!, />true age \(years\)</);
  assert.match(plots.scatter!, />predicted age \(years\)</);
  assert.match(scatterPlot(few, { target: 'price' }), />true price</);
});

test('a hostile name of the target stays text', () => {
  const svg = scatterPlot(few, { target: '</svg><img src=x onerror=alert(1)>' });
  assert.doesNotMatch(svg, /<img/);
  expectWellFormed(svg);
});

test('a few points are dots, one each', () => {
  assert.equal(plots.scatter!.match(/<circle/g)?.length, 200);
});

test('50,000 points stay far under a megabyte', () => {
  const many = points(50_000);
  for (const svg of [scatterPlot(many, age), residualPlot(many, age), errorHistogramPlot(many, age)]) {
    assert.ok(svg.length < 300_000, `${svg.length} characters`);
    assert.doesNotMatch(svg, /<circle/);
  }
});

test('the outermost of many errors are counted instead of squeezing the rest', () => {
  const many = [...points(5000), { label: 50, value: 1e6 }];
  assert.match(errorHistogramPlot(many, age), />10 larger errors not shown</);
  assert.match(residualPlot(many, age), />10 larger errors not shown</);
  assert.doesNotMatch(plots.errors!, /not shown/);
});

test('skewed prices have logarithmic axes with short labels', () => {
  const random = createRandom(6, 'prices');
  const prices = Array.from({ length: 500 }, () => {
    const label = Math.exp(12 + 1.2 * random.normal());
    return { label, value: label * 1.1 };
  });
  const svg = scatterPlot(prices, { target: 'price' });
  assert.match(svg, />100K</);
  assert.match(svg, />1M</);
});

/** Ten epochs whose validation error is smallest at the seventh. */
const tenEpochs = Array.from({ length: 10 }, (_, i) => ({
  epoch: i + 1,
  trainMse: (12 - i) ** 2,
  valMse: (6 + Math.abs(i - 6) / 2) ** 2,
  trainLoss: 4 - i / 4,
}));

test('errors by epoch are in the unit of the target, with the epoch that was kept', () => {
  const svg = trainingPlot(tenEpochs, age, 7);
  for (const text of ['RMSE (years)', 'epoch', 'training', 'validation', 'epoch 7 kept'])
    assert.ok(svg.includes(`>${text}<`), text);
  assert.match(svg, /the weights of epoch 7 were kept/);
  // 12 and 3 are the roots of the largest and the smallest squared error.
  assert.match(svg, />12</);
  assert.doesNotMatch(svg, />100</);
  assert.match(trainingPlot(tenEpochs, { target: 'price' }), />RMSE</);
});

test('no epoch is marked where none is known, where it is the start, and where it is none of them', () => {
  for (const kept of [undefined, 0, 11]) assert.doesNotMatch(trainingPlot(tenEpochs, age, kept), /kept/);
});

test('an error that falls far is on a logarithmic axis, one that halves starts at 0, one that hardly falls does not', () => {
  const falling = (...errors: number[]) =>
    trainingPlot(
      errors.map((error, i) => ({ epoch: i + 1, trainMse: error ** 2, valMse: null, trainLoss: 1 })),
      age,
    );
  assert.match(falling(30, 2.5), />RMSE \(years, log\)</);
  assert.match(falling(30, 10), />0</);
  const near = falling(5, 4.6);
  assert.doesNotMatch(near, /log\)|>0</);
  assert.match(near, />4\.60?</);
});

test('without validation its line and its name are left out', () => {
  const svg = trainingPlot(
    tenEpochs.map(epoch => ({ ...epoch, valMse: null })),
    age,
    10,
  );
  assert.match(svg, />training</);
  assert.match(svg, />epoch 10 kept</);
  assert.doesNotMatch(svg, /validation/);
});

test('a range test marks its suggestion, and its axes leave out where the loss runs away', () => {
  const svg = plots['learning-rate']!;
  assert.match(svg, />learning rate</);
  assert.match(svg, />suggestion 0.001</);
  for (const tick of ['1e-5', '0.01', '300']) assert.match(svg, new RegExp(`>${tick}<`));
  // Losses go up to 1e7; the axis ends a little above the 300 of the start.
  assert.doesNotMatch(svg, />[4-9]00<|>[\d,.]+[KM]</);
  // Text stays inside the image, on either side of the line.
  assert.match(learningRatePlot(rangeTest(100), 2e-6), /text-anchor="start"/);
  assert.match(learningRatePlot(rangeTest(100), 0.9), /text-anchor="end"/);
});

test('a range test of one step, of equal losses and of none that is finite can be drawn', () => {
  for (const losses of [[5], [5, 5, 5], [Number.NaN, Number.POSITIVE_INFINITY], [0, 3], [1, 1e-4]]) {
    const svg = learningRatePlot(
      losses.map((loss, i) => ({ learningRate: 10 ** (i - 3), loss })),
      1e-3,
    );
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
    expectWellFormed(svg);
  }
});

test('one epoch, perfect predictions and equal labels can be drawn', () => {
  const equal = [
    { label: 2, value: 2 },
    { label: 2, value: 2 },
  ];
  for (const svg of [
    trainingPlot([{ epoch: 1, trainMse: 0, valMse: null, trainLoss: 0 }], age, 1),
    lossPlot([{ epoch: 1, trainMse: 0, valMse: null, trainLoss: 0 }]),
    scatterPlot(equal, age),
    residualPlot(equal, age),
    errorHistogramPlot(equal, age),
  ]) {
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  }
});
