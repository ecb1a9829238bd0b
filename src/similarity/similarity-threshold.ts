/** The range of a similarity threshold. */
export interface ThresholdRange {
  /** Copies are hardly ever less similar. */
  readonly least: number;
  /** Images this similar everywhere are copies in any data set. */
  readonly most: number;
}

// Measured on faces and drawn portraits that were recompressed down to quality 30, resized to half and to twice the size, mirrored, cropped
// by 10 %, blurred, sharpened, stretched or converted to gray: copies are at least 0.96, different faces at most 0.92, drawings 0.93.
export const BY_PIXELS: ThresholdRange = { least: 0.95, most: 0.99 };
// By descriptors alone, one of them in 8 bits: of 720 altered faces 1 % are below 0.93 and 5 % below 0.96, nearly all cropped; different
// faces are at most 0.94, drawings 0.977.
export const BY_DESCRIPTORS: ThresholdRange = { least: 0.94, most: 0.99 };

// Pairs needed for a distribution.
const FEWEST = 20;
// The share of pairs in the tail, and their least number.
const TAIL = 0.1;
const FEWEST_IN_TAIL = 10;
// Expected number of pairs of different images above the threshold: one in ten data sets.
const EXPECTED = 0.1;

/**
 * The similarity above which two images of a data set are copies, estimated from the similarity of different images in it. That has a tail
 * that falls exponentially in Fisher's z, `atanh(similarity)`: it is fitted to the highest tenth of the pairs below the threshold, which is
 * raised until fewer than 0.1 pairs are expected above it. Copies are above the threshold, so they do not influence it.
 *
 * Reference: Davison and Smith, Models for exceedances over high thresholds, JRSS B 52 (1990), with an exponential tail.
 *
 * @param similarities Of the compared pairs, in any order.
 * @returns A value in the range; `least` where fewer than 20 pairs are below it.
 */
export function similarityThreshold(similarities: Iterable<number>, { least, most }: ThresholdRange): number {
  const sorted = Float64Array.from(similarities, value => Math.atanh(Math.min(Math.max(value, 0), most))).sort();
  let threshold = Math.atanh(least);
  for (let below = -1; ; ) {
    const known = below;
    below = countBelow(sorted, threshold);
    const next = below === known ? threshold : tailEnd(sorted.subarray(0, below));
    if (next <= threshold) return Math.tanh(threshold);
    if (next >= Math.atanh(most)) return most;
    threshold = next;
  }
}

/** The value above which `EXPECTED` values are expected, given those below, ascending; 0 where they are too few. */
function tailEnd(values: Float64Array): number {
  if (values.length < FEWEST) return 0;
  const count = Math.max(Math.floor(TAIL * values.length), FEWEST_IN_TAIL);
  const start = values[values.length - count - 1]!;
  const excess = values.subarray(-count).reduce((sum, value) => sum + value - start, 0) / count;
  return start + excess * Math.log(count / EXPECTED);
}

function countBelow(sorted: Float64Array, threshold: number): number {
  const at = sorted.findIndex(value => value >= threshold);
  return at < 0 ? sorted.length : at;
}
