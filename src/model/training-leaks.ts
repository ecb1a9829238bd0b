import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expected, InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Dataset } from '../datasets/dataset.js';
import type { Prediction } from '../evaluation/evaluate.js';
import type { Manifest } from '../formats/manifest.js';
import { thumbnail } from '../images/contact-sheet.js';
import { meanAbsoluteError, rootMeanSquaredError } from '../metrics/regression.js';
import { descriptorsAt } from '../similarity/duplicates.js';
import { type FactsList, positionsOf, readGray, readImageFacts } from '../similarity/image-facts.js';
import { findLeaks, type Leak } from '../similarity/leakage.js';
import { readTrainingIndex, TRAINING_INDEX, type TrainingIndex, trainingPath } from '../similarity/training-index.js';
import { readPart } from './model-files.js';

/** A test image and the training image that it repeats. */
export interface LeakedPair {
  readonly file: string;
  /** The training image's file, as named in its dataset. */
  readonly training: string;
  readonly kind: Leak['kind'];
  readonly similarity: number;
  readonly by: Leak['by'];
  /** Their labels. */
  readonly label: number;
  readonly trainingLabel: number;
}

/** Counts of images that repeat training images. */
export interface LeakedImages {
  /** Images with the same bytes as a training image. */
  readonly exact: number;
  /** Other copies of a training image: compressed again, resized, mirrored or slightly cropped. */
  readonly near: number;
  /** Images that were compared. */
  readonly images: number;
  /** Each image that repeats one, in the order of the images. */
  readonly pairs: readonly LeakedPair[];
}

/** The same, with the model's errors on the other images. */
export interface Leakage extends LeakedImages {
  /** Of the images that repeat none; errors are null if there are no such images. */
  readonly reduced: { readonly images: number; readonly rmse: number | null; readonly mae: number | null };
}

/**
 * The training index of the model in the folder `home`; undefined if it was removed.
 *
 * @throws InputError if the index is damaged or belongs to another model.
 */
export async function indexOfModel(home: string, manifest: Manifest): Promise<TrainingIndex | undefined> {
  const path = join(home, TRAINING_INDEX);
  if (!existsSync(path)) return undefined;
  const sha256 = sha256Hex(await readPart(home, TRAINING_INDEX, null));
  if (sha256 !== manifest.trainingIndexSha256) {
    const wayOut = 'train again, fetch it again, or remove it to go without';
    const got = `${sha256.slice(0, 12)}...`;
    throw new InputError(expected(path, `the checksum ${manifest.trainingIndexSha256.slice(0, 12)}...`, got, wayOut));
  }
  return await readTrainingIndex(path);
}

/**
 * The images of a dataset that a model was trained on.
 *
 * @param home The model's folder.
 * @param facts The facts of the dataset's images.
 * @returns Pairs of positions in the dataset and in the index.
 * @throws AbortedError once the signal is aborted.
 */
export function findTrainingLeaks(
  home: string,
  index: TrainingIndex,
  { root, samples }: Dataset,
  facts: FactsList,
  context: RunContext,
): Promise<Leak[]> {
  const training = {
    ...index,
    // If the content has changed, the file is no longer the training image.
    readGray: (i: number) => readGray(trainingPath(index, home, i), index.hashes.at(i)),
  };
  return findLeaks(training, facts, i => readGray(resolve(root, samples[i]!.file)), context);
}

/**
 * The predictions for such images, and the errors without them.
 *
 * @param positions Positions of the predicted images in the dataset.
 */
export function leakageOf(
  index: TrainingIndex,
  leaks: readonly Leak[],
  predictions: readonly Prediction[],
  positions: readonly number[],
): Leakage {
  const places = new Map(positions.map((position, i) => [position, i]));
  const own = leaks.flatMap(leak => {
    const test = places.get(leak.test);
    return test === undefined ? [] : [{ ...leak, test }];
  });
  const leaked = new Set(own.map(({ test }) => test));
  const rest = predictions.filter((_, i) => !leaked.has(i));
  const truth = rest.map(({ label }) => label);
  const values = rest.map(({ value }) => value);
  const errors =
    rest.length === 0
      ? { rmse: null, mae: null }
      : { rmse: rootMeanSquaredError(truth, values), mae: meanAbsoluteError(truth, values) };
  return {
    ...counted(own, predictions, i => ({ file: index.files.at(i), label: index.labels[i]! })),
    reduced: { images: rest.length, ...errors },
  };
}

const PAIRS_SHOWN = 24;
/** The longer edge, in pixels, of the images in pairs on a page. */
export const PAIR_PX = 120;

/**
 * The first pairs with thumbnails, for a page.
 *
 * @param training Returns the thumbnail of a training image; undefined if it is missing.
 */
export async function leakedImages(
  { pairs }: LeakedImages,
  pathOf: (file: string) => string,
  training: (file: string) => Promise<string | undefined>,
): Promise<(LeakedPair & { readonly dataUri: string; readonly trainingUri: string | undefined })[]> {
  return await Promise.all(
    pairs.slice(0, PAIRS_SHOWN).map(async pair => ({
      ...pair,
      dataUri: await thumbnail(pathOf(pair.file), PAIR_PX),
      trainingUri: await training(pair.training),
    })),
  );
}

/**
 * The images of `test` that repeat images of `training`.
 *
 * @throws InputError if the cache cannot be written.
 */
export async function compareDatasets(
  training: Dataset,
  test: Dataset,
  cacheDir: string,
  context: RunContext,
): Promise<LeakedImages> {
  const known = await readImageFacts(training, cacheDir, context);
  try {
    const asked = await readImageFacts(test, cacheDir, context);
    try {
      const usable = positionsOf(known.facts);
      const pathOf = ({ root, samples }: Dataset, i: number) => resolve(root, samples[i]!.file);
      const trained = {
        hashes: { length: usable.length, at: (i: number) => known.facts.at(usable[i]!)!.hash },
        descriptors: descriptorsAt(known.facts, usable),
        readGray: (i: number) => readGray(pathOf(training, usable[i]!)),
      };
      const leaks = await findLeaks(trained, asked.facts, i => readGray(pathOf(test, i)), context);
      const images = positionsOf(asked.facts).length;
      return { ...counted(leaks, test.samples, i => training.samples[usable[i]!]!), images };
    } finally {
      await asked.close();
    }
  } finally {
    await known.close();
  }
}

function counted(
  leaks: readonly Leak[],
  test: readonly { readonly file: string; readonly label: number }[],
  training: (index: number) => { readonly file: string; readonly label: number },
): LeakedImages {
  const exact = leaks.filter(({ kind }) => kind === 'exact').length;
  const pairs = leaks.map(({ test: i, training: j, kind, similarity, by }) => ({
    file: test[i]!.file,
    training: training(j).file,
    ...{ kind, similarity, by },
    label: test[i]!.label,
    trainingLabel: training(j).label,
  }));
  return { exact, near: leaks.length - exact, images: test.length, pairs };
}
