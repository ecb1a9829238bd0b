import type { Point } from '../../images/affine.js';
import { type Face, LANDMARKS, type Landmarks } from './face.js';

/** Width and height of the detector's input. */
export const DETECTOR_PX = 256;

/** Values of a box: its center, width and height, and a point per landmark. */
export const BOX_NUMBERS = 4 + 2 * LANDMARKS.length;

// The detector's last two feature maps: cells of 16 px with two boxes each, and of 32 px with six.
const GRIDS = [
  { cellPx: 16, boxes: 2 },
  { cellPx: 32, boxes: 6 },
] as const;

/** The anchor points of the detector's 896 boxes, in its order: row by row, the fine map first. */
export function anchorsOf(): Point[] {
  return GRIDS.flatMap(({ cellPx, boxes }) => {
    const cells = DETECTOR_PX / cellPx;
    return Array.from({ length: cells * cells * boxes }, (_, i) => {
      const cell = Math.floor(i / boxes);
      return { x: ((cell % cells) + 0.5) * cellPx, y: (Math.floor(cell / cells) + 0.5) * cellPx };
    });
  });
}

/**
 * The faces of one image in the detector's pixels, in the order of the anchors; most faces are found several times.
 *
 * @param logits `[anchors]`; a face's score is their sigmoid.
 * @param boxes `[anchors, 16]` in pixels, points relative to the anchor.
 * @param minScore Faces with a lower score, 0 to 1, are left out.
 */
export function decodeFaces(
  logits: Float32Array,
  boxes: Float32Array,
  anchors: readonly Point[],
  minScore: number,
): Face[] {
  const faces: Face[] = [];
  anchors.forEach((anchor, i) => {
    const score = 1 / (1 + Math.exp(-logits[i]!));
    if (!(score >= minScore)) return;
    const numbers = boxes.subarray(i * BOX_NUMBERS, (i + 1) * BOX_NUMBERS);
    const point = (at: number): Point => ({ x: anchor.x + numbers[at]!, y: anchor.y + numbers[at + 1]! });
    const [{ x, y }, width, height] = [point(0), numbers[2]!, numbers[3]!];
    if (!(width > 0 && height > 0)) return;
    faces.push({
      score,
      box: { x: x - width / 2, y: y - height / 2, width, height },
      landmarks: Object.fromEntries(LANDMARKS.map((name, k) => [name, point(4 + 2 * k)])) as unknown as Landmarks,
    });
  });
  return faces;
}
