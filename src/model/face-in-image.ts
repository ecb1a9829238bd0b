import { alignedFace, faceInput } from '../backbones/face-detector/alignment.js';
import { angleOfFace, type Face } from '../backbones/face-detector/face.js';
import type { FindOptions } from '../backbones/face-detector/find-faces.js';
import { InputError } from '../base/errors.js';
import type { Manifest, ManifestAlignment } from '../formats/manifest.js';
import { inputOf } from '../formats/resize.js';
import { type Pyramid, pyramidOf, type Raster } from '../images/warp.js';

/** The position of a face in an image, after its EXIF orientation is applied. */
export interface FaceInImage {
  /** The box of the face, from eyebrows to chin and ear to ear, in pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Clockwise rotation in degrees, -180 to 180. */
  readonly angle: number;
  /** Confidence of the detector, 0 to 1. */
  readonly score: number;
  /** Present if the box is narrower than `SMALL_FACE_PX`, which makes the prediction unreliable. */
  readonly small?: true;
}

/** A face, its crop as it was cut out, and that crop as the model's input: uint8 RGB `[sizePx, sizePx, 3]`. */
export interface FaceCrop {
  readonly face: FaceInImage;
  readonly aligned: Raster;
  readonly pixels: Uint8Array;
}

/** A face with a narrower box is small. */
export const SMALL_FACE_PX = 40;

/** An image without a face. */
export class NoFaceError extends InputError {}

/** Finds faces: see `FaceDetector.find`. */
export type FindFaces = (image: Pyramid, options?: FindOptions) => Promise<Face[]>;

/**
 * The faces of an image, the largest first, each cropped and leveled by `framing`.
 *
 * @param scene The image, `shrunk` by that factor: see `sceneSize`.
 * @throws NoFaceError if there is no face.
 */
export async function cropFacesOf(
  scene: Raster & { readonly shrunk: number },
  find: FindFaces,
  { framing, input }: Pick<Manifest, 'input'> & { readonly framing: ManifestAlignment },
  options?: FindOptions,
): Promise<FaceCrop[]> {
  const image = pyramidOf(scene);
  const faces = await find(image, options);
  if (faces.length === 0) {
    const { width, height, shrunk } = scene;
    throw new NoFaceError(
      `expected a face, got none in ${Math.round(width / shrunk)} x ${Math.round(height / shrunk)} px`,
    );
  }
  const own = inputOf(input);
  return faces.map(face => {
    const aligned = alignedFace(image, face, framing, own);
    return { face: inSource(face, scene.shrunk), aligned, pixels: faceInput(aligned, own) };
  });
}

function inSource(face: Face, shrunk: number): FaceInImage {
  const px = (value: number) => Math.round(value / shrunk);
  const { x, y, width, height } = face.box;
  return {
    x: px(x),
    y: px(y),
    width: px(width),
    height: px(height),
    angle: Math.round(10 * angleOfFace(face)) / 10,
    score: Math.round(1000 * face.score) / 1000,
    ...(width / shrunk < SMALL_FACE_PX && { small: true }),
  };
}
