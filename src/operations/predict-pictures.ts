import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expected, InputError } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import { listFiles } from '../data/listing.js';
import { isUrl } from '../data/read-source.js';
import { loadModel, type PicturePrediction } from '../model/model.js';

/** Which pictures to predict, with which model. */
export interface PredictOptions extends Watch {
  /** The model's folder, or the `model.onnx` in it. */
  readonly model: string;
  /** Files, folders (all files in them, hidden ones aside) and `http(s)` addresses. */
  readonly pictures: readonly string[];
  /** True predicts each picture and its mirror image and takes the mean. Default false. */
  readonly tta?: boolean | undefined;
  /** Called for each picture as it is done, in order. */
  readonly onPrediction?: ((prediction: PicturePrediction) => void) | undefined;
}

/**
 * The model's value for each picture, in order.
 *
 * @throws InputError where the model cannot be used, or a folder is empty; a picture that cannot be read has an `error` instead.
 */
export async function predictPictures(options: PredictOptions): Promise<PicturePrediction[]> {
  const pictures = (await Promise.all(options.pictures.map(expand))).flat();
  const model = await loadModel(options.model);
  try {
    return await model.predict(pictures, options);
  } finally {
    await model.close();
  }
}

async function expand(picture: string): Promise<string[]> {
  if (isUrl(picture)) return [picture];
  const isFolder = await stat(picture).then(
    found => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return [picture];
  const { files } = await listFiles(resolve(picture), picture);
  if (files.length === 0) throw new InputError(expected(picture, 'pictures', 'an empty folder'));
  return files.map(file => join(picture, file));
}
