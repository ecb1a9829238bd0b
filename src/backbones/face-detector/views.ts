import { type Affine, type Point, similarity } from '../../images/affine.js';
import type { Size } from '../../images/enlarge.js';
import { DETECTOR_PX } from './decode-faces.js';

/** A square of an image that the detector looks at. */
export interface View {
  /** Its edge in the image's pixels. */
  readonly sidePx: number;
  /** From the detector's pixels to the image's. */
  readonly toImage: Affine;
}

/** The square of this edge around `at`, turned clockwise by `degrees`. */
export function viewAround(at: Point, sidePx: number, degrees = 0): View {
  const half = DETECTOR_PX / 2;
  return { sidePx, toImage: similarity(sidePx / DETECTOR_PX, degrees, { x: half, y: half }, at) };
}

/** The whole image, turned clockwise by `degrees`; a `margin` of 0.5 leaves half of the view's edge empty. */
export const wholeView = ({ width, height }: Size, margin = 0, degrees = 0): View =>
  viewAround({ x: width / 2, y: height / 2 }, Math.max(width, height) / (1 - margin), degrees);

// Tiles as fine as that show faces larger than they are in the image, which finds nothing that a model could judge.
const SMALLEST_TILE_PX = 480;
const OVERLAP = 0.3;

/**
 * Squares that together show all of the image, each at least `OVERLAP` of its edge over the next: of a half, then a quarter of the
 * image's longer edge, as far as that has the pixels for it.
 */
export function tileViews({ width, height }: Size): View[] {
  const longer = Math.max(width, height);
  return [longer / 2, longer / 4]
    .filter(sidePx => sidePx >= SMALLEST_TILE_PX)
    .flatMap(sidePx =>
      places(height, sidePx).flatMap(y => places(width, sidePx).map(x => viewAround({ x, y }, sidePx))),
    );
}

/** The middles of intervals of `side` that cover 0 to `length`. */
function places(length: number, side: number): number[] {
  if (length <= side) return [length / 2];
  const count = Math.ceil((length - side) / (side * (1 - OVERLAP))) + 1;
  return Array.from({ length: count }, (_, i) => side / 2 + (i * (length - side)) / (count - 1));
}
