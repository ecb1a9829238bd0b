import { significant } from '../../base/text.js';
import type { UnusualGrade } from '../../uncertainty/unusual.js';

/** A prediction or an error as a row of the table. */
export interface ResultRow {
  readonly file: string;
  /** 1 for the largest face in an image, 2 for the next. */
  readonly face?: number;
  readonly value?: number;
  readonly low?: number | null | undefined;
  readonly high?: number | null | undefined;
  readonly level?: number | undefined;
  readonly unusual?: boolean;
  /** How an image is unusual: another kind, or another source. */
  readonly unlike?: UnusualGrade | undefined;
  readonly error?: string;
}

const COLUMNS = ['file', 'face', 'value', 'low', 'high', 'level', 'unusual', 'unlike', 'error'] as const;

/** The rows as CSV with a line of names; numbers are rounded to seven digits, which is what a float32 holds; `unusual` is 1 or 0, `unlike` `kind` or `source`. */
export function resultsCsv(rows: readonly ResultRow[]): string {
  const lines = rows.map(row => COLUMNS.map(column => quoted(row[column])).join(','));
  return `${[COLUMNS.join(','), ...lines].join('\n')}\n`;
}

// Without a library: it would need a polyfill of Node's Buffer, six times the size of the page's own code.
function quoted(value: string | number | boolean | null | undefined): string {
  if (typeof value === 'number') return significant(value, 7);
  if (typeof value === 'boolean') return value ? '1' : '0';
  const text = value ?? '';
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
