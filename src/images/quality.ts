import { median } from '../metrics/statistics.js';
import type { Size } from './enlarge.js';
import { reusedBuffer } from './gray.js';

/** What can be said of an image's quality without a second one. */
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
  /** How little blurring changes it, 0 to 1: see `blurOf`. */
  readonly blur: number;
  /** The largest difference of two colours in a pixel, but for a hundredth of the pixels. */
  readonly colour: number;
}

/** What may be wrong with an image. */
export type QualityKind =
  | 'blurred'
  | 'dark'
  | 'over-exposed'
  | 'low information'
  | 'grayscale'
  | 'odd size'
  | 'odd aspect';

/** Something odd about an image: the number that says so, and the threshold that it lies beyond. */
export interface QualityFlag {
  readonly kind: QualityKind;
  readonly value: number;
  readonly threshold: number;
}

const CLIPPED = 250;
// Compression moves the colours of a gray image by one or two of 255.
const GRAY_SLACK = 3;

/**
 * The quality of an image, as far as one can tell at this size.
 *
 * @param pixels RGB `[H, W, 3]`, at most some hundred pixels a side
 * @param gray its luma `[H, W]`
 * @param shown the size of both
 * @param file the size of the file's image
 */
export function measureQuality(pixels: Uint8Array, gray: Float32Array, shown: Size, file: Size): QualityFacts {
  let sum = 0;
  let squares = 0;
  let clipped = 0;
  for (let i = 0; i < gray.length; i++) {
    const value = gray[i]!;
    sum += value;
    squares += value * value;
    if (value >= CLIPPED) clipped++;
  }
  const brightness = sum / gray.length;
  const contrast = Math.sqrt(Math.max(squares / gray.length - brightness ** 2, 0));
  return {
    ...{ width: file.width, height: file.height, brightness, contrast, overexposed: clipped / gray.length },
    blur: Math.max(
      blurOf(gray, shown.width, shown.height, 1, shown.width),
      blurOf(gray, shown.height, shown.width, shown.width, 1),
    ),
    colour: colourOf(pixels),
  };
}

const lineOf = reusedBuffer(Float64Array);
// Half the pixels that the blur spreads over, rounded down.
const REACH = 4;
// Every second line tells as much as all.
const LINES = 2;

/**
 * How little the differences of neighbours shrink when the image is blurred along a direction: near 1 it was blurred already, near 0 all
 * that it shows is fine. 1 for an image without differences.
 *
 * Reference: Crete, Dolmiere, Ladret and Nicolas, The blur effect: perception and estimation with a new no-reference perceptual blur metric,
 * SPIE 6492 (2007), with a blur of 9 pixels.
 *
 * @param gray levels of `lines` lines of `length` pixels, `step` apart along a line, the lines `next` apart
 */
function blurOf(gray: Float32Array, length: number, lines: number, step: number, next: number): number {
  const levels = lineOf(length);
  let differences = 0;
  let lost = 0;
  for (let line = 0; line < lines; line += LINES) {
    for (let i = 0, at = line * next; i < length; i++, at += step) levels[i] = gray[at]!;
    for (let i = REACH + 1; i < length - REACH; i++) {
      const difference = Math.abs(levels[i]! - levels[i - 1]!);
      // Of neighbours' blurred levels, sums over pixels that slide along, all but the two ends cancel.
      const blurred = Math.abs(levels[i + REACH]! - levels[i - REACH - 1]!) / (2 * REACH + 1);
      differences += difference;
      // The larger of it and 0, without a branch that nobody could foresee.
      const rest = difference - blurred;
      lost += (rest + Math.abs(rest)) / 2;
    }
  }
  return differences > 0 ? (differences - lost) / differences : 1;
}

function colourOf(pixels: Uint8Array): number {
  const counts = new Uint32Array(256);
  // A few thousand pixels tell whether there is colour.
  const step = 3 * Math.max(1, Math.floor(pixels.length / 3 / 4096));
  let seen = 0;
  for (let i = 0; i < pixels.length; i += step, seen++) {
    const r = pixels[i]!;
    const g = pixels[i + 1]!;
    const b = pixels[i + 2]!;
    counts[Math.max(Math.max(r, g), b) - Math.min(Math.min(r, g), b)]!++;
  }
  let above = seen / 100;
  for (let value = 255; value > 0; value--) {
    above -= counts[value]!;
    if (above < 0) return value;
  }
  return 0;
}

/** What is measured, and when it is too much: beyond the fence that the data set gives, and beyond a floor that holds for any. */
interface Rule {
  readonly kind: QualityKind;
  measure(facts: QualityFacts): number;
  readonly side: 'low' | 'high' | 'both';
  /** True lays the fence by the logarithm. */
  readonly log: boolean;
  /** How far out the fence is, in robust standard deviations. */
  readonly fence: number;
  /** A value at least as far on the good side as this is never flagged; of 'both', a factor from the median. */
  readonly floor: number;
}

const MAD_TO_STD = 1.4826;
// Of 10,000 faces of 125 px, 8 are beyond as blurred and 4 as dark; of those blurred by 5 pixels, nearly all.
const RULES: readonly Rule[] = [
  { kind: 'blurred', measure: facts => facts.blur, side: 'high', log: false, fence: 3, floor: 0.65 },
  { kind: 'dark', measure: facts => facts.brightness, side: 'low', log: false, fence: 3, floor: 40 },
  { kind: 'over-exposed', measure: facts => facts.overexposed, side: 'high', log: false, fence: 3, floor: 0.5 },
  { kind: 'low information', measure: facts => facts.contrast, side: 'low', log: true, fence: 3, floor: 12 },
  {
    kind: 'odd size',
    measure: ({ width, height }) => Math.sqrt(width * height),
    side: 'both',
    log: true,
    fence: 4.5,
    floor: 2,
  },
  {
    kind: 'odd aspect',
    measure: ({ width, height }) => width / height,
    side: 'both',
    log: true,
    fence: 4.5,
    floor: 1.5,
  },
];

/** True where no pixel but a hundredth has a colour, however the file stores it. */
export const isGray = ({ colour }: QualityFacts): boolean => colour <= GRAY_SLACK;

/**
 * What is odd about each image beside the others: beyond 3 robust standard deviations (median and median absolute deviation; 4.5 for sizes)
 * and beyond a floor, so that a data set in good order has next to no flags. Gray images are odd where most are in colour.
 *
 * @returns a list an image, in the given order
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
  if (facts.filter(isGray).length < facts.length / 2) {
    facts.forEach((fact, i) => {
      if (isGray(fact)) flags[i]!.push({ kind: 'grayscale', value: fact.colour, threshold: GRAY_SLACK });
    });
  }
  return flags;
}

function fences(values: readonly number[], { side, log, fence, floor }: Rule): { low: number; high: number } {
  const [to, from] = log ? [(value: number) => Math.log(Math.max(value, 1e-6)), Math.exp] : [same, same];
  const even = values.map(to);
  const middle = median(even);
  const reach = fence * MAD_TO_STD * median(even.map(value => Math.abs(value - middle)));
  const [low, high] = [from(middle - reach), from(middle + reach)];
  const none = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  if (side === 'low') return { ...none, low: Math.min(low, floor) };
  if (side === 'high') return { ...none, high: Math.max(high, floor) };
  return { low: Math.min(low, from(middle) / floor), high: Math.max(high, from(middle) * floor) };
}

const same = (value: number) => value;
