import { expected, InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { folds } from '../datasets/split.js';
import { GROUP_COLUMN } from '../datasets/table-samples.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { mean } from '../metrics/statistics.js';
import { embed, embeddingOf } from '../similarity/feature-vectors.js';
import type { GroupedSamples } from '../similarity/group-samples.js';
import { MOST_EXACT_ROWS, type Neighbours, nearestNeighbours } from '../similarity/neighbours.js';
import { labelBeliefs } from './label-beliefs.js';
import { labelScale } from './label-scale.js';
import { drawOthers, scoreLabels } from './label-scores.js';

export interface LabelErrorOptions {
  readonly rows: FeatureRows;
  readonly labels: Float64Array;
  /** A number a sample: those of one group, duplicates or images of one person, never judge each other. */
  readonly groups: readonly number[];
  /** Samples of which a duplicate has another label. */
  conflicting?(leastDistance: number): ReadonlySet<number>;
  readonly seed: number;
}

/** What is doubtful about labels, by sample. */
export interface LabelErrors {
  /** The probability that each label is wrong, `[N]`. */
  readonly scores: Float64Array;
  /** The number that each image suggests, in the labels' unit, a whole one where all labels are, `[N]`. */
  readonly suggested: Float64Array;
  /** The estimated share of wrong labels. */
  readonly share: number;
  /** Those that look most like each sample, duplicates left out of what is believed but not of this list. */
  readonly neighbours: Neighbours;
  /** How many neighbours each has, `K`. */
  readonly neighbourCount: number;
}

/** Labels are judged by heads that did not see them: of the samples of the other folds, groups kept together. */
export const FOLDS = 5;
const NEIGHBOURS = 30;
// So that the vectors of 200,000 images can lie in memory: 200 MB.
const PROJECTED = 256;

/**
 * How doubtful each label is: out-of-fold predictions and the labels of the nearest neighbours say what an image's number should be, and
 * what is usual for such images tells how far from it a label may lie.
 */
export async function findLabelErrors(options: LabelErrorOptions, context: RunContext = {}): Promise<LabelErrors> {
  const { rows, labels, groups, conflicting, seed } = options;
  const { signal, onProgress } = context;
  const count = labels.length;
  const k = Math.min(NEIGHBOURS, count - 1);
  const embedding = embeddingOf(rows, seed, count > MOST_EXACT_ROWS ? PROJECTED : undefined);
  const vectors = await embed(rows, embedding, signal);
  const neighbours = await nearestNeighbours(vectors, embedding.width, k, { seed, signal });
  onProgress?.({ phase: 'finding neighbours', done: count, total: count, unit: 'images' });
  const scale = labelScale(labels);
  const { places } = scale;
  // What a wrong label is at least off by; any other is none that one could see.
  const center = mean(places);
  const least = 0.5 * mean(places.map(place => Math.abs(place - center)));
  const others = drawOthers(places, least, seed);
  const parts = folds(labels, FOLDS, groups, seed);
  const outside = withoutGroup(neighbours, k, groups);
  const beliefs = await labelBeliefs({ rows, places, others, folds: parts, neighbours: outside, seed }, context);
  const isWhole = labels.every(Number.isInteger);
  const suggested = beliefs.expected.map(place => {
    const label = scale.labelAt(place);
    return isWhole ? Math.round(label) : Number(label.toPrecision(4));
  });
  const typical = mean(suggested.map((value, i) => Math.abs(value - labels[i]!)));
  const { scores, share } = scoreLabels(places, others, beliefs, conflicting?.(typical));
  return { scores, suggested, share, neighbours, neighbourCount: k };
}

/** The neighbours `[N, K]` of other groups, in their order; -1 in the places that are left. */
function withoutGroup({ indices, distances }: Neighbours, k: number, groups: readonly number[]): Neighbours {
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
 * Refuses data whose readable images are of fewer groups than there are folds to judge labels by. Whether the images are enough is for the
 * caller to check.
 *
 * @param data for the error
 * @throws InputError
 */
export function checkGroups(data: string, { groups, facts }: GroupedSamples): void {
  const readable = groups.filter((_, i) => facts[i] !== undefined);
  const count = new Set(readable).size;
  if (count >= FOLDS || readable.length < FOLDS) return;
  const what = `at least ${FOLDS} groups of images that can be read, to judge the labels of each by the others`;
  const wayOut = `add images that are no duplicates of others and share no value in a column "${GROUP_COLUMN}"`;
  throw new InputError(expected(data, what, `${count}`, wayOut));
}
