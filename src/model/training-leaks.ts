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
import { stacked } from '../similarity/duplicates.js';
import { type ImageFacts, readGray, readImageFacts } from '../similarity/image-facts.js';
import { findLeaks, type Leak } from '../similarity/leakage.js';
import { readTrainingIndex, TRAINING_INDEX, type TrainingIndex, trainingPath } from '../similarity/training-index.js';
import { readPart } from './model-files.js';

/** A test image and the training image that it repeats. */
export interface LeakedPair {
  readonly file: string;
  /** The training image's file, as its data set named it. */
  readonly training: string;
  readonly kind: Leak['kind'];
  readonly similarity: number;
  readonly by: Leak['by'];
  /** Their numbers. */
  readonly label: number;
  readonly trainingLabel: number;
}

/** How many images repeat training images. */
export interface LeakedImages {
  /** Images whose bytes are those of a training image. */
  readonly exact: number;
  /** Others that show the same photo as one: compressed again, resized, mirrored, cropped a little. */
  readonly near: number;
  /** Images that were compared. */
  readonly images: number;
  /** Each that repeats one, in the order of the images. */
  readonly pairs: readonly LeakedPair[];
}

/** The same, with what a model's errors are without them. */
export interface Leakage extends LeakedImages {
  /** Over the images that repeat none; the errors are null where there are no others. */
  readonly reduced: { readonly images: number; readonly rmse: number | null; readonly mae: number | null };
}

/**
 * What the model in the folder `home` remembers of its training images; undefined where its index was removed.
 *
 * @throws InputError where the index is damaged or another's
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
 * Which images of a data set a model has been trained on.
 *
 * @param home the model's folder
 * @param facts of the data set's images
 * @returns By positions in the data set, and in the index
 * @throws AbortedError once the signal is aborted
 */
export function findTrainingLeaks(
  home: string,
  index: TrainingIndex,
  { root, samples }: Dataset,
  facts: readonly (ImageFacts | undefined)[],
  context: RunContext,
): Promise<Leak[]> {
  const training = {
    ...index,
    // An image of another content than then says nothing of the one that was trained on.
    readGray: (i: number) => readGray(trainingPath(index, home, i), index.hashes[i]),
  };
  return findLeaks(training, facts, i => readGray(resolve(root, samples[i]!.file)), context);
}

/**
 * What that means for the predictions: which of them are of such images, and what the errors are without them.
 *
 * @param positions of the predicted images in the data set
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
    ...counted(own, predictions, i => ({ file: index.files[i]!, label: index.labels[i]! })),
    reduced: { images: rest.length, ...errors },
  };
}

const PAIRS_SHOWN = 24;
/** Pixels of the longer side of the images that a page shows in pairs. */
export const PAIR_PX = 120;

/**
 * The first pairs with small versions of their images, for a page.
 *
 * @param training the small version of a training image; undefined where it is gone
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
 * Which images of `test` repeat some of `training`, from the images of both.
 *
 * @throws InputError where the cache cannot be written
 */
export async function compareDatasets(
  training: Dataset,
  test: Dataset,
  cacheDir: string,
  context: RunContext,
): Promise<LeakedImages> {
  const known = await readImageFacts(training, cacheDir, context);
  const asked = await readImageFacts(test, cacheDir, context);
  const usable = training.samples.flatMap((sample, i) => {
    const fact = known.facts[i];
    return fact === undefined ? [] : [{ sample, fact }];
  });
  const trained = {
    hashes: usable.map(({ fact }) => fact.hash),
    descriptors: stacked(usable.map(({ fact }) => fact.descriptor)),
    readGray: (i: number) => readGray(resolve(training.root, usable[i]!.sample.file)),
  };
  const leaks = await findLeaks(
    trained,
    asked.facts,
    i => readGray(resolve(test.root, test.samples[i]!.file)),
    context,
  );
  const images = asked.facts.filter(fact => fact !== undefined).length;
  return { ...counted(leaks, test.samples, i => usable[i]!.sample), images };
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
