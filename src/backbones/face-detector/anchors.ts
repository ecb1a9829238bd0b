import type { Point } from '../../images/affine.js';

/** Width and height of the images that the detector takes. */
export const DETECTOR_PX = 256;

// The detector's last two maps: cells of 16 px with two boxes each, and of 32 px with six.
const GRIDS = [
  { cellPx: 16, boxes: 2 },
  { cellPx: 32, boxes: 6 },
] as const;

/** The places that the detector's 896 boxes are told from, in its order: row by row, the fine map first. */
export function anchorsOf(): Point[] {
  return GRIDS.flatMap(({ cellPx, boxes }) => {
    const cells = DETECTOR_PX / cellPx;
    return Array.from({ length: cells * cells * boxes }, (_, i) => {
      const cell = Math.floor(i / boxes);
      return { x: ((cell % cells) + 0.5) * cellPx, y: (Math.floor(cell / cells) + 0.5) * cellPx };
    });
  });
}
