import { type FaceDetector, loadFaceDetector } from '../backbones/face-detector.js';
import { expected, ResourceError, reasonOf, UsageError } from '../base/errors.js';
import { decodeScene } from '../data/scene.js';
import type { SessionOptions } from '../engine/runtime/session.js';
import { cropFacesOf, type FaceCrop } from './face-in-picture.js';
import type { Manifest } from './manifest.js';

/** Finds and crops the faces in an encoded picture. */
export type CropFaces = (bytes: Uint8Array) => Promise<FaceCrop[]>;

/** What crops faces for the model of `manifest`; the detector is loaded when the first picture comes. */
export function faceCropper(
  { framing, input }: Pick<Manifest, 'framing' | 'input'>,
  where: string,
  options: SessionOptions,
): { readonly crop: CropFaces; close(): Promise<void> } {
  let loading: Promise<FaceDetector> | undefined;
  const load = async (): Promise<FaceDetector> => {
    loading ??= loadFaceDetector(options);
    const asked = loading;
    // Another picture may have it loaded again by then.
    const forget = () => {
      if (loading === asked) loading = undefined;
    };
    const detector = await asked.catch((cause: unknown) => {
      forget();
      // Not the fault of this picture.
      throw new ResourceError(`the face detector cannot be loaded: ${reasonOf(cause)}`, { cause });
    });
    if (!detector.isLost) return detector;
    // The engine's thread has ended since.
    forget();
    return await load();
  };
  return {
    async crop(bytes) {
      if (framing === undefined) throw withoutFraming(where);
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
