// Slow: fits out-of-fold heads on several data sets.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { findLabelErrors } from '../../src/labels/label-errors.js';
import { areaUnderRoc, precisionAt } from '../../src/metrics/ranking.js';
import { rowsOf } from '../features/rows.js';

const WIDTH = 16;

/** Rows whose first numbers say the label, up to noise, with a share of the labels exchanged. */
function drawData(count: number, share: number, toLabel: (u: number) => number, seed: number) {
  const random = createRandom(seed, 'doubts');
  const truth = Array.from({ length: count }, () => random.uniform());
  const features = truth.flatMap(u =>
    Array.from({ length: WIDTH }, (_, f) => (f < 4 ? u * (f + 1) + 0.1 * random.normal() : random.normal())),
  );
  const labels = Float64Array.from(truth, toLabel);
  const isWrong = truth.map(() => false);
  for (const i of random.shuffle(truth.map((_, i) => i)).slice(0, Math.round(share * count))) {
    const far = truth.filter(u => Math.abs(u - truth[i]!) > 0.3);
    labels[i] = toLabel(far[random.integer(far.length)]!);
    isWrong[i] = true;
  }
  const groups = truth.map((_, i) => i);
  return { rows: rowsOf(Float32Array.from(features), WIDTH), labels, isWrong, groups, truth };
}

const scales: Readonly<Record<string, (u: number) => number>> = {
  ages: u => Math.round(100 * u),
  'negative numbers': u => -50 + 20 * u,
  'tiny numbers': u => 1e-7 * u,
  'prices, hugely skewed': u => Math.round(1000 * Math.exp(9 * u)),
};

describe('findLabelErrors', () => {
  for (const [name, toLabel] of Object.entries(scales)) {
    it(`finds exchanged labels of ${name}, and knows about how many there are`, async () => {
      const { isWrong, truth, ...data } = drawData(400, 0.1, toLabel, 1);
      const { scores, suggested, share } = await findLabelErrors({ ...data, seed: 0 });
      assert.ok(areaUnderRoc(isWrong, scores) > 0.97, `area ${areaUnderRoc(isWrong, scores)}`);
      assert.ok(precisionAt(isWrong, scores, 40) > 0.8, `precision ${precisionAt(isWrong, scores, 40)}`);
      assert.ok(share > 0.04 && share < 0.16, `share ${share}`);
      assert.ok(scores.every(score => score >= 0 && score <= 1));
      const near = isWrong.filter((wrong, i) => wrong && Math.abs(place(toLabel, suggested[i]!) - truth[i]!) < 0.2);
      assert.ok(near.length >= 32, `${near.length} of 40 suggestions near the truth`);
    });
  }

  it('doubts next to nothing where all is right', async () => {
    const { isWrong, truth, ...data } = drawData(400, 0, scales.ages!, 2);
    const { scores, share } = await findLabelErrors({ ...data, seed: 0 });
    assert.ok(share < 0.02, `share ${share}`);
    assert.ok(scores.filter(score => score >= 0.5).length <= 4);
  });

  it('works on 30 samples', async () => {
    const { isWrong, truth, ...data } = drawData(30, 0.07, scales.ages!, 3);
    const { scores } = await findLabelErrors({ ...data, seed: 0 });
    assert.ok(areaUnderRoc(isWrong, scores) > 0.8, `area ${areaUnderRoc(isWrong, scores)}`);
  });

  it('takes labels that are all the same', async () => {
    const { isWrong, truth, ...data } = drawData(30, 0, () => 7, 3);
    const { scores, suggested } = await findLabelErrors({ ...data, seed: 0 });
    assert.ok(scores.every(score => score >= 0 && score < 0.5));
    assert.ok(suggested.every(value => value === 7));
  });

  it('gives the same doubts for the same seed', async () => {
    const { isWrong, truth, ...data } = drawData(100, 0.1, scales.ages!, 4);
    const first = await findLabelErrors({ ...data, seed: 0 });
    const second = await findLabelErrors({ ...data, seed: 0 });
    assert.deepEqual(first.scores, second.scores);
  });

  it('starts images with a duplicate of another label at even odds', async () => {
    const { isWrong, truth, ...data } = drawData(200, 0.1, scales.ages!, 5);
    const alone = await findLabelErrors({ ...data, seed: 0 });
    const paired = await findLabelErrors({ ...data, conflicting: () => new Set([isWrong.indexOf(true)]), seed: 0 });
    const i = isWrong.indexOf(true);
    assert.ok(paired.scores[i]! > alone.scores[i]! || alone.scores[i]! > 0.99);
  });
});

/** The place from 0 to 1 of a label on a scale. */
function place(toLabel: (u: number) => number, label: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (toLabel(middle) < label) low = middle;
    else high = middle;
  }
  return low;
}
