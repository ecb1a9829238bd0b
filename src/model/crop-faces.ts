import { type FaceDetector, loadFaceDetector } from '../backbones/face-detector.js';
import { expected, ResourceError, reasonOf, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import type { SessionOptions } from '../engine/runtime/session.js';
import type { Manifest } from '../formats/manifest.js';
import { decodeScene } from '../images/image.js';
import { cropFacesOf, type FaceCrop } from './face-in-image.js';

/** Finds and crops the faces in an encoded image. */
export type CropFaces = (bytes: Uint8Array) => Promise<FaceCrop[]>;

/** Crops faces for the model of `manifest`; the detector is loaded with the first image. */
export function faceCropper(
  { framing, input }: Pick<Manifest, 'framing' | 'input'>,
  where: string,
  options: SessionOptions,
): { readonly crop: CropFaces; close(): Promise<void> } {
  let loading: Promise<FaceDetector> | undefined;
  const load = async (): Promise<FaceDetector> => {
    loading ??= loadFaceDetector(options);
    const asked = loading;
    // Another image may have reloaded it meanwhile.
    const forget = () => {
      if (loading === asked) loading = undefined;
    };
    const detector = await asked.catch((cause: unknown) => {
      forget();
      throw new ResourceError(`the face detector cannot be loaded: ${reasonOf(cause)}`, { cause });
    });
    if (!detector.isLost) return detector;
    // The engine's thread has ended meanwhile.
    forget();
    return await load();
  };
  return {
    async crop(bytes) {
      if (framing === undefined) throw noAlignmentError(where);
      const detector = await load();
      return await cropFacesOf(await decodeScene(bytes), detector.find, { framing, input });
    },
    close: async () =>
      await loading?.then(
        detector => detector.close(),
        () => undefined,
      ),
  };
}

/** The error if faces are requested of a model without alignment. */
export const noAlignmentError = (where: string): UsageError =>
  new UsageError(
    expected(
      option('faces'),
      'a model that knows how its images show faces',
      `${where}, which does not`,
      'train it again, on images of one face each',
    ),
  );
