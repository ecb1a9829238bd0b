import type { Point } from '../../images/affine.js';
import { type Box, type Face, mapLandmarks } from './face.js';

/** Intersection over union of two boxes, 0 to 1. */
export function overlapOf(a: Box, b: Box): number {
  const shared = sharedArea(a, b);
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/** The intersection of two boxes divided by the area of the smaller one: 1 where one contains the other. */
export function containmentOf(a: Box, b: Box): number {
  return sharedArea(a, b) / Math.min(a.width * a.height, b.width * b.height);
}

function sharedArea(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, width) * Math.max(0, height);
}

/**
 * One face for each group of overlapping detections, the highest score first: the mean of the group weighted by score, with its highest
 * score. The mean is more stable than the best detection alone.
 *
 * @param same True where a detection belongs to the group of the best one. Default: intersection over union above 0.3.
 *
 * Reference: blending in Bazarevsky et al., BlazeFace, https://arxiv.org/abs/1907.05047, section 3.4
 */
export function blendFaces(
  faces: readonly Face[],
  same: (best: Box, other: Box) => boolean = (best, other) => overlapOf(best, other) > 0.3,
): Face[] {
  return grouped(faces, same).map(meanFace);
}

/** The best detection of each group of the same face, the highest score first. */
export function suppressFaces<T extends Scored>(faces: readonly T[], same: (best: Box, other: Box) => boolean): T[] {
  return grouped(faces, same).map(([best]) => best);
}

type Scored = Pick<Face, 'box' | 'score'>;

function grouped<T extends Scored>(faces: readonly T[], same: (best: Box, other: Box) => boolean): [T, ...T[]][] {
  const groups: [T, ...T[]][] = [];
  for (const face of faces.toSorted((a, b) => b.score - a.score)) {
    const group = groups.find(([best]) => same(best.box, face.box));
    if (group === undefined) groups.push([face]);
    else group.push(face);
  }
  return groups;
}

function meanFace(group: readonly [Face, ...Face[]]): Face {
  const total = group.reduce((sum, { score }) => sum + score, 0);
  const mean = (of: (face: Face) => number) => group.reduce((sum, face) => sum + of(face) * face.score, 0) / total;
  const point = (of: (face: Face) => Point): Point => ({ x: mean(face => of(face).x), y: mean(face => of(face).y) });
  const [best] = group;
  return {
    score: best.score,
    box: {
      x: mean(({ box }) => box.x),
      y: mean(({ box }) => box.y),
      width: mean(({ box }) => box.width),
      height: mean(({ box }) => box.height),
    },
    landmarks: mapLandmarks(best.landmarks, (_, name) => point(({ landmarks }) => landmarks[name])),
  };
}
