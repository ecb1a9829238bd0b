import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DeviceOptions } from '../base/device.js';
import { expected, InputError, reasonOf, UsageError } from '../base/errors.js';
import { readRegularFile, replaceFile } from '../base/files.js';
import { option } from '../base/options.js';
import { checkOutside, createOutputFolder } from '../base/output-folder.js';
import { step } from '../base/profile.js';
import { contextOf, type RunContext } from '../base/progress.js';
import { listFiles } from '../datasets/listing.js';
import { copiesFor } from '../engine/runtime/session.js';
import { isUrl } from '../images/read-source.js';
import { loadModel } from '../model/model.js';
import { checkOrder } from '../model/model-files.js';
import { ANSWER_COLUMNS, answersCsv } from '../report/csv.js';
import { type DrawnPrediction, explainInto } from './explain-images.js';

/** Which images to predict, with which model. */
export interface PredictOptions extends RunContext, DeviceOptions {
  /** The model's folder, or the `model.onnx` in it. */
  readonly model: string;
  /** Files, folders (all files in them, hidden ones aside) and `http(s)` addresses. */
  readonly images: readonly string[];
  /** The share of images, above 0 and below 1, whose true number lies between `low` and `high`. Default 0.9. */
  readonly level?: number | undefined;
  /** True predicts each image and its mirror image and takes the mean. Default false. */
  readonly tta?: boolean | undefined;
  /** True finds the faces in each image and predicts each: see `Model.predict`. Default false. */
  readonly faces?: boolean | undefined;
  /** A CSV file to write, a row a prediction; an earlier one is replaced. Default: none is written. */
  readonly csv?: string | undefined;
  /** A folder for images that show what pushed each number up and down. Default: none are made. */
  readonly explain?: string | undefined;
  /** Start of the random draws of explanations, a whole number; for `explain` only. Default 0. */
  readonly seed?: number | undefined;
  /** True moves an existing `explain` aside; for `explain` only. Default false: that is an error. */
  readonly force?: boolean | undefined;
  /** Called for each image as it is done, in order. */
  readonly onPrediction?: ((prediction: DrawnPrediction) => void) | undefined;
}

/**
 * The model's value for each image, in order; with `explain`, each has an `explanation` too.
 *
 * @throws InputError where the model cannot be used, a folder is empty, or `explain` exists; an image that cannot be read has an
 * `error` instead.
 * @throws UsageError where options do not go together.
 *
 * @example
 * ```ts
 * import { predictImages } from 'eyeball-ml';
 *
 * const predictions = await predictImages({ model: 'age', images: ['photo.jpg', 'new-images'], level: 0.8 });
 * for (const { file, value, low, high, error } of predictions) console.log(file, error ?? value, low, high);
 * ```
 */
export async function predictImages(options: PredictOptions): Promise<DrawnPrediction[]> {
  const [first] = options.images;
  if (first !== undefined) checkOrder(options.model, first, 'IMAGE');
  const { csv, explain, seed, force, tta, faces, level, device, onPrediction } = options;
  if (csv !== undefined) await checkPredictionsFile(csv);
  if (explain === undefined) {
    for (const [key, value] of [
      ['seed', seed],
      ['force', force],
    ] as const)
      if (value !== undefined)
        throw new UsageError(`${option(key)} has no effect without ${option('explain')}; remove it`);
  } else if (faces || tta) {
    const why = `an explanation is of one whole image; remove one of them`;
    throw new UsageError(`${option(faces ? 'faces' : 'tta')} cannot be used with ${option('explain')}: ${why}`);
  }
  if (explain !== undefined) {
    for (const image of options.images) if (!isUrl(image)) checkOutside(explain, image);
  }
  const folder = explain === undefined ? undefined : await createOutputFolder(explain, { force: force ?? false });
  try {
    const images = await listImages(options.images);
    // Explanations are made one after another.
    const copies = explain === undefined ? copiesFor(images.length) : 1;
    const model = await step(options.profile, 'model', () =>
      loadModel(options.model, { copies, images: images.length, device, onMessage: options.onMessage }),
    );
    const asked = { ...contextOf(options), level, onPrediction };
    try {
      const predictions =
        folder === undefined
          ? await step(options.profile, 'predictions', () => model.predict(images, { ...asked, tta, faces }))
          : await explainInto(folder, model, images, { ...asked, seed: seed ?? 0 });
      if (csv !== undefined) await replaceFile(csv, answersCsv(predictions));
      return predictions;
    } finally {
      await model.close();
    }
  } finally {
    await folder?.close();
  }
}

/** Refuses to replace a file that is no table of predictions. */
async function checkPredictionsFile(path: string): Promise<void> {
  const text = await readRegularFile(path).then(String, (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new InputError(expected(path, 'a file that can be written', `"${reasonOf(cause)}"`), { cause });
  });
  if (text === undefined || text.split('\n', 1)[0] === ANSWER_COLUMNS.join(',')) return;
  throw new InputError(
    expected(path, 'a new file or an earlier table of predictions', 'another file', 'choose another name'),
  );
}

/**
 * The files and addresses that these paths stand for: a folder stands for all files in it.
 *
 * @throws InputError for an empty folder
 */
export async function listImages(images: readonly string[]): Promise<string[]> {
  return (await Promise.all(images.map(expand))).flat();
}

async function expand(image: string): Promise<string[]> {
  if (isUrl(image)) return [image];
  const isFolder = await stat(image).then(
    found => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return [image];
  const { files } = await listFiles(resolve(image), image);
  if (files.length === 0) throw new InputError(expected(image, 'images', 'an empty folder'));
  return files.map(file => join(image, file));
}
