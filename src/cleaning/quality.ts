import type { Size } from '../data/enlarge.js';
import { median } from '../metrics/statistics.js';

/** What can be said of a picture's quality without a second one. */
export interface QualityFacts {
  /** Pixels of the file, after its orientation is applied. */
  readonly width: number;
  readonly height: number;
  /** Mean level, 0 to 255. */
  readonly brightness: number;
  /** Standard deviation of the level. */
  readonly contrast: number;
  /** Share of the pixels, 0 to 1, that are as bright as can be (250 and more). */
  readonly overexposed: number;
  /** Standard deviation of the Laplacian divided by that of the level: how fine what there is to see is. */
  readonly sharpness: number;
  /** The largest difference of two colours in a pixel, but for a hundredth of the pixels. */
  readonly colour: number;
}

/** What may be wrong with a picture. */
export type QualityKind =
  | 'blurred'
  | 'dark'
  | 'over-exposed'
  | 'low information'
  | 'grayscale'
  | 'odd size'
  | 'odd aspect';

/** Something odd about a picture: the number that says so, and the threshold that it lies beyond. */
export interface QualityFlag {
  readonly kind: QualityKind;
  readonly value: number;
  readonly threshold: number;
}

const CLIPPED = 250;
// Compression moves the colours of a gray picture by one or two of 255.
const GRAY_SLACK = 3;

/**
 * The quality of a picture, as far as one can tell at this size.
 *
 * @param pixels RGB `[H, W, 3]`, at most some hundred pixels a side
 * @param gray its luma `[H, W]`
 * @param shown the size of both
 * @param file the size of the file's picture
 */
export function measureQuality(pixels: Uint8Array, gray: Float32Array, shown: Size, file: Size): QualityFacts {
  let sum = 0;
  let squares = 0;
  let clipped = 0;
  for (const value of gray) {
    sum += value;
    squares += value * value;
    if (value >= CLIPPED) clipped++;
  }
  const brightness = sum / gray.length;
  const contrast = Math.sqrt(Math.max(squares / gray.length - brightness ** 2, 0));
  return {
    ...{ width: file.width, height: file.height, brightness, contrast, overexposed: clipped / gray.length },
    // In a blank picture one level counts for all the contrast.
    sharpness: laplacian(gray, shown) / Math.max(contrast, 1),
    colour: colourOf(pixels),
  };
}

/** The standard deviation of `4 x - (its four neighbours)` over the inner pixels. */
function laplacian(gray: Float32Array, { width, height }: Size): number {
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1, at = y * width + 1; x < width - 1; x++, at++) {
      const value = 4 * gray[at]! - gray[at - 1]! - gray[at + 1]! - gray[at - width]! - gray[at + width]!;
      squares += value * value;
    }
  }
  // Its mean is 0, but for what the edges add.
  return Math.sqrt(squares / Math.max((width - 2) * (height - 2), 1));
}

function colourOf(pixels: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (let i = 0; i < pixels.length; i += 3) {
    const r = pixels[i]!;
    const g = pixels[i + 1]!;
    const b = pixels[i + 2]!;
    counts[Math.max(r, g, b) - Math.min(r, g, b)]!++;
  }
  let above = pixels.length / 300;
  for (let value = 255; value > 0; value--) {
    above -= counts[value]!;
    if (above < 0) return value;
  }
  return 0;
}

/** What is measured, and when it is too much: below or above the fence that the data set gives, and beyond a floor that holds for any. */
interface Rule {
  readonly kind: QualityKind;
  measure(facts: QualityFacts): number;
  readonly side: 'low' | 'high' | 'both';
  /** Fences are laid where the measure is even: of sizes and of sharpness, by their logarithm. */
  readonly log: boolean;
  /** A value at least as far on the good side as this is never flagged; of 'both', a factor from the median. */
  readonly floor: number;
}

// Widths of a fence in robust standard deviations: of a normal spread 1 in 100,000 lies beyond.
const FENCE = 4.5;
const MAD_TO_STD = 1.4826;
const RULES: readonly Rule[] = [
  { kind: 'blurred', measure: facts => facts.sharpness, side: 'low', log: true, floor: 0.12 },
  { kind: 'dark', measure: facts => facts.brightness, side: 'low', log: false, floor: 40 },
  { kind: 'over-exposed', measure: facts => facts.overexposed, side: 'high', log: false, floor: 0.5 },
  { kind: 'low information', measure: facts => facts.contrast, side: 'low', log: true, floor: 12 },
  { kind: 'odd size', measure: facts => Math.sqrt(facts.width * facts.height), side: 'both', log: true, floor: 2 },
  { kind: 'odd aspect', measure: facts => facts.width / facts.height, side: 'both', log: true, floor: 1.5 },
];

/**
 * What is odd about each picture beside the others: beyond 4.5 robust standard deviations (median and median absolute deviation) and beyond
 * a floor, so that a data set in good order has next to no flags. Gray pictures are odd where most are in colour.
 *
 * @returns a list a picture, in the given order
 */
export function qualityFlags(facts: readonly QualityFacts[]): QualityFlag[][] {
  const flags: QualityFlag[][] = facts.map(() => []);
  if (facts.length === 0) return flags;
  for (const rule of RULES) {
    const values = facts.map(rule.measure);
    const { low, high } = fences(values, rule);
    values.forEach((value, i) => {
      if (value < low) flags[i]!.push({ kind: rule.kind, value, threshold: low });
      else if (value > high) flags[i]!.push({ kind: rule.kind, value, threshold: high });
    });
  }
  const isGray = ({ colour }: QualityFacts) => colour <= GRAY_SLACK;
  if (facts.filter(isGray).length < facts.length / 2) {
    facts.forEach((fact, i) => {
      if (isGray(fact)) flags[i]!.push({ kind: 'grayscale', value: fact.colour, threshold: GRAY_SLACK });
    });
  }
  return flags;
}

function fences(values: readonly number[], { side, log, floor }: Rule): { low: number; high: number } {
  const [to, from] = log ? [(value: number) => Math.log(Math.max(value, 1e-6)), Math.exp] : [same, same];
  const even = values.map(to);
  const middle = median(even);
  const reach = FENCE * MAD_TO_STD * median(even.map(value => Math.abs(value - middle)));
  const [low, high] = [from(middle - reach), from(middle + reach)];
  const none = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  if (side === 'low') return { ...none, low: Math.min(low, floor) };
  if (side === 'high') return { ...none, high: Math.max(high, floor) };
  return { low: Math.min(low, from(middle) / floor), high: Math.max(high, from(middle) * floor) };
}

const same = (value: number) => value;
