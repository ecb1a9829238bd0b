import { cubicKernel } from '../images/bicubic.js';
import type { Size, Window } from '../images/enlarge.js';

/** A decoded image, read a few rows at a time, so that a large one never lies in memory twice. */
export interface ImageRows extends Size {
  /** RGBA `[count, W, 4]` of the rows from `top` on; alpha is not looked at. */
  read(top: number, count: number): Uint8Array | Uint8ClampedArray;
}

/** RGB pixels, uint8 `[height, width, 3]`. */
export interface RgbImage extends Size {
  readonly pixels: Uint8Array;
}

// What libvips does to bytes: weights of 12 bits for places that are whole numbers of 1/64 pixel.
const WEIGHT_BITS = 12;
const PLACES = 64;
// By whole numbers a box does the rough part, and leaves at least this factor to the kernel.
const LEFT_TO_KERNEL = 2;
/** How many rows of an image are read at once, about: browsers limit the area of a canvas, phones to 16 million pixels. */
export const ROWS_AT_ONCE = 256;

/** The kernels of libvips by name: a triangle, or a cubic that is twice as wide. */
const KERNELS = {
  linear: { reach: 1, weight: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  cubic: { reach: 2, weight: cubicKernel },
} as const;

export interface ShrinkOptions {
  /** Default: linear. */
  readonly kernel?: keyof typeof KERNELS;
  /** The part of the image of `size` that is returned, in directions in which the image is shrunk. Default: all of it. */
  readonly window?: Window;
}

/**
 * The image stretched to `size` where it has more pixels than that, in each direction; in the other it stays as it is.
 *
 * The same arithmetic on the same bytes as Node has: first the height, then the width, each by a box over whole pixels and then a
 * kernel that is scaled by the remaining factor, rounded to bytes after every step.
 *
 * Reference: vips_resize of libvips 8.18 with kernel linear or cubic and gap 2, to within one level
 */
export function shrink(
  image: ImageRows,
  size: Size,
  { kernel = 'linear', window = { left: 0, top: 0, ...size } }: ShrinkOptions = {},
): RgbImage {
  const { width } = image;
  const isLower = image.height > size.height;
  const box = isLower ? boxOf(image.height, size.height) : 1;
  const boxed = boxRows(image, box);
  const down = { kernel, factor: image.height / size.height / box, start: window.top, count: window.height };
  const low = isLower ? reduceRows(boxed, width, down) : boxed;
  const height = isLower ? window.height : image.height;
  if (width <= size.width) return { width, height, pixels: low };
  const across = { kernel, to: size.width, start: window.left, count: window.width };
  return { width: window.width, height, pixels: shrinkWidth(low, width, height, across) };
}

const boxOf = (from: number, to: number): number => Math.max(1, Math.floor(from / to / LEFT_TO_KERNEL));

/** The mean of `count` bytes from their sum, as libvips rounds it. */
const meanOf = (count: number): ((sum: number) => number) => {
  const factor = Math.floor(2 ** 24 / count);
  const half = count >> 1;
  return sum => Math.imul(sum + half, factor) >>> 24;
};

/** RGB `[ceil(H / box), W, 3]`: each row the mean of `box` rows; below the last one is more of it. */
function boxRows(image: ImageRows, box: number): Uint8Array {
  const { width, height } = image;
  const samples = width * 3;
  const rows = Math.ceil(height / box);
  const out = new Uint8Array(rows * samples);
  const sums = new Uint32Array(samples);
  const mean = meanOf(box);
  const atOnce = Math.max(1, Math.floor(ROWS_AT_ONCE / box));
  for (let first = 0; first < rows; first += atOnce) {
    const top = first * box;
    const count = Math.min(atOnce * box, height - top);
    const rgba = image.read(top, count);
    for (let row = first; row < Math.min(first + atOnce, rows); row++) {
      sums.fill(0);
      for (let line = 0; line < box; line++)
        addRow(sums, rgba, Math.min(row * box + line - top, count - 1) * width * 4);
      const to = row * samples;
      for (let i = 0; i < samples; i++) out[to + i] = mean(sums[i]!);
    }
  }
  return out;
}

function addRow(sums: Uint32Array, rgba: Uint8Array | Uint8ClampedArray, from: number): void {
  for (let i = 0, at = from; i < sums.length; i += 3, at += 4) {
    sums[i]! += rgba[at]!;
    sums[i + 1]! += rgba[at + 1]!;
    sums[i + 2]! += rgba[at + 2]!;
  }
}

/** `[H, W, 3]` to `count` columns of the `to` that it is shrunk to. */
function shrinkWidth(
  pixels: Uint8Array,
  from: number,
  height: number,
  { kernel, to, start, count }: Omit<Reduction, 'factor'> & { readonly to: number },
): Uint8Array {
  const box = boxOf(from, to);
  const width = Math.ceil(from / box);
  const boxed = box === 1 ? pixels : boxColumns(pixels, from, height, box);
  const taps = tapsOf(width, { kernel, factor: from / to / box, start, count });
  // Clamped, since weights of the cubic kernel may be negative.
  const out = new Uint8ClampedArray(height * count * 3);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < count; x++) {
      const { columns, weights } = taps[x]!;
      let [r, g, b] = [HALF, HALF, HALF];
      for (let i = 0; i < weights.length; i++) {
        const at = (y * width + columns[i]!) * 3;
        const weight = weights[i]!;
        r += boxed[at]! * weight;
        g += boxed[at + 1]! * weight;
        b += boxed[at + 2]! * weight;
      }
      out[o++] = r >> WEIGHT_BITS;
      out[o++] = g >> WEIGHT_BITS;
      out[o++] = b >> WEIGHT_BITS;
    }
  }
  return new Uint8Array(out.buffer);
}

const HALF = 1 << (WEIGHT_BITS - 1);

function boxColumns(pixels: Uint8Array, from: number, height: number, box: number): Uint8Array {
  const width = Math.ceil(from / box);
  const out = new Uint8Array(height * width * 3);
  const mean = meanOf(box);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let [r, g, b] = [0, 0, 0];
      for (let i = 0; i < box; i++) {
        const at = (y * from + Math.min(x * box + i, from - 1)) * 3;
        r += pixels[at]!;
        g += pixels[at + 1]!;
        b += pixels[at + 2]!;
      }
      out[o++] = mean(r);
      out[o++] = mean(g);
      out[o++] = mean(b);
    }
  }
  return out;
}

/** Places along an axis that is reduced. */
interface Reduction {
  readonly kernel: keyof typeof KERNELS;
  /** Pixels between two places, after the box. */
  readonly factor: number;
  readonly start: number;
  readonly count: number;
}

/** `[H, W, 3]` to `[count, W, 3]`. */
function reduceRows(pixels: Uint8Array, width: number, reduction: Reduction): Uint8Array {
  const samples = width * 3;
  const height = pixels.length / samples;
  const out = new Uint8ClampedArray(reduction.count * samples);
  const sums = new Int32Array(samples);
  tapsOf(height, reduction).forEach(({ columns: rows, weights }, y) => {
    sums.fill(HALF);
    rows.forEach((row, i) => {
      const weight = weights[i]!;
      for (let j = 0, at = row * samples; j < samples; j++, at++) sums[j]! += pixels[at]! * weight;
    });
    for (let j = 0, at = y * samples; j < samples; j++, at++) out[at] = sums[j]! >> WEIGHT_BITS;
  });
  return new Uint8Array(out.buffer);
}

interface Taps {
  /** Where along the axis, with more of the edge beyond it. */
  readonly columns: readonly number[];
  /** In units of 2^-12; rounded down, so that they may add up to a little less than 1. */
  readonly weights: readonly number[];
}

/** For each place along an axis of `from` pixels the weights of the kernel, scaled by the factor. */
function tapsOf(from: number, { kernel, factor, start, count }: Reduction): Taps[] {
  const { reach: unscaled, weight } = KERNELS[kernel];
  const reach = rint(unscaled * factor);
  const pixels = 2 * reach + 1;
  return Array.from({ length: count }, (_, i) => {
    const at = (start + i + 0.5) * factor;
    const first = Math.floor(at);
    const place = ((Math.floor(at * 2 * PLACES) & (2 * PLACES - 1)) + 1) >> 1;
    const middle = place / PLACES + reach - 0.5;
    const weights = Array.from({ length: pixels }, (_, k) => weight((k - middle) / factor));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return {
      columns: weights.map((_, k) => Math.min(Math.max(first - reach + k, 0), from - 1)),
      weights: weights.map(weight => Math.trunc((weight / sum) * 2 ** WEIGHT_BITS)),
    };
  });
}

/** Rounds half to even, as C's rint: 2.5 becomes 2. */
const rint = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
