import { angleOfFace, type Face } from '../backbones/face-detector/face.js';
import { cropFace } from '../backbones/face-detector/framing.js';
import { type FaceDetector, loadFaceDetector } from '../backbones/face-detector.js';
import { expected, InputError, UsageError } from '../base/errors.js';
import { decodeScene } from '../data/scene.js';
import { pyramidOf } from '../data/warp.js';
import type { SessionOptions } from '../engine/runtime/session.js';
import type { Manifest } from './manifest.js';

/** Where a face lies in a picture as people see it, its EXIF orientation applied. */
export interface FaceInPicture {
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
  readonly face: FaceInPicture;
  readonly pixels: Uint8Array;
}

/** Finds and crops the faces in an encoded picture. */
export type CropFaces = (bytes: Uint8Array) => Promise<FaceCrop[]>;

/** A face whose box is less wide counts as small. */
export const SMALL_FACE_PX = 40;

/** What crops faces for the model of `manifest`; the detector is loaded when the first picture comes. */
export function faceCropper(
  { framing, input: { sizePx } }: Pick<Manifest, 'framing' | 'input'>,
  where: string,
  options: SessionOptions,
): { readonly crop: CropFaces; close(): Promise<void> } {
  let loading: Promise<FaceDetector> | undefined;
  return {
    async crop(bytes) {
      if (framing === undefined) throw withoutFraming(where);
      loading ??= loadFaceDetector(options);
      const detector = await loading;
      const scene = await decodeScene(bytes);
      const picture = pyramidOf(scene);
      const faces = await detector.find(picture);
      if (faces.length === 0) {
        const { width, height } = scene;
        throw new InputError(
          `expected a face, got none in ${Math.round(width / scene.shrunk)} x ${Math.round(height / scene.shrunk)} px`,
        );
      }
      return faces.map(face => ({
        face: inSource(face, scene.shrunk),
        pixels: cropFace(picture, face, framing, sizePx),
      }));
    },
    close: async () => (await loading)?.close(),
  };
}

/** What a model without framing answers to whoever asks for faces. */
export const withoutFraming = (where: string): UsageError =>
  new UsageError(
    expected(
      '--faces',
      'a model that knows how its pictures show faces',
      `${where}, which does not`,
      'train it again, on pictures of one face each',
    ),
  );

function inSource(face: Face, shrunk: number): FaceInPicture {
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
