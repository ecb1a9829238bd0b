import { join, resolve } from 'node:path';
import { InputError } from '../../base/errors.js';
import { readIfThere, replaceFile } from '../../base/files.js';
import { significant } from '../../base/text.js';
import { readTable } from '../../datasets/tables.js';
import { METRICS_FILE, type Metrics, parseMetrics } from '../../formats/metrics.js';
import { labelSearchSchema, type Results, type Review } from '../../formats/studio-protocol.js';
import type { RankedSample } from '../../labels/issues.js';
import { mean } from '../../metrics/statistics.js';
import { RANKED_COLUMNS } from '../../report/csv.js';
import { evaluationFolder } from '../../verbs/evaluate-model.js';
import type { ServedModel } from '../served-model.js';
import { isLabelIssue } from './samples.js';
import { addBroken, readJsonFile, type Workplace } from './workplace.js';

/** The results of the last evaluation and the last label search, read from disk. */
export class Findings {
  private found: FoundFindings = { search: undefined, evaluation: undefined };
  private reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly workplace: Workplace | undefined,
    private readonly served: ServedModel,
  ) {}

  /** Reads them again. */
  reload(): Promise<void> {
    this.reading = this.reading.catch(() => {}).then(() => this.read());
    return this.reading;
  }

  /** The findings, once they are read. */
  async current(): Promise<FoundFindings> {
    await this.reading;
    return this.found;
  }

  private async read(): Promise<void> {
    const { workplace } = this;
    if (workplace === undefined) return;
    const search = await readLabelSearch(workplace.table);
    const evaluation = await this.readEvaluation(workplace);
    this.found = { search, evaluation };
    if (evaluation !== undefined && workplace.options.test === undefined) addBroken(workplace, evaluation.skipped);
  }

  private readEvaluation({ options: { data, test } }: Workplace): Promise<FoundEvaluation | undefined> {
    const { current } = this.served;
    if (current?.folder === undefined) return Promise.resolve(undefined);
    const { sha256 } = current.model.manifest;
    return readEvaluation({ home: current.folder, sha256, data: test ?? data, isStudioData: test === undefined });
  }
}

export interface FoundFindings {
  readonly search: FoundLabelSearch | undefined;
  readonly evaluation: FoundEvaluation | undefined;
}

/** The result of a label search, by file, the most suspicious first. */
export interface FoundLabelSearch {
  readonly wrongShare: number;
  readonly byFile: ReadonlyMap<string, LabelIssue>;
  /** The nearest images of suspicious ones; empty for a table that `eyeball clean` wrote. */
  readonly neighbours: ReadonlyMap<string, readonly Neighbour[]>;
}

/** What a label search found about a label. */
export interface LabelIssue {
  readonly suggested: number;
  readonly score: number;
  readonly kinds: readonly string[];
}

interface Neighbour {
  readonly file: string;
  readonly label: number;
}

/** The file of the neighbors, beside the table. */
const neighboursFile = (table: string) => table.replace(/\.csv$/, '.neighbours.json');

/** Saves the part of a label search that its table does not hold. */
export async function saveNeighbours(
  table: string,
  { wrongShare, neighbours }: Pick<FoundLabelSearch, 'wrongShare' | 'neighbours'>,
): Promise<void> {
  const shown = [...neighbours].map(
    ([file, near]) => [file, near.map(({ file, label }) => ({ file, label }))] as const,
  );
  const text = JSON.stringify({ version: 1, wrongShare, neighbours: Object.fromEntries(shown) });
  await replaceFile(neighboursFile(table), `${text}\n`);
}

/** The neighbors of the suspicious images of a ranking, by file. */
export const neighboursOf = (
  ranked: readonly RankedSample[],
  nearest: (file: string) => readonly Neighbour[],
): ReadonlyMap<string, readonly Neighbour[]> =>
  new Map(ranked.filter(({ kinds }) => isLabelIssue(kinds)).map(({ file }) => [file, nearest(file)]));

/** The last label search; undefined if its table is missing or damaged. */
async function readLabelSearch(table: string): Promise<FoundLabelSearch | undefined> {
  const found = await orUndefined(readTable(table, table));
  if (found === undefined || found.columns.join() !== RANKED_COLUMNS.join()) return undefined;
  const byFile = new Map<string, LabelIssue>();
  for (const { cells } of found.rows) {
    const [file, , suggested, score, kinds] = cells.map(String) as [string, string, string, string, string];
    const issue = { suggested: Number(suggested), score: Number(score), kinds: kinds === '' ? [] : kinds.split(';') };
    if (Number.isFinite(issue.suggested) && Number.isFinite(issue.score)) byFile.set(file, issue);
  }
  const more = await readJsonFile(neighboursFile(table), labelSearchSchema);
  const scores = [...byFile.values()].map(({ score }) => score);
  return {
    wrongShare: more?.wrongShare ?? (scores.length === 0 ? 0 : mean(scores)),
    byFile,
    neighbours: new Map(Object.entries(more?.neighbours ?? {})),
  };
}

/** The suspicious labels of existing images, with their decisions. */
export function reviewOf({ byFile, store }: Workplace, search: FoundLabelSearch): Review {
  const items = [...search.byFile].flatMap(([file, { suggested, score, kinds }]) => {
    const sample = byFile.get(file);
    if (sample === undefined || !isLabelIssue(kinds)) return [];
    const neighbours = (search.neighbours.get(file) ?? []).filter(near => byFile.has(near.file));
    const decision = store.byFile.get(file) ?? null;
    return [{ file, label: sample.label, suggested, score, kinds, neighbours, decision }];
  });
  return { wrongShare: search.wrongShare, revision: store.revision, items };
}

/** Selects an evaluation. */
export interface EvaluationQuery {
  /** The model's folder. */
  readonly home: string;
  /** The SHA-256 of its network: evaluations of other networks are ignored. */
  readonly sha256: string;
  /** The data of the evaluation. */
  readonly data: string;
  /** Whether that is the studio's data, not its test data. */
  readonly isStudioData: boolean;
}

/** An evaluation, and its unusable files. */
export interface FoundEvaluation {
  readonly results: Results;
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
}

/** The last evaluation of a model on this data, from where `eyeball evaluate` writes it; undefined if there is none. */
export async function readEvaluation(query: EvaluationQuery): Promise<FoundEvaluation | undefined> {
  const { home, sha256, data, isStudioData } = query;
  const folder = evaluationFolder(home);
  const metrics = await orUndefined(readMetrics(join(folder, METRICS_FILE)));
  if (metrics === undefined || metrics.modelSha256 !== sha256 || resolve(metrics.data) !== resolve(data))
    return undefined;
  const points = await orUndefined(readPoints(join(folder, 'predictions.csv')));
  if (points === undefined || points.length !== metrics.images) return undefined;
  const { images, rmse, mae, r2, bias, baseline, coverage90, intervalWidth90, leakage, skipped } = metrics;
  const repeats = (leakage?.exact ?? 0) + (leakage?.near ?? 0);
  return {
    skipped,
    results: {
      data,
      ownTraining: isStudioData && (leakage === undefined || 2 * repeats > images),
      images,
      rmse,
      mae,
      r2,
      bias,
      baseline: baseline.mean,
      coverage90: coverage90 ?? null,
      intervalWidth90: intervalWidth90 ?? null,
      byGroup: metrics.byGroup.map(group => ({ ...group, coverage90: group.coverage90 ?? null })),
      warnings: [...leakageWarnings(leakage, images), ...metrics.warnings],
      points,
    },
  };
}

function leakageWarnings(leakage: Metrics['leakage'], images: number): string[] {
  if (leakage === undefined || leakage.exact + leakage.near === 0) return [];
  const { exact, near, reduced } = leakage;
  const rest =
    reduced.rmse === null
      ? 'there are no other images to evaluate on'
      : `on the other ${reduced.images} images the RMSE is ${significant(reduced.rmse, 3)}`;
  return [
    `${exact + near} of ${images} images repeat training images (${exact} the same file, ${near} the same photo): ${rest}.`,
  ];
}

async function readMetrics(path: string): Promise<Metrics | undefined> {
  const text = await readIfThere(path);
  return text === undefined ? undefined : parseMetrics(text, path);
}

async function readPoints(path: string): Promise<Results['points']> {
  const { columns, rows } = await readTable(path, path);
  const [file, label, value, low, high] = ['file', 'label', 'value', 'low', 'high'].map(name => columns.indexOf(name));
  const numberAt = (cells: readonly unknown[], at: number | undefined) => {
    const text = at === undefined || at < 0 ? '' : `${cells[at]}`;
    return text === '' ? null : Number(text);
  };
  return rows.map(({ cells }) => ({
    file: `${cells[file!]}`,
    label: Number(cells[label!]),
    value: Number(cells[value!]),
    low: numberAt(cells, low),
    high: numberAt(cells, high),
  }));
}

/** The result of `reading`; undefined if the file is missing or damaged. */
const orUndefined = <T>(reading: Promise<T>): Promise<T | undefined> =>
  reading.catch((thrown: unknown) => {
    if (thrown instanceof InputError) return undefined;
    throw thrown;
  });
