import type { ModelInput } from '../../formats/resize.js';
import { type Affine, fitSimilarity, invertAffine, type Point } from '../../images/affine.js';
import type { Size } from '../../images/enlarge.js';
import { completeInput, placementOf } from '../../images/placement.js';
import { type Pyramid, type Raster, warp } from '../../images/warp.js';
import { type Face, LANDMARKS, type Landmarks } from './face.js';

/** Where the images of a data set have the landmarks of their face. */
export interface FaceAlignment {
  /** The typical image size in pixels. Crops are limited to it, so that they show no more detail than those images. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Landmark positions as fractions [x, y] of width and height. */
  readonly landmarks: Readonly<Record<keyof Landmarks, [x: number, y: number]>>;
}

/**
 * The default alignment, for data sets whose images are not portraits: from hair to chin, as age estimation data sets crop faces.
 * Measured on 100 images of UTKFace, then made symmetrical.
 *
 * @param sizePx Width and height of the crops.
 */
export const standardAlignment = (sizePx: number): FaceAlignment => ({
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

/** An image of one face: the image's size, the size `shown` at which the face was detected, and the face. */
export interface AlignmentSample {
  readonly size: Size;
  readonly shown: Size;
  readonly face: Pick<Face, 'landmarks'>;
}

/** The alignment of one or more images: the median of each coordinate. */
export function medianAlignment(images: readonly AlignmentSample[]): FaceAlignment {
  const shares = (name: keyof Landmarks): [number, number] => [
    middleOf(images.map(({ shown, face }) => face.landmarks[name].x / shown.width)),
    middleOf(images.map(({ shown, face }) => face.landmarks[name].y / shown.height)),
  ];
  return {
    widthPx: Math.round(middleOf(images.map(({ size }) => size.width))),
    heightPx: Math.round(middleOf(images.map(({ size }) => size.height))),
    landmarks: Object.fromEntries(LANDMARKS.map(name => [name, shares(name)])) as unknown as FaceAlignment['landmarks'],
  };
}

function middleOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const last = sorted.length - 1;
  return (sorted[last >> 1]! + sorted[(last + 1) >> 1]!) / 2;
}

// Ears are left out: they are often hidden, and move most when a head turns.
const ALIGNED = ['leftEye', 'rightEye', 'nose', 'mouth'] as const;

/**
 * The map from the pixels of an aligned crop, of the alignment's size, to those of the image: the similarity that brings eyes, nose and
 * mouth closest to the positions of `alignment`, in least squares.
 */
export function cropMap(face: Pick<Face, 'landmarks'>, { widthPx, heightPx, landmarks }: FaceAlignment): Affine {
  const wanted = ALIGNED.map((name): Point => ({ x: landmarks[name][0] * widthPx, y: landmarks[name][1] * heightPx }));
  const found = ALIGNED.map(name => face.landmarks[name]);
  return invertAffine(fitSimilarity(found, wanted));
}

/**
 * The face cropped and rotated to `alignment`, uint8 RGB. Edge pixels continue beyond the image. The crop has the alignment's size, but in
 * each direction at most that to which an image of this size is resized for `input`.
 */
export function alignedFace(
  image: Pyramid,
  face: Pick<Face, 'landmarks'>,
  alignment: FaceAlignment,
  input: ModelInput,
): Raster {
  const { widthPx, heightPx } = alignment;
  const { scaled } = placementOf({ width: widthPx, height: heightPx }, input);
  const size = { width: Math.min(widthPx, scaled.width), height: Math.min(heightPx, scaled.height) };
  const [a, b, c, d, e, f] = cropMap(face, alignment);
  const [across, down] = [widthPx / size.width, heightPx / size.height];
  const toImage: Affine = [a * across, b * down, c, d * across, e * down, f];
  return { ...size, pixels: warp(image, toImage, size, 'edge') };
}

/** What `alignedFace` returns, resized to `input` as training images are: uint8 RGB `[sizePx, sizePx, 3]`. */
export const faceInput = (aligned: Raster, input: ModelInput): Uint8Array =>
  completeInput(aligned.pixels, aligned, placementOf(aligned, input), input);
