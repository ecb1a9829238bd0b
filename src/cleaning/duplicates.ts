import { breathing } from '../base/breathing.js';
import { byGroup, Connections, connected } from '../base/groups.js';
import type { Watch } from '../base/progress.js';
import { type Candidate, findCandidates, together } from './candidates.js';
import { cropMetric } from './crop-metric.js';
import { DESCRIPTOR_WIDTH, GRAY_PX } from './descriptor.js';
import type { PictureFacts } from './picture-facts.js';
import { type Levels, levelsOf, likeness, mirrorLevels } from './registration.js';

/** Two pictures that are the same file, or show the same photo. */
export interface DuplicatePair {
  /** Positions, a below b. */
  readonly a: number;
  readonly b: number;
  /** `exact` for equal bytes; `near` for one photo that was re-encoded, resized, mirrored or cropped a little. */
  readonly kind: 'exact' | 'near';
  /** How alike the fine structure is where both show the same, up to 1; of two copies of a third, how alike their descriptors are. */
  readonly similarity: number;
  /** True where one is the mirror image of the other. */
  readonly mirrored: boolean;
}

/** The duplicates of a data set. */
export interface Duplicates {
  /** In the order of a, then b. Of very many equal files, only the pairs with the first are named. */
  readonly pairs: readonly DuplicatePair[];
  /** For each picture the first of its group: of those that pairs connect; its own position where it is alone. */
  readonly groupOf: readonly number[];
  /** The groups of two and more, members ascending, in the order of their first. */
  readonly groups: readonly (readonly number[])[];
}

/** How duplicates are searched. */
export interface DuplicateOptions extends Pick<Watch, 'onProgress' | 'signal'> {
  /** Start of the index's random numbers, a whole number; only beyond 20,000 pictures. Default 0. */
  readonly seed?: number | undefined;
}

// Measured on 2,500 faces and 4,200 altered ones: recompressed, resized, mirrored, cropped by 5 and 10 %, brightened: the least was 0.93;
// of 11,000 near pairs of other photos the most was 0.77, but for photos of one shot. Drawings in hard colours lose more to compression.
export const LEAST_LIKENESS = 0.85;
// In levels of 255: structure below it is what compression leaves.
const NOISE = 1;
// Pictures kept at hand in all sizes, 40 kB each, and as much again where their mirror image is asked for.
const KEPT = 1000;
// Of more equal files, or pairs of them, only the first is paired: the others would be too many to name.
const MOST_PAIRED = 16;

/**
 * The exact and near duplicates among pictures: equal content; and one photo that was compressed again, resized, mirrored, or cropped by
 * about 5 %. Candidates come from descriptors; what decides is the fine structure of the pictures, laid upon each other.
 *
 * Cost: n squared but small up to 20,000 pictures, then n log n.
 *
 * @param facts undefined for pictures that cannot be read: they are in no pair
 * @param readGray the gray picture `[64, 64]` of a position; undefined where it cannot be read
 * @throws AbortedError once the signal is aborted
 */
export async function findDuplicates(
  facts: readonly (PictureFacts | undefined)[],
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
    const watch = { onProgress, signal };
    for await (const { query, base, mirrored, similarity } of verified(ordered, read, read, watch, known))
      for (const { a, b } of copiesOf(
        byHash.get(facts[firsts[query]!]!.hash)!,
        byHash.get(facts[firsts[base]!]!.hash)!,
      ))
        pairs.push({ a: Math.min(a, b), b: Math.max(a, b), kind: 'near', similarity, mirrored });
  }
  pairs.sort((one, other) => one.a - other.a || one.b - other.b);
  return { pairs, ...groupsOf(facts.length, pairs) };
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

/**
 * The candidates whose pictures are duplicates, each pair once, with their similarity. One whose picture cannot be read is left out.
 *
 * @param readQuery the levels of a query's picture, and `readBase` of one in the base
 * @param known Where queries and base are the same: two that were found to be copies of a third need not be compared with each other, and are
 * as alike as their descriptors say. What is found is connected here.
 */
export async function* verified(
  candidates: readonly Candidate[],
  readQuery: (index: number) => Promise<Levels | undefined>,
  readBase: (index: number) => Promise<Levels | undefined>,
  { onProgress, signal }: Pick<Watch, 'onProgress' | 'signal'>,
  known?: Connections,
): AsyncGenerator<{ query: number; base: number; mirrored: boolean; similarity: number }> {
  const breath = breathing(signal);
  for (let i = 0; i < candidates.length; ) {
    await breath();
    const { query, base } = candidates[i]!;
    const isKnown = known !== undefined && known.firstOf(query) === known.firstOf(base);
    const [a, b] = isKnown ? [] : await Promise.all([readQuery(query), readBase(base)]);
    let best = { query, base, mirrored: false, similarity: 0 };
    // A symmetric picture resembles the other both ways.
    for (; candidates[i]?.query === query && candidates[i]?.base === base; i++) {
      const { mirrored, likeness } = candidates[i]!;
      if (!isKnown && (a === undefined || b === undefined)) continue;
      const similarity = a && b ? likenessBothWays(mirrored ? mirrorLevels(a) : a, b) : likeness;
      if (similarity > best.similarity) best = { ...best, mirrored, similarity };
    }
    if (isKnown || best.similarity >= LEAST_LIKENESS) {
      known?.connect(query, base);
      yield best;
    }
    onProgress?.({ phase: 'comparing pictures', done: i, total: candidates.length, unit: 'pairs' });
  }
}

/** The better likeness of laying the second upon the first, and the first upon the second. */
function likenessBothWays(a: Levels, b: Levels): number {
  const one = likeness(a, b, NOISE);
  return one >= LEAST_LIKENESS ? one : Math.max(one, likeness(b, a, NOISE));
}

/** The levels of gray pictures by position, the last thousand or so kept. */
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
