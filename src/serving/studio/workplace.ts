import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type * as z from 'zod';
import type { BackboneOptions } from '../../backbones/registry.js';
import type { DeviceOptions } from '../../base/device.js';
import { expected, UsageError } from '../../base/errors.js';
import { readIfThere, replaceFile } from '../../base/files.js';
import { option } from '../../base/options.js';
import type { Dataset, Sample, Skipped } from '../../datasets/dataset.js';
import { decidableFiles } from '../../datasets/decisions.js';
import { codeOf } from '../../datasets/listing.js';
import { openDataset } from '../../datasets/open-dataset.js';
import { type HistogramBin, histogram } from '../../evaluation/groups.js';
import { type Naming, namingSchema } from '../../formats/studio-protocol.js';
import { labelStatistics } from '../../metrics/statistics.js';
import { Problem } from '../problem.js';
import type { Served } from '../served-model.js';
import { DecisionStore } from './decision-store.js';
import { inNaturalOrder } from './samples.js';

export interface WorkplaceOptions extends DeviceOptions {
  readonly data: string;
  /** The data for evaluations. Default: `data`. */
  readonly test?: string | undefined;
  /** The decisions file. Default: see `defaultDecisions`. */
  readonly decisions?: string | undefined;
  /** The folder of trained models. */
  readonly models: string;
  readonly target?: string | undefined;
  readonly labelFrom?: string | undefined;
  readonly labelFromPath?: string | undefined;
  readonly skipMissing?: boolean | undefined;
  /** The unit of the target. */
  readonly unit?: string | undefined;
  readonly cacheDir?: string | undefined;
  /** Called with a line for each assumption about the data. Default: none. */
  readonly onMessage?: ((line: string) => void) | undefined;
  /** Options of the backbone besides its name, which the pages choose. */
  readonly network?: Omit<BackboneOptions, 'cacheDir'> | undefined;
}

/** A dataset that is open in the studio, and the files beside it. */
export interface Workplace {
  readonly options: WorkplaceOptions;
  readonly dataset: Dataset;
  /** See `workplaceFingerprint`. */
  readonly fingerprint: string;
  readonly byFile: ReadonlyMap<string, Sample>;
  /** The samples in the order of the pages. */
  readonly ordered: readonly Sample[];
  readonly histogram: readonly HistogramBin[];
  readonly labels: { readonly min: number; readonly max: number; readonly mean: number; readonly std: number };
  readonly store: DecisionStore;
  /** The name and unit of the target, as entered in the studio. */
  readonly names: NamingStore;
  /** The table of the label search, as `eyeball clean --out` writes it. */
  readonly table: string;
  /** The reasons why files are unusable (no label, not an image), as far as they are known yet. */
  readonly broken: Map<string, string>;
}

/**
 * Opens a dataset for the studio. Opens no image.
 *
 * @throws InputError if the data or the decisions are unusable; UsageError if the decisions file is the data.
 */
export async function openWorkplace(options: WorkplaceOptions): Promise<Workplace> {
  const { data, target, labelFrom, labelFromPath, skipMissing, onMessage, test } = options;
  const how = { target, labelFrom, labelFromPath, skipMissing, onMessage };
  const dataset = await openDataset({ data, ...how });
  // So that unusable test data is refused now, not at the first evaluation.
  if (test !== undefined) await openDataset({ data: test, ...how });
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
 * The SHA-256, in hex, of the files and labels of a dataset and the path of its decisions file. A restart with the same data does not change
 * it. If it changes, a browser must not send its unsent decisions, which are about other images or another file.
 */
export function workplaceFingerprint({ samples }: Pick<Dataset, 'samples'>, decisions: string): string {
  const hash = createHash('sha256').update(JSON.stringify(resolve(decisions)));
  // As JSON: a file name cannot contain the separator of lines.
  for (const { file, label } of samples) hash.update(`\n${JSON.stringify(file)} ${label}`);
  return hash.digest('hex');
}

export function addBroken({ broken }: Workplace, skipped: readonly Skipped[]): void {
  for (const { file, reason } of skipped) broken.set(file, reason);
}

/**
 * The default decisions file of `data`: in a folder `<data>-studio` beside it, where `eyeball clean <data> --out <data>-studio/labels.csv`
 * reads it too.
 */
export async function defaultDecisions(data: string): Promise<string> {
  const isFile = (await stat(data)).isFile();
  const named = /^[./\\]*$/.test(data) ? join('..', basename(resolve(data))) : data.replace(/[/\\]+$/, '');
  return join(`${isFile ? named.replace(/\.\w+$/, '') : named}-studio`, 'decisions.csv');
}

/** The JSON of a file; undefined if the file is missing, damaged, or does not match the schema. */
export async function readJsonFile<T extends z.ZodType>(path: string, schema: T): Promise<z.infer<T> | undefined> {
  const text = await readIfThere(path);
  try {
    return text === undefined ? undefined : schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The name and unit of the target as entered in the studio, in a file beside the decisions. */
export class NamingStore {
  private constructor(
    private readonly path: string,
    private current: Naming,
  ) {}

  /** Reads the file; a missing or damaged file means no name and no unit. */
  static async open(path: string): Promise<NamingStore> {
    const naming = await readJsonFile(path, namingSchema).catch(() => undefined);
    return new NamingStore(path, naming ?? { target: null, unit: null });
  }

  get naming(): Naming {
    return this.current;
  }

  /** Saves the naming. @throws Problem 503 if the file cannot be written */
  async set(naming: Naming): Promise<void> {
    await replaceFile(this.path, `${JSON.stringify(naming)}\n`).catch((cause: unknown) => {
      throw new Problem(503, `the name and the unit cannot be saved: ${codeOf(cause)}`).causedBy(cause);
    });
    this.current = naming;
  }
}

/** The target of data that does not name it. */
const UNNAMED = 'value';

/** The name of the target, from the data, the studio or the model; undefined if none of them has one. */
export function nameOfTarget({ dataset, names }: Workplace, served: Served | undefined): string | undefined {
  const named = served?.model.manifest.target.name;
  if (dataset.target !== UNNAMED) return dataset.target;
  return names.naming.target ?? (named === UNNAMED ? undefined : named);
}

/** The unit of the target; null if unknown. */
export const unitOfTarget = ({ options, names }: Workplace, served: Served | undefined): string | null =>
  options.unit ?? names.naming.unit ?? served?.model.manifest.target.unit ?? null;

/** Whether the studio can set the name and the unit: only those that neither the data nor the options set. */
export const canBeNamed = ({ dataset, options }: Workplace): { readonly target: boolean; readonly unit: boolean } => ({
  target: dataset.target === UNNAMED,
  unit: options.unit === undefined,
});
