import assert from 'node:assert/strict';
import { test } from 'node:test';
import { predictionsCsv } from '../../src/report/csv.js';

test('rows are in the order of the files, with the error of each', () => {
  const csv = predictionsCsv([
    { file: 'b.jpg', label: 10, value: 12.5 },
    { file: 'a.jpg', label: 0.25, value: Math.fround(0.1) },
    { file: 'B.jpg', label: -3, value: -4 },
  ]);
  assert.equal(csv, 'file,label,value,error\nB.jpg,-3,-4,-1\na.jpg,0.25,0.1,-0.15\nb.jpg,10,12.5,2.5\n');
});

test('names with commas, quotes and line breaks are quoted', () => {
  const csv = predictionsCsv([{ file: 'a, "b"\n.jpg', label: 1, value: 1 }]);
  assert.equal(csv, 'file,label,value,error\n"a, ""b""\n.jpg",1,1,0\n');
});

test('no predictions are a header alone', () => {
  assert.equal(predictionsCsv([]), 'file,label,value,error\n');
});
