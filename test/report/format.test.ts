import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCount, formatFor, formatPercent, plural } from '../../src/report/format.js';

test('figures get digits that fit the size of the errors', () => {
  assert.equal(formatFor(6.6).figure(12.854), '12.85');
  assert.equal(formatFor(250).figure(1234.56), '1,234.6');
  assert.equal(formatFor(116_766).figure(69_793.4), '69,793');
  assert.equal(formatFor(0.0003).figure(0.00024), '0.000240');
  assert.equal(formatFor(0).figure(1.5), '1.50');
});

test('quantities carry the unit, if there is one', () => {
  assert.equal(formatFor(5, 'years').quantity(5.6), '5.60 years');
  assert.equal(formatFor(5).quantity(5.6), '5.60');
});

test('differences carry a sign, except where they round to nothing', () => {
  const { signed } = formatFor(5);
  assert.deepEqual([1.2, -0.4, 0, -0.001].map(signed), ['+1.20', '\u22120.40', '0.00', '0.00']);
});

test('predictions have a digit less than figures, labels as many as they need', () => {
  const format = formatFor(5);
  assert.equal(format.prediction(41.23), '41.2');
  assert.deepEqual([37, 0.25, -3].map(format.label), ['37', '0.25', '\u22123']);
});

test('a share that is not quite none or all is never written so', () => {
  assert.deepEqual([0, 0.001, 0.634, 0.999, 1].map(formatPercent), ['0 %', '< 1 %', '63 %', '> 99 %', '100 %']);
});

test('counts have separators and plurals', () => {
  assert.equal(formatCount(47568), '47,568');
  assert.deepEqual([plural(1, 'image'), plural(2000, 'image')], ['1 image', '2,000 images']);
});
