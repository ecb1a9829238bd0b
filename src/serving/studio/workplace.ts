import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { BackboneOptions } from '../../backbones/registry.js';
import { expected, UsageError } from '../../base/errors.js';
import { option } from '../../base/options.js';
import type { Dataset, Sample, Skipped } from '../../datasets/dataset.js';
import { decidableFiles } from '../../datasets/decisions.js';
import { openDataset } from '../../datasets/open-dataset.js';
import { type HistogramBin, histogram } from '../../evaluation/groups.js';
import { labelStatistics } from '../../verbs/common.js';
import { DecisionStore } from './decision-store.js';
import { NamingStore } from './naming.js';

/** Compares file names in natural order: `img9.jpg` before `img10.jpg`. */
export const byName = new Intl.Collator('en', { numeric: true });

const inNaturalOrder = (samples: readonly Sample[]): Sample[] =>
  samples.toSorted((a, b) => byName.compare(a.file, b.file));

/** What the studio works on, as the user named it. */
export interface WorkplaceOptions {
  readonly data: string;
  /** Data to measure models on. Default: `data`. */
  readonly test?: string | undefined;
  /** Default: see `defaultDecisions`. */
  readonly decisions?: string | undefined;
  /** The folder for trained models. */
  readonly models: string;
  readonly target?: string | undefined;
  readonly labelFrom?: string | undefined;
  readonly labelFromPath?: string | undefined;
  readonly skipMissing?: boolean | undefined;
  /** What the number is counted in. */
  readonly unit?: string | undefined;
  readonly cacheDir?: string | undefined;
  /** Called with a line of text for what was assumed of the data. Default: none. */
  readonly onMessage?: ((line: string) => void) | undefined;
  /** What the network is beside its name, which the pages choose. */
  readonly network?: Omit<BackboneOptions, 'cacheDir'> | undefined;
}

/** A data set that is open in the studio, and where things lie. */
export interface Workplace {
  readonly options: WorkplaceOptions;
  readonly dataset: Dataset;
  /** See `workplaceFingerprint`. */
  readonly fingerprint: string;
  readonly byFile: ReadonlyMap<string, Sample>;
  /** The samples in the order that pages show files in. */
  readonly ordered: readonly Sample[];
  readonly histogram: readonly HistogramBin[];
  readonly labels: { readonly min: number; readonly max: number; readonly mean: number; readonly std: number };
  readonly store: DecisionStore;
  /** What the target was called in the studio. */
  readonly names: NamingStore;
  /** The table of the search for wrong labels, as `eyeball clean --out` writes it. */
  readonly table: string;
  /** Files that cannot be used, as far as that is known yet, with the reasons: those without a label, and those that are no images. */
  readonly broken: Map<string, string>;
}

/**
 * Opens a data set for the studio; no image is opened.
 *
 * @throws InputError where the data or the decisions cannot be used; UsageError where the file of decisions would be the data.
 */
export async function openWorkplace(options: WorkplaceOptions): Promise<Workplace> {
  const { data, target, labelFrom, labelFromPath, skipMissing, onMessage, test } = options;
  const found = { target, labelFrom, labelFromPath, skipMissing, onMessage };
  const dataset = await openDataset({ data, ...found });
  // Refused at the start, not when somebody wants to measure.
  if (test !== undefined) await openDataset({ data: test, ...found });
  const decisions = options.decisions ?? (await defaultDecisions(data));
  if (resolve(decisions) === resolve(data))
    throw new UsageError(expected(option('decisions'), 'a file apart from the data', decisions));
  const labels = Float64Array.from(dataset.samples, ({ label }) => label);
  const { min, max, mean, std } = labelStatistics(labels);
  return {
    options,
    dataset,
    fingerprint: workplaceFingerprint(dataset, decisions),
    byFile: new Map(dataset.samples.map(sample => [sample.file, sample])),
    ordered: inNaturalOrder(dataset.samples),
    histogram: histogram(labels),
    labels: { min, max, mean, std },
    store: await DecisionStore.open(decisions, decidableFiles(dataset)),
    names: await NamingStore.open(join(dirname(decisions), 'studio.json')),
    table: join(dirname(decisions), 'labels.csv'),
    broken: new Map(dataset.skipped.map(({ file, reason }) => [file, reason])),
  };
}

/**
 * The SHA-256, in hex, of the files and labels of a data set and of the path of its decisions file. It is the same after a restart with the
 * same data, and another one where a browser would send its unsent decisions to other images or into another file.
 */
export function workplaceFingerprint({ samples }: Pick<Dataset, 'samples'>, decisions: string): string {
  const hash = createHash('sha256').update(JSON.stringify(resolve(decisions)));
  // As JSON, so that no file name can look like the border between two lines.
  for (const { file, label } of samples) hash.update(`\n${JSON.stringify(file)} ${label}`);
  return hash.digest('hex');
}

/** Remembers files that could not be used. */
export function addBroken({ broken }: Workplace, skipped: readonly Skipped[]): void {
  for (const { file, reason } of skipped) broken.set(file, reason);
}

/**
 * Where decisions about `data` lie when nobody says otherwise: in a folder `<data>-studio` beside it, where they would lie after
 * `eyeball clean <data> --out <data>-studio/labels.csv`.
 */
export async function defaultDecisions(data: string): Promise<string> {
  const isFile = (await stat(data)).isFile();
  const named = /^[./\\]*$/.test(data) ? join('..', basename(resolve(data))) : data.replace(/[/\\]+$/, '');
  return join(`${isFile ? named.replace(/\.\w+$/, '') : named}-studio`, 'decisions.csv');
}
