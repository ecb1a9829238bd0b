import { internal } from '../base/errors.js';
import { csvOf, splitRecords } from './csv-text.js';
import { DECISION_COLUMNS, type Decision, decisionsOf, matchDecisions } from './decisions.js';
import { NameIndex } from './name-index.js';
import { numberText } from './number-column.js';
import { fileOf } from './table-samples.js';
import { DELIMITER_LINE, decodeText, parseTable, type Table } from './tables.js';

/** A decisions file as records of text, so that a change of one decision rewrites its row only and leaves all other bytes alone. */
export interface DecisionsText {
  readonly byFile: ReadonlyMap<string, Decision>;
  /** Records with their line endings, in file order. */
  readonly records: readonly string[];
  /** Indices of each image's rows in `records`. */
  readonly places: ReadonlyMap<string, readonly number[]>;
  readonly form: Pick<Table, 'columns' | 'delimiter'>;
}

/** Values for further columns, if the file has them. */
export type KnownCells = Readonly<Partial<Record<'label' | 'score' | 'kinds' | 'suggested', string>>>;

const NEW_FORM = { columns: [...DECISION_COLUMNS, 'label', 'score', 'kinds'], delimiter: ',' };
const BYTE_ORDER_MARK = '\uFEFF';

/** A file without decisions: the header that `eyeball clean` writes. */
export function newDecisionsText(): DecisionsText {
  const records = [csvRecord(NEW_FORM.columns, ',', '\n')];
  return { byFile: new Map(), records, places: new Map(), form: NEW_FORM };
}

/**
 * Parses a decisions file. Rows are matched to files by name, also by other spellings (see NameIndex).
 *
 * @param shown Path as the user wrote it.
 * @param files See decidableFiles. Default: none, names are taken literally.
 * @throws InputError as readDecisions does.
 */
export function parseDecisionsText(bytes: Uint8Array, shown: string, files = new NameIndex([])): DecisionsText {
  const table = parseTable(bytes, shown);
  const decisions = decisionsOf(table);
  const { form } = decisions;
  const { here, gone } = matchDecisions(files, decisions);
  const byFile = new Map([...here.byFile, ...gone.map(file => [file, decisions.byFile.get(file)!] as const)]);
  const text = decodeText(bytes, shown);
  // A lone byte order mark is not a record.
  const records = [...splitRecords(text, form.delimiter !== undefined)].filter(({ text }) => text !== BYTE_ORDER_MARK);
  const placeOfLine = new Map(records.map(({ line }, place) => [line, place]));
  const places = new Map<string, number[]>();
  const fileAt = table.columns.indexOf('file');
  for (const { line, cells } of table.rows) {
    const place = placeOfLine.get(line);
    if (place === undefined) throw internal(`no record at line ${line} of ${shown}`);
    const file = files.nameOf(fileOf(cells[fileAt])!);
    places.set(file, [...(places.get(file) ?? []), place]);
  }
  return { byFile, records: records.map(({ text }) => text), places, form };
}

/** The full text of the file. */
export const textOfDecisions = ({ records }: DecisionsText): string => records.join('');

/**
 * A copy with this decision for an image, in its existing rows or in a new row at the end. Null withdraws the decision: its rows stay
 * open, with the suggested label as their value.
 */
export function withDecision(
  text: DecisionsText,
  file: string,
  decision: Decision | null,
  known: KnownCells = {},
): DecisionsText {
  const value =
    decision?.kind === 'set'
      ? numberText(decision.value, text.form.delimiter)
      : known.suggested === undefined
        ? ''
        : numberText(Number(known.suggested), text.form.delimiter);
  const changed = { decision: decision?.kind ?? '', value };
  const widened = decision?.kind === 'set' ? withColumn(text, 'value') : text;
  const records = [...widened.records];
  const byFile = new Map(widened.byFile);
  if (decision === null) byFile.delete(file);
  else byFile.set(file, decision);
  const { form } = widened;
  const places = widened.places.get(file);
  if (places !== undefined) {
    for (const place of places) records[place] = changedRecord(records[place]!, form, changed);
    return { ...widened, records, byFile };
  }
  if (decision === null) return { ...widened, byFile };
  const lineEnd = lineEndOf(records[0] ?? '') || '\n';
  const last = records.at(-1);
  if (last !== undefined && lineEndOf(last) === '') records[records.length - 1] = last + lineEnd;
  const { suggested, ...about } = known;
  const cells: Readonly<Record<string, string>> = { ...about, file, ...changed };
  records.push(
    form.delimiter === undefined
      ? `${JSON.stringify(cells)}${lineEnd}`
      : csvRecord(
          form.columns.map(column => cells[column] ?? ''),
          form.delimiter,
          lineEnd,
        ),
  );
  return { ...widened, records, byFile, places: new Map(widened.places).set(file, [records.length - 1]) };
}

/** Appends a column to a CSV file that lacks it. */
function withColumn(text: DecisionsText, name: string): DecisionsText {
  const { columns, delimiter } = text.form;
  if (delimiter === undefined || columns.includes(name)) return text;
  let isHeader = true;
  const records = text.records.map(record => {
    const lineEnd = lineEndOf(record);
    const body = record.slice(0, record.length - lineEnd.length);
    if (body.trim() === '' || DELIMITER_LINE.test(record)) return record;
    const cell = isHeader ? name : '';
    isHeader = false;
    return body + delimiter + cell + lineEnd;
  });
  return { ...text, records, form: { columns: [...columns, name], delimiter } };
}

function changedRecord(
  record: string,
  { columns, delimiter }: DecisionsText['form'],
  changed: Readonly<Record<string, string>>,
): string {
  const lineEnd = lineEndOf(record);
  if (delimiter === undefined) return JSON.stringify({ ...JSON.parse(record), ...changed }) + lineEnd;
  // Parsed with the file's delimiter and header above the record.
  const above = `sep=${delimiter}\n${csvRecord(columns, delimiter, '\n')}`;
  const { rows } = parseTable(new TextEncoder().encode(above + record), '.csv');
  const cells = columns.map((column, i) => changed[column] ?? `${rows[0]!.cells[i] ?? ''}`);
  return csvRecord(cells, delimiter, lineEnd);
}

const csvRecord = (cells: readonly string[], delimiter: string, lineEnd: string): string =>
  csvOf([cells], delimiter).replace(/\n$/, lineEnd);

const lineEndOf = (record: string): string => /(\r\n|\r|\n)$/.exec(record)?.[0] ?? '';
