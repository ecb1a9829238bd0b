import type { RunContext } from '../base/progress.js';
import type { Hashes } from '../features/feature-cache.js';
import { HashNumbers } from '../features/hashes.js';
import { findCandidates } from './candidates.js';
import { cropMetric } from './crop-metric.js';
import type { Descriptors } from './descriptor.js';
import { type Compared, compared, descriptorsAt, memoizedPyramids, type SimilarityThresholds } from './duplicates.js';
import type { FactsList } from './image-facts.js';
import { BY_DESCRIPTORS, BY_PIXELS, similarityThreshold } from './similarity-threshold.js';

/** A test image that duplicates a training image. */
export interface Leak {
  /** Position among the test images. */
  readonly test: number;
  /** Position of the most similar training image. */
  readonly training: number;
  /** `exact`: equal bytes. `near`: the same photo, slightly changed. */
  readonly kind: 'exact' | 'near';
  /** Up to 1. */
  readonly similarity: number;
  /** The evidence: the bytes of the files, their pixels, or, where the training image cannot be read, their descriptors alone. */
  readonly by: 'content' | 'pixels' | 'descriptors';
}

/** The training images in a model's index. */
export interface KnownImages {
  readonly hashes: Hashes;
  readonly descriptors: Descriptors;
  /** Those of the training data, as lower limits. Default: the comparison with the test images alone decides. */
  readonly thresholds?: SimilarityThresholds | undefined;
  /** The gray image `[64, 64]` at a position; undefined where it cannot be read or its file has changed. */
  readGray(index: number): Promise<Float32Array | undefined>;
}

/**
 * The test images that are exact or near duplicates of training images, each with the most similar one, in the order of the test images.
 *
 * @param test undefined for images that cannot be read.
 * @param readTestGray The gray image `[64, 64]` at a position.
 * @throws AbortedError once the signal is aborted.
 */
export async function findLeaks(
  training: KnownImages,
  test: FactsList,
  readTestGray: (index: number) => Promise<Float32Array | undefined>,
  context: Pick<RunContext, 'onProgress' | 'signal'> = {},
): Promise<Leak[]> {
  const leaks = new Map<number, Leak>();
  const numbers = new HashNumbers(training.hashes.length);
  const firsts: number[] = [];
  for (let i = 0; i < training.hashes.length; i++)
    if (numbers.add(training.hashes.at(i)!) === firsts.length) firsts.push(i);
  const others: number[] = [];
  for (let i = 0; i < test.length; i++) {
    const fact = test.at(i);
    if (fact === undefined) continue;
    const same = numbers.numberOf(fact.hash);
    if (same < 0) others.push(i);
    else leaks.set(i, { test: i, training: firsts[same]!, kind: 'exact', similarity: 1, by: 'content' });
  }
  if (others.length > 0 && training.hashes.length > 0) {
    const queries = descriptorsAt(test, others);
    const metric = cropMetric(training.descriptors);
    const candidates = await findCandidates(training.descriptors, metric, { queries, signal: context.signal });
    const readTraining = memoizedPyramids(training.readGray);
    const readTest = memoizedPyramids(index => readTestGray(others[index]!));
    const keep = (leak: Leak) => {
      if (leak.similarity > (leaks.get(leak.test)?.similarity ?? 0)) leaks.set(leak.test, leak);
    };
    const unseen: typeof candidates = [];
    for (const candidate of candidates) if ((await readTraining(candidate.base)) === undefined) unseen.push(candidate);
    const seen: Compared[] = [];
    for await (const pair of compared(candidates, readTest, readTraining, context)) seen.push(pair);
    const similarities = seen.map(({ similarity }) => similarity);
    const pixels = Math.max(similarityThreshold(similarities, BY_PIXELS), training.thresholds?.pixels ?? 0);
    for (const { query, base, similarity } of seen) {
      if (similarity < pixels) continue;
      keep({ test: others[query]!, training: base, kind: 'near', similarity, by: 'pixels' });
    }
    const byDescriptors = unseen.map(({ similarity }) => similarity);
    const descriptors = Math.max(
      similarityThreshold(byDescriptors, BY_DESCRIPTORS),
      training.thresholds?.descriptors ?? 0,
    );
    for (const { query, base, similarity } of unseen) {
      if (similarity < descriptors) continue;
      keep({ test: others[query]!, training: base, kind: 'near', similarity, by: 'descriptors' });
    }
  }
  return [...leaks.values()].sort((a, b) => a.test - b.test);
}
