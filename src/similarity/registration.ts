import { blur, halve, mirrorGray } from '../images/gray.js';

/** A square gray image at several sizes, each half the one before, and its fine structure at the first. */
export interface Levels {
  /** The finest first. */
  readonly templates: readonly Template[];
  /** `[px, px]` of the finest: what is between two blurs of it; made when first asked for. */
  structure(): Float32Array;
}

/** An image, onto which others are laid. */
interface Template {
  readonly px: number;
  /** `[px, px]`. */
  readonly gray: Float32Array;
  /** What laying another one upon it needs; made when first asked for, since many are only ever laid upon others. */
  slopes(): Slopes;
}

interface Slopes {
  /** Per half an image, in x and y, `[px, px]`. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** The Cholesky factor `[6, 6]` of the normal equations; undefined where the image is too plain to be laid upon. */
  readonly factor: Float64Array | undefined;
}

/** How one image lies in another: a place x in -1 to 1 of the first is at `shift + scale x` of the second. */
interface Placement {
  readonly scaleX: number;
  readonly shiftX: number;
  readonly scaleY: number;
  readonly shiftY: number;
}

const COARSEST_PX = 16;
// Steps on each level.
const STEPS = 4;
// The inner part of the template that is laid upon the other: with a tenth cut off anywhere, the other still shows it.
const WINDOW = 0.8;
// Twice what a crop by a tenth needs, for steps that go too far at first.
const MOST_SCALE = 1.3;
const MOST_SHIFT = 0.35;
const LEAST_OVERLAP = 0.7;
// Pixels at the edge whose blur has seen the image's end.
const EDGE = 2;
// Widths of the two blurs, in pixels.
const [FINE, COARSE] = [0.8, 2.5];

/**
 * The levels of a gray image.
 *
 * @param gray `[px, px]`, px a power of two, at least 16
 */
export function levelsOf(gray: Float32Array, px: number): Levels {
  const fine = blur(gray, px, FINE);
  const templates = [templateOf(fine, px)];
  for (let last = templates[0]!; last.px > COARSEST_PX; templates.push(last))
    last = templateOf(blur(halve(last.gray, last.px), last.px / 2, FINE), last.px / 2);
  const structure = () => {
    const out = blur(gray, px, COARSE);
    for (let i = 0; i < out.length; i++) out[i] = fine[i]! - out[i]!;
    return out;
  };
  return { templates, structure: once(structure) };
}

const mirrorImages = new WeakMap<Levels, Levels>();

/** The levels of the mirror image; made once for as long as `levels` are kept. */
export function mirrorLevels(levels: Levels): Levels {
  const known = mirrorImages.get(levels);
  if (known !== undefined) return known;
  const { templates, structure } = levels;
  const made = {
    templates: templates.map(({ px, gray }) => templateOf(mirrorGray(gray, px), px)),
    structure: once(() => mirrorGray(structure(), templates[0]!.px)),
  };
  mirrorImages.set(levels, made);
  return made;
}

/**
 * How alike two images are where they show the same, -1 to 1: the second is scaled and shifted in both directions until it fits the first
 * best, and the fine structure of both is then correlated. 0 where no such place is found: where more than about a tenth would be cut off.
 *
 * The fit is least squares with a free brightness and contrast, by Gauss-Newton steps from the coarsest level to the finest, with the slopes
 * of the first image.
 *
 * Reference: Baker and Matthews, Lucas-Kanade 20 years on: a unifying framework, IJCV 56 (2004), the inverse compositional algorithm.
 *
 * @param noise standard deviation of structure that says nothing, in the unit of the images
 */
export function likeness(a: Levels, b: Levels, noise: number): number {
  const at = placementOf(a, b);
  return at === undefined ? 0 : correlation(a.structure(), b.structure(), a.templates[0]!.px, at, noise);
}

/**
 * How alike two images are where they are least alike, up to 1: the lowest correlation within any square of an eighth of the image's side,
 * once the second is laid upon the first as for `likeness`. Squares without structure count as alike. A copy is alike everywhere; two
 * drawings by the same hand agree in most places and differ in a few.
 *
 * @param noise standard deviation of structure that says nothing, in the unit of the images
 * @returns 0 where no placement is found, as for `likeness`
 */
export function lowestLikeness(a: Levels, b: Levels, noise: number): number {
  const at = placementOf(a, b);
  return at === undefined ? 0 : lowestCorrelation(a.templates[0]!, b.templates[0]!, at, noise);
}

/** Where the first lies in the second; undefined where no place is found. */
function placementOf(a: Levels, b: Levels): Placement | undefined {
  let placement: Placement | undefined = { scaleX: 1, shiftX: 0, scaleY: 1, shiftY: 0 };
  for (let level = a.templates.length - 1; level >= 0 && placement !== undefined; level--) {
    for (let step = 0; step < STEPS && placement !== undefined; step++)
      placement = improved(placement, a.templates[level]!, b.templates[level]!.gray);
  }
  return placement;
}

/** The first and the last pixel of `px` that lie in the window, the latter excluded. */
function windowOf(px: number): [from: number, to: number] {
  const cut = Math.round(((1 - WINDOW) / 2) * px);
  return [cut, px - cut];
}

function templateOf(gray: Float32Array, px: number): Template {
  return { px, gray, slopes: once(() => slopesOf(gray, px)) };
}

function slopesOf(gray: Float32Array, px: number): Slopes {
  const [from, to] = windowOf(px);
  const half = px / 2;
  const slopes = { x: new Float32Array(px * px), y: new Float32Array(px * px) };
  // Of each pixel there is a row [dx, dx u, dy, dy v, gray, 1], with its place (u, v); these are the sums of the rows' products.
  let [xx, xxu, xxuu, xy, xyu, xyv, xyuv, yy, yyv, yyvv] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let [gx, gxu, gy, gyv, gg, x1, xu1, y1, yv1, g1] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let y = from; y < to; y++) {
    const v = (y + 0.5) / half - 1;
    for (let x = from; x < to; x++) {
      const at = y * px + x;
      const u = (x + 0.5) / half - 1;
      const dx = ((gray[at + 1]! - gray[at - 1]!) / 2) * half;
      const dy = ((gray[at + px]! - gray[at - px]!) / 2) * half;
      const g = gray[at]!;
      slopes.x[at] = dx;
      slopes.y[at] = dy;
      const dxu = dx * u;
      const dyv = dy * v;
      xx += dx * dx;
      xxu += dx * dxu;
      xxuu += dxu * dxu;
      xy += dx * dy;
      xyu += dxu * dy;
      xyv += dx * dyv;
      xyuv += dxu * dyv;
      yy += dy * dy;
      yyv += dy * dyv;
      yyvv += dyv * dyv;
      gx += g * dx;
      gxu += g * dxu;
      gy += g * dy;
      gyv += g * dyv;
      gg += g * g;
      x1 += dx;
      xu1 += dxu;
      y1 += dy;
      yv1 += dyv;
      g1 += g;
    }
  }
  const count = (to - from) ** 2;
  const rows = [[xx], [xxu, xxuu], [xy, xyu, yy], [xyv, xyuv, yyv, yyvv], [gx, gxu, gy, gyv, gg]];
  rows.push([x1, xu1, y1, yv1, g1, count]);
  const matrix = new Float64Array(36);
  for (const [i, row] of rows.entries()) matrix.set(row, 6 * i);
  return { ...slopes, factor: factorize(matrix) };
}

/** What `make` gives, made when it is first asked for. */
function once<T>(make: () => T): () => T {
  let get = () => {
    const made = make();
    // What it was made from is let go.
    get = () => made;
    return made;
  };
  return () => get();
}

/** The Cholesky factor of a symmetric `[6, 6]`, given and made as the lower triangle; undefined where it is singular. */
function factorize(matrix: Float64Array): Float64Array | undefined {
  const n = 6;
  for (let i = 0; i < n; i++) {
    const scale = matrix[i * n + i]!;
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= matrix[i * n + k]! * matrix[j * n + k]!;
      if (i === j && !(sum > 1e-9 * scale)) return undefined;
      matrix[i * n + j] = i === j ? Math.sqrt(sum) : sum / matrix[j * n + j]!;
    }
  }
  return matrix;
}

/** Turns the right side `[6]` into the solution, in place. */
function solve(factor: Float64Array, right: Float64Array): void {
  const n = 6;
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) right[i]! -= factor[i * n + k]! * right[k]!;
    right[i]! /= factor[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) right[i]! -= factor[k * n + i]! * right[k]!;
    right[i]! /= factor[i * n + i]!;
  }
}

/** Where the pixels of one direction lie in the other image: at `before`, a share `weight` on towards the next. */
interface Taps {
  readonly before: Int32Array;
  readonly weight: Float64Array;
}

// Millions of small arrays would keep the collector busier than the arithmetic: the inner loops work in these.
const MOST_PX = 64;
const taps = (): Taps => ({ before: new Int32Array(MOST_PX), weight: new Float64Array(MOST_PX) });
const [across, down] = [taps(), taps()];
const line = new Float64Array(MOST_PX);
const right = new Float64Array(6);

/** Fills in the places of `px` pixels; those outside lie on the edge. */
function place({ before, weight }: Taps, px: number, scale: number, shift: number): void {
  for (let i = 0; i < px; i++) {
    const at = (shift + scale * ((2 * (i + 0.5)) / px - 1) + 1) * (px / 2) - 0.5;
    const held = Math.min(Math.max(at, 0), px - 1);
    const first = Math.min(Math.floor(held), px - 2);
    before[i] = first;
    weight[i] = held - first;
  }
}

/** The placement after one step; undefined where it has left what is allowed. */
function improved({ scaleX, shiftX, scaleY, shiftY }: Placement, a: Template, b: Float32Array): Placement | undefined {
  const { px, gray } = a;
  const { x: slopeX, y: slopeY, factor } = a.slopes();
  if (factor === undefined) return undefined;
  place(across, px, scaleX, shiftX);
  place(down, px, scaleY, shiftY);
  const [from, to] = windowOf(px);
  const half = px / 2;
  let r0 = 0;
  let r1 = 0;
  let r2 = 0;
  let r3 = 0;
  let r4 = 0;
  let r5 = 0;
  for (let y = from; y < to; y++) {
    const top = down.before[y]! * px;
    const wy = down.weight[y]!;
    for (let x = 0; x < px; x++) line[x] = b[top + x]! + (b[top + px + x]! - b[top + x]!) * wy;
    let ofRow = 0;
    for (let x = from, at = y * px + from; x < to; x++, at++) {
      const first = across.before[x]!;
      const value = line[first]! + (line[first + 1]! - line[first]!) * across.weight[x]!;
      const inX = slopeX[at]! * value;
      r0 += inX;
      r1 += inX * ((x + 0.5) / half - 1);
      ofRow += slopeY[at]! * value;
      r4 += gray[at]! * value;
      r5 += value;
    }
    r2 += ofRow;
    r3 += ofRow * ((y + 0.5) / half - 1);
  }
  right[0] = r0;
  right[1] = r1;
  right[2] = r2;
  right[3] = r3;
  right[4] = r4;
  right[5] = r5;
  // b = gain (a + slopes * moves) + offset, in least squares.
  solve(factor, right);
  const gain = right[4]!;
  // A contrast that is turned around, or gone, is no likeness.
  if (!(gain > 0)) return undefined;
  // What b shows at a place, a shows these further on: so the place goes back by them.
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
  scale <= MOST_SCALE && scale >= 1 / MOST_SCALE && Math.abs(shift) <= MOST_SHIFT;

function correlation(a: Float32Array, b: Float32Array, px: number, at: Placement, noise: number): number {
  place(across, px, at.scaleX, at.shiftX);
  place(down, px, at.scaleY, at.shiftY);
  let count = 0;
  let sumA = 0;
  let sumB = 0;
  let squaresA = 0;
  let squaresB = 0;
  let products = 0;
  const [from, to] = [EDGE - 1, px - 1 - EDGE];
  for (let y = EDGE; y < px - EDGE; y++) {
    if (down.before[y]! < from || down.before[y]! > to) continue;
    const top = down.before[y]! * px;
    for (let x = EDGE; x < px - EDGE; x++) {
      const first = across.before[x]!;
      if (first < from || first > to) continue;
      const wx = across.weight[x]!;
      const upper = b[top + first]! + (b[top + first + 1]! - b[top + first]!) * wx;
      const lower = b[top + px + first]! + (b[top + px + first + 1]! - b[top + px + first]!) * wx;
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

// Half the side of the squares is a cell: squares overlap by half.
const CELLS = 16;
// Squares that the other image shows less of say nothing.
const LEAST_SEEN = 0.6;
// The variance that is added to that of a square, as a share of the whole image's: what hardly varies is not compared.
const FLAT = 0.25;
// Sums of each cell: pixels, both images, their squares and their products.
const cells = Array.from({ length: 6 }, () => new Float64Array(CELLS ** 2));

function lowestCorrelation(a: Template, b: Template, at: Placement, noise: number): number {
  const { px } = a;
  place(across, px, at.scaleX, at.shiftX);
  place(down, px, at.scaleY, at.shiftY);
  for (const sums of cells) sums.fill(0);
  const side = px / CELLS;
  const [from, to] = [EDGE - 1, px - 1 - EDGE];
  for (let y = EDGE; y < px - EDGE; y++) {
    if (down.before[y]! < from || down.before[y]! > to) continue;
    const top = down.before[y]! * px;
    for (let x = EDGE; x < px - EDGE; x++) {
      const first = across.before[x]!;
      if (first < from || first > to) continue;
      const wx = across.weight[x]!;
      const upper = b.gray[top + first]! + (b.gray[top + first + 1]! - b.gray[top + first]!) * wx;
      const lower = b.gray[top + px + first]! + (b.gray[top + px + first + 1]! - b.gray[top + px + first]!) * wx;
      const other = upper + (lower - upper) * down.weight[y]!;
      const own = a.gray[y * px + x]!;
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
  if (whole.count < LEAST_OVERLAP * (px - 2 * EDGE) ** 2) return 0;
  // In units of the images' own contrast, so that neither brightness nor contrast matters.
  const [contrastA, contrastB] = [Math.sqrt(whole.varianceA) + noise, Math.sqrt(whole.varianceB) + noise];
  let lowest = 1;
  for (let y = 0; y + 1 < CELLS; y++) {
    for (let x = 0; x + 1 < CELLS; x++) {
      const cell = y * CELLS + x;
      const square = momentsOf(sums => sums[cell]! + sums[cell + 1]! + sums[cell + CELLS]! + sums[cell + CELLS + 1]!);
      if (square.count < LEAST_SEEN * (2 * side) ** 2) continue;
      const varianceA = square.varianceA / contrastA ** 2 + FLAT;
      const varianceB = square.varianceB / contrastB ** 2 + FLAT;
      const covariance = square.covariance / (contrastA * contrastB) + FLAT;
      lowest = Math.min(lowest, covariance / Math.sqrt(varianceA * varianceB));
    }
  }
  return lowest;
}

/** Moments of both images from the sums of some cells. */
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
