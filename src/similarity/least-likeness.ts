/** Between which values a bound on likeness may lie. */
export interface LikenessRange {
  /** Copies are hardly ever less alike. */
  readonly least: number;
  /** Images that are this alike in every place are one image, whatever the others are like. */
  readonly most: number;
}

// Measured on faces and drawn portraits that were recompressed down to quality 30, resized to half and to twice, mirrored, cropped by 10 %,
// blurred, sharpened, stretched or made gray: the lowest of the copies was 0.96; of different faces the highest was 0.92, of drawings 0.93.
export const BY_PIXELS: LikenessRange = { least: 0.95, most: 0.99 };
// Descriptors alone, one side in 8 bits: of 720 altered faces 1 % are below 0.93, 5 % below 0.96, nearly all of them cropped; different
// faces come to 0.94 at most, drawings to 0.977.
export const BY_DESCRIPTORS: LikenessRange = { least: 0.94, most: 0.99 };

// With fewer pairs there is no distribution to speak of.
const FEWEST = 20;
// The share of the pairs that is the tail, and the fewest of it.
const TAIL = 0.1;
const FEWEST_IN_TAIL = 10;
// Pairs of different images above the bound that are expected: one in ten data sets.
const EXPECTED = 0.1;

/**
 * How alike two images of a data set must be to be copies of each other: above what different images of this data set come
 * to. The likeness of pairs that are no copies has a tail that falls exponentially in Fisher's z, `atanh(likeness)`: it is fitted to the
 * highest tenth of the pairs below the bound, and the bound is raised until less than a tenth of a pair is expected above it. Copies are
 * above the bound, so data full of them have the same bound as data without.
 *
 * Reference: Davison and Smith, Models for exceedances over high thresholds, JRSS B 52 (1990), with an exponential tail.
 *
 * @param likenesses of the pairs that were compared, in any order
 * @returns a value in the range; `least` where fewer than 20 pairs are below it
 */
export function leastLikenessOf(likenesses: Iterable<number>, { least, most }: LikenessRange): number {
  const sorted = Float64Array.from(likenesses, value => Math.atanh(Math.min(Math.max(value, 0), most))).sort();
  let bound = Math.atanh(least);
  for (let below = -1; ; ) {
    const known = below;
    below = countBelow(sorted, bound);
    const next = below === known ? bound : tailEnd(sorted.subarray(0, below));
    if (next <= bound) return Math.tanh(bound);
    if (next >= Math.atanh(most)) return most;
    bound = next;
  }
}

/** The value above which fewer than `EXPECTED` values are expected, given all below, ascending; 0 where they are too few. */
function tailEnd(values: Float64Array): number {
  if (values.length < FEWEST) return 0;
  const count = Math.max(Math.floor(TAIL * values.length), FEWEST_IN_TAIL);
  const start = values[values.length - count - 1]!;
  const excess = values.subarray(-count).reduce((sum, value) => sum + value - start, 0) / count;
  return start + excess * Math.log(count / EXPECTED);
}

function countBelow(sorted: Float64Array, bound: number): number {
  const at = sorted.findIndex(value => value >= bound);
  return at < 0 ? sorted.length : at;
}
