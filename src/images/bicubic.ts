import type { Size, Window } from './enlarge.js';

// Pixels on each side of an output position.
const REACH = 2;

/** Keys' cubic kernel with a = -0.5 at the distance `x` in pixels; 0 beyond 2. */
export function cubicKernel(x: number): number {
  const t = Math.abs(x);
  if (t >= REACH) return 0;
  return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : ((-0.5 * t + 2.5) * t - 4) * t + 2;
}

/**
 * RGB pixels `[H, W, 3]` enlarged to `to`, of which the part `part` is returned, uint8 `[height, width, 3]`: bicubic with half-pixel
 * centers. Beyond an edge there are no pixels, and the weights of the others are scaled to a sum of 1.
 *
 * The arithmetic is in float64 and the same on every machine; each direction is rounded to bytes, first the width.
 *
 * Reference: Image.resize(resample=BICUBIC) of Pillow 12, to within one level
 */
export function enlargeBicubic(pixels: Uint8Array, from: Size, to: Size, part: Window): Uint8Array {
  const across = tapsOf(from.width, to.width, part.left, part.width);
  const down = tapsOf(from.height, to.height, part.top, part.height);
  const wide = new Uint8ClampedArray(from.height * part.width * 3);
  for (let y = 0, o = 0; y < from.height; y++) {
    const row = y * from.width;
    for (const { first, weights } of across) {
      let [r, g, b] = [0, 0, 0];
      for (let i = 0, at = 3 * (row + first); i < weights.length; i++, at += 3) {
        const weight = weights[i]!;
        r += weight * pixels[at]!;
        g += weight * pixels[at + 1]!;
        b += weight * pixels[at + 2]!;
      }
      wide[o++] = r;
      wide[o++] = g;
      wide[o++] = b;
    }
  }
  const samples = part.width * 3;
  const out = new Uint8ClampedArray(part.height * samples);
  const sums = new Float64Array(samples);
  for (let y = 0; y < part.height; y++) {
    const { first, weights } = down[y]!;
    sums.fill(0);
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i]!;
      for (let j = 0, at = (first + i) * samples; j < samples; j++, at++) sums[j]! += weight * wide[at]!;
    }
    out.set(sums, y * samples);
  }
  return new Uint8Array(out.buffer);
}

interface Taps {
  /** The first pixel that has a weight. */
  readonly first: number;
  readonly weights: Float64Array;
}

/** For each of `count` positions from `start` on along an axis of `from` pixels that becomes one of `to`, its pixels and their weights. */
function tapsOf(from: number, to: number, start: number, count: number): Taps[] {
  return Array.from({ length: count }, (_, i) => {
    const center = ((start + i + 0.5) * from) / to;
    const first = Math.max(0, Math.trunc(center - REACH + 0.5));
    const end = Math.min(from, Math.trunc(center + REACH + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_, k) => cubicKernel(first + k - center + 0.5));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map(weight => weight / sum) };
  });
}
