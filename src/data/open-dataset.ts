import { stat } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { expected, InputError, inputErrors, reasonOf, throwIfAborted, UsageError } from '../base/errors.js';
import type { Dataset, Sample, Skipped } from './dataset.js';
import { applyDecisions, readDecisions } from './decisions.js';
import { labelOfFolder, labelOfText } from './label.js';
import { type Content, listFiles, pathError, readFolder } from './listing.js';
import { existingSamples, samplesOfTable } from './table-samples.js';
import { readTable } from './tables.js';

/** Where a data set is and how its labels are found. */
export interface OpenDatasetOptions {
  /** A folder or a table file, absolute or relative to the working directory. */
  readonly data: string;
  /** The table's column to learn; in the other forms, what the number is called. Default: the only numeric column, or `value`. */
  readonly target?: string | undefined;
  /** A regular expression for files' base names; its first group, else its whole match, is the number. Default: none. */
  readonly labelFrom?: string | undefined;
  /** A file that says which labels are right, which are others and which pictures are not used (`readDecisions`). Default: none. */
  readonly decisions?: string | undefined;
  /** Only the first so many samples in path order, at least 1. Default: all. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const TABLES = ['metadata.csv', 'metadata.jsonl'];

/**
 * The pictures of a data set with their numbers; no picture is opened, and a file's extension does not matter.
 *
 * The first form that fits is taken:
 * 1. with `labelFrom`, every file of the folder, however deep, whose base name gives a number;
 * 2. a table file (CSV or JSONL): a column `file_name` (or file, filename, path, image) and a numeric one; paths are
 *    relative to the table's folder and may leave it (`../x.jpg`) or be absolute;
 * 3. a folder with `metadata.csv` or `metadata.jsonl`, the Hugging Face imagefolder form: the same, but files lie inside;
 * 4. a folder per number: `37/x.jpg`, also `007`, `1.5`, `-3`, and files deeper inside (`37/a/x.jpg`).
 *
 * Samples are in the order of the UTF-16 code units of their paths, which is the same on every machine. Hidden files and
 * folders (a leading dot) do not count; links count as what they point to. What has no label, or is named by a table and
 * does not exist, is in `skipped`. A file that a table names twice with the same number is one sample.
 *
 * @throws UsageError for options that cannot be meant; InputError where there is no data set, a folder cannot be read, a
 * folder's name is no number, rows are bad (twenty are named), or a decision's picture is not there; AbortedError
 */
export async function openDataset(options: OpenDatasetOptions): Promise<Dataset> {
  const { data, target, labelFrom, decisions, limit, signal } = options;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw new UsageError(expected('--limit', 'a whole number of at least 1', `${limit}`));
  }
  const pattern = labelFrom === undefined ? undefined : compile(labelFrom);
  throwIfAborted(signal);
  const all = await form(data, target, pattern, signal);
  const found = decisions === undefined ? all : applyDecisions(all, await readDecisions(decisions));
  const { samples } = found;
  const skipped = [...found.skipped].sort((a, b) => (a.file < b.file ? -1 : 1));
  return { ...found, samples: limit === undefined ? samples : samples.slice(0, limit), skipped };
}

async function form(
  data: string,
  target: string | undefined,
  pattern: RegExp | undefined,
  signal: AbortSignal | undefined,
): Promise<Dataset> {
  const what = 'a folder of pictures or a table of labels';
  const kind = await stat(data).catch((thrown: unknown) => {
    throw pathError(data, what, thrown);
  });
  if (pattern !== undefined) {
    if (!kind.isDirectory()) throw new UsageError(expected('--label-from', 'a folder of pictures', `the file ${data}`));
    return named(await fromNames(data, pattern, signal), target);
  }
  if (kind.isFile()) return fromTable(data, target, { inside: false, signal });
  if (!kind.isDirectory()) throw new InputError(expected(data, what, 'neither a file nor a folder'));

  const content = await readFolder(resolve(data), data);
  const tables = TABLES.filter(name => content.files.includes(name));
  if (tables.length > 1) {
    throw new InputError(
      expected(data, 'one table of labels', tables.join(' and '), `give ${join(data, tables[0]!)} itself`),
    );
  }
  if (tables.length === 1) return fromTable(join(data, tables[0]!), target, { inside: true, signal });
  return named(await fromFolders(data, content, signal), target);
}

/** Where no column gives the number its name, `target` does. */
const named = (dataset: Dataset, target: string | undefined): Dataset => ({
  ...dataset,
  target: target ?? dataset.target,
});

async function fromTable(
  file: string,
  target: string | undefined,
  { inside, signal }: { inside: boolean; signal: AbortSignal | undefined },
): Promise<Dataset> {
  const table = samplesOfTable(await readTable(file, file), target, { inside });
  throwIfAborted(signal);
  const root = dirname(resolve(file));
  const found = await existingSamples(root, table.samples, signal);
  if (found.samples.length === 0) {
    const got = `none, for example no "${table.samples[0]!.file}"`;
    throw new InputError(expected(file, `files that exist in ${root}`, got, 'mend the paths or move the table'));
  }
  return { root, target: table.target, ...found };
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

/** The error for folders whose names are no numbers: DATA may be the folder above the one that is meant. */
async function nameErrors(data: string, names: readonly string[]): Promise<InputError> {
  const what = 'folders named by numbers, such as 37 or 1.5';
  const known = ['train', 'training', 'test', 'validation', 'val'].find(name => names.includes(name));
  const only = names.length === 1 ? names[0] : undefined;
  const meant = known ?? (only !== undefined && (await looksLikeDataset(join(data, only))) ? only : undefined);
  if (meant !== undefined) {
    return new InputError(
      expected(data, what, names.map(name => `"${name}"`).join(', '), `did you mean ${join(data, meant)}?`),
    );
  }
  const wayOut = 'rename it, move it out, or take the numbers from the names of the files with --label-from REGEX';
  const faults = names.map(name => expected(join(data, name), 'a folder named by a number', `"${name}"`, wayOut));
  return inputErrors(expected(data, what, `${names.length} others`), faults);
}

async function looksLikeDataset(folder: string): Promise<boolean> {
  const { files, folders } = await readFolder(resolve(folder), folder);
  return files.some(name => TABLES.includes(name)) || folders.some(({ path }) => labelOfFolder(path) !== undefined);
}

function emptyError(data: string, { files, folders }: Content): InputError {
  const what = 'pictures in folders named by numbers, such as 37/x.jpg';
  if (folders.length > 0) return new InputError(expected(data, what, `${count(folders, 'folder')} without any file`));
  if (files.length === 0) return new InputError(expected(data, what, 'an empty folder'));
  const table = files.find(name => /\.(csv|tsv|jsonl)$/i.test(name));
  const wayOut =
    table === undefined
      ? 'sort them into folders, add a metadata.csv, or take the numbers from their names with --label-from REGEX'
      : `did you mean ${join(data, table)}?`;
  const example = [...files].sort()[0]!;
  return new InputError(expected(data, what, `${count(files, 'file')} and no folder, for example ${example}`, wayOut));
}

const count = (items: readonly unknown[], what: string) => `${items.length} ${what}${items.length === 1 ? '' : 's'}`;

function compile(labelFrom: string): RegExp {
  try {
    return new RegExp(labelFrom);
  } catch (thrown) {
    throw new UsageError(expected('--label-from', 'a regular expression', `"${labelFrom}" (${reasonOf(thrown)})`), {
      cause: thrown,
    });
  }
}

async function fromNames(data: string, pattern: RegExp, signal: AbortSignal | undefined): Promise<Dataset> {
  const root = resolve(data);
  const listing = await listFiles(root, data, { signal });
  const samples: Sample[] = [];
  const skipped: Skipped[] = [...listing.skipped];
  for (const file of listing.files) {
    const match = pattern.exec(posix.basename(file));
    const text = match === null || match.length === 1 ? match?.[0] : match[1];
    const label = text === undefined ? undefined : labelOfText(text);
    if (label !== undefined) samples.push({ file, label });
    else if (match === null) skipped.push({ file, reason: `expected a name that matches ${pattern}, got another` });
    else skipped.push({ file, reason: `expected a number in the name by ${pattern}, got "${text ?? ''}"` });
  }
  if (samples.length === 0) {
    const got = listing.files.length === 0 ? 'no file' : `names such as "${posix.basename(listing.files[0]!)}"`;
    throw new InputError(expected(data, `files whose names give a number by ${pattern}`, got, 'mend --label-from'));
  }
  return { root, target: 'value', samples, skipped };
}
