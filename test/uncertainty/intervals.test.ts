import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { scoreAt } from '../../src/uncertainty/conformal.js';
import { calibrateIntervals, intervalEnds, intervalsAt, tooFewFor } from '../../src/uncertainty/intervals.js';

/** Ages and predictions that shrink to the mean, with errors that grow with age. */
function ages(n: number, seed: number, unit = 1, shift = 0) {
  const random = createRandom(seed);
  const label = new Float64Array(n);
  const value = new Float64Array(n);
  const scale = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const age = Math.floor(90 * random.uniform() ** 1.5);
    const spread = 1 + age / 12;
    label[i] = shift + unit * age;
    value[i] = shift + unit * (8 + 0.75 * age + spread * random.normal());
    scale[i] = unit * (1 + spread / 2);
  }
  return { label, value, scale };
}

const count = (n: number, holds: (i: number) => boolean) => Array.from({ length: n }, (_, i) => i).filter(holds).length;

describe('intervals', () => {
  it('cover the stated share in each group of labels, unlike with one factor for all', () => {
    const on = ages(4000, 1);
    const scores = calibrateIntervals(on.label, on.value, on.scale);
    const of = intervalsAt(scores, 0.9)!;
    const factor = scoreAt(scores.pooled, 0.9)!;
    const pooled: typeof of = (value, scale) => [value - factor * scale, value + factor * scale];
    const test = ages(20_000, 2);
    const shareOf = (intervals: typeof of, from: number) => {
      const inGroup = (i: number) => test.label[i]! >= from && test.label[i]! < from + 10;
      const held = (i: number) => {
        const [low, high] = intervals(test.value[i]!, test.scale[i]!);
        return test.label[i]! >= low && test.label[i]! <= high;
      };
      return count(20_000, i => inGroup(i) && held(i)) / count(20_000, inGroup);
    };
    const tens = [0, 10, 20, 30, 40, 50, 60, 70, 80];
    const whole = count(20_000, i => {
      const [low, high] = of(test.value[i]!, test.scale[i]!);
      return test.label[i]! >= low && test.label[i]! <= high;
    });
    // A little more than asked: a calibration by chance too narrow must be rare.
    assert.ok(whole / 20_000 > 0.89 && whole / 20_000 < 0.93, `${whole / 20_000}`);
    for (const from of tens) assert.ok(shareOf(of, from) > 0.86, `${from}: ${shareOf(of, from)}`);
    assert.ok(Math.min(...tens.map(from => shareOf(pooled, from))) < 0.8);
  });

  it('cover the calibration images with the margin, and hardly more', () => {
    const { label, value, scale } = ages(3000, 9);
    const scores = calibrateIntervals(label, value, scale);
    const of = intervalsAt(scores, 0.9)!;
    const over = scores.groups.map(({ from, to, images }, i) => {
      const isLast = i === scores.groups.length - 1;
      const inGroup = (at: number) => label[at]! >= from! && (label[at]! < to! || isLast);
      const held = count(3000, at => {
        const [low, high] = of(value[at]!, scale[at]!);
        return inGroup(at) && label[at]! >= low && label[at]! <= high;
      });
      // 0.67 standard deviations of the share: as many as asked in three of four calibrations.
      return held / images - (0.9 + 0.67 * Math.sqrt(0.09 / images));
    });
    for (const share of over) assert.ok(share > -1e-9, `${over}`);
    // Found given the others, the hulls of groups hold no more than they must.
    assert.ok(over.reduce((sum, share) => sum + share, 0) / over.length < 0.015, `${over}`);
  });

  it('merge groups to at least a hundred images, adjacent from the lowest to the highest label', () => {
    const { label, value, scale } = ages(1500, 1);
    const { groups } = calibrateIntervals(label, value, scale);
    assert.ok(groups.length > 3);
    assert.ok(groups.every(({ images }) => images >= 100));
    assert.equal(groups[0]!.from, Math.min(...label));
    assert.equal(groups.at(-1)!.to, Math.max(...label));
    const [low, high] = intervalsAt(calibrateIntervals(label, value, scale), 0.99)!(label[0]!, 1000);
    assert.deepEqual([low, high], [Math.min(...label), Math.max(...label)]);
    for (const [i, { from }] of groups.entries()) if (i > 0) assert.equal(from, groups[i - 1]!.to);
    assert.equal(
      groups.reduce((sum, { images }) => sum + images, 0),
      1500,
    );
    assert.deepEqual(calibrateIntervals(label.subarray(0, 150), value, scale).groups, []);
  });

  it('always contain the prediction, and grow with the level', () => {
    const { label, value, scale } = ages(1000, 4);
    const scores = calibrateIntervals(label, value, scale);
    for (const at of [-50, 0, 9.99, 10, 44.2, 300]) {
      let [low, high] = [at, at];
      for (const level of [0.1, 0.5, 0.8, 0.9, 0.99]) {
        const [l, h] = intervalsAt(scores, level)!(at, 2);
        assert.ok(l <= low && h >= high, `${at} at ${level}: [${l}, ${h}]`);
        [low, high] = [l, h];
      }
    }
  });

  it('end a tenth of the label range beyond the labels, or at the limits', () => {
    assert.deepEqual(intervalEnds([1, 60, 101]), { low: -9, high: 111 });
    const infinite = Number.POSITIVE_INFINITY;
    assert.deepEqual(intervalEnds([1, 60, 101], { min: 0, max: infinite }), { low: 0, high: 111 });
    assert.deepEqual(intervalEnds([1, 60, 101], { min: -infinite, max: 120 }), { low: -9, high: 120 });
    // Few images, so one factor for all, and many.
    for (const count of [99, 1500]) {
      const { label, value, scale } = ages(count, 6);
      for (const ends of [intervalEnds(label), intervalEnds(label, { min: 0, max: 100 })]) {
        const scores = calibrateIntervals(label, value, scale, ends);
        for (const at of [-500, -3, 0, 44, 100, 326]) {
          for (const level of [0.5, 0.9, 0.99]) {
            const [low, high] = intervalsAt(scores, level)!(at, 40);
            assert.ok(low >= ends.low && low < high && high <= ends.high, `${at} at ${level}: [${low}, ${high}]`);
          }
        }
      }
    }
  });

  it('have the same coverage if values are clamped to the ends', () => {
    const wild = (seed: number) => {
      const { label, value, scale } = ages(3000, seed);
      return { label, value: value.map((v, i) => (i % 20 === 0 ? v - 1000 : v)), scale };
    };
    const [on, test] = [wild(7), wild(8)];
    const of = intervalsAt(calibrateIntervals(on.label, on.value, on.scale, intervalEnds(on.label)), 0.9)!;
    const held = count(3000, i => {
      const [low, high] = of(test.value[i]!, test.scale[i]!);
      return test.label[i]! >= low && test.label[i]! <= high;
    });
    assert.ok(held / 3000 > 0.89 && held / 3000 < 0.95, `${held / 3000}`);
  });

  it('are the same in any unit, and for negative numbers', () => {
    const years = ages(1000, 5);
    const of = intervalsAt(calibrateIntervals(years.label, years.value, years.scale), 0.9)!;
    for (const [unit, shift] of [
      [1e-9, 0],
      [1e9, 0],
    ] as const) {
      const other = ages(1000, 5, unit, shift);
      const [low, high] = intervalsAt(calibrateIntervals(other.label, other.value, other.scale), 0.9)!(
        30 * unit,
        3 * unit,
      );
      const [l, h] = of(30, 3);
      // Groups have other round edges in other units.
      assert.ok(
        Math.abs(low / unit - l) < 3 && Math.abs(high / unit - h) < 3,
        `${unit}: ${low / unit} to ${high / unit}`,
      );
    }
    const negative = ages(1000, 5, 1, -500);
    const [low, high] = intervalsAt(calibrateIntervals(negative.label, negative.value, negative.scale), 0.9)!(-470, 3);
    assert.ok(low < -470 && high > -470 && high - low < 40);
  });

  it('pool all images if a group is too small for the level', () => {
    const { label, value, scale } = ages(1500, 1);
    const scores = calibrateIntervals(label, value, scale);
    const [low, high] = intervalsAt(scores, 0.998)!(40, 2);
    assert.ok(Math.abs(low + high - 80) < 1e-9, 'as far below as above');
  });

  it('are refused if there are too few images for the level', () => {
    const { label, value, scale } = ages(30, 1);
    const scores = calibrateIntervals(label, value, scale);
    assert.notEqual(intervalsAt(scores, 0.95), undefined);
    assert.equal(intervalsAt(scores, 0.99), undefined);
    assert.equal(
      tooFewFor(scores, 0.99),
      '99 % intervals need 99 calibration images or more, and the model has 30: none are given; use a lower level, or train on more images',
    );
  });
});
