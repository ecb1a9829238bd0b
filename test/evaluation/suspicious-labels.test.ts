import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { suspiciousLabels } from '../../src/evaluation/suspicious-labels.js';
import { calibrateIntervals } from '../../src/uncertainty/intervals.js';

const random = createRandom(0, 'suspects');
const draw = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const label = 100 * random.uniform();
    return { file: `${i}.jpg`, label, value: label + 3 * random.normal(), scale: 3 };
  });
const known = draw(5000);
const scores = calibrateIntervals(
  known.map(({ label }) => label),
  known.map(({ value }) => value),
  known.map(({ scale }) => scale),
);

describe('suspiciousLabels', () => {
  it('are those outside of the 99 % interval, the farthest first', () => {
    const predictions = draw(1000).map((prediction, i) =>
      i < 2 ? { ...prediction, label: -30 - 50 * i } : prediction,
    );
    const suspects = suspiciousLabels(predictions, scores);
    const planted = suspects.filter(({ file }) => file === '0.jpg' || file === '1.jpg');
    assert.equal(planted.length, 2);
    assert.ok(suspects.length >= 2 && suspects.length <= 25, `${suspects.length}`);
    for (const { label, low, high } of suspects) assert.ok(label < low || label > high);
    const distances = suspects.map(({ label, low, high }) => Math.max(low - label, label - high));
    assert.deepEqual(
      distances,
      distances.toSorted((a, b) => b - a),
    );
  });

  it('are empty without intervals', () => {
    assert.deepEqual(suspiciousLabels(draw(10), undefined), []);
    assert.deepEqual(suspiciousLabels([{ file: 'a', label: 900, value: 3 }], scores), []);
  });
});
