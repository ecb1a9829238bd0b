import type { RunContext } from '../base/progress.js';
import { findCandidates } from './candidates.js';
import { cropMetric } from './crop-metric.js';
import { type Compared, compared, type LeastLikeness, memoizedLevels, stacked } from './duplicates.js';
import type { ImageFacts } from './image-facts.js';
import { BY_DESCRIPTORS, BY_PIXELS, leastLikenessOf } from './least-likeness.js';

/** A test image that is among the training images. */
export interface Leak {
  /** Its position among the test images. */
  readonly test: number;
  /** The position of the training image that is most like it. */
  readonly training: number;
  /** `exact` for the same bytes, `near` for the same photo, changed a little. */
  readonly kind: 'exact' | 'near';
  /** How alike they are, up to 1. */
  readonly similarity: number;
  /** What says so: the files' bytes, their pixels, or, where the training image is not at hand, their descriptors alone. */
  readonly by: 'content' | 'pixels' | 'descriptors';
}

/** The training images as far as they are known. */
export interface KnownImages {
  readonly hashes: readonly string[];
  /** `[M, 143]`. */
  readonly descriptors: Float32Array;
  /** What near duplicates among them had to come to. Default: what the comparison with the test images says alone. */
  readonly least?: LeastLikeness | undefined;
  /** The gray image `[64, 64]` at a position; undefined where it cannot be read, or is another by now. */
  readGray(index: number): Promise<Float32Array | undefined>;
}

/**
 * The test images that are exact or near duplicates of training images, each with the one that is most like it, in the order of the test
 * images.
 *
 * @param test undefined for images that cannot be read
 * @param readTestGray the gray image `[64, 64]` at a position
 * @throws AbortedError once the signal is aborted
 */
export async function findLeaks(
  training: KnownImages,
  test: readonly (ImageFacts | undefined)[],
  readTestGray: (index: number) => Promise<Float32Array | undefined>,
  context: Pick<RunContext, 'onProgress' | 'signal'> = {},
): Promise<Leak[]> {
  const leaks = new Map<number, Leak>();
  const byHash = new Map(training.hashes.map((hash, i) => [hash, i] as const).reverse());
  const others: number[] = [];
  test.forEach((fact, i) => {
    const same = fact && byHash.get(fact.hash);
    if (same !== undefined) leaks.set(i, { test: i, training: same, kind: 'exact', similarity: 1, by: 'content' });
    else if (fact !== undefined) others.push(i);
  });
  if (others.length > 0 && training.hashes.length > 0) {
    const queries = stacked(others.map(i => test[i]!.descriptor));
    const metric = cropMetric(training.descriptors);
    const candidates = await findCandidates(training.descriptors, metric, { queries, signal: context.signal });
    const readTraining = memoizedLevels(training.readGray);
    const readTest = memoizedLevels(index => readTestGray(others[index]!));
    const keep = (leak: Leak) => {
      if (leak.similarity > (leaks.get(leak.test)?.similarity ?? 0)) leaks.set(leak.test, leak);
    };
    const unseen: typeof candidates = [];
    for (const candidate of candidates) if ((await readTraining(candidate.base)) === undefined) unseen.push(candidate);
    const seen: Compared[] = [];
    for await (const pair of compared(candidates, readTest, readTraining, context)) seen.push(pair);
    const likenesses = seen.map(({ similarity }) => similarity);
    const least = Math.max(leastLikenessOf(likenesses, BY_PIXELS), training.least?.pixels ?? 0);
    for (const { query, base, similarity } of seen) {
      if (similarity < least) continue;
      keep({ test: others[query]!, training: base, kind: 'near', similarity, by: 'pixels' });
    }
    const byDescriptors = unseen.map(({ likeness }) => likeness);
    const leastAlone = Math.max(leastLikenessOf(byDescriptors, BY_DESCRIPTORS), training.least?.descriptors ?? 0);
    for (const { query, base, likeness } of unseen) {
      if (likeness < leastAlone) continue;
      keep({ test: others[query]!, training: base, kind: 'near', similarity: likeness, by: 'descriptors' });
    }
  }
  return [...leaks.values()].sort((a, b) => a.test - b.test);
}
