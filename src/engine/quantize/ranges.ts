/** The smallest and the largest number that the 8-bit form of a value represents. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** How ranges are chosen from the observed numbers. */
export const calibrations = ['minmax', 'percentile', 'entropy'] as const;
export type Calibration = (typeof calibrations)[number];

/** The observed numbers of one value of a network: its extremes, and a sample. */
export class Seen {
  private min = 0;
  private max = 0;
  private readonly parts: Float32Array[] = [];

  /**
   * Adds the outputs of `observe` for some images.
   *
   * @returns False if a number is not finite.
   */
  add(numbers: Float32Array, largest: Float32Array, opposite: Float32Array): boolean {
    this.parts.push(numbers);
    for (const x of largest) this.max = Math.max(this.max, x);
    for (const x of opposite) this.min = Math.min(this.min, 0 - x);
    // A single maximum can hide a NaN, but the maxima of x and -x together do not.
    return Number.isFinite(this.max - this.min) && numbers.every(Number.isFinite);
  }

  /** The range by a calibration method; it always contains 0. */
  range(calibration: Calibration): Range {
    const { min, max } = this;
    if (calibration === 'minmax') return { min, max };
    const numbers = new Float32Array(this.parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.parts) {
      numbers.set(part, at);
      at += part.length;
    }
    if (calibration === 'percentile') {
      const beyond = Math.floor(numbers.length * (1 - PERCENTILE));
      const outermost = (sign: 1 | -1) => Math.max(0, nthLargest(numbers, beyond, sign));
      return { min: 0 - outermost(-1), max: outermost(1) };
    }
    const limit = entropyLimit(numbers, Math.max(max, -min));
    return { min: Math.max(min, -limit), max: Math.min(max, limit) };
  }
}

/** The (n + 1)-th largest number of `sign * numbers`; faster than sorting if n is small. */
function nthLargest(numbers: Float32Array, n: number, sign: 1 | -1): number {
  const top = new Float32Array(n + 1).fill(Number.NEGATIVE_INFINITY);
  let least = top[0]!;
  for (let i = 0; i < numbers.length; i++) {
    const x = sign * numbers[i]!;
    if (!(x > least)) continue;
    // The smallest is removed, and those below x move down.
    let at = 0;
    for (; at < n && top[at + 1]! < x; at++) top[at] = top[at + 1]!;
    top[at] = x;
    least = top[0]!;
  }
  return least;
}

const PERCENTILE = 0.9999;
const BINS = 2048;
const LEVELS = 128;

/**
 * The limit of |x| at which the clipped and quantized distribution has the smallest Kullback-Leibler divergence from that of `numbers`.
 *
 * @param largest The largest |x|.
 * Reference: the entropy calibration of TensorRT (S. Migacz, 8-bit inference with TensorRT, 2017), with 2048 bins and 128 levels.
 */
export function entropyLimit(numbers: Float32Array, largest: number): number {
  if (!(largest > 0)) return 0;
  const counts = new Float64Array(BINS);
  const scale = BINS / largest;
  for (let i = 0; i < numbers.length; i++) {
    const x = Math.abs(numbers[i]!);
    // Zeros are exact at any limit, and after a ReLU they would dominate.
    if (x !== 0) counts[Math.min(BINS - 1, Math.floor(x * scale))]!++;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return largest;
  const sums = sumsOf(counts, total);
  let best = { divergence: Number.POSITIVE_INFINITY, bins: BINS };
  for (let bins = LEVELS; bins <= BINS; bins += 8) {
    const divergence = clippedDivergence(counts, sums, bins);
    if (divergence < best.divergence) best = { divergence, bins };
  }
  return (best.bins / BINS) * largest;
}

/** Cumulative sums over the bins, so that the sum of any level is a difference. */
interface Sums {
  readonly total: number;
  /** Counts. */
  readonly counts: Float64Array;
  /** Number of nonempty bins. */
  readonly filled: Float64Array;
  /** `p log p`, with p the share of the numbers in a bin. */
  readonly entropy: Float64Array;
}

const plogp = (p: number) => (p === 0 ? 0 : p * Math.log(p));

function sumsOf(counts: Float64Array, total: number): Sums {
  const before = (of: (count: number) => number) => {
    const out = new Float64Array(BINS + 1);
    for (let i = 0; i < BINS; i++) out[i + 1] = out[i]! + of(counts[i]!);
    return out;
  };
  return {
    total,
    counts: before(count => count),
    filled: before(count => Number(count > 0)),
    entropy: before(count => plogp(count / total)),
  };
}

// Numbers beyond the limit are counted at the limit; each level is spread evenly over its nonempty bins.
function clippedDivergence(bin: Float64Array, { total, counts, filled, entropy }: Sums, bins: number): number {
  const last = bin[bins - 1]!;
  const beyond = total - counts[bins]!;
  // sum of p log p - p log q, the latter the same for all bins of a level.
  let divergence = entropy[bins]! - plogp(last / total) + plogp((last + beyond) / total);
  for (let level = 0; level < LEVELS; level++) {
    const from = Math.floor((level * bins) / LEVELS);
    const to = Math.floor(((level + 1) * bins) / LEVELS);
    const sum = counts[to]! - counts[from]!;
    const isLast = to === bins;
    const inBins = filled[to]! - filled[from]! + Number(isLast && last === 0 && beyond > 0);
    if (inBins === 0) continue;
    // A level without numbers within the limit gets a tiny share.
    const q = Math.max(sum, 1e-3) / inBins / total;
    divergence -= ((sum + (isLast ? beyond : 0)) / total) * Math.log(q);
  }
  return divergence;
}
