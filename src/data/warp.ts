import { type Affine, scaleOf } from './affine.js';
import type { Size } from './enlarge.js';

/** RGB pixels, uint8 `[H, W, 3]`. */
export interface Raster extends Size {
  readonly pixels: Uint8Array;
}

/** A picture and its versions of half the size, a quarter, and so on. */
export type Pyramid = readonly [Raster, ...Raster[]];

/** Halves `raster` until its shorter edge is below `smallest` pixels. */
export function pyramidOf(raster: Raster, smallest = 64): Pyramid {
  const levels: [Raster, ...Raster[]] = [raster];
  for (let last = raster; Math.min(last.width, last.height) >= 2 * smallest; ) {
    last = halve(last);
    levels.push(last);
  }
  return levels;
}

/** Each pixel is the mean of four; an odd last row or column is left out. */
function halve({ pixels, width, height }: Raster): Raster {
  const [w, h] = [width >> 1, height >> 1];
  const out = new Uint8Array(w * h * 3);
  for (let y = 0, o = 0; y < h; y++) {
    const upper = 2 * y * width * 3;
    const lower = upper + width * 3;
    for (let x = 0; x < w; x++) {
      for (let channel = 0, i = 6 * x; channel < 3; channel++, i++, o++) {
        const sum = pixels[upper + i]! + pixels[upper + i + 3]! + pixels[lower + i]! + pixels[lower + i + 3]!;
        out[o] = (sum + 2) >> 2;
      }
    }
  }
  return { pixels: out, width: w, height: h };
}

/**
 * What `picture` shows through a similarity, or one that is mildly stretched in one direction, uint8 `[height, width, 3]`.
 *
 * Bilinear with half-pixel centres, as `enlarge`; where the picture becomes smaller, each pixel is the mean of four samples of the
 * level of the pyramid that is at most twice as fine.
 *
 * @param toPicture Takes places of the result to places of the picture.
 * @param beyond The gray value outside of the picture, 0 to 255; `edge` repeats its edge.
 */
export function warp(picture: Pyramid, toPicture: Affine, size: Size, beyond: number | 'edge'): Uint8Array {
  const shrink = scaleOf(toPicture);
  const level = Math.min(picture.length - 1, Math.max(0, Math.floor(Math.log2(shrink))));
  const raster = picture[level]!;
  const finer = 2 ** -level;
  const [a, b, c, d, e, f] = toPicture.map(number => number * finer) as unknown as Affine;
  const offsets = shrink > 1 ? [-0.25, 0.25] : [0];
  const share = 1 / offsets.length ** 2;
  const out = new Uint8Array(size.width * size.height * 3);
  const sum = new Float64Array(3);
  for (let y = 0, o = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++, o += 3) {
      sum.fill(0.5);
      for (const up of offsets) {
        for (const right of offsets) {
          const [u, v] = [x + 0.5 + right, y + 0.5 + up];
          sample(raster, a * u + b * v + c, d * u + e * v + f, beyond, share, sum);
        }
      }
      out[o] = sum[0]!;
      out[o + 1] = sum[1]!;
      out[o + 2] = sum[2]!;
    }
  }
  return out;
}

/** Adds `share` of the colour at (x, y) to `sum`. */
function sample(
  { pixels, width, height }: Raster,
  x: number,
  y: number,
  beyond: number | 'edge',
  share: number,
  sum: Float64Array,
): void {
  if (beyond !== 'edge' && (x < 0 || y < 0 || x > width || y > height)) {
    for (let channel = 0; channel < 3; channel++) sum[channel]! += share * beyond;
    return;
  }
  const [u, v] = [Math.min(Math.max(x - 0.5, 0), width - 1), Math.min(Math.max(y - 0.5, 0), height - 1)];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  const [across, down] = [u - left, v - top];
  const at = (top * width + left) * 3;
  const right = left < width - 1 ? 3 : 0;
  const below = top < height - 1 ? width * 3 : 0;
  for (let channel = 0; channel < 3; channel++) {
    const i = at + channel;
    const upper = pixels[i]! * (1 - across) + pixels[i + right]! * across;
    const lower = pixels[i + below]! * (1 - across) + pixels[i + below + right]! * across;
    sum[channel]! += share * (upper * (1 - down) + lower * down);
  }
}
