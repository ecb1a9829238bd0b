import { stringify } from 'csv-stringify/sync';

/** A record of a CSV or JSONL file with its line ending, and its first line's number, from 1. */
export interface TextRecord {
  readonly line: number;
  readonly text: string;
}

/** The records of a file; line breaks inside quotes belong to the CSV record. */
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

/** Rows as CSV, each ended by `\n`. Fields with leading or trailing whitespace or line breaks are quoted, so that they are read back unchanged. */
export function csvOf(rows: readonly (readonly (string | undefined)[])[], delimiter = ','): string {
  const records = rows.map(row => [...row]);
  return stringify(records, { delimiter, record_delimiter: '\n', quoted_match: /^\s|\s$|[\r\n]/ });
}
