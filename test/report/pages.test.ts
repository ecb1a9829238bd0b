import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { evaluate, type Prediction } from '../../src/evaluation/evaluate.js';
import { histogram } from '../../src/evaluation/groups.js';
import { type EvaluationPageOptions, evaluationPage } from '../../src/report/evaluation-page.js';
import { type InspectPageOptions, inspectPage } from '../../src/report/inspect-page.js';
import { calibrateIntervals } from '../../src/uncertainty/intervals.js';
import { expectSelfContained, expectWellFormed } from './markup.js';

const HOSTILE = `37/"><img src=x onerror='alert(1)'>&.jpg`;
const PIXEL = 'data:image/png;base64,iVBORw0KGgo=';
const trainingLabels = { mean: 33.2, median: 30 };

function predictions(n: number): Prediction[] {
  const random = createRandom(8, 'pages');
  return Array.from({ length: n }, (_, i) => {
    const label = random.integer(90);
    return { file: `${label}/${i}.jpg`, label, value: label + 6 * random.normal() };
  });
}

function evaluation(changes: Partial<EvaluationPageOptions> & { skipped?: { file: string; reason: string }[] } = {}) {
  const { predictions: rows = predictions(120), skipped = [], ...rest } = changes;
  return evaluationPage({
    title: 'a model',
    target: 'age',
    unit: 'years',
    evaluation: evaluate(rows, { trainingLabels, skipped }),
    predictions: rows,
    trainingLabels,
    best: [{ file: 'good.jpg', label: 20, value: 20.1, dataUri: PIXEL }],
    worst: [{ file: HOSTILE, label: 20, value: 61.25, dataUri: PIXEL }],
    made: [
      ['Backbone', 'face'],
      ['Seed', 0],
    ],
    ...rest,
  });
}

function inspection(changes: Partial<InspectPageOptions> = {}) {
  const labels = predictions(60).map(({ label }) => label);
  return inspectPage({
    title: 'faces',
    target: 'age',
    unit: 'years',
    images: 60,
    skipped: [{ file: HOSTILE, reason: 'not an image <b>' }],
    labels: { min: 0, max: 89, mean: 44.125, std: 25.5 },
    histogram: histogram(labels),
    sizes: [
      { width: 125, height: 125, images: 10 },
      { width: 200, height: 200, images: 50 },
    ],
    formats: [
      { format: 'png', images: 1 },
      { format: 'jpeg', images: 59 },
    ],
    grayscale: 6,
    samples: [{ file: HOSTILE, label: 12, dataUri: PIXEL }],
    made: [],
    ...changes,
  });
}

/** The text of a page as a reader sees it, entities left as they are. */
function textOf(page: string): string {
  return page
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

for (const [name, page] of [
  ['evaluation', evaluation({ skipped: [{ file: HOSTILE, reason: 'broken' }] })],
  ['data set', inspection()],
] as const) {
  test(`the page of the ${name} loads nothing and is well-formed`, () => {
    expectSelfContained(page);
    expectWellFormed(page);
    assert.match(page, /^<!doctype html>\n<html lang="en">/);
    assert.match(page, /default-src 'none'/);
  });

  test(`the page of the ${name} has landmarks, one main heading and alternatives for images`, () => {
    for (const tag of ['header', 'main', 'footer', 'h1'])
      assert.equal(page.match(new RegExp(`<${tag}>`, 'g'))?.length, 1);
    assert.equal(page.match(/<img /g)?.length, page.match(/<img [^>]*alt="[^"]+"/g)?.length);
    assert.doesNotMatch(page, /<th(?! scope=)[ >]/);
  });

  test(`the page of the ${name} shows a hostile file name as text`, () => {
    assert.doesNotMatch(page, /<img src=x/);
    assert.ok(page.includes('37/&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;.jpg'));
  });

  test(`the page of the ${name} has colors for light and dark and a rule for narrow screens`, () => {
    assert.match(page, /@media \(prefers-color-scheme: dark\)/);
    assert.match(page, /@media \(max-width: 34rem\)/);
  });

  test(`the ids of the page of the ${name} are unique`, () => {
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(match => match[1]);
    assert.deepEqual(ids, [...new Set(ids)]);
  });
}

test('the evaluation has its metrics, the baseline and errors by group', () => {
  const rows = [
    { file: 'a', label: 10, value: 14 },
    { file: 'b', label: 19, value: 17 },
    { file: 'c', label: 62, value: 62.5 },
  ];
  const text = textOf(evaluation({ predictions: rows }));
  assert.match(text, /Mean absolute error 2\.17 years/);
  assert.match(text, /Always the mean, 33\.2 22\.87 22\.07/);
  assert.match(text, /10 \u2013 19 2 3\.16 \+1\.00 \(\u22122\.00 to \+4\.00\) 3\.00 \(2\.00 to 4\.00\)/);
  assert.match(text, /60 \u2013 69 1 0\.50 \+0\.50 0\.50/);
  assert.match(text, /Predictions rise by 0\.97 \(0\.83 to 1\.12\) per unit of the true value\./);
  assert.doesNotMatch(text, /Intervals/);
  assert.match(text, /true 20 \+41\.25 predicted 61\.3/);
  assert.match(text, /Only 3 images were evaluated/);
});

test('the evaluation has coverage, errors by column and by image properties, and significant differences', () => {
  const plain = { widthPx: 300, heightPx: 300, brightness: 120, isGray: false };
  const rows = predictions(300).map((row, i) => ({
    ...row,
    value: row.value + (i % 3 === 0 ? 20 : 0),
    scale: 5,
    unusual: i < 2,
    columns: { camera: i % 2 ? HOSTILE : 'b' },
    properties: i % 3 === 0 ? { ...plain, brightness: 20 } : plain,
  }));
  const values = (key: 'label' | 'value' | 'scale') => rows.map(row => row[key]);
  const intervals = calibrateIntervals(values('label'), values('value'), values('scale'));
  const evaluated = evaluate(rows, { trainingLabels, intervals, sizePx: 224 });
  const page = evaluation({ predictions: rows, evaluation: evaluated });
  expectWellFormed(page);
  expectSelfContained(page);
  const text = textOf(page);
  assert.match(text, /90 % intervals 9\d\.\d % contain the true value; \d+\.\d+ years wide on average/);
  assert.match(text, /Unusual images 2 of 300; unlike the training images/);
  assert.match(text, /Setting uncertain predictions aside/);
  assert.match(text, /By camera .* b 150 /);
  assert.match(
    text,
    /Dark images have significantly larger errors \(MAE \S+ against \S+\) and higher predictions .* than the others\./,
  );
});

test('groups of labels that are not whole are named by their edges', () => {
  const rows = [0.1, 0.35, 0.62, 0.9].map((label, i) => ({ file: `${i}`, label, value: label + 0.01 }));
  assert.match(textOf(evaluation({ predictions: rows })), /0\.1 to &lt; 0\.2/);
});

test('no warnings, no skipped files, no epochs: they are left out', () => {
  const text = textOf(evaluation());
  assert.doesNotMatch(text, /Warning|Skipped files|Training/);
  assert.match(textOf(evaluation({ skipped: [{ file: 'x', reason: 'broken' }] })), /Skipped files/);
});

test('training is shown by epoch, with its loss where that is not the squared error', () => {
  const epochs = [
    { epoch: 1, trainMse: 9, valMse: 8, trainLoss: 3 },
    { epoch: 2, trainMse: 4, valMse: 5, trainLoss: 2 },
  ];
  const page = evaluation({ epochs, keptEpoch: 2, loss: 'distribution' });
  expectWellFormed(page);
  const text = textOf(page);
  assert.match(
    text,
    /Training The training error is measured during the epoch.* The validation error is measured on the held-out images/,
  );
  assert.match(text, /epoch 2 kept/);
  assert.match(text, /Loss by epoch The loss that training minimizes: distribution\./);
  for (const loss of ['mse', undefined])
    assert.doesNotMatch(textOf(evaluation({ epochs, keptEpoch: 2, loss })), /Loss by epoch/);
});

test('training that did not improve says so', () => {
  const epochs = [{ epoch: 1, trainMse: 9, valMse: 8, trainLoss: 3 }];
  assert.match(textOf(evaluation({ epochs, keptEpoch: 0 })), /No epoch improved on the initial weights/);
  const unknown = evaluation({ epochs: [{ epoch: 1, trainMse: 9, valMse: null, trainLoss: 3 }] });
  assert.doesNotMatch(textOf(unknown), /No epoch|validation error/);
});

test('fifty skipped files are named and the rest counted', () => {
  const skipped = Array.from({ length: 1234 }, (_, i) => ({ file: `f${i}.jpg`, reason: 'broken' }));
  const text = textOf(evaluation({ skipped }));
  assert.match(text, /1,234 files could not be used/);
  assert.match(text, /f49\.jpg broken and 1,184 more/);
  assert.doesNotMatch(text, /f50\.jpg/);
});

test('one image has a page without plots, intervals or an R2', () => {
  const page = evaluation({ predictions: [{ file: 'a.jpg', label: 37, value: 40 }] });
  const text = textOf(page);
  expectWellFormed(page);
  assert.match(text, /The prediction is 3\.00 years off, too high\./);
  assert.match(text, /not defined for one image/);
  assert.doesNotMatch(text, /95 % interval|Predictions and true values/);
});

test('within 5 is left out where it says nothing', () => {
  const rows = predictions(60).map(row => ({ ...row, label: row.label * 1e4, value: row.value * 1e4 }));
  assert.doesNotMatch(textOf(evaluation({ predictions: rows })), /Within 5/);
  assert.match(textOf(evaluation()), /Within 5 years \d+ %/);
});

test('how it was made is a list in the given order', () => {
  assert.match(textOf(evaluation()), /How this was made Backbone face Seed 0/);
});

test('an image that is not inside the page is refused', () => {
  const worst = [{ file: 'a.jpg', label: 1, value: 2, dataUri: 'https://example.org/a.jpg' }];
  assert.throws(() => evaluation({ worst }), /internal: an image of a page must be a data URI/);
});

test('the data set page says counts, labels, sizes most frequent first, formats and grayscale', () => {
  const text = textOf(inspection());
  assert.match(text, /Images 60 1 skipped/);
  assert.match(text, /Mean age 44\.13 years standard deviation 25\.50/);
  assert.match(text, /Range of age 0 \u2013 89 years/);
  assert.match(text, /200 \u00d7 200 50 83 % 125 \u00d7 125 10 17 %/);
  assert.match(text, /JPEG 59 98 % PNG 1 2 %/);
  assert.match(text, /Grayscale 10 % 6 images/);
});

test('many sizes are cut to the most frequent six, the others counted together', () => {
  const sizes = Array.from({ length: 9 }, (_, i) => ({ width: 100 + i, height: 50, images: i + 1 }));
  const text = textOf(inspection({ sizes }));
  assert.match(text, /108 \u00d7 50 9/);
  assert.match(text, /3 other sizes 6/);
  assert.doesNotMatch(text, /102 \u00d7 50/);
});

test('a data set without usable images still has a page', () => {
  const page = inspection({ images: 0, histogram: [], sizes: [], formats: [], grayscale: 0, samples: [] });
  expectWellFormed(page);
  assert.match(textOf(page), /Images 0 1 skipped/);
  assert.doesNotMatch(page, /NaN/);
});

test('a path of the skipped files wraps at its separators alone', () => {
  const page = evaluation({
    skipped: [{ file: 'a long folder/IMG_2041-copy.jpeg', reason: 'expected a photo, got text' }],
  });
  assert.match(page, /a long folder\/<wbr>IMG_<wbr>2041-<wbr>copy\.jpeg/);
});

test('the range of a group is one line', () => {
  assert.match(evaluation(), />\d+\u00a0\u2013\u00a0\d+<\/th>/);
});

test('the kept epoch stands with what it was chosen by', () => {
  const epochs = [1, 2, 3].map(epoch => ({ epoch, trainMse: 10 / epoch, valMse: 20 / epoch, trainLoss: 1 / epoch }));
  const training = (loss: string, keptEpoch: number) => evaluation({ epochs, keptEpoch, loss });
  assert.match(
    training('distribution', 2),
    /weights of epoch 2 were kept, whose mean absolute error on them is the smallest/,
  );
  assert.match(training('mse', 3), /weights of epoch 3 were kept, whose mean squared error on them is the smallest/);
  assert.doesNotMatch(training('mse', 0), /were kept, whose/);
});

test('no dot or hexagon is too faint for a dark page', () => {
  for (const count of [200, 1000, 3000]) {
    const page = evaluation({ predictions: predictions(count) });
    // Of the dots their group says it, of hexagons each.
    const marks = [
      ...page.matchAll(/<(?:g|path) fill-opacity="([\d.]+)"(?: fill="var\(--accent[^"]*" aria-label="dot"| d="M0)/g),
    ];
    const opacities = marks.map(([, opacity]) => Number(opacity));
    assert.ok(opacities.length >= 2, `${count}: scatter and residuals`);
    assert.ok(Math.min(...opacities) >= 0.35, `${count}: ${Math.min(...opacities)}`);
  }
});
