import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { areaUnderRoc, precisionAt } from '../../src/metrics/ranking.js';

describe('areaUnderRoc', () => {
  it('is the share of pairs that are in order, equal ones counting half', () => {
    // Positives 0.9, 0.5; negatives 0.5, 0.1: the pairs are won, won, drawn, won.
    assert.equal(areaUnderRoc([true, false, true, false], [0.9, 0.5, 0.5, 0.1]), 3.5 / 4);
    assert.equal(areaUnderRoc([true, false], [1, 0]), 1);
    assert.equal(areaUnderRoc([true, false], [0, 1]), 0);
    assert.equal(areaUnderRoc([true, false, true], [2, 2, 2]), 0.5);
  });

  it('is not defined without positives or without negatives', () => {
    assert.ok(Number.isNaN(areaUnderRoc([false, false], [1, 2])));
    assert.ok(Number.isNaN(areaUnderRoc([true], [1])));
  });
});

describe('precisionAt', () => {
  it('counts positives among the highest scores', () => {
    assert.equal(precisionAt([true, false, true, false], [4, 3, 2, 1], 2), 0.5);
    assert.equal(precisionAt([true, false, true, false], [4, 1, 3, 2], 2), 1);
  });
});
