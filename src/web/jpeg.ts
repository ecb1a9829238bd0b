import type { Size } from '../images/enlarge.js';
import { type ImageRows, ROWS_AT_ONCE } from './shrink.js';

/** Where the right and the lower edge of an image, as it is stored, lie when it is shown: at the other end, where true. */
interface Turn {
  readonly swapped: boolean;
  readonly rightIsFirst: boolean;
  readonly bottomIsFirst: boolean;
}

// By EXIF orientation, 1 to 8: whether width and height are exchanged, and which of the stored edges come first in their direction.
const TURNS: readonly Turn[] = [
  [false, false, false],
  [false, true, false],
  [false, true, true],
  [false, false, true],
  [true, false, false],
  [true, false, true],
  [true, true, true],
  [true, true, false],
].map(([swapped, rightIsFirst, bottomIsFirst]) => ({ swapped, rightIsFirst, bottomIsFirst }) as Turn);

/**
 * The rows that Node's decoder gives of a JPEG that is to be shrunk to `size`: it decodes large ones at a half, a quarter or an eighth,
 * where this takes the mean of as many pixels. What is left over at the stored right and lower edge is dropped, as there.
 *
 * @param orientation The file's EXIF orientation, which `image` has been turned by already.
 * Reference: sharp 0.35 (pipeline.cc, jpegShrinkOnLoad), libvips 8.18 (jpegload, output_width)
 */
export function jpegRows(image: ImageRows, size: Size, orientation: number): ImageRows {
  const box = boxOf(Math.min(image.width / size.width, image.height / size.height));
  if (box === 1) return image;
  const { swapped, rightIsFirst, bottomIsFirst } = TURNS[orientation - 1]!;
  const width = Math.floor(image.width / box);
  const height = Math.floor(image.height / box);
  const [dropLeft, dropTop] = swapped ? [bottomIsFirst, rightIsFirst] : [rightIsFirst, bottomIsFirst];
  const left = dropLeft ? image.width - width * box : 0;
  const above = dropTop ? image.height - height * box : 0;
  return {
    width,
    height,
    read(top, count) {
      const out = new Uint8Array(count * width * 4);
      const atOnce = Math.max(1, ROWS_AT_ONCE / box);
      for (let row = 0; row < count; row += atOnce) {
        const rows = Math.min(atOnce, count - row);
        const rgba = image.read(above + (top + row) * box, rows * box);
        means(rgba, image.width, { left, box, width, height: rows }, out.subarray(row * width * 4));
      }
      return out;
    },
  };
}

function boxOf(factor: number): number {
  const box = factor >= 8 ? 8 : factor >= 4 ? 4 : factor >= 2 ? 2 : 1;
  // sharp keeps away from factors that libjpeg rounds wrongly.
  return box > 1 && Math.floor(factor) === box ? box / 2 : box;
}

/** Writes RGBA `[height, width, 4]`, each the rounded mean of `box` x `box` pixels; alpha stays as it was. */
function means(
  rgba: Uint8Array | Uint8ClampedArray,
  stride: number,
  { left, box, width, height }: Size & { readonly left: number; readonly box: number },
  out: Uint8Array,
): void {
  const shift = 2 * Math.log2(box);
  const half = 1 << (shift - 1);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 4) {
      let [r, g, b] = [half, half, half];
      for (let j = 0; j < box; j++) {
        let at = ((y * box + j) * stride + left + x * box) * 4;
        for (let i = 0; i < box; i++, at += 4) {
          r += rgba[at]!;
          g += rgba[at + 1]!;
          b += rgba[at + 2]!;
        }
      }
      out[o] = r >> shift;
      out[o + 1] = g >> shift;
      out[o + 2] = b >> shift;
    }
  }
}
