import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { onDevice } from '../backbones/backbone.js';
import { LAST } from '../backbones/feature-blocks.js';
import type { BackboneOptions } from '../backbones/registry.js';
import { AUTO, loadBackbones } from '../backbones/registry.js';
import type { DeviceOptions } from '../base/device.js';
import { expected, InputError, reasonOf, throwIfAborted, UsageError } from '../base/errors.js';
import { defaultCacheDir, readRegularFile, replaceFile } from '../base/files.js';
import { option } from '../base/options.js';
import { moveAside } from '../base/output-folder.js';
import { type RunContext, stagesOf } from '../base/progress.js';
import type { Dataset, Sample, Skipped } from '../datasets/dataset.js';
import {
  applyDecisions,
  changeDecisionsFile,
  type Decision,
  type Decisions,
  decidableFiles,
  matchDecisions,
  readDecisions,
} from '../datasets/decisions.js';
import type { NameIndex } from '../datasets/name-index.js';
import { type OpenDatasetOptions, openDataset } from '../datasets/open-dataset.js';
import { decodeText } from '../datasets/tables.js';
import { resolveDevice } from '../engine/runtime/devices.js';
import { contactSheetPng, type Tile } from '../images/contact-sheet.js';
import { reportWarnings } from '../images/image-format.js';
import { type QualityFlag, qualityFlags } from '../images/quality.js';
import { conflictingSamples, type Issue, type RankedSample, rankIssues } from '../labels/issues.js';
import { checkGroups, findLabelErrors, type LabelErrors } from '../labels/label-errors.js';
import { decisionRows, RANKED_COLUMNS, rankedCsv, rankedJsonl } from '../report/csv.js';
import { type GroupedSamples, groupedAt, groupSamples } from '../similarity/group-samples.js';
import { positionsOf } from '../similarity/image-facts.js';
import { extractChosen } from '../training/choose-features.js';

/** Which data to look through, and for what. */
export interface CleanOptions extends RunContext, OpenDatasetOptions, DeviceOptions, Omit<BackboneOptions, 'cacheDir'> {
  /** The table to write, `.csv` or `.jsonl`; the sheet and `decisions.csv` lie beside it. */
  readonly out: string;
  /** Where decisions are read from and new ones offered. Default: `decisions.csv` beside `out`. */
  readonly decisions?: string | undefined;
  /** Labels at least so probably wrong are issues, above 0, at most 1. Default 0.5. */
  readonly threshold?: number | undefined;
  /** What is decided of labels that are issues, in the place of leaving them open: `set` to what the image suggests, or `drop`. */
  readonly decide?: 'set' | 'drop' | undefined;
  /** Start of all random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** Where features, facts of images and downloads are kept. Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** Called before anything is written: all images, the most suspicious first, and those that look most like one, the nearest first. */
  readonly onRanked?:
    | ((ranked: readonly RankedSample[], nearest: (file: string) => readonly Sample[]) => void)
    | undefined;
  /** True moves files at `out` and at the place of the sheet that are not of `clean` aside. Default false: they are an error. */
  readonly force?: boolean | undefined;
}

/** The keys of `clean --json`. */
export interface CleanResult {
  /** Images that were looked at. */
  readonly images: number;
  readonly skipped: readonly Skipped[];
  readonly backbone: string;
  /** The estimated share of wrong labels, 0 to 1, whether or not one can say which they are. */
  readonly wrongShare: number;
  /** Doubts of labels first, the most suspicious first. */
  readonly issues: readonly Issue[];
  /** How the images with an issue of their label stand, and all that were settled before. */
  readonly decisions: { readonly kept: number; readonly set: number; readonly dropped: number; readonly open: number };
  readonly seed: number;
  readonly totalSeconds: number;
  /** The table, the sheet and the decisions file. */
  readonly out: string;
  readonly sheet: string;
  readonly decisionsFile: string;
}

const FEWEST_IMAGES = 10;
const SHOWN = 24;
const NEIGHBOURS_SHOWN = 6;

/**
 * Finds wrong labels, duplicates and bad images: a ranked table of all images, a contact sheet of the most suspicious ones beside their
 * nearest neighbors, and a decisions file that `train`, `evaluate` and `inspect` take. No image is changed, and earlier decisions stay.
 *
 * @throws InputError where the data cannot be used, has fewer than 10 images, or `out` is a file of another program.
 *
 * @example
 * ```ts
 * import { cleanDataset } from 'eyeball-ml';
 *
 * const { issues, decisionsFile } = await cleanDataset({ data: 'faces/train', out: 'look/labels.csv' });
 * for (const { file, kind, score } of issues.slice(0, 10)) console.log(file, kind, score);
 * console.log(`decide in ${decisionsFile}`);
 * ```
 */
export async function cleanDataset(options: CleanOptions): Promise<CleanResult> {
  const startedMs = performance.now();
  const { data, target, labelFrom, labelFromPath, skipMissing, limit, signal, onMessage } = options;
  const outputs = await outputsOf(options);
  const { out, sheet, decisionsFile } = outputs;
  const decided = existsSync(decisionsFile) ? await readDecisions(decisionsFile) : undefined;
  const all = await openDataset({ data, target, labelFrom, labelFromPath, skipMissing, limit, onMessage, signal });
  const { dataset, before } = settle(all, decided, onMessage);
  const found = await findIssues(dataset, new Set(before?.byFile.keys()), options);
  const dropped = all.samples
    .filter(({ file }) => before?.byFile.get(file)?.kind === 'drop')
    .map(({ file, label }): RankedSample => ({ file, label, suggested: label, score: 0, kinds: ['settled'] }));
  throwIfAborted(signal);
  await writeOutputs(outputs, { ...found, table: [...found.ranked, ...dropped], files: decidableFiles(all) }, options);
  const { images, skipped, backbone, wrongShare, issues } = found;
  const decisions = countDecisions(await readDecisions(decisionsFile));
  const totalSeconds = (performance.now() - startedMs) / 1000;
  const { seed = 0 } = options;
  return { images, skipped, backbone, wrongShare, issues, decisions, seed, totalSeconds, out, sheet, decisionsFile };
}

/** Where the results go. */
interface Outputs {
  readonly out: string;
  readonly sheet: string;
  readonly decisionsFile: string;
  /** Files there that are not of `clean`; moved aside first. */
  readonly foreign: readonly string[];
}

async function outputsOf({ out, threshold = 0.5, force = false, decisions }: CleanOptions): Promise<Outputs> {
  if (!(threshold > 0 && threshold <= 1)) {
    throw new UsageError(expected(option('threshold'), 'a probability above 0, up to 1', `${threshold}`));
  }
  if (!/\.(csv|jsonl)$/.test(out)) throw new UsageError(expected(option('out'), 'a file .csv or .jsonl', out));
  const sheet = out.replace(/\.\w+$/, '.png');
  const foreign = await foreignFiles(out, sheet);
  if (foreign.length > 0 && !force) {
    const wayOut = `choose another ${option('out')}, or add ${option('force', true)} to move it aside`;
    throw new InputError(expected(foreign[0]!, 'a new file or one of eyeball clean', 'another file', wayOut));
  }
  const decisionsFile = decisions ?? join(dirname(out), 'decisions.csv');
  if (resolve(decisionsFile) === resolve(out)) {
    throw new UsageError(expected(option('out'), 'a file apart from the decisions', out));
  }
  return { out, sheet, decisionsFile, foreign };
}

/** What the search found. */
interface Found extends Pick<CleanResult, 'images' | 'skipped' | 'backbone' | 'wrongShare' | 'issues'> {
  /** All images, the most suspicious first. */
  readonly ranked: readonly RankedSample[];
  /** PNG. */
  readonly suspiciousSheet: Buffer;
}

async function findIssues(dataset: Dataset, settled: ReadonlySet<string>, options: CleanOptions): Promise<Found> {
  const { data, seed = 0, threshold = 0.5, cacheDir = defaultCacheDir(), onMessage } = options;
  const stage = stagesOf(options, 3);
  const { weights, sizePx, fit, mean, std } = options;
  const name = options.backbone ?? AUTO;
  const asked = { backbone: name, weights, sizePx, fit, features: options.features, mean, std, cacheDir };
  const device = await resolveDevice({ device: options.device, images: dataset.samples.length, onMessage });
  const backbones = onDevice(await loadBackbones(asked, stage(1)), device);
  // Before the features, which take longest: too few groups are refused.
  const grouped = await groupSamples(dataset, cacheDir, stage(1));
  const closing = [() => grouped.close()];
  try {
    checkGroups(data, grouped);
    const features = name === AUTO ? 'auto' : LAST;
    const { backbone, extraction } = await extractChosen(dataset, backbones, features, cacheDir, stage(2));
    closing.push(() => extraction.close());
    const { samples, rows, skipped } = extraction;
    if (samples.length < FEWEST_IMAGES) {
      const what = `at least ${FEWEST_IMAGES} images that can be read`;
      throw new InputError(expected(data, what, `${samples.length}`, 'look through so few by eye'));
    }
    const { groups, facts, duplicates } = groupedAt(grouped, dataset, extraction.positions);
    reportWarnings(samples, facts, onMessage);
    const labels = Float64Array.from(samples, ({ label }) => label);
    const conflicting = (least: number) => conflictingSamples(duplicates, labels, least);
    const errors = await findLabelErrors({ rows, labels, groups, conflicting, seed }, stage(3));
    const quality = qualityOf(facts);
    const { issues, ranked } = rankIssues({ samples, ...errors, duplicates, quality, settled, threshold });
    const nearest = nearestSamples(samples, errors);
    options.onRanked?.(ranked, nearest);
    const pathOf = (file: string) => resolve(dataset.root, file);
    const sheet = await suspiciousSheet(ranked, nearest, errors.neighborCount, pathOf);
    const about = { images: samples.length, skipped, backbone: backbone.name, wrongShare: errors.share };
    return { ...about, issues, ranked, suspiciousSheet: sheet };
  } finally {
    for (const close of closing) await close();
  }
}

/** The faults of each image's quality; none for an image without facts, which could not be read a second time. */
function qualityOf(facts: GroupedSamples['facts']): (readonly QualityFlag[])[] {
  const known = positionsOf(facts);
  const flags = qualityFlags({ length: known.length, at: i => facts.at(known[i]!)!.quality });
  const out: (readonly QualityFlag[])[] = new Array(facts.length).fill([]);
  known.forEach((position, i) => {
    out[position] = flags[i]!;
  });
  return out;
}

interface Written extends Found {
  /** The rows of the table. */
  readonly table: readonly RankedSample[];
  /** The files that decisions can be about. */
  readonly files: NameIndex;
}

async function writeOutputs(
  outputs: Outputs,
  { ranked, table, files, suspiciousSheet }: Written,
  options: CleanOptions,
) {
  const { out, sheet, decisionsFile, foreign } = outputs;
  const { decide, onMessage } = options;
  const offered = ranked.filter(({ kinds }) => kinds.some(kind => kind === 'label' || kind === 'conflict'));
  const decision = ({ kinds }: RankedSample) => (kinds.includes('label') ? (decide ?? '') : '');
  try {
    for (const file of foreign) onMessage?.(`moved the older ${file} to ${await moveAside(file)}`);
    await replaceFile(out, out.endsWith('.csv') ? rankedCsv(table) : rankedJsonl(table));
    await replaceFile(sheet, suspiciousSheet);
    await changeDecisionsFile(decisionsFile, () => addDecisions(decisionsFile, files, offered, decision));
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw new InputError(expected(out, 'a file that can be written', `"${reasonOf(cause)}"`), { cause });
  }
}

function countDecisions({ byFile, named }: Decisions): CleanResult['decisions'] {
  const count = (kind: Decision['kind']) => [...byFile.values()].filter(decision => decision.kind === kind).length;
  return { kept: count('keep'), set: count('set'), dropped: count('drop'), open: named.size - byFile.size };
}

/** Adds rows to the decisions file, which is made if it is not there; what it says by now stays as it is. */
async function addDecisions(
  path: string,
  files: NameIndex,
  offered: readonly RankedSample[],
  decide: (row: RankedSample) => string,
): Promise<void> {
  if (!existsSync(path)) return await replaceFile(path, decisionRows(offered, decide));
  const { named, form } = await readDecisions(path);
  const there = new Set([...named].map(name => files.nameOf(name)));
  const added = offered.filter(({ file }) => !there.has(file));
  if (added.length === 0) return;
  const text = decodeText(await readRegularFile(path), path);
  const lines = text.endsWith('\n') ? text : `${text}\n`;
  await replaceFile(path, lines + decisionRows(added, decide, form));
}

/** Those of the two files that are there and that `clean` has not made; a sheet is known by the table beside it. */
async function foreignFiles(out: string, sheet: string): Promise<string[]> {
  if (!existsSync(out)) return existsSync(sheet) ? [sheet] : [];
  const bytes = await readRegularFile(out).catch((cause: unknown) => {
    throw new InputError(expected(out, 'a file', `"${reasonOf(cause)}"`), { cause });
  });
  const text = bytes.toString();
  const [first = ''] = text.split('\n');
  const isOurs = out.endsWith('.csv')
    ? first.trim() === RANKED_COLUMNS.join(',')
    : RANKED_COLUMNS.every(name => first.includes(`"${name}":`));
  return isOurs ? [] : [out, sheet].filter(file => existsSync(file));
}

/** The data with what was decided so far. Decisions about images that are not there stay in their file and are told. */
function settle(dataset: Dataset, decisions: Decisions | undefined, onMessage: RunContext['onMessage']) {
  if (decisions === undefined) return { dataset, before: undefined };
  const { here, gone, notes } = matchDecisions(decidableFiles(dataset), decisions);
  for (const note of notes) onMessage?.(note);
  if (gone.length > 0)
    onMessage?.(`${decisions.shown}: ${gone.length} decisions are about images that are not here; they stay there`);
  return { dataset: applyDecisions(dataset, here), before: here };
}

/** Gives the samples that look most like one, the nearest first. */
function nearestSamples(
  samples: readonly Sample[],
  { nearest, neighborCount }: LabelErrors,
): (file: string) => readonly Sample[] {
  const position = new Map(samples.map(({ file }, i) => [file, i]));
  const shown = Math.min(NEIGHBOURS_SHOWN, neighborCount);
  return file => {
    const at = position.get(file)! * neighborCount;
    // Where fewer were found, -1 stands in their places.
    return [...nearest.subarray(at, at + shown)].flatMap(index => samples[index] ?? []);
  };
}

/** The most suspicious labels, a row each: the image, and those that look most like it. */
async function suspiciousSheet(
  ranked: readonly RankedSample[],
  nearest: (file: string) => readonly Sample[],
  neighborCount: number,
  pathOf: (file: string) => string,
): Promise<Buffer> {
  const tiles = ranked
    .slice(0, SHOWN)
    .flatMap(({ file, label, suggested, score }): Tile[] => [
      { path: pathOf(file), caption: `${label} → ${suggested}? (${score.toFixed(2)})`, tone: 'bad' },
      ...nearest(file).map(other => ({ path: pathOf(other.file), caption: `${other.label}` })),
    ]);
  return await contactSheetPng(tiles, {
    columns: Math.min(NEIGHBOURS_SHOWN, neighborCount) + 1,
    tilePx: 112,
    title: 'The most suspicious labels',
    legend:
      'Left: the image, its label → the suggested value? (probability that the label is wrong). ' +
      'Right of it: the images that look most like it, with their labels.',
  });
}
