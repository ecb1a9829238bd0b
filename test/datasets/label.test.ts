import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkResolution } from '../../src/datasets/label.js';
import { failureOf } from './temp.js';

const around = (offset: number, width: number) =>
  Float64Array.from({ length: 101 }, (_, i) => offset + width * (i / 100));

test('labels that 32-bit floats cannot tell apart are refused with an offset to subtract', async () => {
  assert.equal(
    await failureOf(async () => checkResolution('DATA', around(1.7e9, 70))),
    'InputError: DATA: expected labels that 32-bit floats can tell apart, got a standard deviation of 20.4 among labels of about 1700000000, ' +
      'where such floats lie 128 apart; subtract an offset from the labels, for example 1700000000',
  );
  assert.match(
    await failureOf(async () => checkResolution('DATA', around(-1e6, 10))),
    /where such floats lie 0\.0625 apart/,
  );
});

test('other labels pass: ages, years, prices, timestamps of months, and labels that are all equal', () => {
  for (const labels of [
    around(0, 90),
    around(1900, 120),
    around(1e5, 1e6),
    around(1.7e9, 3e7),
    around(1.7e9, 0),
    around(0, 0),
    around(0, 1e-9),
  ])
    checkResolution('DATA', labels);
});
