import { expected, InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { folds } from '../datasets/split.js';
import { GROUP_COLUMN } from '../datasets/table-samples.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { mean } from '../metrics/statistics.js';
import { embed, embeddingOf } from '../similarity/embedding.js';
import type { GroupedSamples } from '../similarity/group-samples.js';
import { MAX_EXACT_ROWS, type Neighbors, nearestNeighbors } from '../similarity/nearest-neighbors.js';
import { labelDensities } from './label-densities.js';
import { labelScale } from './label-scale.js';
import { drawOthers, scoreLabels } from './label-scores.js';

export interface LabelErrorOptions {
  readonly rows: FeatureRows;
  readonly labels: Float64Array;
  /** A group id per sample: the label of a sample is not checked by others of its group, such as duplicates. */
  readonly groups: readonly number[];
  /** Samples with a duplicate whose label differs by more than `leastDistance`. */
  conflicting?(leastDistance: number): ReadonlySet<number>;
  readonly seed: number;
}

export interface LabelErrors {
  /** The mislabel probability of each label, `[N]`. */
  readonly scores: Float64Array;
  /** The out-of-fold predictions in the labels' unit, rounded to integers where all labels are, `[N]`. */
  readonly suggested: Float64Array;
  /** The estimated share of wrong labels. */
  readonly share: number;
  /** The nearest neighbors of each sample, its group included. */
  readonly neighbors: Neighbors;
  /** Neighbors per sample, `K`. */
  readonly neighborCount: number;
}

/** Folds of the out-of-fold predictions; no group is in two of them. */
export const FOLDS = 5;
const NEIGHBORS = 30;
// The vectors of 200,000 images then take 200 MB.
const PROJECTED = 256;

/**
 * The mislabel probability of each label, by out-of-fold predictions and the labels of the nearest neighbors, relative to the usual errors
 * for such images.
 */
export async function findLabelErrors(options: LabelErrorOptions, context: RunContext = {}): Promise<LabelErrors> {
  const { rows, labels, groups, conflicting, seed } = options;
  const { signal, onProgress } = context;
  const count = labels.length;
  const k = Math.min(NEIGHBORS, count - 1);
  const embedding = embeddingOf(rows, seed, count > MAX_EXACT_ROWS ? PROJECTED : undefined);
  const vectors = await embed(rows, embedding, signal);
  const neighbors = await nearestNeighbors(vectors, embedding.width, k, { seed, signal });
  onProgress?.({ phase: 'finding neighbors', done: count, total: count, unit: 'images' });
  const scale = labelScale(labels);
  const { places } = scale;
  // The least error of a label that counts as wrong; smaller ones cannot be detected.
  const center = mean(places);
  const least = 0.5 * mean(places.map(place => Math.abs(place - center)));
  const others = drawOthers(places, least, seed);
  const parts = folds(labels, FOLDS, groups, seed);
  const outside = withoutGroup(neighbors, k, groups);
  const densities = await labelDensities({ rows, places, others, folds: parts, neighbors: outside, seed }, context);
  const isWhole = labels.every(Number.isInteger);
  const suggested = densities.expected.map(place => {
    const label = scale.labelAt(place);
    return isWhole ? Math.round(label) : Number(label.toPrecision(4));
  });
  const typical = mean(suggested.map((value, i) => Math.abs(value - labels[i]!)));
  const { scores, share } = scoreLabels(places, others, densities, conflicting?.(typical));
  return { scores, suggested, share, neighbors, neighborCount: k };
}

/** The neighbors `[N, K]` of other groups, in their order; -1 where fewer are left. */
function withoutGroup({ indices, distances }: Neighbors, k: number, groups: readonly number[]): Neighbors {
  const out = {
    indices: new Int32Array(indices.length).fill(-1),
    distances: new Float32Array(indices.length).fill(Number.POSITIVE_INFINITY),
  };
  for (let i = 0; i < groups.length; i++) {
    let to = i * k;
    for (let at = i * k; at < (i + 1) * k && indices[at]! >= 0; at++) {
      if (groups[indices[at]!] === groups[i]) continue;
      out.indices[to] = indices[at]!;
      out.distances[to++] = distances[at]!;
    }
  }
  return out;
}

/**
 * Checks that the readable images, if there are 5 or more, are of at least 5 groups.
 *
 * @param data Named in the error.
 * @throws InputError where they are of fewer groups than there are folds.
 */
export function checkGroups(data: string, { groups, facts }: GroupedSamples): void {
  const readable = groups.filter((_, i) => facts.at(i) !== undefined);
  const count = new Set(readable).size;
  if (count >= FOLDS || readable.length < FOLDS) return;
  const what = `at least ${FOLDS} groups of readable images, to check the labels of each by the others`;
  const wayOut = `add images that are not duplicates and share no value in a column "${GROUP_COLUMN}"`;
  throw new InputError(expected(data, what, `${count}`, wayOut));
}
