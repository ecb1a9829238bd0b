import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evaluationWarnings, unlikeWarning } from '../../src/evaluation/warnings.js';

describe('warnings about images unlike those of the training', () => {
  it('have two grades, and are given for most images only', () => {
    assert.match(unlikeWarning({ kind: 51, source: 0 }, 100)!, /^51 of 100 images are of another kind/);
    assert.match(
      unlikeWarning({ kind: 30, source: 30 }, 100)!,
      /^60 of 100 images are unlike .*, 30 of them as from another source/,
    );
    assert.equal(unlikeWarning({ kind: 25, source: 25 }, 100), undefined);
  });

  it('say that intervals contain too few labels, and by how much predictions are off', () => {
    const yTrue = Float64Array.from({ length: 200 }, (_, i) => i % 50);
    const yPred = yTrue.map(y => y + 4);
    const warningsOf = (coverage90: number | null, bias = 4, images = 200) =>
      evaluationWarnings(yTrue.slice(0, images), yPred.slice(0, images), {
        ...{ rmse: 5, r2: 0.8, bias, baseline: { mean: { rmse: 14 } } },
        ...{ coverage90, unlike: { kind: 0, source: 2 } },
      });
    assert.deepEqual(warningsOf(0.9), []);
    assert.deepEqual(warningsOf(0.84), []);
    assert.deepEqual(warningsOf(null), []);
    assert.match(
      warningsOf(0.8).join(),
      /^90 % intervals contain only 80 % of the labels, and predictions are 4.0 too high on average, as on/,
    );
    assert.match(warningsOf(0.8, -4).join(), /4.0 too low/);
    assert.match(warningsOf(0.8, 0.1).join(), /^90 % intervals contain only 80 % of the labels, as on images/);
    // Of 30 images 22 may be covered by chance.
    assert.deepEqual(warningsOf(22 / 30, 4, 30), []);
  });

  it('are all given where more than one holds', () => {
    const yTrue = Float64Array.from({ length: 200 }, (_, i) => i % 50);
    const found = evaluationWarnings(yTrue, yTrue, {
      ...{ rmse: 5, r2: 0.8, bias: 0, baseline: { mean: { rmse: 14 } } },
      ...{ coverage90: 0.5, unlike: { kind: 0, source: 150 } },
    });
    assert.equal(found.length, 2);
  });
});
