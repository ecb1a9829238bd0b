import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { expected, InputError } from '../base/errors.js';
import { pathError } from './listing.js';

/** A row of a table. */
export interface Row {
  /** The physical line in the file where the row begins, from 1. */
  readonly line: number;
  /** One value a column, in the order of the table's columns; undefined where the row has none. */
  readonly cells: readonly unknown[];
}

/** What is wrong with a line of a table. */
export interface Fault {
  readonly line: number;
  /** `<what was expected>, got <value>; <way out>`, without the line. */
  readonly text: string;
}

/** A table as it was read: no value has been judged yet. */
export interface Table {
  /** The file as the user wrote it. */
  readonly shown: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** Lines that are no row at all. */
  readonly faults: readonly Fault[];
  /** Between the fields of a CSV file; undefined where it is JSON. */
  readonly delimiter?: string | undefined;
}

/**
 * The table in a CSV file (delimiter comma, semicolon or tab, whichever its header has most of) or a file of one JSON
 * object a line; UTF-8, with or without a byte order mark, with any line ends.
 *
 * The form is told by the extension `.csv`, `.tsv`, `.jsonl`, `.ndjson`, else by the first character. In CSV the first
 * row names the columns; blanks around values and blank lines do not count; in JSON the columns are all keys met.
 *
 * @param shown the file as the user wrote it, for errors
 * @throws InputError where the file is no text or no table
 */
export async function readTable(file: string, shown: string): Promise<Table> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (thrown) {
    throw pathError(shown, 'a table that can be read', thrown);
  }
  return parseTable(bytes, shown);
}

/** The table in the bytes of a file: see readTable. */
export function parseTable(bytes: Uint8Array, shown: string): Table {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (thrown) {
    const wayOut = 'give a folder of pictures, a CSV or a JSONL file, saved as UTF-8';
    throw new InputError(expected(shown, 'a table of labels in UTF-8', 'bytes that are not UTF-8', wayOut), {
      cause: thrown,
    });
  }
  // One kind of line end, so that a line is counted once also inside quotes.
  text = text.replace(/\r\n?/g, '\n');
  if (text.trim() === '') throw new InputError(expected(shown, 'a table of labels', 'an empty file'));
  if (text.trimStart().startsWith('[')) {
    throw new InputError(
      expected(shown, 'one JSON object a line', 'a JSON array', 'write each of its objects on a line'),
    );
  }
  const extension = extname(shown).toLowerCase();
  const known = /^\.(csv|tsv|jsonl|ndjson)$/.test(extension);
  const json = known ? /json/.test(extension) : text.trimStart().startsWith('{');
  return json ? parseJsonLines(text, shown) : parseCsv(text, shown);
}

function parseCsv(text: string, shown: string): Table {
  const header = text.trimStart().split('\n', 1)[0]!;
  const uses = (delimiter: string) => header.split(delimiter).length;
  const delimiter = [',', ';', '\t'].reduce((best, other) => (uses(other) > uses(best) ? other : best));
  const rows: Row[] = [];
  try {
    const options = { delimiter, trim: true, skip_empty_lines: true, relax_column_count: true, record_delimiter: '\n' };
    parse(text, {
      ...options,
      on_record(cells: string[], { lines }) {
        // The parser counts up to the end of the row; line ends inside quotes lie between that and its beginning.
        const inside = cells.reduce((sum, cell) => sum + cell.split('\n').length - 1, 0);
        rows.push({ line: lines - inside, cells });
        return null;
      },
    });
  } catch (thrown) {
    if (!(thrown instanceof CsvError)) throw thrown;
    const line = typeof thrown.lines === 'number' ? thrown.lines : 1;
    const got =
      thrown.code === 'CSV_QUOTE_NOT_CLOSED' ? 'a quote that is never closed' : 'a quote (") in the middle of a field';
    const wayOut = 'put the whole field in quotes and write quotes in it twice';
    throw new InputError(expected(`${shown}:${line}`, 'well-formed CSV', got, wayOut), { cause: thrown });
  }
  const [names, ...body] = rows;
  const columns = names!.cells as string[];
  const twice = columns.find((name, i) => name !== '' && columns.indexOf(name) !== i);
  if (twice !== undefined) {
    const where = `${shown}:${names!.line}`;
    throw new InputError(expected(where, 'columns of different names', `"${twice}" twice`, 'rename one of them'));
  }
  const fits = (row: Row) => row.cells.length === columns.length;
  const faults = body
    .filter(row => !fits(row))
    .map(({ line, cells }) => ({
      line,
      text: `expected ${columns.length} fields as in the header, got ${cells.length}; mend or remove the row`,
    }));
  return { shown, columns, rows: body.filter(fits), faults, delimiter };
}

function parseJsonLines(text: string, shown: string): Table {
  const places = new Map<string, number>();
  const rows: Row[] = [];
  const faults: Fault[] = [];
  for (const [i, source] of text.split('\n').entries()) {
    if (source.trim() === '') continue;
    const fields = jsonObject(source);
    if (fields === undefined) {
      const text = `expected one JSON object, got ${quote(source.trim())}; mend or remove the line`;
      faults.push({ line: i + 1, text });
      continue;
    }
    const cells: unknown[] = [];
    for (const [key, value] of Object.entries(fields)) {
      if (!places.has(key)) places.set(key, places.size);
      cells[places.get(key)!] = value;
    }
    rows.push({ line: i + 1, cells });
  }
  return { shown, columns: [...places.keys()], rows, faults };
}

function jsonObject(source: string): object | undefined {
  try {
    const value: unknown = JSON.parse(source);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A value as an error shows it: as JSON, cut after 40 characters. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 40 ? text : `${text.slice(0, 40)}...`;
}
