import { cooperativeYield } from '../base/concurrency.js';
import { connected } from '../base/groups.js';
import type { CropMetric } from './crop-metric.js';
import { METRIC_WIDTH } from './crop-metric.js';
import { DESCRIPTOR_WIDTH, imageOf, mirrored } from './descriptor.js';
import { nearestNeighbours } from './neighbours.js';
import { type Levels, levelsOf, likeness } from './registration.js';

/** Two images whose descriptors say that they may show the same. */
export interface Candidate {
  /** Position among the queries. */
  readonly query: number;
  /** Position in the base. */
  readonly base: number;
  /** True where it is the mirror image of the query that resembles the other. */
  readonly mirrored: boolean;
  /** How alike the two are as far as their descriptors tell, -1 to 1. */
  readonly likeness: number;
}

/** How candidates are searched. */
export interface CandidateOptions {
  /** Descriptors `[N, 143]` to find in the base. Default: the base itself, each pair once, the smaller position as the query. */
  readonly queries?: Float32Array | undefined;
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

// Measured on 2,500 faces of UTKFace and 300 each of crops by 5 % (anywhere, mirrored, recompressed too): the largest distance of a crop
// was 11.4, the lowest rank of the original the fifth, the smallest likeness at 16 px 0.89, at 32 px 0.87.
const NEIGHBOURS = 12;
const MOST_DISTANCE = 13;
// Nearer are copies, for the most part, and few others: of these pairs each image has some ten.
const CLOSE = 9;
const COARSE = { px: 16, least: 0.86 };
const FINER = { px: 32, least: 0.84 };
// In standard deviations of the image.
const NOISE = 0.02;
// Images kept at hand in their two sizes, 6 kB each, or 30 where the finer one was asked for.
const KEPT = 2000;

/**
 * Pairs that may be duplicates: the nearest rows in the crop metric, for images and mirror images, whose small images are alike once laid
 * upon each other. In the order of the queries, then of the base.
 *
 * @param base descriptors `[M, 143]`
 * @throws AbortedError once the signal is aborted
 */
export async function findCandidates(
  base: Float32Array,
  metric: CropMetric,
  options: CandidateOptions = {},
): Promise<Candidate[]> {
  const { queries = base, signal } = options;
  const own = options.queries === undefined;
  const rows = metric.rows(base);
  const flipped = mirrored(queries);
  const search = { seed: options.seed, signal };
  const straight = own ? search : { ...search, queries: metric.rows(queries) };
  const levels = [memoized(base), own ? undefined : memoized(queries), memoized(flipped)] as const;
  const count = queries.length / DESCRIPTOR_WIDTH;
  const total = base.length / DESCRIPTOR_WIDTH;
  const close = new NearPairs(2 * NEIGHBOURS * count);
  const others = new NearPairs(2 * NEIGHBOURS * count);
  for (const isMirrored of [false, true]) {
    const asked = isMirrored ? { ...search, queries: metric.rows(flipped) } : straight;
    const { indices, distances } = await nearestNeighbours(rows, METRIC_WIDTH, NEIGHBOURS, asked);
    const isNear = (i: number) => indices[i]! >= 0 && distances[i]! <= MOST_DISTANCE;
    const hasNear = (one: number, other: number) => {
      for (let i = one * NEIGHBOURS; i < (one + 1) * NEIGHBOURS; i++)
        if (indices[i] === other && isNear(i)) return true;
      return false;
    };
    for (let i = 0; i < indices.length; i++) {
      const [one, other] = [Math.floor(i / NEIGHBOURS), indices[i]!];
      if (!isNear(i)) continue;
      const near = distances[i]! <= CLOSE ? close : others;
      if (!own) near.push(one, other, isMirrored);
      // One of two may be among the nearest of the other only.
      else if (one < other || (one > other && !hasNear(other, one)))
        near.push(Math.min(one, other), Math.max(one, other), isMirrored);
    }
  }
  const found: Candidate[] = [];
  const breath = cooperativeYield(signal);
  const compare = async (near: NearPairs, pair: number) => {
    await breath();
    const [query, base, mirrored] = [near.queries[pair]!, near.bases[pair]!, near.mirrored[pair] === 1];
    const queryLevels = mirrored ? levels[2] : (levels[1] ?? levels[0]);
    const alike = likenessOf(queryLevels(query), levels[0](base));
    if (alike !== undefined) found.push({ query, base, mirrored, likeness: alike });
  };
  for (const pair of together(close, own ? 0 : total, total + count)) await compare(close, pair);
  // Through others all images are near each other, so no order of these is better than that of their queries.
  for (let pair = 0; pair < others.length; pair++) await compare(others, pair);
  return found.sort((a, b) => a.query - b.query || a.base - b.base || Number(a.mirrored) - Number(b.mirrored));
}

/** Pairs by their number; of a hundred thousand images there are millions, which as objects would fill the heap. */
class NearPairs {
  readonly queries: Int32Array;
  readonly bases: Int32Array;
  /** 1 where the pair is of the query's mirror image. */
  readonly mirrored: Uint8Array;
  length = 0;

  constructor(most: number) {
    this.queries = new Int32Array(most);
    this.bases = new Int32Array(most);
    this.mirrored = new Uint8Array(most);
  }

  push(query: number, base: number, mirrored: boolean): void {
    const at = this.length++;
    this.queries[at] = query;
    this.bases[at] = base;
    this.mirrored[at] = Number(mirrored);
  }
}

/**
 * The numbers of the pairs so that those of images which are near each other, directly or through others, follow each other: what is made
 * of an image need not be kept for long.
 *
 * @param offset Added to a query to tell it from the base; 0 where both are the same.
 * @param count Above all positions, offset included.
 */
export function together(
  { queries, bases, length }: { queries: ArrayLike<number>; bases: ArrayLike<number>; length: number },
  offset: number,
  count: number,
): Int32Array {
  function* both(): Generator<readonly [number, number]> {
    for (let i = 0; i < length; i++) yield [offset + queries[i]!, bases[i]!];
  }
  const groups = connected(count, both());
  // Where the pairs of each group begin.
  const next = new Int32Array(count + 1);
  for (let i = 0; i < length; i++) next[groups[offset + queries[i]!]! + 1]!++;
  for (let group = 0; group < count; group++) next[group + 1]! += next[group]!;
  const order = new Int32Array(length);
  for (let i = 0; i < length; i++) order[next[groups[offset + queries[i]!]!]!++] = i;
  return order;
}

interface Images {
  readonly coarse: Levels;
  finer(): Levels;
}

/** Their likeness at the finer size; undefined where it is too small at either. */
function likenessOf(a: Images, b: Images): number | undefined {
  if (likeness(a.coarse, b.coarse, NOISE) < COARSE.least) return undefined;
  const alike = likeness(a.finer(), b.finer(), NOISE);
  return alike < FINER.least ? undefined : alike;
}

/** The small images of descriptors `[N, 143]` by position. */
function memoized(descriptors: Float32Array): (index: number) => Images {
  const kept = new Map<number, Images>();
  return index => {
    const known = kept.get(index);
    if (known !== undefined) return known;
    if (kept.size === KEPT) kept.clear();
    const descriptor = descriptors.subarray(index * DESCRIPTOR_WIDTH, (index + 1) * DESCRIPTOR_WIDTH);
    const at = (px: number) => levelsOf(imageOf(descriptor, px), px);
    let finer: Levels | undefined;
    const made = {
      coarse: at(COARSE.px),
      finer: () => {
        finer ??= at(FINER.px);
        return finer;
      },
    };
    kept.set(index, made);
    return made;
  };
}
