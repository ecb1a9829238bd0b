import { significant } from '../base/text.js';
import { csvOf } from '../datasets/csv-text.js';
import { DECISION_COLUMNS, type Decisions } from '../datasets/decisions.js';
import { numberText } from '../datasets/number-column.js';
import type { Prediction } from '../evaluation/evaluate.js';
import type { RankedSample } from '../labels/issues.js';
import type { ImagePrediction } from '../model/model.js';
import type { IntervalOf } from '../uncertainty/intervals.js';

/**
 * The predictions as CSV with the columns `file,label,value,error`, a row for each, in the order of the files' paths; with `intervalOf`
 * also `low,high,scale,unusual,unlike`: `unusual` is 1 or 0, `unlike` is `kind`, `source` or empty.
 *
 * `error` is value - label. Numbers are rounded to seven digits, which is what a float32 holds.
 */
export function predictionsCsv(predictions: readonly Prediction[], intervalOf?: IntervalOf): string {
  const ordered = predictions.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
  const rowOf = ({ file, label, value, scale, unusual, unlike }: Prediction) => {
    const [low, high] = (scale !== undefined && intervalOf?.(value, scale).map(end => significant(end, 7))) || [];
    return {
      file,
      label: String(label),
      value: significant(value, 7),
      error: significant(value - label, 7),
      low,
      high,
      scale: scale === undefined ? undefined : significant(scale, 7),
      unusual: unusual === true ? '1' : '0',
      unlike,
    };
  };
  const doubt = intervalOf === undefined ? [] : ['low', 'high', 'scale', 'unusual', 'unlike'];
  return csvOfRows(ordered, rowOf, ['file', 'label', 'value', 'error', ...doubt]);
}

/** The columns of the table that `eyeball predict --csv` writes. */
export const ANSWER_COLUMNS = [
  'file',
  'value',
  'low',
  'high',
  'unusual',
  'unlike',
  'x',
  'y',
  'width',
  'height',
  'warning',
  'error',
] as const;

/**
 * The predictions for images without labels as CSV with the columns `ANSWER_COLUMNS`, a row for each prediction. `x` to `height` are the box of
 * a face, in pixels; values that do not apply are empty.
 */
export function answersCsv(predictions: readonly ImagePrediction[]): string {
  const number = (value: number | null | undefined) => (value == null ? undefined : significant(value, 7));
  const rowOf = ({ file, value, low, high, unusual, unlike, face, warning, error }: ImagePrediction) => ({
    file,
    value: number(value),
    low: number(low),
    high: number(high),
    unusual: value === null ? undefined : unusual === true ? '1' : '0',
    unlike,
    x: face && String(face.x),
    y: face && String(face.y),
    width: face && String(face.width),
    height: face && String(face.height),
    warning,
    error,
  });
  return csvOfRows(predictions, rowOf, ANSWER_COLUMNS);
}

/** The columns of the table of `eyeball clean`. */
export const RANKED_COLUMNS = ['file', 'label', 'suggested', 'score', 'kinds'] as const;

/** All samples, the most suspicious first, as CSV; several kinds are separated by semicolons. */
export function rankedCsv(rows: readonly RankedSample[]): string {
  return csvOfRows(rows, rankedRow, RANKED_COLUMNS);
}

/** The same as JSON lines. */
export function rankedJsonl(rows: readonly RankedSample[]): string {
  return rows.map(row => `${JSON.stringify({ ...row, score: sixDigits(row.score) })}\n`).join('');
}

const rankedRow = ({ file, label, suggested, score, kinds }: RankedSample) => ({
  file,
  label: String(label),
  suggested: String(suggested),
  score: String(sixDigits(score)),
  kinds: kinds.join(';'),
});

const sixDigits = (value: number) => Number(value.toFixed(6));

/** The columns of a decisions file that eyeball makes. */
const DECISION_FORM = { columns: [...DECISION_COLUMNS, 'label', 'score', 'kinds'], delimiter: ',' };

/**
 * Rows of a decisions file for these samples, with the suggested label as the value.
 *
 * @param decide Returns the decision about a sample; empty leaves it open.
 * @param form The columns and the delimiter of the file that the rows are added to. Default: a new CSV file, with its header.
 */
export function decisionRows(
  samples: readonly RankedSample[],
  decide: (sample: RankedSample) => string,
  form?: Decisions['form'],
): string {
  const { columns, delimiter } = form ?? DECISION_FORM;
  const rows = samples.map(sample => {
    const { suggested: value, ...row } = rankedRow(sample);
    return { ...row, decision: decide(sample), value: numberText(Number(value), delimiter) };
  });
  if (delimiter === undefined) return rows.map(row => `${JSON.stringify(row)}\n`).join('');
  const lines = rows.map(row => columns.map(column => (row as Readonly<Record<string, string>>)[column]));
  return csvOf(form === undefined ? [columns, ...lines] : lines, delimiter);
}

// Rows made into text at a time: the fields of a row take ten times the memory of its line.
const BLOCK = 1000;

/** The header and a line for each item. */
function csvOfRows<T>(
  items: readonly T[],
  rowOf: (item: T) => Readonly<Record<string, string | undefined>>,
  columns: readonly string[],
): string {
  const parts = [csvOf([columns])];
  for (let from = 0; from < items.length; from += BLOCK) {
    const rows = items.slice(from, from + BLOCK).map(rowOf);
    parts.push(csvOf(rows.map(row => columns.map(column => row[column]))));
  }
  return parts.join('');
}
