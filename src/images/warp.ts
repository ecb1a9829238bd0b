import type { Tensor } from '../engine/tensor.js';
import { type Affine, scaleOf } from './affine.js';
import type { Size } from './enlarge.js';

/** RGB pixels, uint8 `[H, W, 3]`. */
export interface Raster extends Size {
  readonly pixels: Uint8Array;
}

/** An image and its versions at 1/2, 1/4, ... of its size. */
export type Pyramid = readonly [Raster, ...Raster[]];

/** Halves `raster` while its shorter edge is at least `2 smallest` pixels. */
export function pyramidOf(raster: Raster, smallest = 64): Pyramid {
  const levels: [Raster, ...Raster[]] = [raster];
  for (let last = raster; Math.min(last.width, last.height) >= 2 * smallest; ) {
    last = halve(last);
    levels.push(last);
  }
  return levels;
}

/** Averages 2 x 2 pixels; an odd last row or column is dropped. */
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
 * Warps `image` by a similarity, or one that is mildly stretched in one direction, to uint8 `[height, width, 3]`.
 *
 * Bilinear with half-pixel centers, as `enlarge`; when shrinking, each pixel is the mean of four samples from the pyramid level that is at
 * most twice as fine.
 *
 * @param toImage Maps points of the result to points of the image.
 * @param beyond Gray value outside of the image, 0 to 255; `edge` replicates its edge.
 */
export function warp(image: Pyramid, toImage: Affine, size: Size, beyond: number | 'edge'): Uint8Array {
  const shrink = scaleOf(toImage);
  const level = Math.min(image.length - 1, Math.max(0, Math.floor(Math.log2(shrink))));
  const { pixels, width, height } = image[level]!;
  const [a, b, c, d, e, f] = toImage.map(number => number * 2 ** -level) as unknown as Affine;
  const offsets = shrink > 1 ? [0.25, 0.75] : [0.5];
  const out = new Uint8Array(size.width * size.height * 3);
  const [right, bottom, rowBytes] = [width - 1, height - 1, 3 * width];
  const share = 1 / offsets.length ** 2;
  // A hot loop, without calls, objects or destructuring.
  for (let y = 0, o = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++, o += 3) {
      let red = 0.5;
      let green = 0.5;
      let blue = 0.5;
      for (let j = 0; j < offsets.length; j++) {
        for (let i = 0; i < offsets.length; i++) {
          const s = x + offsets[i]!;
          const t = y + offsets[j]!;
          let u = a * s + b * t + c;
          let v = d * s + e * t + f;
          if (beyond !== 'edge' && (u < 0 || v < 0 || u > width || v > height)) {
            red += share * beyond;
            green += share * beyond;
            blue += share * beyond;
            continue;
          }
          u = u < 0.5 ? 0 : u > right + 0.5 ? right : u - 0.5;
          v = v < 0.5 ? 0 : v > bottom + 0.5 ? bottom : v - 0.5;
          const left = u | 0;
          const top = v | 0;
          const across = u - left;
          const down = v - top;
          const p = top * rowBytes + 3 * left;
          const q = left < right ? p + 3 : p;
          const below = top < bottom ? rowBytes : 0;
          const p2 = p + below;
          const q2 = q + below;
          const w4 = share * across * down;
          const w3 = share * down - w4;
          const w2 = share * across - w4;
          const w1 = share - w2 - w3 - w4;
          red += pixels[p]! * w1 + pixels[q]! * w2 + pixels[p2]! * w3 + pixels[q2]! * w4;
          green += pixels[p + 1]! * w1 + pixels[q + 1]! * w2 + pixels[p2 + 1]! * w3 + pixels[q2 + 1]! * w4;
          blue += pixels[p + 2]! * w1 + pixels[q + 2]! * w2 + pixels[p2 + 2]! * w3 + pixels[q2 + 2]! * w4;
        }
      }
      out[o] = red;
      out[o + 1] = green;
      out[o + 2] = blue;
    }
  }
  return out;
}

/** Largest size in pixels at which a photo is searched for faces. 16 million pixels take 48 MB, and the pyramid's other levels 16 MB. */
export const MAX_SCENE_PIXELS = 16_000_000;

/** The size at which a photo of this size is searched for faces, and the scale factor, 1 up to `MAX_SCENE_PIXELS`. */
export function sceneSize({ width, height }: Size): Size & { readonly shrunk: number } {
  const shrunk = Math.min(1, Math.sqrt(MAX_SCENE_PIXELS / (width * height)));
  return {
    width: Math.max(1, Math.round(width * shrunk)),
    height: Math.max(1, Math.round(height * shrunk)),
    shrunk,
  };
}

/** Horizontal mirror images of uint8 RGB images `[N, H, W, 3]`. */
export function mirror({ shape, data }: Tensor<'uint8'>): Tensor<'uint8'> {
  const width = shape[2]!;
  const out = new Uint8Array(data.length);
  for (let row = 0; row < data.length; row += 3 * width) {
    for (let from = row, to = row + 3 * (width - 1); to >= row; from += 3, to -= 3) {
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { dtype: 'uint8', shape, data: out };
}
