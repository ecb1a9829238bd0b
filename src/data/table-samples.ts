import { readdir, stat } from 'node:fs/promises';
import { dirname, isAbsolute, posix, resolve, sep } from 'node:path';
import { expected, InputError, inputErrors, throwIfAborted } from '../base/errors.js';
import type { Sample, Skipped } from './dataset.js';
import { labelOfText } from './label.js';
import { AT_ONCE, codeOf, kindOf, mapBounded } from './listing.js';
import { type Fault, quote, type Row, type Table } from './tables.js';

/** Names of the column that holds the file, the preferred first; `file_name` is Hugging Face's. */
const FILE_COLUMNS = ['file_name', 'file', 'filename', 'path', 'image'];

/** Name of the column whose equal values keep pictures together, of one person for example, wherever a data set is split. */
export const GROUP_COLUMN = 'group';

/** The labelled files of a table. */
export interface TableSamples {
  /** The column that the labels come from. */
  readonly target: string;
  /** In the order of their paths. */
  readonly samples: readonly Sample[];
}

/**
 * The files of a table, their numbers and the other columns as text; whether the files exist is not looked at. Of a file that has
 * several rows the first counts.
 *
 * @param target the column of the number; default the only one that holds numbers, which is one where more than half of
 * the values that are there are numbers
 * @param inside true refuses files outside the table's folder (`../x.jpg`, absolute paths)
 * @throws InputError that names up to twenty bad rows with their lines
 */
export function samplesOfTable(
  table: Table,
  target: string | undefined,
  { inside }: { inside: boolean },
): TableSamples {
  const fileColumn = findFileColumn(table);
  const labelColumn = findLabelColumn(table, fileColumn, target);
  const name = table.columns[labelColumn]!;
  const faults: Fault[] = [...table.faults];
  const found = new Map<string, { line: number; sample: Sample }>();
  const others = [...table.columns.keys()].filter(column => column !== fileColumn && column !== labelColumn);
  for (const row of table.rows) {
    const fault = (what: string, got: string) =>
      faults.push({ line: row.line, text: `expected ${what}, got ${got}; mend or remove the row` });
    const file = fileOf(row.cells[fileColumn]);
    const label = labelOf(row.cells[labelColumn]);
    const outside = file !== undefined && inside && (isAbsolute(file) || file === '..' || file.startsWith('../'));
    if (file === undefined) fault(`a file's name in "${table.columns[fileColumn]}"`, quote(row.cells[fileColumn]));
    if (outside)
      fault(`a file inside the table's folder in "${table.columns[fileColumn]}"`, quote(row.cells[fileColumn]));
    if (label === undefined) fault(`a finite number in "${name}"`, quote(row.cells[labelColumn]));
    if (file === undefined || label === undefined || outside) continue;
    const first = found.get(file);
    if (first === undefined) {
      const columns = columnsOf(row, others, table.columns);
      found.set(file, { line: row.line, sample: { file, label, ...(columns && { columns }) } });
    } else if (first.sample.label !== label)
      fault(`${first.sample.label} for ${quote(file)} again, as in line ${first.line}`, `${label}`);
  }
  if (faults.length > 0) {
    const lines = faults.sort((a, b) => a.line - b.line).map(({ line, text }) => `${table.shown}:${line}: ${text}`);
    throw inputErrors(expected(table.shown, 'a file and a number in every row', `${faults.length} faults`), lines);
  }
  if (found.size === 0) throw new InputError(expected(table.shown, 'rows below the header', 'none'));
  const samples = [...found.keys()].sort().map(file => found.get(file)!.sample);
  return { target: name, samples };
}

/**
 * The samples whose file exists, and the others with the reason, both in the given order.
 *
 * Every folder that is named is listed once; only names that its listing lacks, and links, are asked for one by one.
 */
export async function existingSamples(
  root: string,
  samples: readonly Sample[],
  signal: AbortSignal | undefined,
): Promise<{ samples: Sample[]; skipped: Skipped[] }> {
  const byFolder = new Map<string, Sample[]>();
  for (const sample of samples) {
    const folder = dirname(resolve(root, sample.file));
    const others = byFolder.get(folder);
    if (others === undefined) byFolder.set(folder, [sample]);
    else others.push(sample);
  }
  const reasons = new Map<string, string>();
  await mapBounded([...byFolder], AT_ONCE, async ([folder, inside]) => {
    throwIfAborted(signal);
    const listed = await plainFiles(folder);
    const unlisted = inside.filter(({ file }) => !listed.has(posix.basename(file)));
    await mapBounded(unlisted, AT_ONCE, async ({ file }) => {
      const reason = await whyNoFile(resolve(root, file));
      if (reason !== undefined) reasons.set(file, reason);
    });
  });
  return {
    samples: samples.filter(({ file }) => !reasons.has(file)),
    skipped: [...reasons].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, reason]) => ({ file, reason })),
  };
}

/** Names of the files that are listed in a folder and are no links; none where the folder cannot be listed. */
async function plainFiles(folder: string): Promise<Set<string>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return new Set(entries.filter(entry => entry.isFile()).map(entry => entry.name));
}

async function whyNoFile(path: string): Promise<string | undefined> {
  try {
    const entry = await stat(path);
    return entry.isFile() ? undefined : `expected a file, got ${kindOf(entry)}`;
  } catch (thrown) {
    const code = codeOf(thrown);
    return `expected a file, got ${code === 'ENOENT' ? 'nothing there' : code}`;
  }
}

function findFileColumn({ shown, columns, rows }: Table): number {
  for (const name of FILE_COLUMNS) {
    const column = columns.findIndex(other => other.toLowerCase() === name);
    if (column >= 0) return column;
  }
  const what = `a column ${FILE_COLUMNS[0]} (or ${FILE_COLUMNS.slice(1).join(', ')})`;
  const got = rows.length === 0 && columns.length === 0 ? 'no row' : `the columns ${list(columns)}`;
  throw new InputError(expected(shown, what, got, 'name the column that holds the files so'));
}

function findLabelColumn({ shown, columns, rows }: Table, fileColumn: number, target: string | undefined): number {
  if (target !== undefined) {
    const column = columns.indexOf(target);
    if (column >= 0) return column;
    const wayOut = 'give --target one of them';
    throw new InputError(expected(shown, `a column "${target}"`, `the columns ${list(columns)}`, wayOut));
  }
  // Numbers in a column `group` say which pictures belong together.
  const others = [...columns.keys()].filter(column => column !== fileColumn && columns[column] !== GROUP_COLUMN);
  // A single column can only be the number, however many of its rows are bad: they are then named.
  const numeric = others.length === 1 ? others : others.filter(column => holdsNumbers(rows, column));
  if (numeric.length === 1) return numeric[0]!;
  const got = numeric.length === 0 ? `the columns ${list(columns)}` : list(numeric.map(column => columns[column]!));
  throw new InputError(expected(shown, 'one numeric column', got, 'name the one to learn with --target NAME'));
}

/** True where more than half of a column's filled fields are numbers: a few bad rows must not hide the column. */
function holdsNumbers(rows: readonly Row[], column: number): boolean {
  let filled = 0;
  let numbers = 0;
  for (const { cells } of rows) {
    const value = cells[column];
    if (value === undefined || value === null || value === '') continue;
    filled++;
    if (labelOf(value) !== undefined) numbers++;
  }
  return numbers > filled / 2;
}

/** The filled cells of these columns by name; undefined where there are none. */
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

function labelOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' ? labelOfText(value) : undefined;
}

/** The path in its shortest form, so that `./a.jpg` and `a.jpg` are the same file. */
export function fileOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) return undefined;
  return posix.normalize(sep === '\\' ? value.replaceAll('\\', '/') : value);
}

const list = (names: readonly string[]) => names.map(name => `"${name}"`).join(', ');
