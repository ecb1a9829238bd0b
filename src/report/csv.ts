import { stringify } from 'csv-stringify/sync';
import type { Prediction } from '../evaluation/evaluate.js';

/**
 * The predictions as CSV with the columns `file,label,value,error`, a row each in the order of the files' paths.
 *
 * `error` is value - label. Both are rounded to seven digits, which is what a float32 holds.
 */
export function predictionsCsv(predictions: readonly Prediction[]): string {
  const rows = predictions
    .toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0))
    .map(({ file, label, value }) => ({
      file,
      label: String(label),
      value: sevenDigits(value),
      error: sevenDigits(value - label),
    }));
  return stringify(rows, { header: true, columns: ['file', 'label', 'value', 'error'] });
}

function sevenDigits(value: number): string {
  return String(Number(value.toPrecision(7)));
}
