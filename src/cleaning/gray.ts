import type { Size } from '../data/enlarge.js';

/**
 * The luma of RGB pixels `[H, W, 3]`, 0 to 255, `[H, W]`.
 *
 * Reference: ITU-R BT.601
 */
export function luma(pixels: Uint8Array): Float32Array {
  const out = new Float32Array(pixels.length / 3);
  for (let i = 0, p = 0; i < out.length; i++, p += 3)
    out[i] = 0.299 * pixels[p]! + 0.587 * pixels[p + 1]! + 0.114 * pixels[p + 2]!;
  return out;
}

/** A gray picture `[H, W]` stretched to `[px, px]`: each new pixel is the mean of the area that it covers. */
export function stretch(gray: Float32Array, { width, height }: Size, px: number): Float32Array {
  const rows = new Float32Array(height * px);
  const across = areas(width, px);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < px; x++) {
      const { first, weights } = across[x]!;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * gray[y * width + first + i]!;
      rows[y * px + x] = sum;
    }
  }
  const out = new Float32Array(px * px);
  for (const [y, { first, weights }] of areas(height, px).entries()) {
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i]!;
      const from = (first + i) * px;
      for (let x = 0; x < px; x++) out[y * px + x]! += weight * rows[from + x]!;
    }
  }
  return out;
}

interface Area {
  readonly first: number;
  readonly weights: Float64Array;
}

/** For each of `to` pixels the first of `from` pixels that it covers, and the shares of it and those behind it. */
function areas(from: number, to: number): readonly Area[] {
  const name = `${from} ${to}`;
  const known = knownAreas.get(name);
  if (known !== undefined) return known;
  const made = Array.from({ length: to }, (_, i) => {
    const [begin, end] = [(i * from) / to, ((i + 1) * from) / to];
    const first = Math.floor(begin);
    // A share of a millionth is a rounding error.
    const last = Math.min(Math.max(Math.ceil(end - 1e-6), first + 1), from);
    const covered = (at: number) => (Math.min(at + 1, end) - Math.max(at, begin)) / (end - begin);
    return { first, weights: Float64Array.from({ length: last - first }, (_, k) => covered(first + k)) };
  });
  knownAreas.set(name, made);
  return made;
}

// Pictures of a data set have few sizes.
const knownAreas = new Map<string, readonly Area[]>();

/** `[px, px]` at half the size, each pixel the mean of four. */
export function halve(gray: Float32Array, px: number): Float32Array {
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
export function blur(gray: Float32Array, px: number, sigma: number): Float32Array {
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

/** The mirror image of `[px, px]`. */
export function mirrorGray(gray: Float32Array, px: number): Float32Array {
  return gray.map((_, i) => gray[i - (i % px) + px - 1 - (i % px)]!);
}
