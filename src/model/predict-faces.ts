import { mapAhead } from '../base/concurrency.js';
import { InputError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import type { ImageRun } from '../images/run-images.js';
import type { CropFaces } from './crop-faces.js';
import type { FaceCrop, FaceInImage } from './face-in-image.js';

/** The result for an image: its faces, each with its row in the outputs, or an error. */
export interface FacesOfImage {
  readonly index: number;
  readonly found: readonly {
    readonly face: FaceInImage;
    readonly outputs: Readonly<Record<string, Tensor>>;
    readonly row: number;
  }[];
  readonly reason?: string;
}

// Each takes up to 64 MB; one is decoded while faces are detected in another.
const AHEAD = 2;

/**
 * Crops the faces of each image and runs the model on them, image by image, in order.
 *
 * @throws UsageError if `crop` does; AbortedError once the signal is aborted.
 */
export async function* predictFaces(run: ImageRun, crop: CropFaces): AsyncGenerator<FacesOfImage> {
  const work = async (index: number): Promise<FacesOfImage> => {
    let crops: FaceCrop[];
    try {
      crops = await crop((await run.read(index))!);
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      return { index, found: [], reason: thrown.message };
    }
    const outputs = await run.compute(sideBySide(crops, run.input.sizePx));
    return { index, found: crops.map(({ face }, row) => ({ face, outputs, row })) };
  };
  yield* mapAhead(run.count, AHEAD, work, run.signal);
}

function sideBySide(crops: readonly FaceCrop[], sizePx: number): Tensor<'uint8'> {
  const each = sizePx * sizePx * 3;
  const data = new Uint8Array(crops.length * each);
  crops.forEach(({ pixels }, i) => {
    data.set(pixels, i * each);
  });
  return { dtype: 'uint8', shape: [crops.length, sizePx, sizePx, 3], data };
}
