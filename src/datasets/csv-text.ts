import { stringify } from 'csv-stringify/sync';

/** A record of a CSV or JSONL file with its line end, and the line where it begins, from 1. */
export interface TextRecord {
  readonly line: number;
  readonly text: string;
}

/** The records of a file; line ends within quotes do not end a CSV record. */
export function* splitRecords(text: string, hasQuotes: boolean): Generator<TextRecord> {
  let [line, start, startLine, inQuotes] = [1, 0, 1, false];
  for (const match of text.matchAll(/"|\r\n?|\n/g)) {
    if (match[0] === '"') {
      inQuotes = hasQuotes && !inQuotes;
      continue;
    }
    line++;
    if (inQuotes) continue;
    const end = match.index + match[0].length;
    yield { line: startLine, text: text.slice(start, end) };
    [start, startLine] = [end, line];
  }
  if (start < text.length) yield { line: startLine, text: text.slice(start) };
}

/**
 * Rows as CSV, a `\n` behind each, which read as they were: what begins or ends with a blank or holds a line end is quoted too.
 */
export function csvOf(rows: readonly (readonly (string | undefined)[])[], delimiter = ','): string {
  const records = rows.map(row => [...row]);
  return stringify(records, { delimiter, record_delimiter: '\n', quoted_match: /^\s|\s$|[\r\n]/ });
}
