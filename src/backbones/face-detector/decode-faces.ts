import type { Point } from '../../images/affine.js';
import { type Face, LANDMARKS, type Landmarks } from './face.js';

/** Numbers of a box: its middle, width and height, and two for each landmark. */
export const BOX_NUMBERS = 4 + 2 * LANDMARKS.length;

/**
 * The faces of one image in the detector's pixels, in the order of the anchors; most faces are found several times.
 *
 * @param logits `[anchors]`; a face's score is their sigmoid.
 * @param boxes `[anchors, 16]` in pixels, places relative to the anchor.
 * @param lowest The score from which on something counts as a face, 0 to 1.
 */
export function decodeFaces(
  logits: Float32Array,
  boxes: Float32Array,
  anchors: readonly Point[],
  lowest: number,
): Face[] {
  const faces: Face[] = [];
  anchors.forEach((anchor, i) => {
    const score = 1 / (1 + Math.exp(-logits[i]!));
    if (!(score >= lowest)) return;
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
