import { type ImagePyramid, type Template, UNKNOWNS, windowOf } from './image-pyramid.js';

/** The position of one image in another: the point x in [-1, 1] of the first is at `shift + scale x` of the second. */
interface Placement {
  readonly scaleX: number;
  readonly shiftX: number;
  readonly scaleY: number;
  readonly shiftY: number;
}

// Gauss-Newton steps per level.
const STEPS = 4;
// Twice what a crop by a tenth needs, since early steps may overshoot.
const MAX_SCALE = 1.3;
const MAX_SHIFT = 0.35;
const MIN_OVERLAP = 0.7;
// Pixels at the edge, whose blur depends on the padding.
const EDGE = 2;

/**
 * The similarity of two images after registration, -1 to 1: the second is scaled and shifted in both directions to fit the first best, and
 * the fine structure of both is correlated where they overlap. 0 where the registration fails, as it does where more than about a tenth is
 * cropped.
 *
 * The fit is least squares with free brightness and contrast, by Gauss-Newton steps from the smallest level of the pyramid to the largest,
 * with the gradients of the first image.
 *
 * Reference: Baker and Matthews, Lucas-Kanade 20 years on: a unifying framework, IJCV 56 (2004), the inverse compositional algorithm.
 *
 * @param noise Standard deviation of insignificant structure, in the unit of the images.
 */
export function similarity(a: ImagePyramid, b: ImagePyramid, noise: number): number {
  const placement = register(a, b);
  return placement === undefined ? 0 : correlation(a.structure(), b.structure(), a.templates[0]!.px, placement, noise);
}

/**
 * The similarity of two images where they differ most, up to 1: the lowest correlation within any square of an eighth of the image side,
 * after registration as in `similarity`. A copy is similar everywhere, while two drawings by the same hand agree in most places and differ
 * in a few. Squares without structure count as similar.
 *
 * @param noise Standard deviation of insignificant structure, in the unit of the images.
 * @returns 0 where the registration fails.
 */
export function lowestSimilarity(a: ImagePyramid, b: ImagePyramid, noise: number): number {
  const placement = register(a, b);
  return placement === undefined ? 0 : lowestCorrelation(a.templates[0]!, b.templates[0]!, placement, noise);
}

/** The placement of the first image in the second; undefined where the registration fails. */
function register(a: ImagePyramid, b: ImagePyramid): Placement | undefined {
  let placement: Placement | undefined = { scaleX: 1, shiftX: 0, scaleY: 1, shiftY: 0 };
  for (let level = a.templates.length - 1; level >= 0 && placement !== undefined; level--) {
    for (let step = 0; step < STEPS && placement !== undefined; step++)
      placement = improved(placement, a.templates[level]!, b.templates[level]!.gray);
  }
  return placement;
}

/** Turns the right side `[6]` into the solution, in place. */
function solve(factor: Float64Array, right: Float64Array): void {
  const n = UNKNOWNS;
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) right[i]! -= factor[i * n + k]! * right[k]!;
    right[i]! /= factor[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) right[i]! -= factor[k * n + i]! * right[k]!;
    right[i]! /= factor[i * n + i]!;
  }
}

/** The positions of pixels along one axis in the other image: at `before`, plus a share `weight` of the way to the next pixel. */
interface Taps {
  readonly before: Int32Array;
  readonly weight: Float64Array;
}

// Buffers of the inner loops, reused: millions of small arrays would cost more in garbage collection than the arithmetic.
const MAX_PX = 64;
const taps = (): Taps => ({ before: new Int32Array(MAX_PX), weight: new Float64Array(MAX_PX) });
const [across, down] = [taps(), taps()];
const line = new Float64Array(MAX_PX);
const right = new Float64Array(UNKNOWNS);
const resampled = new Float64Array(MAX_PX ** 2);

/** Computes the positions of `px` pixels; those outside are clamped to the edge. */
function place({ before, weight }: Taps, px: number, scale: number, shift: number): void {
  for (let i = 0; i < px; i++) {
    const at = (shift + scale * ((2 * (i + 0.5)) / px - 1) + 1) * (px / 2) - 0.5;
    const clamped = Math.min(Math.max(at, 0), px - 1);
    const first = Math.min(Math.floor(clamped), px - 2);
    before[i] = first;
    weight[i] = clamped - first;
  }
}

/** The placement after one step; undefined where it leaves the allowed range. */
function improved({ scaleX, shiftX, scaleY, shiftY }: Placement, a: Template, b: Float32Array): Placement | undefined {
  const { px, gray } = a;
  const { x: gradientX, y: gradientY, factor } = a.gradients();
  if (factor === undefined) return undefined;
  place(across, px, scaleX, shiftX);
  place(down, px, scaleY, shiftY);
  const [from, to] = windowOf(px);
  const half = px / 2;
  // Local variables rather than an array: this is the innermost loop of the search for duplicates.
  let [r0, r1, r2, r3, r4, r5] = [0, 0, 0, 0, 0, 0];
  for (let y = from; y < to; y++) {
    const top = down.before[y]! * px;
    const wy = down.weight[y]!;
    for (let x = 0; x < px; x++) line[x] = b[top + x]! + (b[top + px + x]! - b[top + x]!) * wy;
    let rowSum = 0;
    for (let x = from, at = y * px + from; x < to; x++, at++) {
      const first = across.before[x]!;
      const value = line[first]! + (line[first + 1]! - line[first]!) * across.weight[x]!;
      const product = gradientX[at]! * value;
      r0 += product;
      r1 += product * ((x + 0.5) / half - 1);
      rowSum += gradientY[at]! * value;
      r4 += gray[at]! * value;
      r5 += value;
    }
    r2 += rowSum;
    r3 += rowSum * ((y + 0.5) / half - 1);
  }
  right[0] = r0;
  right[1] = r1;
  right[2] = r2;
  right[3] = r3;
  right[4] = r4;
  right[5] = r5;
  // The least-squares solution of b = gain (a + gradients * motion) + offset.
  solve(factor, right);
  const gain = right[4]!;
  // No or inverted contrast.
  if (!(gain > 0)) return undefined;
  // The motion is that of a, so the placement is composed with its inverse.
  const nextX = scaleX / (1 + right[1]! / gain);
  const nextY = scaleY / (1 + right[3]! / gain);
  const next = {
    scaleX: nextX,
    shiftX: shiftX - (nextX * right[0]!) / gain,
    scaleY: nextY,
    shiftY: shiftY - (nextY * right[2]!) / gain,
  };
  return isAllowed(next.scaleX, next.shiftX) && isAllowed(next.scaleY, next.shiftY) ? next : undefined;
}

const isAllowed = (scale: number, shift: number) =>
  scale <= MAX_SCALE && scale >= 1 / MAX_SCALE && Math.abs(shift) <= MAX_SHIFT;

/** The pixels of the first image that the second shows too, `[left, right)` and `[top, bottom)`. */
interface Overlap {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Resamples `b` at the pixels of the first image where both overlap, into `resampled`. */
function resample(b: Float32Array, px: number, { scaleX, shiftX, scaleY, shiftY }: Placement): Overlap {
  place(across, px, scaleX, shiftX);
  place(down, px, scaleY, shiftY);
  const [left, right] = overlapOf(across, px);
  const [top, bottom] = overlapOf(down, px);
  for (let y = top; y < bottom; y++) {
    const row = down.before[y]! * px;
    const wy = down.weight[y]!;
    for (let x = left; x < right; x++) {
      const at = row + across.before[x]!;
      const wx = across.weight[x]!;
      const upper = b[at]! + (b[at + 1]! - b[at]!) * wx;
      const lower = b[at + px]! + (b[at + px + 1]! - b[at + px]!) * wx;
      resampled[y * px + x] = upper + (lower - upper) * wy;
    }
  }
  return { left, right, top, bottom };
}

/** The pixels along one axis, without the edge, that lie within the other image, without its edge: `[from, to)`. */
function overlapOf({ before }: Taps, px: number): [from: number, to: number] {
  let [from, to] = [EDGE, px - EDGE];
  while (from < to && before[from]! < EDGE - 1) from++;
  while (to > from && before[to - 1]! > px - 1 - EDGE) to--;
  return [from, to];
}

const isTooSmall = (pixels: number, px: number) => pixels < MIN_OVERLAP * (px - 2 * EDGE) ** 2;

function correlation(a: Float32Array, b: Float32Array, px: number, at: Placement, noise: number): number {
  const { left, right, top, bottom } = resample(b, px, at);
  const count = (right - left) * (bottom - top);
  if (isTooSmall(count, px)) return 0;
  let [sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const own = a[y * px + x]!;
      const other = resampled[y * px + x]!;
      sumA += own;
      sumB += other;
      squaresA += own * own;
      squaresB += other * other;
      products += own * other;
    }
  }
  const varianceA = squaresA / count - (sumA / count) ** 2;
  const varianceB = squaresB / count - (sumB / count) ** 2;
  const covariance = products / count - (sumA / count) * (sumB / count);
  return covariance / (Math.sqrt(varianceA * varianceB) + noise ** 2);
}

// Cells per side. A square is 2 x 2 cells, so squares overlap by half.
const CELLS = 16;
// Squares with a smaller share of their pixels in the overlap are skipped.
const MIN_SQUARE_OVERLAP = 0.6;
// Added to the variance of a square, as a share of the whole image's, so that flat squares count as similar.
const FLAT = 0.25;
// Sums per cell: pixels, both images, their squares and their products.
const cells = Array.from({ length: 6 }, () => new Float64Array(CELLS ** 2));

function lowestCorrelation(a: Template, b: Template, at: Placement, noise: number): number {
  const { px } = a;
  const side = px / CELLS;
  const { left, right, top, bottom } = resample(b.gray, px, at);
  for (const sums of cells) sums.fill(0);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const own = a.gray[y * px + x]!;
      const other = resampled[y * px + x]!;
      const cell = Math.floor(y / side) * CELLS + Math.floor(x / side);
      cells[0]![cell]! += 1;
      cells[1]![cell]! += own;
      cells[2]![cell]! += other;
      cells[3]![cell]! += own * own;
      cells[4]![cell]! += other * other;
      cells[5]![cell]! += own * other;
    }
  }
  const whole = momentsOf(sums => sums.reduce((sum, value) => sum + value, 0));
  if (isTooSmall(whole.count, px)) return 0;
  // Relative to the contrast of each image, so that neither brightness nor contrast matters.
  const [contrastA, contrastB] = [Math.sqrt(whole.varianceA) + noise, Math.sqrt(whole.varianceB) + noise];
  let lowest = 1;
  for (let y = 0; y + 1 < CELLS; y++) {
    for (let x = 0; x + 1 < CELLS; x++) {
      const cell = y * CELLS + x;
      const square = momentsOf(sums => sums[cell]! + sums[cell + 1]! + sums[cell + CELLS]! + sums[cell + CELLS + 1]!);
      if (square.count < MIN_SQUARE_OVERLAP * (2 * side) ** 2) continue;
      const varianceA = square.varianceA / contrastA ** 2 + FLAT;
      const varianceB = square.varianceB / contrastB ** 2 + FLAT;
      const covariance = square.covariance / (contrastA * contrastB) + FLAT;
      lowest = Math.min(lowest, covariance / Math.sqrt(varianceA * varianceB));
    }
  }
  return lowest;
}

/** The moments of both images from sums over some cells. */
function momentsOf(total: (sums: Float64Array) => number) {
  const [count, a, b, squaresA, squaresB, products] = cells.map(total) as [
    ...[number, number, number, number, number, number],
  ];
  return {
    count,
    varianceA: squaresA / count - (a / count) ** 2,
    varianceB: squaresB / count - (b / count) ** 2,
    covariance: products / count - (a / count) * (b / count),
  };
}
