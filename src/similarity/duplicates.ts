import { cooperativeYield } from '../base/concurrency.js';
import { Connections, connected } from '../base/groups.js';
import type { RunContext } from '../base/progress.js';
import { HashNumbers } from '../features/hashes.js';
import { type Candidate, findCandidates, together } from './candidates.js';
import { cropMetric } from './crop-metric.js';
import { type Descriptors, GRAY_PX } from './descriptor.js';
import type { FactsList } from './image-facts.js';
import { type ImagePyramid, mirrorPyramid, pyramidOf } from './image-pyramid.js';
import { lowestSimilarity } from './registration.js';
import { BY_DESCRIPTORS, BY_PIXELS, similarityThreshold } from './similarity-threshold.js';

/** Two images that are the same file or the same photo. */
export interface DuplicatePair {
  /** Positions, a below b. */
  readonly a: number;
  readonly b: number;
  /** `exact`: equal bytes. `near`: the same photo, re-encoded, resized, mirrored or slightly cropped. */
  readonly kind: 'exact' | 'near';
  /** The lowest local similarity, up to 1; for two copies of a third image, the similarity of their descriptors. */
  readonly similarity: number;
  /** True where one is a mirror image of the other. */
  readonly mirrored: boolean;
}

/** The similarities from which two images of a data set are near duplicates. */
export interface SimilarityThresholds {
  /** By their pixels. */
  readonly pixels: number;
  /** By their descriptors alone. */
  readonly descriptors: number;
}

/** The duplicates of a data set. */
export interface Duplicates {
  /** Ordered by a, then b. Of more than 16 equal files, only the pairs with the first. */
  readonly pairs: readonly DuplicatePair[];
  /** For each image the first of the images connected with it by pairs; its own position where it is alone. */
  readonly groupOf: readonly number[];
  /** Groups of two or more, members ascending, ordered by their first. */
  readonly groups: readonly (readonly number[])[];
  readonly thresholds: SimilarityThresholds;
}

export interface DuplicateOptions extends Pick<RunContext, 'onProgress' | 'signal'> {
  /** Seed of the search index, which is random beyond 20,000 images. Default: 0. */
  readonly seed?: number | undefined;
}

/** The thresholds where no images were compared. */
export const DEFAULT_THRESHOLDS: SimilarityThresholds = { pixels: BY_PIXELS.least, descriptors: BY_DESCRIPTORS.least };
// In levels of 255: fainter structure is an artifact of compression.
const NOISE = 1;
// Images cached in all sizes: 40 kB each, twice that with their mirror image.
const KEPT = 1000;
// More equal files, or pairs of them, are represented by the first alone.
const MOST_PAIRED = 16;

/**
 * The exact and near duplicates among images: equal content, or the same photo recompressed, resized, mirrored or cropped by about 5 %.
 * Candidates are found by descriptors. A pair is a duplicate where its lowest local similarity after registration is above that of
 * different images in the data set (`similarityThreshold`).
 *
 * Cost: n squared with a small constant up to 20,000 images, then n log n.
 *
 * @param facts undefined for images that cannot be read: they are in no pair.
 * @param readGray The gray image `[64, 64]` at a position; undefined where it cannot be read.
 * @throws AbortedError once the signal is aborted.
 */
export async function findDuplicates(
  facts: FactsList,
  readGray: (index: number) => Promise<Float32Array | undefined>,
  { onProgress, signal, seed }: DuplicateOptions = {},
): Promise<Duplicates> {
  const { firsts, copiesAt } = byContent(facts);
  const pairs = firsts.flatMap((_, number) => exactPairs(copiesAt(number)));
  let thresholds = DEFAULT_THRESHOLDS;
  if (firsts.length > 1) {
    const descriptors = descriptorsAt(facts, firsts);
    const candidates = await findCandidates(descriptors, cropMetric(descriptors), { seed, signal });
    const read = memoizedPyramids(index => readGray(firsts[index]!));
    const places = {
      queries: candidates.map(({ query }) => query),
      bases: candidates.map(({ base }) => base),
      length: candidates.length,
    };
    const ordered = Array.from(together(places, 0, firsts.length), i => candidates[i]!);
    const known = new Connections(firsts.length);
    const seen: Compared[] = [];
    for await (const pair of compared(ordered, read, read, { onProgress, signal }, known)) seen.push(pair);
    thresholds = thresholdsOf(seen);
    for (const { query, base, mirrored, similarity, isKnown } of seen) {
      if (!isKnown && similarity < thresholds.pixels) continue;
      for (const { a, b } of copiesOf(copiesAt(query), copiesAt(base)))
        pairs.push({ a: Math.min(a, b), b: Math.max(a, b), kind: 'near', similarity, mirrored });
    }
  }
  pairs.sort((one, other) => one.a - other.a || one.b - other.b);
  return { pairs, ...groupsOf(facts.length, pairs), thresholds };
}

function thresholdsOf(seen: readonly Compared[]): SimilarityThresholds {
  const own = seen.filter(({ isKnown }) => !isKnown);
  const pixels = similarityThreshold(
    own.map(({ similarity }) => similarity),
    BY_PIXELS,
  );
  const different = own.filter(({ similarity }) => similarity < pixels);
  const byDescriptors = different.map(({ byDescriptors }) => byDescriptors);
  return { pixels, descriptors: similarityThreshold(byDescriptors, BY_DESCRIPTORS) };
}

function exactPairs(same: readonly number[]): DuplicatePair[] {
  const pair = (a: number, b: number) => ({ a, b, kind: 'exact', similarity: 1, mirrored: false }) as const;
  if (same.length > MOST_PAIRED) return same.slice(1).map(b => pair(same[0]!, b));
  return same.flatMap((a, i) => same.slice(i + 1).map(b => pair(a, b)));
}

/** The pairs of an image of each list; only the first where they are more than 16. */
function copiesOf(one: readonly number[], other: readonly number[]): { a: number; b: number }[] {
  if (one.length * other.length > MOST_PAIRED) return [{ a: one[0]!, b: other[0]! }];
  return one.flatMap(a => other.map(b => ({ a, b })));
}

/** The images with facts by their content. */
function byContent(facts: FactsList) {
  const numbers = new HashNumbers(facts.length);
  const firsts: number[] = [];
  const lasts: number[] = [];
  // The next image of the same content; 0 where there is none.
  const next = new Int32Array(facts.length);
  for (let i = 0; i < facts.length; i++) {
    const fact = facts.at(i);
    if (fact === undefined) continue;
    const number = numbers.add(fact.hash);
    if (number === firsts.length) firsts.push(i);
    else next[lasts[number]!] = i;
    lasts[number] = i;
  }
  return {
    /** The first image of each content. */
    firsts,
    /** All images of the same content as `firsts[number]`, ascending. */
    copiesAt(number: number): number[] {
      const copies = [firsts[number]!];
      for (let i = next[copies[0]!]!; i > 0; i = next[i]!) copies.push(i);
      return copies;
    },
  };
}

/** The descriptors of the images at `positions`, all of which have facts. */
export const descriptorsAt = (facts: FactsList, positions: ArrayLike<number>): Descriptors => ({
  length: positions.length,
  row: index => facts.at(positions[index]!)!.descriptor,
});

export interface Compared {
  readonly query: number;
  readonly base: number;
  readonly mirrored: boolean;
  /** The lowest local similarity. */
  readonly similarity: number;
  /** The similarity of their descriptors. */
  readonly byDescriptors: number;
  /** True where both are known copies of a third image: they are not compared, and `similarity` is that of their descriptors. */
  readonly isKnown: boolean;
}

/**
 * The candidates with their similarity by pixels, each pair once. Pairs with an unreadable image are left out.
 *
 * @param readQuery The pyramid of a query; `readBase` that of an image in the base.
 * @param known Where queries and base are the same: known copies of a third image are not compared with each other. Copies found are added.
 */
export async function* compared(
  candidates: readonly Candidate[],
  readQuery: (index: number) => Promise<ImagePyramid | undefined>,
  readBase: (index: number) => Promise<ImagePyramid | undefined>,
  { onProgress, signal }: Pick<RunContext, 'onProgress' | 'signal'>,
  known?: Connections,
): AsyncGenerator<Compared> {
  const breath = cooperativeYield(signal);
  for (let i = 0; i < candidates.length; ) {
    await breath();
    const { query, base } = candidates[i]!;
    const isKnown = known !== undefined && known.firstOf(query) === known.firstOf(base);
    const [a, b] = isKnown ? [] : await Promise.all([readQuery(query), readBase(base)]);
    const isRead = a !== undefined && b !== undefined;
    let best: Compared = { query, base, mirrored: false, similarity: 0, byDescriptors: 0, isKnown };
    // A symmetric image is a candidate both ways.
    for (; candidates[i]?.query === query && candidates[i]?.base === base; i++) {
      const { mirrored, similarity: ofDescriptors } = candidates[i]!;
      const similarity = isRead ? symmetricSimilarity(mirrored ? mirrorPyramid(a) : a, b) : ofDescriptors;
      const byDescriptors = Math.max(ofDescriptors, best.byDescriptors);
      best =
        similarity > best.similarity ? { ...best, mirrored, similarity, byDescriptors } : { ...best, byDescriptors };
    }
    if (isKnown || (isRead && best.similarity >= BY_PIXELS.most)) known?.connect(query, base);
    if (isKnown || isRead) yield best;
    onProgress?.({ phase: 'comparing images', done: i, total: candidates.length, unit: 'pairs' });
  }
}

/** The better similarity of registering the second to the first and the first to the second. */
function symmetricSimilarity(a: ImagePyramid, b: ImagePyramid): number {
  const one = lowestSimilarity(a, b, NOISE);
  return one >= BY_PIXELS.most ? one : Math.max(one, lowestSimilarity(b, a, NOISE));
}

/** The pyramids of gray images by position, with a cache. */
export function memoizedPyramids(
  readGray: (index: number) => Promise<Float32Array | undefined>,
): (index: number) => Promise<ImagePyramid | undefined> {
  const kept = new Map<number, ImagePyramid | undefined>();
  return async index => {
    if (!kept.has(index)) {
      const gray = await readGray(index);
      if (kept.size >= KEPT) kept.clear();
      kept.set(index, gray && pyramidOf(gray, GRAY_PX));
    }
    return kept.get(index);
  };
}

/** The groups among `count` positions that pairs connect. */
export function groupsOf(
  count: number,
  pairs: readonly Pick<DuplicatePair, 'a' | 'b'>[],
): Pick<Duplicates, 'groupOf' | 'groups'> {
  function* edges(): Generator<readonly [number, number]> {
    for (const { a, b } of pairs) yield [a, b];
  }
  const groupOf = connected(count, edges());
  // Only the members of groups of two or more have a list.
  const groups = new Map<number, number[]>();
  groupOf.forEach((first, i) => {
    if (first === i) return;
    const group = groups.get(first);
    if (group === undefined) groups.set(first, [first, i]);
    else group.push(i);
  });
  return { groupOf, groups: [...groups.values()].sort((one, other) => one[0]! - other[0]!) };
}
