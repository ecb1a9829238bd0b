import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { calibrateIntervals } from '../../src/uncertainty/intervals.js';
import { coverageOf, crossCoverage, recalibrate, widenedUnusual } from '../../src/uncertainty/recalibrate.js';

const NO_LIMITS = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

/** Images whose errors are `spread` times their scale. */
function rows(count: number, spread: number, seed = 0) {
  const random = createRandom(seed, 'recalibrate');
  const labels = Float64Array.from({ length: count }, () => 80 * random.uniform());
  const scale = Float64Array.from({ length: count }, () => 2 + 4 * random.uniform());
  const value = labels.map((y, i) => y + spread * scale[i]! * random.normal());
  return { labels, value, scale };
}

const { labels, value, scale } = rows(2000, 1);
const trained = calibrateIntervals(labels, value, scale, { low: -8, high: 88 });

const scaled = (data: ReturnType<typeof rows>, factor: number) => ({ ...data, scale: data.scale.map(s => s * factor) });

describe('recalibrating intervals', () => {
  it('finds the factor of few images by which 90 % intervals contain their labels', () => {
    const few = rows(60, 2, 1);
    assert.ok(coverageOf(trained, few).coverage90! < 0.75);
    const { scores, widthFactor } = recalibrate(trained, few, NO_LIMITS);
    assert.ok(widthFactor > 1.5 && widthFactor < 2.6, `${widthFactor}`);
    // ceil(61 * 0.9) = 55 of 60.
    assert.ok(coverageOf(scores, scaled(few, widthFactor)).coverage90! >= 55 / 60);
    assert.ok(coverageOf(scores, scaled(few, 0.97 * widthFactor)).coverage90! < 55 / 60);
    const narrow = recalibrate(trained, rows(60, 0.4, 2), NO_LIMITS);
    assert.ok(narrow.widthFactor < 0.7, `${narrow.widthFactor}`);
    assert.equal(recalibrate(trained, rows(49, 0.4, 2), NO_LIMITS).widthFactor, 1);
  });

  it('covers other images of the source on average over draws', () => {
    const covered = Array.from({ length: 30 }, (_, draw) => {
      const { scores, widthFactor } = recalibrate(trained, rows(50, 1.6, draw + 10), NO_LIMITS);
      return coverageOf(scores, scaled(rows(500, 1.6, 1000 + draw), widthFactor)).coverage90!;
    });
    const mean = covered.reduce((a, b) => a + b) / covered.length;
    assert.ok(mean > 0.885 && mean < 0.945, `${mean}`);
  });

  it('calibrates anew from 200 images on', () => {
    const many = rows(400, 2, 3);
    const { scores, widthFactor } = recalibrate(trained, many, NO_LIMITS);
    assert.equal(widthFactor, 1);
    assert.equal(scores.pooled.images, 400);
    assert.equal(recalibrate(trained, rows(199, 2, 3), NO_LIMITS).scores.pooled.images, 2000);
  });

  it('measures coverage by intervals of the other folds', () => {
    const few = rows(50, 2, 4);
    const parts = Array.from({ length: 10 }, (_, fold) => Array.from({ length: 5 }, (_, i) => 10 * i + fold));
    const { coverage90, intervalWidth90 } = crossCoverage(trained, few, parts, NO_LIMITS);
    assert.ok(coverage90! > 0.8 && coverage90! < 1, `${coverage90}`);
    assert.ok(intervalWidth90! > coverageOf(trained, few).intervalWidth90!);
  });

  it('reaches labels beyond those of the training, but not beyond limits', () => {
    const beyond = { ...rows(20, 1, 5), labels: new Float64Array(20).fill(120) };
    const { scores } = recalibrate(
      trained,
      { ...beyond, labels: beyond.labels.map((y, i) => y + i) },
      { min: 0, max: 150 },
    );
    assert.equal(scores.groups.at(-1)!.to, 139);
    assert.deepEqual(scores.ends, { low: -8, high: 150 });
  });
});

it('limits for unusual images become those of both sources', () => {
  const limits = { stage: 'stage3', distance: 3, far: 6, activation: 5, faint: 2, share: 0.01 };
  const unlikeness = Float64Array.from({ length: 150 }, (_, i) => 2 + i / 30);
  const activation = Float64Array.from({ length: 150 }, (_, i) => 4 + i);
  const widened = widenedUnusual(limits, unlikeness, activation);
  assert.ok(widened.distance > 6.9 && widened.far > 6.9 && widened.activation === 4 && widened.faint === 2);
  assert.deepEqual(
    widenedUnusual(
      limits,
      unlikeness.map(() => 1),
      activation.map(() => 9),
    ),
    limits,
  );
});
