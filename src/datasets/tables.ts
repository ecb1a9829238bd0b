import { extname } from 'node:path';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { expected, InputError } from '../base/errors.js';
import { readRegularFile } from '../base/files.js';
import { contentOfTable } from '../images/name-content.js';
import { splitRecords } from './csv-text.js';
import { pathError } from './listing.js';

/** Names of the column of files, in order of preference; `file_name` is Hugging Face's. */
export const FILE_COLUMNS = ['file_name', 'file', 'filename', 'path', 'image', 'photo'];

/** A row of a table. */
export interface Row {
  /** Line number in the file where the row begins, from 1. */
  readonly line: number;
  /** One value for each column; undefined if the row has none. */
  readonly cells: readonly unknown[];
}

/** A fault in a line of a table. */
export interface Fault {
  readonly line: number;
  /** `<what was expected>, got <value>; <way out>`, without the line. */
  readonly text: string;
}

/** A parsed table; its values are not validated yet. */
export interface Table {
  /** Path as the user wrote it. */
  readonly shown: string;
  /** The column of a pandas index has an empty name. */
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** Lines that are not rows. */
  readonly faults: readonly Fault[];
  /** Delimiter of a CSV file; undefined for JSON. */
  readonly delimiter?: string | undefined;
}

/**
 * Reads a table from a CSV or JSON Lines file: UTF-8, or UTF-16 with a byte order mark, with any line endings.
 *
 * The form follows from the extension `.csv`, `.tsv`, `.jsonl`, `.ndjson`, else from the first character. The delimiter of CSV is given by
 * a first line such as `sep=;`; else it is the one of comma, semicolon and tab that yields a column of files, or the most columns. The
 * first row is the header. Blanks around unquoted values, blank lines and rows of delimiters alone are ignored. The columns of JSON
 * are the union of all keys.
 *
 * @param shown Path as the user wrote it, for errors.
 * @throws InputError if the file is not text or not a table.
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

/** Parses the bytes of a table's file; see readTable. */
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
 * Decodes the text of a table's file, keeping its byte order mark.
 *
 * @throws InputError that names the line if the file is neither UTF-8 nor UTF-16 with a byte order mark.
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

/** The first line that is not UTF-8, decoded as Windows-1252. */
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

/** Excel's line that sets the delimiter. */
export const DELIMITER_LINE = /^\uFEFF?"?sep=([^"\r\n])"?[,;\t ]*(?=[\r\n]|$)/i;

const CSV = { trim: true, skip_empty_lines: true, relax_column_count: true, record_delimiter: '\n' } as const;

function parseCsv(source: string, shown: string): Table {
  const told = DELIMITER_LINE.exec(source);
  const text = unixLines(told === null ? source : source.slice(told[0].length));
  const delimiter = told?.[1] ?? delimiterOf(text);
  const rows: Row[] = [];
  // The parser's count is that of a row's last line, and it counts CR LF within quotes twice.
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
  // pandas names the column of an unnamed index "Unnamed: 0" when it reads one back.
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

/** The text with `\n` for all line breaks outside quotes. */
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

/** The delimiter of the first record. */
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
    // A quote inside a field: this is not the delimiter.
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

/** A value for an error text: JSON, truncated after 40 characters. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 40 ? text : `${text.slice(0, 40)}...`;
}
