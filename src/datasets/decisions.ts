import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { expected, InputError, inputErrors } from '../base/errors.js';
import { withLock } from '../base/file-lock.js';
import type { Dataset, Sample } from './dataset.js';
import { NameIndex, SpellingNotes } from './name-index.js';
import { numberReader } from './number-column.js';
import { fileOf } from './table-samples.js';
import { quote, readTable, type Table } from './tables.js';

/** A reviewer's decision about an image: the label is right, the label is replaced, or the image is dropped. */
export type Decision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'set'; readonly value: number }
  | { readonly kind: 'drop' };

/** A decisions file. */
export interface Decisions {
  /** Path as the user wrote it. */
  readonly shown: string;
  /** By the image's path in its data set, without open rows (empty decision). */
  readonly byFile: ReadonlyMap<string, Decision>;
  /** All files with a row, open rows included. */
  readonly named: ReadonlySet<string>;
  /** Columns and delimiter of the file. */
  readonly form: Pick<Table, 'columns' | 'delimiter'>;
}

/** The columns that are read, in the order that eyeball writes them; a file may have others. */
export const DECISION_COLUMNS = ['file', 'decision', 'value'] as const;

/**
 * Reads decisions from a CSV or JSONL file with the columns `file`, `decision` (`keep`, `set`, `drop`, or empty while open) and
 * `value` (the new label, for `set`).
 *
 * @param shown Path as the user wrote it.
 * @throws InputError that names up to twenty bad rows with their lines, two different decisions for one image among them.
 */
export async function readDecisions(shown: string): Promise<Decisions> {
  return decisionsOf(await readTable(shown, shown));
}

/** The decisions in a parsed table; see readDecisions. */
export function decisionsOf({ shown, columns, rows, faults, delimiter }: Table): Decisions {
  const [fileAt, decisionAt, valueAt] = DECISION_COLUMNS.map(name => columns.indexOf(name)) as [number, number, number];
  if (fileAt < 0 || decisionAt < 0) {
    const got = `the columns ${columns.map(quote).join(', ') || 'of an empty file'}`;
    throw new InputError(expected(shown, 'the columns "file" and "decision"', got, 'make one with eyeball clean'));
  }
  const texts = faults.map(({ line, text }) => `${shown}:${line}: ${text}`);
  const byFile = new Map<string, Decision>();
  const lines = new Map<string, number>();
  const named = new Set<string>();
  const values = rows.map(({ cells }) => `${cells[valueAt] ?? ''}`);
  const read = numberReader(values, '"value" beside the decision set', delimiter);
  for (const { line, cells } of rows) {
    const fault = (what: string, got: string, wayOut = 'mend or remove the row') =>
      texts.push(expected(`${shown}:${line}`, what, got, wayOut));
    const file = fileOf(cells[fileAt]);
    if (file === undefined) {
      fault('a file\'s name in "file"', quote(cells[fileAt]));
      continue;
    }
    named.add(file);
    const word = `${cells[decisionAt] ?? ''}`.trim().toLowerCase();
    if (word === '') continue;
    const number = word === 'set' ? read(`${cells[valueAt] ?? ''}`) : undefined;
    if (word !== 'keep' && word !== 'set' && word !== 'drop') {
      fault('keep, set, drop or nothing in "decision"', quote(cells[decisionAt]));
      continue;
    }
    if (number !== undefined && 'fault' in number) {
      texts.push(`${shown}:${line}: ${number.fault}`);
      continue;
    }
    const decision: Decision = word === 'set' ? { kind: word, value: number!.value } : { kind: word };
    const first = byFile.get(file);
    if (first !== undefined && !isSame(first, decision)) {
      const earlier = `${textOf(first)} of line ${lines.get(file)}`;
      fault(`one decision for ${quote(file)}`, `${earlier} and ${textOf(decision)}`, 'remove one of the rows');
      continue;
    }
    byFile.set(file, decision);
    lines.set(file, first === undefined ? line : lines.get(file)!);
  }
  if (texts.length > 0) throw inputErrors(`${shown}: expected decisions, got ${texts.length} bad rows`, texts);
  return { shown, byFile, named, form: { columns, delimiter } };
}

export const isSame = (a: Decision, b: Decision): boolean =>
  a.kind === b.kind && (a.kind !== 'set' || a.value === (b as { readonly value: number }).value);

const textOf = (decision: Decision) => (decision.kind === 'set' ? `set ${decision.value}` : decision.kind);

/** The files of a data set that can have a decision. */
export const decidableFiles = ({ samples, skipped }: Pick<Dataset, 'samples' | 'skipped'>): NameIndex =>
  new NameIndex([...samples, ...skipped].map(({ file }) => file));

/**
 * Decisions by the file names of the data set. Unknown names are matched by other spellings (see NameIndex), which `notes` report;
 * `gone` lists names that match no file or several.
 *
 * @param files See decidableFiles.
 * @throws InputError if two spellings of one name have different decisions.
 */
export function matchDecisions(
  files: NameIndex,
  decisions: Decisions,
): { readonly here: Decisions; readonly gone: readonly string[]; readonly notes: readonly string[] } {
  const { shown } = decisions;
  const byFile = new Map<string, Decision>();
  const spellings = new SpellingNotes();
  const gone: string[] = [];
  for (const [name, decision] of decisions.byFile) {
    const meant = files.findPath(name);
    if (meant === undefined || 'candidates' in meant) {
      gone.push(name);
      continue;
    }
    const other = byFile.get(meant.name);
    if (other !== undefined && !isSame(other, decision)) {
      const got = `${textOf(other)} and, by another spelling, ${textOf(decision)}`;
      throw new InputError(expected(shown, `one decision for ${quote(meant.name)}`, got, 'remove one of the rows'));
    }
    byFile.set(meant.name, decision);
    spellings.count(name, { file: meant.name, differs: meant.differs });
  }
  return { here: { ...decisions, byFile }, gone, notes: spellings.notes(shown) };
}

/**
 * The data set without dropped images and with the labels that are set; image files are not changed.
 *
 * @param onMessage Called with a line if names were matched by other spellings.
 * @throws InputError that names up to twenty images with a decision that are not in the data set.
 */
export function applyDecisions(dataset: Dataset, decisions: Decisions, onMessage?: (line: string) => void): Dataset {
  const { shown } = decisions;
  const { here, gone, notes } = matchDecisions(decidableFiles(dataset), decisions);
  const { byFile } = here;
  for (const note of notes) onMessage?.(note);
  if (gone.length > 0) {
    const texts = gone.map(file =>
      expected(shown, 'decisions about images of the data', `${quote(file)}, which is not there`, WAY_OUT),
    );
    throw inputErrors(
      `${shown}: expected decisions about images of the data, got ${gone.length} that are not there; ${WAY_OUT}`,
      gone.length === 1 ? texts : gone.map(quote),
    );
  }
  const samples = dataset.samples.flatMap((sample): Sample[] => {
    const decision = byFile.get(sample.file);
    if (decision?.kind === 'drop') return [];
    return [decision?.kind === 'set' ? { ...sample, label: decision.value } : sample];
  });
  if (samples.length === 0) throw new InputError(expected(shown, 'an image that is not dropped', 'none'));
  const count = (kind: Decision['kind']) => [...byFile.values()].filter(decision => decision.kind === kind).length;
  const applied = { file: shown, kept: count('keep'), set: count('set'), dropped: count('drop') };
  return { ...dataset, samples, decisions: applied };
}

const WAY_OUT = 'remove their rows, or put the images back';

// A change takes some milliseconds, but other processes may hold the lock in between, and the machine may be busy.
const LOCK_WAIT_MS = 60_000;

/**
 * Runs `work`, which reads and rewrites the decisions file, under the file's lock. Creates its folder if it is missing.
 *
 * @throws InputError if another process holds the lock for 60 s; errors of the file system.
 */
export async function changeDecisionsFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  return await withLock(path, work, { waitMs: LOCK_WAIT_MS });
}
