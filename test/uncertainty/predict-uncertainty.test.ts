import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ManifestIntervals } from '../../src/formats/manifest.js';
import { scoreTable } from '../../src/uncertainty/conformal.js';
import { uncertaintyOf } from '../../src/uncertainty/predict-uncertainty.js';
import { float } from '../run-graph.js';

const { images, ranks, scores } = scoreTable(Array.from({ length: 19 }, (_, i) => (i + 1) / 10));
const intervals: ManifestIntervals = {
  method: 'cross',
  folds: 5,
  levels: [],
  groups: [],
  pooled: { images, ranks: [...ranks], scores: [...scores] },
  ends: { low: -100, high: 100 },
  unusual: { stage: null, distance: 1.5, far: 2, activation: 10, faint: 6, share: 0.005 },
};
const outputs = {
  scale: float([3], [2, 4, 2]),
  distance: float([3], [1, 1.75, Number.NaN]),
  activation: float([3], [15, 15, 15]),
};

describe('the doubt of a prediction', () => {
  it('is by default the 90 % interval and the scale', () => {
    const { of } = uncertaintyOf({ intervals }, 'm');
    // ceil(20 * 0.9) = 18: the score 1.8.
    assert.deepEqual(of(10, outputs, 0), { low: 10 - 3.6, high: 10 + 3.6, scale: 2 });
    assert.equal(uncertaintyOf({ intervals }, 'm', 0.5).of(10, outputs, 0).high, 12);
  });

  it('marks an image whose distance is above the threshold or NaN', () => {
    const { of } = uncertaintyOf({ intervals }, 'm');
    const { unusual, distance } = of(10, outputs, 1);
    assert.deepEqual([unusual, distance], [true, 1.75]);
    assert.equal(of(10, outputs, 2).unusual, true);
    assert.ok(!('unusual' in of(10, outputs, 0)));
  });

  it('grades it by distance and activation', () => {
    const unusual = { ...intervals.unusual, stage: 'stage4' };
    const { of, outputs: needed } = uncertaintyOf({ intervals: { ...intervals, unusual } }, 'm');
    assert.deepEqual(needed, ['scale', 'unlikeness', 'activation']);
    const signals = {
      scale: float([4], [2, 2, 2, 2]),
      unlikeness: float([4], [1, 1.75, 3, 1]),
      activation: float([4], [15, 15, 15, 5]),
    };
    const grades = [0, 1, 2, 3].map(row => of(10, signals, row));
    assert.deepEqual(
      grades.map(({ unusual, unlike, distance }) => [unusual, unlike, distance]),
      [
        [undefined, undefined, undefined],
        [true, 'source', 1.75],
        [true, 'kind', 3],
        [true, 'kind', 1],
      ],
    );
    // A foreign network names no stages: the distance of its features.
    assert.deepEqual(uncertaintyOf({ intervals }, 'm').outputs, ['scale', 'distance', 'activation']);
  });

  it('has null ends if there are too few images, and says so once', () => {
    const messages: string[] = [];
    const { of } = uncertaintyOf({ intervals }, 'm', 0.99, line => messages.push(line));
    assert.deepEqual(of(10, outputs, 0), { low: null, high: null, scale: 2 });
    assert.deepEqual(messages, [
      'warning: 99 % intervals need 99 calibration images or more, and the model has 19: none are given; use a lower level, or train on more images',
    ]);
  });

  it('is empty for a model without intervals, which refuses a level', () => {
    const { outputs: needed, of } = uncertaintyOf({}, 'm');
    assert.deepEqual([needed, of(10, {}, 0)], [[], {}]);
    assert.throws(() => uncertaintyOf({}, 'age/eyeball.json', 0.9), {
      name: 'UsageError',
      message: '`level`: expected a model with intervals, got age/eyeball.json without; train again',
    });
    assert.throws(() => uncertaintyOf({}, 'm', 90), {
      message: '`level`: expected a share above 0 and below 1, got 90; write 90 % as 0.9',
    });
  });
});
