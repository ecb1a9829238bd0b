import { type Affine, fitSimilarity, invertAffine, type Point } from '../../images/affine.js';
import { enlarge, type Size } from '../../images/enlarge.js';
import { type Pyramid, warp } from '../../images/warp.js';
import { type Face, LANDMARKS, type Landmarks } from './face.js';

/** How the images of a data set show their faces. */
export interface Framing {
  /** The size of such an image in pixels: what a crop is blurred to, so that it shows as much as they do. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Where the landmarks lie, as shares [x, y] of width and height. */
  readonly landmarks: Readonly<Record<keyof Landmarks, [x: number, y: number]>>;
}

/**
 * A framing for images that have none of their own yet: close, from hair to chin, as collections of faces for the estimation of ages
 * have it. As faces stand in 100 images of UTKFace, made symmetrical.
 *
 * @param sizePx Width and height of the crops.
 */
export const standardFraming = (sizePx: number): Framing => ({
  widthPx: sizePx,
  heightPx: sizePx,
  landmarks: {
    leftEye: [0.303, 0.294],
    rightEye: [0.697, 0.294],
    nose: [0.5, 0.529],
    mouth: [0.5, 0.719],
    leftEar: [0.108, 0.366],
    rightEar: [0.892, 0.366],
  },
});

/** An image that shows one face. */
export interface FramedFace {
  /** The image's size, and that at which the face was found. */
  readonly size: Size;
  readonly shown: Size;
  readonly face: Pick<Face, 'landmarks'>;
}

/**
 * The framing of some images: the median of each number.
 *
 * @param images One or more.
 */
export function medianFraming(images: readonly FramedFace[]): Framing {
  const shares = (name: keyof Landmarks): [number, number] => [
    middleOf(images.map(({ shown, face }) => face.landmarks[name].x / shown.width)),
    middleOf(images.map(({ shown, face }) => face.landmarks[name].y / shown.height)),
  ];
  return {
    widthPx: Math.round(middleOf(images.map(({ size }) => size.width))),
    heightPx: Math.round(middleOf(images.map(({ size }) => size.height))),
    landmarks: Object.fromEntries(LANDMARKS.map(name => [name, shares(name)])) as unknown as Framing['landmarks'],
  };
}

function middleOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const last = sorted.length - 1;
  return (sorted[last >> 1]! + sorted[(last + 1) >> 1]!) / 2;
}

// What says where a face stands. Ears are often hidden, and move most when a head turns.
const FIXED = ['leftEye', 'rightEye', 'nose', 'mouth'] as const;

/**
 * The map from a crop that shows `face` as `framing` says, of `framing`'s size, to the image: eyes, nose and mouth come as near to
 * their places as scaling, turning and shifting bring them.
 */
export function cropMap(face: Pick<Face, 'landmarks'>, { widthPx, heightPx, landmarks }: Framing): Affine {
  const wanted = FIXED.map((name): Point => ({ x: landmarks[name][0] * widthPx, y: landmarks[name][1] * heightPx }));
  const found = FIXED.map(name => face.landmarks[name]);
  return invertAffine(fitSimilarity(found, wanted));
}

/**
 * A face cropped and levelled as `framing` says, uint8 RGB `[sizePx, sizePx, 3]`: an image of the framing's size, then stretched as
 * all images are. What lies beyond the image is more of its edge.
 */
export function cropFace(image: Pyramid, face: Pick<Face, 'landmarks'>, framing: Framing, sizePx: number): Uint8Array {
  const { widthPx, heightPx } = framing;
  const size = { width: Math.min(widthPx, sizePx), height: Math.min(heightPx, sizePx) };
  const [a, b, c, d, e, f] = cropMap(face, framing);
  const [across, down] = [widthPx / size.width, heightPx / size.height];
  const toImage: Affine = [a * across, b * down, c, d * across, e * down, f];
  return enlarge(warp(image, toImage, size, 'edge'), size, { width: sizePx, height: sizePx });
}
