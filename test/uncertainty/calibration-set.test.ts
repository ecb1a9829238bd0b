import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import type { HeadData } from '../../src/training/head.js';
import { predictRows } from '../../src/training/out-of-fold.js';
import { fitRidge } from '../../src/training/ridge.js';
import { calibrateCross, calibrateSplit } from '../../src/uncertainty/calibration-set.js';
import { scalesOf } from '../../src/uncertainty/error-scale.js';
import { calibrateIntervals, intervalsAt } from '../../src/uncertainty/intervals.js';
import { distancesOf } from '../../src/uncertainty/ppca.js';
import { rowsOf } from '../features/rows.js';

const WIDTH = 12;
const COUNT = 700;

/** Features, and a number that is linear in their roots but for noise that grows with it. */
function sample(): HeadData {
  const random = createRandom(4);
  const features = new Float32Array(COUNT * WIDTH);
  const labels = new Float64Array(COUNT);
  for (let row = 0; row < COUNT; row++) {
    let sum = 40;
    for (let i = 0; i < WIDTH; i++) {
      const z = random.normal();
      features[row * WIDTH + i] = Math.sign(z) * z * z;
      sum += (i % 3) * z * 3;
    }
    labels[row] = sum + (1 + Math.max(sum, 0) / 20) * random.normal();
  }
  const indices = [...labels.keys()];
  const train = indices.filter(i => i % 4 !== 0);
  return { rows: rowsOf(features, WIDTH), labels, train, validation: indices.filter(i => i % 4 === 0) };
}

describe('calibration', () => {
  it('by folds and on held-out rows gives intervals with the stated coverage on other rows', async () => {
    const data = sample();
    const half = data.train.slice(0, 260);
    const known: HeadData = {
      rows: data.rows,
      labels: data.labels,
      train: half,
      validation: data.validation,
    };
    const { onTrain } = await fitRidge(known);
    const rest = data.train.slice(260);
    const split = await calibrateSplit(known, onTrain);
    assert.equal(split.label.length, data.validation.length);
    const cross = await calibrateCross(
      {
        ...known,
        rows: rowsOf(data.rows.read(half), WIDTH),
        labels: Float64Array.from(half, i => data.labels[i]!),
        train: [],
        validation: [],
      },
      { fit: async ({ data }) => (await fitRidge(data)).head },
      0,
    );
    assert.equal(cross.folds, 5);
    for (const { errorScale, ppca, label, value, scale } of [split, cross]) {
      const of = intervalsAt(calibrateIntervals(label, value, scale), 0.9)!;
      const answers = await predictRows(onTrain, data.rows, rest);
      const distance = await distancesOf(ppca, data.rows, rest);
      const scales = scalesOf(errorScale, { value: answers.value, distance });
      const held = rest.filter((row, i) => {
        const [low, high] = of(answers.value[i]!, scales[i]!);
        return data.labels[row]! >= low && data.labels[row]! <= high;
      });
      const share = held.length / rest.length;
      assert.ok(share > 0.86 && share < 0.985, `${share}`);
    }
  });
});
