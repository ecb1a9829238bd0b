import { expected, InputError, inputErrors } from '../base/errors.js';
import type { Dataset, Sample } from './dataset.js';
import { NameIndex, SpellingNotes } from './name-index.js';
import { numberReader } from './number-column.js';
import { fileOf } from './table-samples.js';
import { quote, readTable, type Table } from './tables.js';

/** What somebody decided about an image: its label is right, is another number, or the image is not to be used. */
export type Decision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'set'; readonly value: number }
  | { readonly kind: 'drop' };

/** A decisions file. */
export interface Decisions {
  /** The file as the user wrote it. */
  readonly shown: string;
  /** By the image's path in its data set; rows with an empty decision are open and not here. */
  readonly byFile: ReadonlyMap<string, Decision>;
  /** Every file with a row, open ones included. */
  readonly named: ReadonlySet<string>;
  /** How the file is written. */
  readonly form: Pick<Table, 'columns' | 'delimiter'>;
}

/** The columns that count, in the order that eyeball writes them; a file may have others. */
export const DECISION_COLUMNS = ['file', 'decision', 'value'] as const;

/**
 * The decisions in a CSV or JSONL file with the columns `file`, `decision` (`keep`, `set` or `drop`; empty while it is open) and
 * `value` (the right number, where the decision is `set`).
 *
 * @param shown The file as the user wrote it.
 * @throws InputError that names up to twenty bad rows with their lines, two different decisions for one image among them.
 */
export async function readDecisions(shown: string): Promise<Decisions> {
  return decisionsOf(await readTable(shown, shown));
}

/** The decisions in a table: see readDecisions. */
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

/** Whether two decisions are the same. */
export const isSame = (a: Decision, b: Decision): boolean =>
  a.kind === b.kind && (a.kind !== 'set' || a.value === (b as { readonly value: number }).value);

const textOf = (decision: Decision) => (decision.kind === 'set' ? `set ${decision.value}` : decision.kind);

/** The files that decisions about a data set can be about. */
export const decidableFiles = ({ samples, skipped }: Pick<Dataset, 'samples' | 'skipped'>): NameIndex =>
  new NameIndex([...samples, ...skipped].map(({ file }) => file));

/**
 * The decisions by the names that the data has: those that no file has are looked up by other spellings (see NameIndex), and `notes` say so.
 * `gone` are names that mean no file, or several.
 *
 * @param files See decidableFiles.
 * @throws InputError where two spellings of one name have different decisions.
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
 * The data set without the images that are dropped, with the labels that are set; the images themselves are never touched.
 *
 * @param onMessage Called with a line where names were looked up by other spellings.
 * @throws InputError that names up to twenty images that have a decision and are not in the data.
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
