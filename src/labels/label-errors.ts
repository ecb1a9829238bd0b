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
  /** The nearest samples of each, its group included, nearest first, `[N, K]`; -1 where fewer were found. */
  readonly nearest: Int32Array;
  /** Nearest samples of each, `K`, at most 6. */
  readonly neighborCount: number;
}

/** Folds of the out-of-fold predictions; no group is in two of them. */
export const FOLDS = 5;
const NEIGHBORS = 30;
// Those that are shown beside a sample.
const MOST_NEAREST = 6;
// The vectors of 200,000 images then take 200 MB.
const PROJECTED = 256;
// Of more images they are projected to half of it: 512 MB for a million.
const MANY_ROWS = 200_000;

/**
 * The mislabel probability of each label, by out-of-fold predictions and the labels of the nearest neighbors, relative to the usual errors
 * for such images.
 */
export async function findLabelErrors(options: LabelErrorOptions, context: RunContext = {}): Promise<LabelErrors> {
  const { rows, labels, groups, conflicting, seed } = options;
  const { signal, onProgress } = context;
  const count = labels.length;
  const k = Math.min(NEIGHBORS, count - 1);
  const width = count > MANY_ROWS ? PROJECTED / 2 : count > MAX_EXACT_ROWS ? PROJECTED : undefined;
  const embedding = embeddingOf(rows, seed, width);
  const neighbors = await nearestNeighbors(await embed(rows, embedding, signal), embedding.width, k, { seed, signal });
  const nearest = firstOf(neighbors.indices, k, Math.min(MOST_NEAREST, k));
  onProgress?.({ phase: 'finding neighbors', done: count, total: count, unit: 'images' });
  const scale = labelScale(labels);
  const { places } = scale;
  // The least error of a label that counts as wrong; smaller ones cannot be detected.
  const center = mean(places);
  const least = 0.5 * mean(places.map(place => Math.abs(place - center)));
  const others = drawOthers(places, least, seed);
  const parts = folds(labels, FOLDS, groups, seed);
  removeGroups(neighbors, k, groups);
  const densities = await labelDensities({ rows, places, others, folds: parts, neighbors, seed }, context);
  const isWhole = labels.every(Number.isInteger);
  const suggested = densities.expected.map(place => {
    const label = scale.labelAt(place);
    return isWhole ? Math.round(label) : Number(label.toPrecision(4));
  });
  const typical = mean(suggested.map((value, i) => Math.abs(value - labels[i]!)));
  const { scores, share } = scoreLabels(places, others, densities, conflicting?.(typical));
  return { scores, suggested, share, nearest, neighborCount: Math.min(MOST_NEAREST, k) };
}

/** The first `count` of each `k`. */
function firstOf(indices: Int32Array, k: number, count: number): Int32Array {
  const out = new Int32Array((indices.length / k) * count);
  for (let i = 0; i < out.length; i++) out[i] = indices[Math.floor(i / count) * k + (i % count)]!;
  return out;
}

/** Removes neighbors of the sample's own group from `[N, K]` in place; -1 where fewer are left. */
function removeGroups({ indices, distances }: Neighbors, k: number, groups: readonly number[]): void {
  for (let i = 0; i < groups.length; i++) {
    let to = i * k;
    for (let at = i * k; at < (i + 1) * k && indices[at]! >= 0; at++) {
      if (groups[indices[at]!] === groups[i]) continue;
      indices[to] = indices[at]!;
      distances[to++] = distances[at]!;
    }
    indices.fill(-1, to, (i + 1) * k);
    distances.fill(Number.POSITIVE_INFINITY, to, (i + 1) * k);
  }
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
