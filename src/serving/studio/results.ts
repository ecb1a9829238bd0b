import { join, resolve } from 'node:path';
import { InputError } from '../../base/errors.js';
import { readIfThere } from '../../base/files.js';
import { significant } from '../../base/text.js';
import { readTable } from '../../datasets/tables.js';
import { METRICS_FILE, type Metrics, parseMetrics } from '../../formats/metrics.js';
import type { Results } from '../../formats/studio-protocol.js';
import { evaluationFolder } from '../../verbs/evaluate-model.js';

/** Which evaluation is asked for. */
export interface WantedResults {
  /** The model's folder. */
  readonly home: string;
  /** Of its network: an evaluation of another one does not count. */
  readonly sha256: string;
  /** The data that it was measured on. */
  readonly data: string;
  /** Whether that is the studio's data, not its test data. */
  readonly isStudioData: boolean;
}

/** An evaluation, and the files that it could not use. */
export interface FoundResults {
  readonly results: Results;
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
}

/** The last evaluation of a model on this data, where `eyeball evaluate` puts it; undefined where there is none. */
export async function readResults({
  home,
  sha256,
  data,
  isStudioData,
}: WantedResults): Promise<FoundResults | undefined> {
  const folder = evaluationFolder(home);
  const metrics = await readMetrics(join(folder, METRICS_FILE));
  if (metrics === undefined || metrics.modelSha256 !== sha256 || resolve(metrics.data) !== resolve(data))
    return undefined;
  const points = await readPoints(join(folder, 'predictions.csv'));
  if (points === undefined || points.length !== metrics.images) return undefined;
  const { images, rmse, mae, bias, baseline, leakage } = metrics;
  const repeats = (leakage?.exact ?? 0) + (leakage?.near ?? 0);
  return {
    skipped: metrics.skipped,
    results: {
      data,
      ownTraining: isStudioData && (leakage === undefined || 2 * repeats > images),
      images,
      rmse,
      mae,
      r2: metrics.r2,
      bias,
      baseline: baseline.mean,
      coverage90: metrics.coverage90 ?? null,
      intervalWidth90: metrics.intervalWidth90 ?? null,
      byGroup: metrics.byGroup.map(group => ({ ...group, coverage90: group.coverage90 ?? null })),
      warnings: [...leakageWarnings(leakage, images), ...metrics.warnings],
      points,
    },
  };
}

/** undefined where there is no such file, or it is damaged: evaluating again replaces it. */
async function readMetrics(path: string): Promise<Metrics | undefined> {
  const text = await readIfThere(path);
  try {
    return text === undefined ? undefined : parseMetrics(text, path);
  } catch (thrown) {
    if (thrown instanceof InputError) return undefined;
    throw thrown;
  }
}

/** What the report says of images that the model was trained on. */
function leakageWarnings(leakage: Metrics['leakage'], images: number): string[] {
  if (leakage === undefined || leakage.exact + leakage.near === 0) return [];
  const { exact, near, reduced } = leakage;
  const rest =
    reduced.rmse === null
      ? 'no other image is left to measure on'
      : `on the ${reduced.images} others the RMSE is ${significant(reduced.rmse, 3)}`;
  return [
    `${exact + near} of ${images} images repeat training images (${exact} the same file, ${near} the same photo): ${rest}.`,
  ];
}

async function readPoints(path: string): Promise<Results['points'] | undefined> {
  try {
    const { columns, rows } = await readTable(path, path);
    const [file, label, value, low, high] = ['file', 'label', 'value', 'low', 'high'].map(name =>
      columns.indexOf(name),
    );
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
  } catch (thrown) {
    if (thrown instanceof InputError) return undefined;
    throw thrown;
  }
}
