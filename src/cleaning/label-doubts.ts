import type { Watch } from '../base/progress.js';
import { folds } from '../data/split.js';
import { mean } from '../metrics/statistics.js';
import type { FeatureRows } from '../training/feature-cache.js';
import { embed, embeddingOf } from './feature-vectors.js';
import { labelBeliefs } from './label-beliefs.js';
import { labelScale } from './label-scale.js';
import { drawOthers, scoreLabels } from './label-scores.js';
import { MOST_EXACT_ROWS, type Neighbours, nearestNeighbours } from './neighbours.js';

export interface DoubtOptions {
  readonly rows: FeatureRows;
  readonly labels: Float64Array;
  /** A number a sample: those of one group, duplicates or pictures of one person, never judge each other. */
  readonly groups: readonly number[];
  /** Samples of which a duplicate has another label. */
  conflicting?(leastDistance: number): ReadonlySet<number>;
  readonly seed: number;
}

/** What is doubtful about labels, by sample. */
export interface LabelDoubts {
  /** The probability that each label is wrong, `[N]`. */
  readonly scores: Float64Array;
  /** The number that each picture suggests, in the labels' unit, a whole one where all labels are, `[N]`. */
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
// So that the vectors of 200,000 pictures can lie in memory: 200 MB.
const PROJECTED = 256;

/**
 * How doubtful each label is: out-of-fold predictions and the labels of the nearest neighbours say what a picture's number should be, and
 * what is usual for such pictures tells how far from it a label may lie.
 */
export async function doubtLabels(options: DoubtOptions, watch: Watch = {}): Promise<LabelDoubts> {
  const { rows, labels, groups, conflicting, seed } = options;
  const { signal, onProgress } = watch;
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
  const beliefs = await labelBeliefs({ rows, places, others, folds: parts, neighbours: outside, seed }, watch);
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
