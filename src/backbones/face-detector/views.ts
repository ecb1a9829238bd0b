import { type Affine, type Point, similarity } from '../../images/affine.js';
import type { Size } from '../../images/enlarge.js';
import { DETECTOR_PX } from './decode-faces.js';

/** A square of an image that the detector is run on. */
export interface View {
  /** Edge in pixels of the image. */
  readonly sidePx: number;
  /** From the detector's pixels to the image's. */
  readonly toImage: Affine;
}

/** The square with this edge and center, rotated clockwise by `degrees`. */
export function viewAround(at: Point, sidePx: number, degrees = 0): View {
  const half = DETECTOR_PX / 2;
  return { sidePx, toImage: similarity(sidePx / DETECTOR_PX, degrees, { x: half, y: half }, at) };
}

/** The whole image, rotated clockwise by `degrees`; a `margin` of 0.5 leaves half of the view's edge empty. */
export const wholeView = ({ width, height }: Size, margin = 0, degrees = 0): View =>
  viewAround({ x: width / 2, y: height / 2 }, Math.max(width, height) / (1 - margin), degrees);

// Smaller tiles would enlarge the image, and find only faces too small to predict.
const SMALLEST_TILE_PX = 480;
const OVERLAP = 0.3;

/**
 * Squares that together cover the image and overlap by at least `OVERLAP` of their edge: of half, then a quarter of the image's longer
 * edge, where that is at least `SMALLEST_TILE_PX`.
 */
export function tileViews({ width, height }: Size): View[] {
  const longer = Math.max(width, height);
  return [longer / 2, longer / 4]
    .filter(sidePx => sidePx >= SMALLEST_TILE_PX)
    .flatMap(sidePx =>
      centers(height, sidePx).flatMap(y => centers(width, sidePx).map(x => viewAround({ x, y }, sidePx))),
    );
}

/** The centers of intervals of length `side` that cover 0 to `length`. */
function centers(length: number, side: number): number[] {
  if (length <= side) return [length / 2];
  const count = Math.ceil((length - side) / (side * (1 - OVERLAP))) + 1;
  return Array.from({ length: count }, (_, i) => side / 2 + (i * (length - side)) / (count - 1));
}
