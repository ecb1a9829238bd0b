/** The smallest and the largest number that a value of a network is to hold in 8 bits. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** How ranges are taken from what was seen. */
export const calibrations = ['minmax', 'percentile', 'entropy'] as const;
export type Calibration = (typeof calibrations)[number];

/** What was seen of one value of a network: its extremes, and some of its numbers. */
export class Seen {
  private min = 0;
  private max = 0;
  private readonly parts: Float32Array[] = [];

  /**
   * Takes what `watch` gives for some pictures.
   *
   * @returns False where a number is not finite.
   */
  add(numbers: Float32Array, largest: Float32Array, opposite: Float32Array): boolean {
    this.parts.push(numbers);
    for (const x of largest) this.max = Math.max(this.max, x);
    for (const x of opposite) this.min = Math.min(this.min, 0 - x);
    // NaN passes through both extremes, but a maximum may pass over it.
    return Number.isFinite(this.max - this.min) && numbers.every(Number.isFinite);
  }

  /** The range that a calibration takes, 0 always within it. */
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
      numbers.sort();
      const cut = Math.floor(numbers.length * (1 - PERCENTILE));
      return { min: Math.min(0, numbers[cut]!), max: Math.max(0, numbers[numbers.length - 1 - cut]!) };
    }
    const limit = entropyLimit(numbers, Math.max(max, -min));
    return { min: Math.max(min, -limit), max: Math.min(max, limit) };
  }
}

const PERCENTILE = 0.9999;
const BINS = 2048;
const LEVELS = 128;

/**
 * The limit of |x| whose clipped and quantised distribution is nearest to that of `numbers`, by Kullback-Leibler divergence.
 *
 * @param largest The largest |x|.
 * Reference: the entropy calibration of TensorRT (S. Migacz, 8-bit inference with TensorRT, 2017), with 2048 bins and 128 levels.
 */
export function entropyLimit(numbers: Float32Array, largest: number): number {
  if (!(largest > 0)) return 0;
  const counts = new Float64Array(BINS);
  for (const x of numbers) {
    // Zeros are exact at any limit, and after a ReLU they would outweigh all else.
    if (x !== 0) counts[Math.min(BINS - 1, Math.floor((Math.abs(x) / largest) * BINS))]!++;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return largest;
  let best = { divergence: Number.POSITIVE_INFINITY, bins: BINS };
  let beyond = total;
  for (let bins = 0; bins < LEVELS; bins++) beyond -= counts[bins]!;
  for (let bins = LEVELS; bins <= BINS; bins++) {
    if (bins > LEVELS) beyond -= counts[bins - 1]!;
    if (bins % 8 !== 0) continue;
    const divergence = clippedDivergence(counts, bins, beyond, total);
    if (divergence < best.divergence) best = { divergence, bins };
  }
  return (best.bins / BINS) * largest;
}

// What lies beyond the limit is counted at it; each level is spread evenly over those of its bins that hold anything.
function clippedDivergence(counts: Float64Array, bins: number, beyond: number, total: number): number {
  let divergence = 0;
  for (let level = 0; level < LEVELS; level++) {
    const from = Math.floor((level * bins) / LEVELS);
    const to = Math.floor(((level + 1) * bins) / LEVELS);
    let sum = 0;
    let filled = 0;
    for (let i = from; i < to; i++) {
      sum += counts[i]!;
      const true_ = counts[i]! + (i === bins - 1 ? beyond : 0);
      if (true_ > 0) filled++;
    }
    for (let i = from; i < to; i++) {
      const p = (counts[i]! + (i === bins - 1 ? beyond : 0)) / total;
      if (p === 0) continue;
      // A level without numbers inside the limit stands for next to none of them.
      const q = Math.max(sum, 1e-3) / filled / total;
      divergence += p * Math.log(p / q);
    }
  }
  return divergence;
}
