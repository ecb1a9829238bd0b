import { type Affine, scaleOf } from './affine.js';
import type { Size } from './enlarge.js';

/** RGB pixels, uint8 `[H, W, 3]`. */
export interface Raster extends Size {
  readonly pixels: Uint8Array;
}

/** An image and its versions of half the size, a quarter, and so on. */
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
 * What `image` shows through a similarity, or one that is mildly stretched in one direction, uint8 `[height, width, 3]`.
 *
 * Bilinear with half-pixel centres, as `enlarge`; where the image becomes smaller, each pixel is the mean of four samples of the
 * level of the pyramid that is at most twice as fine.
 *
 * @param toImage Takes places of the result to places of the image.
 * @param beyond The gray value outside of the image, 0 to 255; `edge` repeats its edge.
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
  // One loop without calls or objects, those of a destructuring included: it runs for each pixel of each look at an image.
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
