/** A square gray picture at several sizes, each half the one before, and its fine structure at the first. */
export interface Levels {
  /** `[px, px]` each, the finest first. */
  readonly pictures: readonly { readonly px: number; readonly gray: Float32Array }[];
  /** `[px, px]` of the finest: what is between two blurs of it. */
  readonly structure: Float32Array;
}

/** How one picture lies in another: a place x in -1 to 1 of the first is at `shift + scale x` of the second. */
interface Placement {
  readonly scaleX: number;
  readonly shiftX: number;
  readonly scaleY: number;
  readonly shiftY: number;
}

const COARSEST_PX = 16;
// Steps on each level.
const STEPS = 4;
// A tenth cut off, and a little: what is further away is another picture.
const MOST_SCALE = 1.2;
const MOST_SHIFT = 0.25;
const LEAST_OVERLAP = 0.7;
// Pixels at the edge whose blur has seen the picture's end.
const EDGE = 2;
// Widths of the two blurs, in pixels.
const [FINE, COARSE] = [0.8, 2.5];

/**
 * The levels of a gray picture.
 *
 * @param gray `[px, px]`, px a power of two, at least 16
 */
export function levelsOf(gray: Float32Array, px: number): Levels {
  const pictures = [{ px, gray }];
  for (let last = pictures[0]!; last.px > COARSEST_PX; ) {
    last = { px: last.px / 2, gray: halve(last.gray, last.px) };
    pictures.push(last);
  }
  const coarse = blur(gray, px, COARSE);
  return { pictures, structure: blur(gray, px, FINE).map((value, i) => value - coarse[i]!) };
}

/** The levels of the mirror image. */
export function mirrorLevels({ pictures, structure }: Levels): Levels {
  return {
    pictures: pictures.map(({ px, gray }) => ({ px, gray: mirrorGray(gray, px) })),
    structure: mirrorGray(structure, pictures[0]!.px),
  };
}

/**
 * How alike two pictures are where they show the same, -1 to 1: the second is scaled and shifted in both directions until it fits the first
 * best, and the fine structure of both is then correlated. 0 where no such place is found: where more than about a tenth would be cut off.
 *
 * The fit is least squares with a free brightness and contrast, by Gauss-Newton steps from the coarsest level to the finest.
 *
 * Reference: Lucas and Kanade, An iterative image registration technique with an application to stereo vision, IJCAI 1981.
 *
 * @param noise standard deviation of structure that says nothing, in the unit of the pictures
 */
export function likeness(a: Levels, b: Levels, noise: number): number {
  let placement: Placement | undefined = { scaleX: 1, shiftX: 0, scaleY: 1, shiftY: 0 };
  for (let level = a.pictures.length - 1; level >= 0 && placement !== undefined; level--) {
    const { px, gray } = a.pictures[level]!;
    for (let step = 0; step < STEPS && placement !== undefined; step++)
      placement = improved(placement, gray, b.pictures[level]!.gray, px);
  }
  if (placement === undefined) return 0;
  return correlation(a.structure, b.structure, a.pictures[0]!.px, placement, noise);
}

interface Taps {
  /** For each pixel of the first picture the one before its place in the second, -1 where it lies outside. */
  readonly before: Int32Array;
  readonly weight: Float64Array;
}

function tapsOf(px: number, scale: number, shift: number): Taps {
  const before = new Int32Array(px);
  const weight = new Float64Array(px);
  for (let i = 0; i < px; i++) {
    const at = (shift + scale * ((2 * (i + 0.5)) / px - 1) + 1) * (px / 2) - 0.5;
    // Half a pixel beyond the last middle is still inside the picture.
    const inside = at >= -0.5 && at <= px - 0.5;
    const held = Math.min(Math.max(at, 0), px - 1);
    before[i] = inside ? Math.min(Math.floor(held), px - 2) : -1;
    weight[i] = held - Math.min(Math.floor(held), px - 2);
  }
  return { before, weight };
}

/** The placement after one step; undefined where it has left what is allowed. */
function improved(placement: Placement, a: Float32Array, b: Float32Array, px: number): Placement | undefined {
  const { left, right } = normalEquations(placement, a, b, px);
  const change = solve(left, right);
  if (change === undefined) return undefined;
  const next = {
    shiftX: placement.shiftX + change[0]!,
    scaleX: placement.scaleX + change[1]!,
    shiftY: placement.shiftY + change[2]!,
    scaleY: placement.scaleY + change[3]!,
  };
  const isScale = (scale: number) => scale <= MOST_SCALE && scale >= 1 / MOST_SCALE;
  const isShift = (shift: number) => Math.abs(shift) <= MOST_SHIFT;
  const allowed = isScale(next.scaleX) && isScale(next.scaleY) && isShift(next.shiftX) && isShift(next.shiftY);
  return allowed ? next : undefined;
}

/**
 * The lower triangle `[6, 6]` and the right side `[6]` of the normal equations of
 * `b + dx (shift + x scale) + dy (shift + y scale) = gain a + offset` over all pixels of a whose place lies in b; unknown are the two
 * shifts and scales, in the order x, y, then gain and offset.
 */
function normalEquations(placement: Placement, a: Float32Array, b: Float32Array, px: number) {
  const across = tapsOf(px, placement.scaleX, placement.shiftX);
  const down = tapsOf(px, placement.scaleY, placement.shiftY);
  const half = px / 2;
  // One variable a sum, not an array: this is the inner loop of the whole search, and so four times as fast.
  let [s00, s10, s11, s20, s21, s22, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let [s40, s41, s42, s43, s44, s50, s51, s52, s53, s54, s55] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let [r0, r1, r2, r3, r4, r5] = [0, 0, 0, 0, 0, 0];
  for (let y = 0; y < px; y++) {
    const top = down.before[y]!;
    if (top < 0) continue;
    const wy = down.weight[y]!;
    const v = (y + 0.5) / half - 1;
    for (let x = 0; x < px; x++) {
      const first = across.before[x]!;
      if (first < 0) continue;
      const wx = across.weight[x]!;
      const at = top * px + first;
      const b00 = b[at]!;
      const b01 = b[at + 1]!;
      const b10 = b[at + px]!;
      const b11 = b[at + px + 1]!;
      const upper = b00 + (b01 - b00) * wx;
      const lower = b10 + (b11 - b10) * wx;
      const value = upper + (lower - upper) * wy;
      const dx = (b01 - b00 + (b11 - b10 - b01 + b00) * wy) * half;
      const ux = dx * ((x + 0.5) / half - 1);
      const dy = (lower - upper) * half;
      const vy = dy * v;
      const own = a[y * px + x]!;
      s00 += dx * dx;
      s10 += ux * dx;
      s11 += ux * ux;
      s20 += dy * dx;
      s21 += dy * ux;
      s22 += dy * dy;
      s30 += vy * dx;
      s31 += vy * ux;
      s32 += vy * dy;
      s33 += vy * vy;
      s40 -= own * dx;
      s41 -= own * ux;
      s42 -= own * dy;
      s43 -= own * vy;
      s44 += own * own;
      s50 -= dx;
      s51 -= ux;
      s52 -= dy;
      s53 -= vy;
      s54 += own;
      s55 += 1;
      r0 -= dx * value;
      r1 -= ux * value;
      r2 -= dy * value;
      r3 -= vy * value;
      r4 += own * value;
      r5 += value;
    }
  }
  return {
    left: Float64Array.of(
      ...[s00, 0, 0, 0, 0, 0],
      ...[s10, s11, 0, 0, 0, 0],
      ...[s20, s21, s22, 0, 0, 0],
      ...[s30, s31, s32, s33, 0, 0],
      ...[s40, s41, s42, s43, s44, 0],
      ...[s50, s51, s52, s53, s54, s55],
    ),
    right: Float64Array.of(r0, r1, r2, r3, r4, r5),
  };
}

/** x of `left x = right`, from the lower triangle of a symmetric `[6, 6]`; undefined where nothing decides it. */
function solve(left: Float64Array, right: Float64Array): Float64Array | undefined {
  const n = right.length;
  const out = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    const scale = left[i * n + i]!;
    for (let j = 0; j <= i; j++) {
      let sum = left[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= left[i * n + k]! * left[j * n + k]!;
      if (i === j) {
        if (!(sum > 1e-9 * scale)) return undefined;
        left[i * n + i] = Math.sqrt(sum);
      } else left[i * n + j] = sum / left[j * n + j]!;
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) out[i]! -= left[i * n + k]! * out[k]!;
    out[i]! /= left[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) out[i]! -= left[k * n + i]! * out[k]!;
    out[i]! /= left[i * n + i]!;
  }
  return out;
}

function correlation(a: Float32Array, b: Float32Array, px: number, placement: Placement, noise: number): number {
  const across = tapsOf(px, placement.scaleX, placement.shiftX);
  const down = tapsOf(px, placement.scaleY, placement.shiftY);
  let [count, sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0, 0];
  const isInner = (before: number) => before >= EDGE - 1 && before <= px - 1 - EDGE;
  for (let y = EDGE; y < px - EDGE; y++) {
    const top = down.before[y]!;
    if (!isInner(top)) continue;
    for (let x = EDGE; x < px - EDGE; x++) {
      const first = across.before[x]!;
      if (!isInner(first)) continue;
      const at = top * px + first;
      const wx = across.weight[x]!;
      const upper = b[at]! + (b[at + 1]! - b[at]!) * wx;
      const lower = b[at + px]! + (b[at + px + 1]! - b[at + px]!) * wx;
      const other = upper + (lower - upper) * down.weight[y]!;
      const own = a[y * px + x]!;
      count++;
      sumA += own;
      sumB += other;
      squaresA += own * own;
      squaresB += other * other;
      products += own * other;
    }
  }
  if (count < LEAST_OVERLAP * (px - 2 * EDGE) ** 2) return 0;
  const varianceA = squaresA / count - (sumA / count) ** 2;
  const varianceB = squaresB / count - (sumB / count) ** 2;
  const covariance = products / count - (sumA / count) * (sumB / count);
  return covariance / (Math.sqrt(varianceA * varianceB) + noise ** 2);
}

function halve(gray: Float32Array, px: number): Float32Array {
  const half = px / 2;
  const out = new Float32Array(half * half);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const at = 2 * y * px + 2 * x;
      out[y * half + x] = (gray[at]! + gray[at + 1]! + gray[at + px]! + gray[at + px + 1]!) / 4;
    }
  }
  return out;
}

/** `[px, px]` blurred by a Gaussian of this width; beyond the edge is more of the edge. */
function blur(gray: Float32Array, px: number, sigma: number): Float32Array {
  const reach = Math.ceil(2.5 * sigma);
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = kernel.reduce((sum, value) => sum + value, 0);
  const clamp = (i: number) => Math.min(Math.max(i, 0), px - 1);
  const rows = new Float32Array(px * px);
  const out = new Float32Array(px * px);
  for (let y = 0; y < px; y++) {
    for (let x = 0; x < px; x++) {
      let sum = 0;
      for (let k = -reach; k <= reach; k++) sum += kernel[k + reach]! * gray[y * px + clamp(x + k)]!;
      rows[y * px + x] = sum / total;
    }
  }
  for (let y = 0; y < px; y++) {
    for (let k = -reach; k <= reach; k++) {
      const weight = kernel[k + reach]! / total;
      const from = clamp(y + k) * px;
      for (let x = 0; x < px; x++) out[y * px + x]! += weight * rows[from + x]!;
    }
  }
  return out;
}

function mirrorGray(gray: Float32Array, px: number): Float32Array {
  return gray.map((_, i) => gray[i - (i % px) + px - 1 - (i % px)]!);
}
