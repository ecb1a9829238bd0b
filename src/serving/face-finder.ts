import { Budget } from '../base/concurrency.js';
import type { FaceInImage } from '../model/face-in-image.js';
import type { Model } from '../model/model.js';
import { checkHeader, type ImageQueue, type ImageRow } from './image-queue.js';
import type { Limits } from './limits.js';

/** A face, and its row among what the model computed. */
export interface FaceRow {
  readonly face: FaceInImage;
  readonly row: ImageRow;
}

// Each holds up to 64 MB of a photo; one is decoded while another is looked at.
const AT_A_TIME = 2;

/**
 * Finds the faces of images and sends each through the queue, two images at a time: others wait, encoded as they came.
 *
 * @returns What gives the faces of an image, the largest first. It throws InputError where the image cannot be read or shows none.
 */
export function createFaceFinder(
  { cropFaces }: Pick<Model, 'cropFaces'>,
  { imagePixels }: Pick<Limits, 'imagePixels'>,
  queue: ImageQueue,
): (bytes: Uint8Array) => Promise<FaceRow[]> {
  const limit = new Budget(AT_A_TIME);
  return bytes =>
    limit.run(1, async () => {
      await checkHeader(bytes, imagePixels);
      const crops = await cropFaces(bytes);
      return await Promise.all(crops.map(async ({ face, pixels }) => ({ face, row: await queue.addPixels(pixels) })));
    });
}
