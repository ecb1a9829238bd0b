import { type Affine, applyAffine, type Point, scaleOf } from '../../images/affine.js';

/** An upright rectangle, in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The landmarks of a face. Left and right are those of an upright image: the left eye is the person's right eye. */
export interface Landmarks {
  readonly leftEye: Point;
  readonly rightEye: Point;
  readonly nose: Point;
  readonly mouth: Point;
  readonly leftEar: Point;
  readonly rightEar: Point;
}

/** The names of the landmarks in the detector's order. */
export const LANDMARKS = ['leftEye', 'rightEye', 'nose', 'mouth', 'leftEar', 'rightEar'] as const;

/** A face in an image, in the image's pixels. */
export interface Face {
  /** From brows to chin and from ear to ear; upright at any angle of the face. */
  readonly box: Box;
  readonly landmarks: Landmarks;
  /** The detector's confidence, 0 to 1. */
  readonly score: number;
}

/** The clockwise in-plane rotation of a face, by its eyes, in degrees from -180 to 180. */
export function angleOfFace({ landmarks: { leftEye, rightEye } }: Pick<Face, 'landmarks'>): number {
  return (Math.atan2(rightEye.y - leftEye.y, rightEye.x - leftEye.x) * 180) / Math.PI;
}

/** The center of a box. */
export const middle = ({ x, y, width, height }: Box): Point => ({ x: x + width / 2, y: y + height / 2 });

/** A face under a similarity transform; its box keeps its shape and stays upright. */
export function moveFace(face: Face, map: Affine): Face {
  const scale = scaleOf(map);
  const at = applyAffine(map, middle(face.box));
  const [width, height] = [face.box.width * scale, face.box.height * scale];
  return {
    score: face.score,
    box: { x: at.x - width / 2, y: at.y - height / 2, width, height },
    landmarks: mapLandmarks(face.landmarks, point => applyAffine(map, point)),
  };
}

export function mapLandmarks(landmarks: Landmarks, change: (point: Point, name: keyof Landmarks) => Point): Landmarks {
  const entries = LANDMARKS.map(name => [name, change(landmarks[name], name)]);
  return Object.fromEntries(entries) as unknown as Landmarks;
}
