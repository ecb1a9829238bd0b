import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { folds } from '../../src/datasets/split.js';
import {
  type AdaptationMethod,
  chooseAdaptation,
  correctedValues,
  fitCorrection,
} from '../../src/uncertainty/adapt-values.js';
import { rowsOf } from '../features/rows.js';

const WIDTH = 6;

/** Predictions of spread 20 with errors of spread 5 after `change`; `other` weighs a feature that the model does not use. */
function rows(count: number, change: (value: number) => number, other = 0) {
  const random = createRandom(1, 'adapt');
  const features = Float32Array.from({ length: count * WIDTH }, () => random.normal());
  const value = Float64Array.from({ length: count }, () => 40 + 20 * random.normal());
  const labels = value.map((v, i) => change(v) + 5 * random.normal() + other * features[i * WIDTH]!);
  return { labels, value, features: rowsOf(features, WIDTH) };
}

const all = (count: number) => Array.from({ length: count }, (_, i) => i);

async function chosen(data: ReturnType<typeof rows>): Promise<AdaptationMethod> {
  const count = data.labels.length;
  const parts = folds(data.labels, 10, all(count), 0);
  return (await chooseAdaptation(data, parts, value => value)).best.method;
}

describe('adapting predictions', () => {
  it('keeps predictions that are right, and refits what is wrong with others', async () => {
    assert.equal(await chosen(rows(50, v => v)), 'none');
    assert.equal(await chosen(rows(50, v => v + 6)), 'bias');
    assert.equal(await chosen(rows(50, v => 20 + 0.6 * v)), 'slope');
    assert.equal(await chosen(rows(200, v => v, 10)), 'head');
  });

  it('tries a head from 100 images on', async () => {
    const tried = async (count: number) => {
      const data = rows(count, v => v + 6);
      const found = await chooseAdaptation(data, folds(data.labels, 5, all(count), 0), value => value);
      return found.tried.map(({ method }) => method);
    };
    assert.deepEqual(await tried(99), ['none', 'bias', 'slope']);
    assert.deepEqual(await tried(100), ['none', 'bias', 'slope', 'head']);
  });

  it('shrinks the offset by one image more, and the slope to 1 where images are few', async () => {
    const shifted = rows(10, v => v);
    const exact = { ...shifted, labels: shifted.value.map(v => v + 11) };
    const { intercept, slope } = await fitCorrection(exact, all(10), 'bias');
    assert.ok(Math.abs(intercept - 10) < 1e-9 && slope === 1, `${intercept} + ${slope}`);
    const slopeOf = async (count: number) =>
      (
        await fitCorrection(
          rows(count, v => 0.5 * v),
          all(count),
          'slope',
        )
      ).slope;
    const [few, many] = [await slopeOf(10), await slopeOf(2000)];
    assert.ok(Math.abs(many - 0.5) < 0.02, `${many}`);
    assert.ok(few > many, `${few} is not above ${many}`);
  });

  it('corrects by intercept, slope and head', async () => {
    const data = rows(200, v => 4 + 0.9 * v, 10);
    const correction = await fitCorrection(data, all(200), 'head');
    const corrected = await correctedValues(correction, data, [3, 7]);
    for (const [i, row] of [3, 7].entries()) {
      const error = corrected[i]! - data.labels[row]!;
      assert.ok(Math.abs(error) < 20, `${error}`);
    }
    assert.deepEqual([...(await correctedValues({ intercept: 1, slope: 2 }, data, [5]))], [1 + 2 * data.value[5]!]);
  });

  it('counts errors after clamping', async () => {
    const data = rows(50, v => v);
    const limited = { ...data, labels: data.labels.map(y => Math.min(y, 30)) };
    const { best } = await chooseAdaptation(limited, folds(limited.labels, 10, all(50), 0), v => Math.min(v, 30));
    assert.ok(best.value.every(v => v <= 30));
  });
});
