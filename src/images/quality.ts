import { median } from '../metrics/statistics.js';
import type { Size } from './enlarge.js';
import { reusedBuffer } from './gray.js';

/** Quality measures of one image. */
export interface QualityFacts {
  /** Pixels of the file after EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** Mean luma, 0 to 255. */
  readonly brightness: number;
  /** Standard deviation of the luma. */
  readonly contrast: number;
  /** Share of clipped pixels (luma of 250 or more), 0 to 1. */
  readonly overexposed: number;
  /** Blur measure, 0 to 1; see `blurOf`. */
  readonly blur: number;
  /** 99th percentile of the largest difference between a pixel's channels. */
  readonly color: number;
}

/** Kinds of quality flags. */
export type QualityKind =
  | 'blurred'
  | 'dark'
  | 'over-exposed'
  | 'low information'
  | 'grayscale'
  | 'odd size'
  | 'odd aspect';

/** A measure of an image that lies beyond a threshold. */
export interface QualityFlag {
  readonly kind: QualityKind;
  readonly value: number;
  readonly threshold: number;
}

const CLIPPED = 250;
// Compression changes the channels of a gray image by one or two of 255.
const GRAY_SLACK = 3;

/**
 * Measures the quality of an image at a reduced size.
 *
 * @param pixels RGB `[H, W, 3]`, at most some hundred pixels per side.
 * @param gray Its luma `[H, W]`.
 * @param shown The size of both.
 * @param file The image's full size.
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
    color: colorOf(pixels),
  };
}

const lineOf = reusedBuffer(Float64Array);
// Half the blur's width, rounded down.
const REACH = 4;
// Every second line suffices.
const LINES = 2;

/**
 * Blur along a direction: how little the differences between neighboring pixels shrink when the image is blurred, from 0 (all detail is
 * fine) to 1 (already blurred, or without differences).
 *
 * Reference: Crete, Dolmiere, Ladret and Nicolas, The blur effect: perception and estimation with a new no-reference perceptual blur metric,
 * SPIE 6492 (2007), with a blur of 9 pixels.
 *
 * @param gray Luma of `lines` lines of `length` pixels; pixels of a line are `step` apart, lines `next` apart.
 */
function blurOf(gray: Float32Array, length: number, lines: number, step: number, next: number): number {
  const levels = lineOf(length);
  let differences = 0;
  let lost = 0;
  for (let line = 0; line < lines; line += LINES) {
    for (let i = 0, at = line * next; i < length; i++, at += step) levels[i] = gray[at]!;
    for (let i = REACH + 1; i < length - REACH; i++) {
      const difference = Math.abs(levels[i]! - levels[i - 1]!);
      // In the difference of two neighboring box sums all but the two ends cancel.
      const blurred = Math.abs(levels[i + REACH]! - levels[i - REACH - 1]!) / (2 * REACH + 1);
      differences += difference;
      // max(rest, 0) without an unpredictable branch.
      const rest = difference - blurred;
      lost += (rest + Math.abs(rest)) / 2;
    }
  }
  return differences > 0 ? (differences - lost) / differences : 1;
}

function colorOf(pixels: Uint8Array): number {
  const counts = new Uint32Array(256);
  // A few thousand pixels suffice.
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

/** Quality measures by position; arrays fit. */
export interface QualityList {
  readonly length: number;
  at(index: number): QualityFacts | undefined;
}

const NONE: readonly QualityFlag[] = [];

/** A measure with its limits: a fence relative to the data set, and an absolute floor; flags need both exceeded. */
interface Rule {
  readonly kind: QualityKind;
  measure(facts: QualityFacts): number;
  readonly side: 'low' | 'high' | 'both';
  /** True computes the fence of the logarithm. */
  readonly log: boolean;
  /** Distance of the fence from the median in robust standard deviations. */
  readonly fence: number;
  /** Values on the good side of this are never flagged; for 'both', a factor from the median. */
  readonly floor: number;
}

const MAD_TO_STD = 1.4826;
// Of 10,000 faces of 125 px, 8 are flagged as blurred and 4 as dark; of those blurred by 5 pixels, nearly all.
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

/** True if at most 1 % of the pixels have a color, whatever channels the file has. */
export const isGray = ({ color }: Pick<QualityFacts, 'color'>): boolean => color <= GRAY_SLACK;

/**
 * Flags outliers of a data set: beyond 3 robust standard deviations (median and median absolute deviation; 4.5 for sizes) and beyond an
 * absolute floor, so that a clean data set has almost no flags. Gray images are flagged if most are in color.
 *
 * @returns One list per image, in the given order.
 */
export function qualityFlags(facts: QualityList): readonly (readonly QualityFlag[])[] {
  const { length } = facts;
  const flags: (readonly QualityFlag[])[] = new Array(length).fill(NONE);
  if (length === 0) return flags;
  const flag = (i: number, kind: QualityKind, value: number, threshold: number) => {
    flags[i] = [...flags[i]!, { kind, value, threshold }];
  };
  for (const rule of RULES) {
    const values = Float64Array.from({ length }, (_, i) => rule.measure(facts.at(i)!));
    const { low, high } = fences(values, rule);
    values.forEach((value, i) => {
      if (value < low) flag(i, rule.kind, value, low);
      else if (value > high) flag(i, rule.kind, value, high);
    });
  }
  const colors = Float64Array.from({ length }, (_, i) => facts.at(i)!.color);
  if (colors.reduce((count, color) => count + Number(isGray({ color })), 0) < length / 2) {
    colors.forEach((color, i) => {
      if (isGray({ color })) flag(i, 'grayscale', color, GRAY_SLACK);
    });
  }
  return flags;
}

function fences(values: Float64Array, { side, log, fence, floor }: Rule): { low: number; high: number } {
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
