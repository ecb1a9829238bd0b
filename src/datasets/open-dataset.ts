import { stat } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { expected, InputError, inputErrors, reasonOf, throwIfAborted, UsageError } from '../base/errors.js';
import { type OptionKey, option } from '../base/options.js';
import type { Dataset, Sample, Skipped } from './dataset.js';
import { applyDecisions, readDecisions } from './decisions.js';
import { labelOfFolder, labelOfText } from './label.js';
import { AT_ONCE, type Content, listFiles, mapBounded, pathError, readFolder } from './listing.js';
import { isImageName } from './name-index.js';
import { samplesOfTable } from './table-samples.js';
import { readTable } from './tables.js';

/** Where a data set is and how its labels are found. */
export interface OpenDatasetOptions {
  /** A folder or a table file, absolute or relative to the working directory. */
  readonly data: string;
  /** The table's column to learn; in the other forms, the name of the target. Default: the only numeric column, or `value`. */
  readonly target?: string | undefined;
  /** A regular expression for files' base names; its first group, else its whole match, is the label. Default: none. */
  readonly labelFrom?: string | undefined;
  /** As `labelFrom`, for files' paths in the folder, with `/` on every system: `/(\\d+)/` for `female/25/a.jpg`. Default: none. */
  readonly labelFromPath?: string | undefined;
  /** True skips table rows without a label. Default false: they are an error. */
  readonly skipMissing?: boolean | undefined;
  /** A file that confirms or replaces labels or drops images (`readDecisions`). Default: none. */
  readonly decisions?: string | undefined;
  /** Use only the first `limit` samples in path order, at least 1. Default: all. */
  readonly limit?: number | undefined;
  /** Called with a line of text for each assumption: names matched by other spellings, images without a row. Default: none. */
  readonly onMessage?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const TABLES = ['metadata.csv', 'metadata.jsonl'];
// Folder names of a data set's parts, which are not read together.
const SPLITS = ['train', 'training', 'test', 'validation', 'val'];

/**
 * Lists the images of a data set with their labels. No image is opened, and file extensions do not matter.
 *
 * The first matching form is used:
 * 1. with `labelFrom` or `labelFromPath`, every file below the folder whose base name or path matches and gives a number;
 * 2. a table file (CSV or JSONL): a column `file_name` (or file, filename, path, image, photo) and a numeric one; paths are
 *    relative to the table's folder and may leave it (`../x.jpg`) or be absolute;
 * 3. a folder with `metadata.csv` or `metadata.jsonl`, the Hugging Face imagefolder form: the same, but files lie inside;
 * 4. a folder whose sub-folders have such tables: all of them together;
 * 5. a folder per number: `37/x.jpg`, also `007`, `1.5`, `-3`, and files deeper inside (`37/a/x.jpg`).
 *
 * Samples are sorted by the UTF-16 code units of their paths, which is the same on every machine. Hidden files and folders (leading
 * dot) and those of operating systems are ignored; links are followed. Files without a label, and missing files that a table names, are
 * in `skipped`. A file with two rows of the same label is one sample.
 *
 * @throws UsageError for invalid options; InputError if there is no data set, a folder cannot be read, a folder's name is not a number,
 * rows are bad (twenty are named), or a decision's image is missing; AbortedError
 */
export async function openDataset(options: OpenDatasetOptions): Promise<Dataset> {
  const { data, target, labelFrom, labelFromPath, skipMissing, decisions, limit, onMessage, signal } = options;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw new UsageError(expected(option('limit'), 'a whole number of at least 1', `${limit}`));
  }
  const pattern = patternOf(labelFrom, labelFromPath);
  throwIfAborted(signal);
  const all = await form(data, { target, pattern, skipMissing, onMessage, signal });
  const found = decisions === undefined ? all : applyDecisions(all, await readDecisions(decisions), onMessage);
  const { samples } = found;
  const skipped = [...found.skipped].sort((a, b) => (a.file < b.file ? -1 : 1));
  return { ...found, samples: limit === undefined ? samples : samples.slice(0, limit), skipped };
}

/** Options of reading a data set, without its path. */
interface Reading {
  readonly target: string | undefined;
  readonly pattern: NamePattern | undefined;
  readonly skipMissing: boolean | undefined;
  readonly onMessage: ((line: string) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

async function form(data: string, reading: Reading): Promise<Dataset> {
  const { target, pattern, skipMissing, signal } = reading;
  const what = 'a folder of images or a table of labels';
  const kind = await stat(data).catch(async (thrown: unknown) => {
    throw await pathError(data, what, thrown);
  });
  if (pattern !== undefined) {
    if (!kind.isDirectory())
      throw new UsageError(expected(option(pattern.key), 'a folder of images', `the file ${data}`));
    refuseSkipMissing(data, skipMissing);
    return named(await fromNames(data, pattern, signal), target);
  }
  if (kind.isFile()) return fromTable(data, { ...reading, inside: false });
  if (!kind.isDirectory()) throw new InputError(expected(data, what, 'neither a file nor a folder'));

  const content = await readFolder(resolve(data), data);
  const table = await tableIn(data, '', content.files);
  if (table !== undefined) return fromTable(join(data, table), { ...reading, inside: true });
  const tables = await tablesBelow(data, content);
  if (tables.length > 0) return fromTables(data, tables, content, reading);
  refuseSkipMissing(data, skipMissing);
  return named(await fromFolders(data, content, signal), target);
}

function refuseSkipMissing(data: string, skipMissing: boolean | undefined): void {
  if (skipMissing)
    throw new UsageError(`${option('skipMissing')} has no effect on ${data}, which is no table; remove it`);
}

/** Path, in the data set, of the one table in a folder; undefined if there is none. */
async function tableIn(data: string, folder: string, files: readonly string[]): Promise<string | undefined> {
  const tables = TABLES.map(name => posix.join(folder, name)).filter(path => files.includes(path));
  if (tables.length > 1) {
    const where = join(data, folder);
    const wayOut = `give ${join(data, tables[0]!)} itself`;
    throw new InputError(expected(where, 'one table of labels', TABLES.join(' and '), wayOut));
  }
  return tables[0];
}

/** Names the target of a form without columns. */
const named = (dataset: Dataset, target: string | undefined): Dataset => ({
  ...dataset,
  target: target ?? dataset.target,
});

async function fromTable(
  file: string,
  { target, skipMissing, onMessage, signal, inside }: Reading & { readonly inside: boolean },
): Promise<Dataset> {
  const root = dirname(resolve(file));
  const table = await readTable(file, file);
  const { notes, unnamed, ...found } = await samplesOfTable(table, root, target, { inside, skipMissing, signal });
  if (found.samples.length === 0) {
    const [first] = found.skipped;
    const got = `none, for example "${first?.file}": ${first?.reason}`;
    throw new InputError(
      expected(file, `files with a number that exist in ${root}`, got, 'mend the paths or move the table'),
    );
  }
  for (const note of notes) onMessage?.(note);
  const known = new Set([...found.samples, ...found.skipped].map(({ file }) => file));
  const others = inside ? await imagesBelow(root, file, known, signal) : await unnamed();
  if (others.length > 0) onMessage?.(unnamedNote(file, others));
  return { root, ...found };
}

/** Images below a folder that are not in `known`. */
async function imagesBelow(
  root: string,
  shown: string,
  known: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const { files } = await listFiles(root, dirname(shown), { signal });
  return files.filter(file => isImageName(file) && !known.has(file));
}

function unnamedNote(table: string, files: readonly string[]): string {
  const rest = files.length > 3 ? `, and ${files.length - 3} more` : '';
  const have = files.length === 1 ? 'image has' : 'images have';
  return `${table}: ${files.length} ${have} no row and ${files.length === 1 ? 'is' : 'are'} not used (${files.slice(0, 3).join(', ')}${rest})`;
}

/** Paths of the tables in the sub-folders of a folder; none if the sub-folders are the parts of a split. */
async function tablesBelow(data: string, { folders }: Content): Promise<string[]> {
  if (folders.some(({ path }) => SPLITS.includes(path))) return [];
  const tables: string[] = [];
  await mapBounded(folders, AT_ONCE, async ({ path }) => {
    const there = await Promise.all(TABLES.map(name => isFile(join(data, path, name))));
    const names = TABLES.filter((_, i) => there[i]).map(name => `${path}/${name}`);
    const table = await tableIn(data, path, names);
    if (table !== undefined) tables.push(table);
  });
  return tables.sort();
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isFile(),
    () => false,
  );

/** Several tables as one data set; files are prefixed with their table's folder. */
async function fromTables(
  data: string,
  tables: readonly string[],
  { files, folders }: Content,
  reading: Reading,
): Promise<Dataset> {
  const root = resolve(data);
  const samples: Sample[] = [];
  const skipped: Skipped[] = [];
  let target = reading.target;
  for (const table of tables) {
    const part = await fromTable(join(data, table), { ...reading, target, inside: true });
    target ??= part.target;
    const folder = posix.dirname(table);
    for (const sample of part.samples) samples.push({ ...sample, file: `${folder}/${sample.file}` });
    for (const { file, reason } of part.skipped) skipped.push({ file: `${folder}/${file}`, reason });
  }
  const withTable = new Set(tables.map(table => posix.dirname(table)));
  const from = folders.filter(({ path }) => !withTable.has(path));
  const below = from.length === 0 ? [] : (await listFiles(root, data, { from, signal: reading.signal })).files;
  const others = [...files, ...below].filter(isImageName).sort();
  if (others.length > 0) reading.onMessage?.(unnamedNote(data, others));
  samples.sort((a, b) => (a.file < b.file ? -1 : 1));
  return { root, target: target!, samples, skipped };
}

async function fromFolders(data: string, top: Content, signal: AbortSignal | undefined): Promise<Dataset> {
  const root = resolve(data);
  const labels = new Map(top.folders.map(({ path }) => [path, labelOfFolder(path)]));
  const unnumbered = [...labels.keys()].filter(name => labels.get(name) === undefined).sort();
  if (unnumbered.length > 0) throw await nameErrors(data, unnumbered);

  const { files, skipped } = await listFiles(root, data, { from: top.folders, signal });
  if (files.length === 0) throw emptyError(data, top);
  const samples = files.map(file => ({ file, label: labels.get(file.slice(0, file.indexOf('/')))! }));
  const reason = 'expected a folder named by a number around the file, got none';
  const loose = top.files.map(file => ({ file, reason }));
  return { root, target: 'value', samples, skipped: [...top.skipped, ...skipped, ...loose] };
}

/** The error for folders whose names are not numbers; suggests a sub-folder if that looks like the data set. */
async function nameErrors(data: string, names: readonly string[]): Promise<InputError> {
  const what = 'folders named by numbers, such as 37 or 1.5';
  const known = SPLITS.find(name => names.includes(name));
  const only = names.length === 1 ? names[0] : undefined;
  const meant = known ?? (only !== undefined && (await looksLikeDataset(join(data, only))) ? only : undefined);
  if (meant !== undefined) {
    return new InputError(
      expected(data, what, names.map(name => `"${name}"`).join(', '), `did you mean ${join(data, meant)}?`),
    );
  }
  const wayOut = `rename it, move it out, or take the numbers from the names of the files with ${option('labelFrom', 'REGEX')}`;
  const faults = names.map(name => expected(join(data, name), 'a folder named by a number', `"${name}"`, wayOut));
  return inputErrors(expected(data, what, `${names.length} others`), faults);
}

async function looksLikeDataset(folder: string): Promise<boolean> {
  const { files, folders } = await readFolder(resolve(folder), folder);
  return files.some(name => TABLES.includes(name)) || folders.some(({ path }) => labelOfFolder(path) !== undefined);
}

function emptyError(data: string, { files, folders }: Content): InputError {
  const what = 'images in folders named by numbers, such as 37/x.jpg';
  if (folders.length > 0) return new InputError(expected(data, what, `${count(folders, 'folder')} without any file`));
  if (files.length === 0) return new InputError(expected(data, what, 'an empty folder'));
  const table = files.find(name => /\.(csv|tsv|jsonl)$/i.test(name));
  const archive = files.find(name => /\.(zip|tar|tar\.gz|tgz|7z|rar)$/i.test(name));
  const wayOut =
    table !== undefined
      ? `did you mean ${join(data, table)}?`
      : archive !== undefined && !files.some(isImageName)
        ? `unpack ${archive} and give the folder that comes out`
        : `sort them into folders, add a metadata.csv, or take the numbers from their names with ${option('labelFrom', 'REGEX')}`;
  const example = [...files].sort()[0]!;
  return new InputError(expected(data, what, `${count(files, 'file')} and no folder, for example ${example}`, wayOut));
}

const count = (items: readonly unknown[], what: string) => `${items.length} ${what}${items.length === 1 ? '' : 's'}`;

/** Where labels are read from. */
interface NamePattern {
  readonly key: 'labelFrom' | 'labelFromPath';
  readonly pattern: RegExp;
  /** The part of a file's path that is matched. */
  textOf(file: string): string;
}

function patternOf(labelFrom: string | undefined, labelFromPath: string | undefined): NamePattern | undefined {
  if (labelFrom !== undefined && labelFromPath !== undefined)
    throw new UsageError(`${option('labelFrom')} has no effect beside ${option('labelFromPath')}; remove one of them`);
  if (labelFrom !== undefined)
    return {
      key: 'labelFrom',
      pattern: compile('labelFrom', labelFrom),
      textOf: file => posix.basename(file),
    };
  if (labelFromPath === undefined) return undefined;
  return { key: 'labelFromPath', pattern: compile('labelFromPath', labelFromPath), textOf: file => file };
}

function compile(key: OptionKey, text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new UsageError(expected(option(key), 'a regular expression', `"${text}" (${reasonOf(cause)})`), { cause });
  }
}

async function fromNames(
  data: string,
  { key, pattern, textOf }: NamePattern,
  signal: AbortSignal | undefined,
): Promise<Dataset> {
  const root = resolve(data);
  const listing = await listFiles(root, data, { signal });
  const samples: Sample[] = [];
  const skipped: Skipped[] = [...listing.skipped];
  const what = key === 'labelFrom' ? 'name' : 'path';
  for (const file of listing.files) {
    const match = pattern.exec(textOf(file));
    const text = match === null || match.length === 1 ? match?.[0] : match[1];
    const label = text === undefined ? undefined : labelOfText(text);
    if (label !== undefined) samples.push({ file, label });
    else if (match === null) skipped.push({ file, reason: `expected a ${what} that matches ${pattern}, got another` });
    else skipped.push({ file, reason: `expected a number in the ${what} by ${pattern}, got "${text ?? ''}"` });
  }
  if (samples.length === 0) {
    const got = listing.files.length === 0 ? 'no file' : `${what}s such as "${textOf(listing.files[0]!)}"`;
    throw new InputError(
      expected(data, `files whose ${what}s give a number by ${pattern}`, got, `mend ${option(key)}`),
    );
  }
  return { root, target: 'value', samples, skipped };
}
