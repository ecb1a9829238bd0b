import { extname } from 'node:path';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { expected, InputError } from '../base/errors.js';
import { readRegularFile } from '../base/files.js';
import { contentOfTable } from '../images/name-content.js';
import { splitRecords } from './csv-text.js';
import { pathError } from './listing.js';

/** Names of the column that holds the file, the preferred first; `file_name` is Hugging Face's. */
export const FILE_COLUMNS = ['file_name', 'file', 'filename', 'path', 'image'];

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
  /** An index that pandas wrote has an empty name. */
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** Lines that are no row at all. */
  readonly faults: readonly Fault[];
  /** Between the fields of a CSV file; undefined where it is JSON. */
  readonly delimiter?: string | undefined;
}

/**
 * The table in a CSV file or a file of one JSON object a line: UTF-8, or UTF-16 with a byte order mark, with any line ends.
 *
 * The form is told by the extension `.csv`, `.tsv`, `.jsonl`, `.ndjson`, else by the first character. The delimiter of CSV is what a first
 * line `sep=;` says; else comma, semicolon or tab: the one under which a column of files is found, then the one that gives the most columns.
 * The first row names the columns; blanks around values that are not quoted, blank lines and rows of delimiters alone do not count; in
 * JSON the columns are all keys met.
 *
 * @param shown the file as the user wrote it, for errors
 * @throws InputError where the file is no text or no table
 */
export async function readTable(file: string, shown: string): Promise<Table> {
  let bytes: Uint8Array;
  try {
    bytes = await readRegularFile(file);
  } catch (thrown) {
    throw await pathError(shown, 'a table that can be read', thrown);
  }
  const other = await contentOfTable(bytes);
  if (other !== undefined)
    throw new InputError(expected(shown, 'a table of labels (CSV or JSONL)', other.name, other.wayOut));
  return parseTable(bytes, shown);
}

/** The table in the bytes of a file: see readTable. */
export function parseTable(bytes: Uint8Array, shown: string): Table {
  const text = decodeText(bytes, shown).replace(/^\uFEFF/, '');
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

/**
 * The text of a table's file, with its byte order mark.
 *
 * @throws InputError that names the line where the file is neither UTF-8 nor UTF-16 with a byte order mark
 */
export function decodeText(bytes: Uint8Array, shown: string): string {
  const [first, second] = bytes;
  const utf16 =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : undefined;
  try {
    return new TextDecoder(utf16 ?? 'utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const wayOut = 'save it as UTF-8 (in Excel: Save As, "CSV UTF-8")';
    if (utf16 !== undefined)
      throw new InputError(expected(shown, 'a table of labels in UTF-16', 'a damaged one', wayOut), { cause });
    const { line, text } = firstOtherLine(bytes);
    const got = `${quote(text)} in another encoding, such as Windows-1252`;
    throw new InputError(expected(`${shown}:${line}`, 'text in UTF-8', got, wayOut), { cause });
  }
}

/** The first line that is not UTF-8, read as Windows-1252. */
function firstOtherLine(bytes: Uint8Array): { line: number; text: string } {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    const piece = bytes.subarray(start, end < 0 ? bytes.length : end);
    try {
      decoder.decode(piece);
    } catch {
      return { line, text: new TextDecoder('windows-1252').decode(piece).trim() };
    }
    if (end < 0) return { line, text: '' };
    start = end + 1;
  }
}

/** The line by which Excel is told the delimiter. */
export const DELIMITER_LINE = /^\uFEFF?"?sep=([^"\r\n])"?[,;\t ]*(?=[\r\n]|$)/i;

const CSV = { trim: true, skip_empty_lines: true, relax_column_count: true, record_delimiter: '\n' } as const;

function parseCsv(source: string, shown: string): Table {
  const told = DELIMITER_LINE.exec(source);
  const text = unixLines(told === null ? source : source.slice(told[0].length));
  const delimiter = told?.[1] ?? delimiterOf(text);
  const rows: Row[] = [];
  // The parser counts up to the end of a row, and a line end of two characters within quotes twice.
  let twice = 0;
  try {
    parse(text, {
      ...CSV,
      delimiter,
      on_record(cells: string[], { lines }) {
        const count = (pattern: RegExp) =>
          cells.reduce((sum, cell) => sum + (/[\r\n]/.test(cell) ? (cell.match(pattern)?.length ?? 0) : 0), 0);
        const line = lines - count(/[\r\n]/g) - twice;
        twice += count(/\r\n/g);
        if (cells.some(cell => cell !== '')) rows.push({ line, cells });
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
  if (names === undefined) throw new InputError(expected(shown, 'a table of labels', 'rows without any value'));
  // pandas reads an index without a name back as "Unnamed: 0".
  const columns = (names.cells as string[]).map(name => (/^Unnamed: \d+$/.test(name) ? '' : name));
  const double = columns.find((name, i) => name !== '' && columns.indexOf(name) !== i);
  if (double !== undefined) {
    const where = `${shown}:${names.line}`;
    throw new InputError(expected(where, 'columns of different names', `"${double}" twice`, 'rename one of them'));
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

/** The text with `\n` for all line ends outside quotes. */
function unixLines(text: string): string {
  if (!text.includes('\r')) return text;
  if (!text.includes('"')) return text.replace(/\r\n?/g, '\n');
  const pieces: string[] = [];
  let [start, inQuotes] = [0, false];
  for (const { 0: found, index } of text.matchAll(/"|\r\n?/g)) {
    if (found === '"') inQuotes = !inQuotes;
    else if (!inQuotes) {
      pieces.push(text.slice(start, index), '\n');
      start = index + found.length;
    }
  }
  return pieces.join('') + text.slice(start);
}

/** What stands between the columns of the first record. */
function delimiterOf(text: string): string {
  let header = '';
  for (const record of splitRecords(text, true)) {
    header = record.text;
    if (header.trim() !== '') break;
  }
  const rank = (delimiter: string): number => {
    const columns = columnsUnder(header, delimiter);
    const hasFiles = columns.length > 1 && columns.some(name => FILE_COLUMNS.includes(name.toLowerCase()));
    return columns.length + (hasFiles ? header.length : 0);
  };
  return [',', ';', '\t'].reduce((best, other) => (rank(other) > rank(best) ? other : best));
}

function columnsUnder(header: string, delimiter: string): string[] {
  try {
    return parse(header, { ...CSV, delimiter })[0] ?? [];
  } catch (thrown) {
    // A quote in the middle of a field: not under this delimiter.
    if (thrown instanceof CsvError) return [];
    throw thrown;
  }
}

function parseJsonLines(text: string, shown: string): Table {
  const places = new Map<string, number>();
  const rows: Row[] = [];
  const faults: Fault[] = [];
  for (const [i, source] of text.split(/\r\n?|\n/).entries()) {
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
