import { cooperativeYield } from '../base/concurrency.js';
import { byGroup, Connections, connected } from '../base/groups.js';
import type { RunContext } from '../base/progress.js';
import { type Candidate, findCandidates, together } from './candidates.js';
import { cropMetric } from './crop-metric.js';
import { DESCRIPTOR_WIDTH, GRAY_PX } from './descriptor.js';
import type { ImageFacts } from './image-facts.js';
import { BY_DESCRIPTORS, BY_PIXELS, leastLikenessOf } from './least-likeness.js';
import { type Levels, levelsOf, lowestLikeness, mirrorLevels } from './registration.js';

/** Two images that are the same file, or show the same photo. */
export interface DuplicatePair {
  /** Positions, a below b. */
  readonly a: number;
  readonly b: number;
  /** `exact` for equal bytes; `near` for one photo that was re-encoded, resized, mirrored or cropped a little. */
  readonly kind: 'exact' | 'near';
  /** How alike they are where they are least alike, up to 1; of two copies of a third, how alike their descriptors are. */
  readonly similarity: number;
  /** True where one is the mirror image of the other. */
  readonly mirrored: boolean;
}

/** How alike two images of a data set must be to be near duplicates. */
export interface LeastLikeness {
  /** By their pixels. */
  readonly pixels: number;
  /** By their descriptors alone. */
  readonly descriptors: number;
}

/** The duplicates of a data set. */
export interface Duplicates {
  /** In the order of a, then b. Of very many equal files, only the pairs with the first are named. */
  readonly pairs: readonly DuplicatePair[];
  /** For each image the first of its group: of those that pairs connect; its own position where it is alone. */
  readonly groupOf: readonly number[];
  /** The groups of two and more, members ascending, in the order of their first. */
  readonly groups: readonly (readonly number[])[];
  /** What was required of near duplicates: above what different images of this data set come to. */
  readonly least: LeastLikeness;
}

/** How duplicates are searched. */
export interface DuplicateOptions extends Pick<RunContext, 'onProgress' | 'signal'> {
  /** Start of the index's random numbers, a whole number; only beyond 20,000 images. Default 0. */
  readonly seed?: number | undefined;
}

/** What is required where no images were compared. */
export const NO_EVIDENCE: LeastLikeness = { pixels: BY_PIXELS.least, descriptors: BY_DESCRIPTORS.least };
// In levels of 255: structure below it is what compression leaves.
const NOISE = 1;
// Images kept at hand in all sizes, 40 kB each, and as much again where their mirror image is asked for.
const KEPT = 1000;
// Of more equal files, or pairs of them, only the first is paired: the others would be too many to name.
const MOST_PAIRED = 16;

/**
 * The exact and near duplicates among images: equal content; and one photo that was compressed again, resized, mirrored, or cropped by
 * about 5 %. Candidates come from descriptors; what decides is how alike the images are, laid upon each other, where they are least alike,
 * against how alike different images of the data set are (`leastLikenessOf`).
 *
 * Cost: n squared but small up to 20,000 images, then n log n.
 *
 * @param facts undefined for images that cannot be read: they are in no pair
 * @param readGray the gray image `[64, 64]` of a position; undefined where it cannot be read
 * @throws AbortedError once the signal is aborted
 */
export async function findDuplicates(
  facts: readonly (ImageFacts | undefined)[],
  readGray: (index: number) => Promise<Float32Array | undefined>,
  { onProgress, signal, seed }: DuplicateOptions = {},
): Promise<Duplicates> {
  const byHash = new Map<string, number[]>();
  facts.forEach((fact, i) => {
    if (fact === undefined) return;
    const same = byHash.get(fact.hash);
    if (same === undefined) byHash.set(fact.hash, [i]);
    else same.push(i);
  });
  const pairs = [...byHash.values()].flatMap(exactPairs);
  const firsts = [...byHash.values()].map(([first]) => first!);
  let least = NO_EVIDENCE;
  if (firsts.length > 1) {
    const descriptors = stacked(firsts.map(i => facts[i]!.descriptor));
    const candidates = await findCandidates(descriptors, cropMetric(descriptors), { seed, signal });
    const read = memoizedLevels(index => readGray(firsts[index]!));
    const places = {
      queries: candidates.map(({ query }) => query),
      bases: candidates.map(({ base }) => base),
      length: candidates.length,
    };
    const ordered = Array.from(together(places, 0, firsts.length), i => candidates[i]!);
    const known = new Connections(firsts.length);
    const seen: Compared[] = [];
    for await (const pair of compared(ordered, read, read, { onProgress, signal }, known)) seen.push(pair);
    least = leastOf(seen);
    for (const { query, base, mirrored, similarity, isKnown } of seen) {
      if (!isKnown && similarity < least.pixels) continue;
      for (const { a, b } of copiesOf(
        byHash.get(facts[firsts[query]!]!.hash)!,
        byHash.get(facts[firsts[base]!]!.hash)!,
      ))
        pairs.push({ a: Math.min(a, b), b: Math.max(a, b), kind: 'near', similarity, mirrored });
    }
  }
  pairs.sort((one, other) => one.a - other.a || one.b - other.b);
  return { pairs, ...groupsOf(facts.length, pairs), least };
}

/** What near duplicates must come to, given how alike the pairs of a data set are. */
function leastOf(seen: readonly Compared[]): LeastLikeness {
  const own = seen.filter(({ isKnown }) => !isKnown);
  const pixels = leastLikenessOf(
    own.map(({ similarity }) => similarity),
    BY_PIXELS,
  );
  const different = own.filter(({ similarity }) => similarity < pixels);
  const byDescriptors = different.map(({ byDescriptors }) => byDescriptors);
  return { pixels, descriptors: leastLikenessOf(byDescriptors, BY_DESCRIPTORS) };
}

function exactPairs(same: readonly number[]): DuplicatePair[] {
  const pair = (a: number, b: number) => ({ a, b, kind: 'exact', similarity: 1, mirrored: false }) as const;
  if (same.length > MOST_PAIRED) return same.slice(1).map(b => pair(same[0]!, b));
  return same.flatMap((a, i) => same.slice(i + 1).map(b => pair(a, b)));
}

/** The pairs of one of each; of many equal files, the first two alone. */
function copiesOf(one: readonly number[], other: readonly number[]): { a: number; b: number }[] {
  if (one.length * other.length > MOST_PAIRED) return [{ a: one[0]!, b: other[0]! }];
  return one.flatMap(a => other.map(b => ({ a, b })));
}

/** The descriptors one after another, `[N, 143]`. */
export function stacked(descriptors: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(descriptors.length * DESCRIPTOR_WIDTH);
  descriptors.forEach((descriptor, i) => {
    out.set(descriptor, i * DESCRIPTOR_WIDTH);
  });
  return out;
}

/** Two images that were compared. */
export interface Compared {
  readonly query: number;
  readonly base: number;
  readonly mirrored: boolean;
  /** How alike they are where they are least alike. */
  readonly similarity: number;
  /** How alike they are as far as their descriptors tell. */
  readonly byDescriptors: number;
  /** True where both are known to be copies of a third: they were not compared, and the similarity is that of their descriptors. */
  readonly isKnown: boolean;
}

/**
 * The candidates with their similarity by pixels, each pair once. One whose image cannot be read is left out.
 *
 * @param readQuery the levels of a query's image, and `readBase` of one in the base
 * @param known Where queries and base are the same: two that were found to be copies of a third, whatever the data set, need not be compared
 * with each other. What is found is connected here.
 */
export async function* compared(
  candidates: readonly Candidate[],
  readQuery: (index: number) => Promise<Levels | undefined>,
  readBase: (index: number) => Promise<Levels | undefined>,
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
    // A symmetric image resembles the other both ways.
    for (; candidates[i]?.query === query && candidates[i]?.base === base; i++) {
      const { mirrored, likeness } = candidates[i]!;
      const similarity = isRead ? likenessBothWays(mirrored ? mirrorLevels(a) : a, b) : likeness;
      const byDescriptors = Math.max(likeness, best.byDescriptors);
      best =
        similarity > best.similarity ? { ...best, mirrored, similarity, byDescriptors } : { ...best, byDescriptors };
    }
    if (isKnown || (isRead && best.similarity >= BY_PIXELS.most)) known?.connect(query, base);
    if (isKnown || isRead) yield best;
    onProgress?.({ phase: 'comparing images', done: i, total: candidates.length, unit: 'pairs' });
  }
}

/** The better likeness of laying the second upon the first, and the first upon the second. */
function likenessBothWays(a: Levels, b: Levels): number {
  const one = lowestLikeness(a, b, NOISE);
  return one >= BY_PIXELS.most ? one : Math.max(one, lowestLikeness(b, a, NOISE));
}

/** The levels of gray images by position, the last thousand or so kept. */
export function memoizedLevels(
  readGray: (index: number) => Promise<Float32Array | undefined>,
): (index: number) => Promise<Levels | undefined> {
  const kept = new Map<number, Levels | undefined>();
  return async index => {
    if (!kept.has(index)) {
      const gray = await readGray(index);
      if (kept.size >= KEPT) kept.clear();
      kept.set(index, gray && levelsOf(gray, GRAY_PX));
    }
    return kept.get(index);
  };
}

/** The groups that pairs connect, among `count` positions. */
export function groupsOf(
  count: number,
  pairs: readonly Pick<DuplicatePair, 'a' | 'b'>[],
): Pick<Duplicates, 'groupOf' | 'groups'> {
  const groupOf = connected(
    count,
    pairs.map(({ a, b }) => [a, b]),
  );
  return { groupOf, groups: byGroup(groupOf).filter(group => group.length > 1) };
}
