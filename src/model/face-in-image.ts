import { cropFace } from '../backbones/face-detector/alignment.js';
import { angleOfFace, type Face } from '../backbones/face-detector/face.js';
import type { FindOptions } from '../backbones/face-detector/find-faces.js';
import { InputError } from '../base/errors.js';
import type { Manifest, ManifestAlignment } from '../formats/manifest.js';
import { type Pyramid, pyramidOf, type Raster } from '../images/warp.js';

/** Where a face lies in an image as people see it, its EXIF orientation applied. */
export interface FaceInImage {
  /** The box from brows to chin and ear to ear, in pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** How far it is turned clockwise, in degrees from -180 to 180. */
  readonly angle: number;
  /** How sure the detector is, 0 to 1. */
  readonly score: number;
  /** Present where the box is less than `SMALL_FACE_PX` wide: the face shows too little for its number to be worth much. */
  readonly small?: true;
}

/** A face, and its crop: uint8 RGB `[sizePx, sizePx, 3]`. */
export interface FaceCrop {
  readonly face: FaceInImage;
  readonly pixels: Uint8Array;
}

/** A face whose box is less wide counts as small. */
export const SMALL_FACE_PX = 40;

/** No face where one was asked for. */
export class NoFaceError extends InputError {}

/** What finds faces: see `FaceDetector.find`. */
export type FindFaces = (image: Pyramid, options?: FindOptions) => Promise<Face[]>;

/**
 * The faces of an image, the largest first, each cropped and leveled as `framing` says.
 *
 * @param scene The image, `shrunk` by that factor: see `sceneSize`.
 * @throws NoFaceError where there is no face.
 */
export async function cropFacesOf(
  scene: Raster & { readonly shrunk: number },
  find: FindFaces,
  { framing, input: { sizePx } }: Pick<Manifest, 'input'> & { readonly framing: ManifestAlignment },
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
  return faces.map(face => ({
    face: inSource(face, scene.shrunk),
    pixels: cropFace(image, face, framing, sizePx),
  }));
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
