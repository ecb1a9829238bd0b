import { isAbsolute, posix, sep } from 'node:path';
import { expected, InputError, inputErrors } from '../base/errors.js';
import { option } from '../base/options.js';
import type { Sample, Skipped } from './dataset.js';
import { FileFinder } from './file-finder.js';
import { isLabel, isTooGreat, tooGreat } from './label.js';
import { SpellingNotes } from './name-index.js';
import { type FieldNumber, looksLikeNumber, numberReader } from './number-column.js';
import { type Fault, FILE_COLUMNS, quote, type Row, type Table } from './tables.js';

/** Name of the column of groups: images of equal values, for example of one person, are kept together in every split. */
export const GROUP_COLUMN = 'group';

/** Options of reading a table's samples. */
export interface TableOptions {
  /** True refuses files outside the table's folder (`../x.jpg`, absolute paths). */
  readonly inside: boolean;
  /** True skips rows without a label. Default false: they are bad rows. */
  readonly skipMissing?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The labeled files of a table. */
export interface TableSamples {
  /** Column of the labels. */
  readonly target: string;
  /** Sorted by path. */
  readonly samples: readonly Sample[];
  /** Rows without a file or, with `skipMissing`, without a label; files whose names are not UTF-8. */
  readonly skipped: readonly Skipped[];
  /** Lines for the user about assumptions, with counts of rows. */
  readonly notes: readonly string[];
  /** Images without a row, in the folders of the table's files. */
  unnamed(): Promise<string[]>;
}

/** A valid row. */
interface LabeledRow {
  readonly line: number;
  readonly file: string;
  /** Undefined if it is missing and `skipMissing` is set. */
  readonly label: number | undefined;
  readonly columns: Readonly<Record<string, string>> | undefined;
}

/**
 * The existing files of a table, with their labels and the other columns as text. Unknown names are matched by other spellings (see
 * FileFinder), and a note reports that. The first row of a file counts.
 *
 * @param root Absolute folder that the table's paths are relative to.
 * @param target Column of the labels. Default: the only numeric column, one in which more than half of the filled fields are numbers.
 * @throws InputError that names up to twenty bad rows with their lines; ambiguous names are bad rows.
 */
export async function samplesOfTable(
  table: Table,
  root: string,
  target: string | undefined,
  { inside, skipMissing = false, signal }: TableOptions,
): Promise<TableSamples> {
  const { shown } = table;
  const fileColumn = findFileColumn(table);
  const labelColumn = findLabelColumn(table, fileColumn, target);
  const name = table.columns[labelColumn]!;
  const faults: Fault[] = [...table.faults];
  const rows = labeledRows(table, fileColumn, labelColumn, skipMissing, faults);
  const finder = new FileFinder(root, signal);
  const found = await finder.find(new Set(rows.map(({ file }) => file)));
  const first = new Map<string, LabeledRow>();
  const reasons = new Map<string, string>();
  const spellings = new SpellingNotes();
  const unlabeled = new Set<string>();
  let missing = 0;
  for (const row of rows) {
    const { line } = row;
    const meant = found.get(row.file)!;
    const { file } = meant;
    const fault = (what: string, got: string, wayOut = MEND) => faults.push({ line, text: said(what, got, wayOut) });
    if (inside && (isAbsolute(file) || file === '..' || file.startsWith('../'))) {
      fault(`a file inside the table's folder in "${table.columns[fileColumn]}"`, quote(row.file));
      continue;
    }
    if ('candidates' in meant) {
      const candidates = meant.candidates.map(quote).join(' or ');
      fault('the name of one file', `${quote(row.file)}, which may be ${candidates}`, 'write it as the file is named');
      continue;
    }
    if ('reason' in meant) reasons.set(file, meant.reason);
    else spellings.count(row.file, meant);
    const earlier = first.get(file);
    if (row.label === undefined) {
      missing++;
      unlabeled.add(file);
    } else if (earlier === undefined) first.set(file, row);
    else if (earlier.label !== row.label)
      fault(`${earlier.label} for ${quote(file)} again, as in line ${earlier.line}`, `${row.label}`);
  }
  // Another row of the file may have the label.
  for (const file of unlabeled)
    if (!first.has(file) && !reasons.has(file)) reasons.set(file, `expected a number in "${name}", got none`);
  if (faults.length > 0) {
    const lines = faults.sort((a, b) => a.line - b.line).map(({ line, text }) => `${shown}:${line}: ${text}`);
    throw inputErrors(expected(shown, 'a file and a number in every row', `${faults.length} faults`), lines);
  }
  if (rows.length === 0) throw new InputError(expected(shown, 'rows below the header', 'none'));
  const samples = [...first]
    .filter(([file]) => !reasons.has(file))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, { label, columns }]): Sample => ({ file, label: label!, ...(columns && { columns }) }));
  const skipped = [...reasons].map(([file, reason]) => ({ file, reason }));
  const used = new Set([...first.keys(), ...reasons.keys()]);
  return {
    target: name,
    samples,
    skipped: [...skipped, ...finder.unreadable],
    notes: [...spellings.notes(shown), ...missingNotes(shown, name, missing)],
    unnamed: () => finder.unnamed(used),
  };
}

const MEND = 'mend or remove the row';
const said = (what: string, got: string, wayOut: string) => `expected ${what}, got ${got}; ${wayOut}`;

function missingNotes(shown: string, column: string, missing: number): string[] {
  if (missing === 0) return [];
  return [
    `${shown}: ${missing} row${missing === 1 ? ' has' : 's have'} no number in "${column}" and ${missing === 1 ? 'is' : 'are'} skipped`,
  ];
}

/** The valid rows; the faults of the others are added to `faults`. */
function labeledRows(
  table: Table,
  fileColumn: number,
  labelColumn: number,
  skipMissing: boolean,
  faults: Fault[],
): LabeledRow[] {
  const { columns, rows, delimiter } = table;
  const name = columns[labelColumn]!;
  const others = [...columns.keys()].filter(column => column !== fileColumn && column !== labelColumn);
  const read = numberReader(textsOf(rows, labelColumn), `"${name}"`, delimiter);
  const questions: Fault[] = [];
  const good: LabeledRow[] = [];
  for (const row of rows) {
    const { line, cells } = row;
    const [fileCell, cell] = [cells[fileColumn], cells[labelColumn]];
    const file = fileOf(fileCell);
    if (file === undefined)
      faults.push({ line, text: said(`a file's name in "${columns[fileColumn]}"`, quote(fileCell), MEND) });
    const isMissing = skipMissing && isMissingValue(cell);
    const number = isMissing ? { value: undefined } : numberOf(cell, name, read);
    if ('fault' in number) {
      if (number.isQuestion) questions.push({ line, text: number.fault });
      else faults.push({ line, text: number.fault });
    } else if (file !== undefined)
      good.push({ line, file, label: number.value, columns: columnsOf(row, others, columns) });
  }
  // One fault stands for all ambiguous numbers of the column.
  if (questions.length > 0) {
    const [{ line, text }] = questions as [Fault];
    const more = questions.length === 1 ? '' : ` (and so in ${questions.length - 1} more rows; one answer is enough)`;
    faults.push({ line, text: text + more });
  }
  return good;
}

function* textsOf(rows: readonly Row[], column: number): Generator<string> {
  for (const { cells } of rows) {
    const cell = cells[column];
    if (typeof cell === 'string') yield cell;
  }
}

function numberOf(cell: unknown, column: string, read: (text: string) => FieldNumber): FieldNumber {
  if (typeof cell === 'string') {
    const number = read(cell);
    if ('value' in number || !isMissingValue(cell)) return number;
  } else if (typeof cell === 'number' && isLabel(cell)) return { value: cell };
  const isMissing = isMissingValue(cell);
  const wayOut = isMissing ? `${MEND}, or skip such rows with ${option('skipMissing')}` : MEND;
  return {
    fault: said(`a finite number in "${column}"`, isTooGreat(cell) ? tooGreat(quote(cell)) : quote(cell), wayOut),
  };
}

/** True for the usual marks of missing values. */
const isMissingValue = (cell: unknown): boolean =>
  cell === undefined ||
  cell === null ||
  (typeof cell === 'string' && /^(|nan|na|n\/a|#n\/a|null|none|-|\?)$/i.test(cell.trim()));

function findFileColumn({ shown, columns, rows }: Table): number {
  for (const name of FILE_COLUMNS) {
    const column = columns.findIndex(other => other.toLowerCase() === name);
    if (column >= 0) return column;
  }
  const what = `a column ${FILE_COLUMNS[0]} (or ${FILE_COLUMNS.slice(1).join(', ')})`;
  const got = rows.length === 0 && columns.length === 0 ? 'no row' : `the columns ${list(columns)}`;
  throw new InputError(expected(shown, what, got, `rename the column of file names to ${FILE_COLUMNS[0]}`));
}

function findLabelColumn({ shown, columns, rows }: Table, fileColumn: number, target: string | undefined): number {
  if (target !== undefined) {
    const column = columns.indexOf(target);
    if (column >= 0) return column;
    const wayOut = `give ${option('target')} one of them`;
    throw new InputError(expected(shown, `a column "${target}"`, `the columns ${list(columns)}`, wayOut));
  }
  // A column `group` holds groups, and one without a name is pandas' index.
  const others = [...columns.keys()].filter(
    column => column !== fileColumn && columns[column] !== GROUP_COLUMN && columns[column] !== '',
  );
  // A single column must be the label, however many bad rows it has: those are reported.
  const numeric = others.length === 1 ? others : others.filter(column => holdsNumbers(rows, column));
  if (numeric.length === 1) return numeric[0]!;
  const got = numeric.length === 0 ? `the columns ${list(columns)}` : list(numeric.map(column => columns[column]!));
  throw new InputError(
    expected(shown, 'one numeric column', got, `name the one to learn with ${option('target', 'NAME')}`),
  );
}

/** True if more than half of a column's filled fields are numbers, so that a few bad rows do not hide the column. */
function holdsNumbers(rows: readonly Row[], column: number): boolean {
  let filled = 0;
  let numbers = 0;
  for (const { cells } of rows) {
    const value = cells[column];
    if (isMissingValue(value)) continue;
    filled++;
    if (typeof value === 'number' || (typeof value === 'string' && looksLikeNumber(value))) numbers++;
  }
  return numbers > filled / 2;
}

/** The filled cells of these columns by name; undefined if there are none. */
function columnsOf(
  { cells }: Row,
  columns: readonly number[],
  names: readonly string[],
): Record<string, string> | undefined {
  const filled = columns.flatMap(column => {
    const text = textOf(cells[column]);
    return text === '' || names[column] === '' ? [] : [[names[column]!, text] as const];
  });
  return filled.length === 0 ? undefined : Object.fromEntries(filled);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value.trim() : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The normalized path, so that `./a.jpg` and `a.jpg` are the same file. */
export function fileOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) return undefined;
  return posix.normalize(sep === '\\' ? value.replaceAll('\\', '/') : value);
}

const list = (names: readonly string[]) => names.map(name => `"${name}"`).join(', ');
