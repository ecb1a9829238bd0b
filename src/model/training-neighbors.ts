import { resolve } from 'node:path';
import { readBytesIfThere } from '../base/files.js';
import { contentHash } from '../features/feature-cache.js';
import { inputOf } from '../formats/resize.js';
import { thumbnail } from '../images/contact-sheet.js';
import { decodeInput } from '../images/image.js';
import { readSource } from '../images/read-source.js';
import { embed } from '../similarity/embedding.js';
import { nearestNeighbors } from '../similarity/nearest-neighbors.js';
import { type TrainingIndex, trainingPath } from '../similarity/training-index.js';
import type { Model } from './model.js';

/** A training image with features similar to those of another image. */
export interface TrainingNeighbour {
  readonly file: string;
  /** Its label in the training. */
  readonly label: number;
  /** Its path; absent if the file is missing or has changed. */
  readonly path?: string;
  /** A thumbnail as a data URI; absent if the file is missing or has changed. */
  readonly dataUri?: string;
}

const SHOWN = 3;
const THUMBNAIL_PX = 72;
// Training images compared at a time: 64 MB of embeddings.
const BLOCK = 131_072;

/** The most similar training images of each image; none if the model has no features of its training images. */
export async function withTrainingNeighbours<T extends { readonly file: string }>(
  images: readonly T[],
  pathOf: (file: string) => string,
  model: Model,
  home: string,
  index: TrainingIndex | undefined,
): Promise<(T & { neighbours: readonly TrainingNeighbour[] })[]> {
  if (index === undefined) return images.map(image => ({ ...image, neighbours: [] }));
  const read = images.map(({ file }) => readSource(pathOf(file)));
  const nearest = await nearestTraining(await Promise.all(read), model, index, SHOWN);
  return await Promise.all(
    images.map(async (image, i) => {
      const neighbours = nearest[i]!.map(at => trainingImage(index, home, at, THUMBNAIL_PX));
      return { ...image, neighbours: await Promise.all(neighbours) };
    }),
  );
}

/**
 * The training images most similar to an encoded image, excluding the image itself.
 *
 * @param count The maximum number.
 * @param thumbnailPx The longer edge of thumbnails.
 * @param alsoIn Another folder to search for their files, since a model may have been moved away from its data.
 */
export async function trainingNeighboursOf(
  bytes: Uint8Array,
  model: Model,
  home: string,
  index: TrainingIndex,
  shown: { readonly count: number; readonly thumbnailPx: number; readonly alsoIn: string },
): Promise<readonly TrainingNeighbour[]> {
  const { count, thumbnailPx, alsoIn } = shown;
  const own = contentHash(bytes);
  const [nearest] = await nearestTraining([bytes], model, index, count + 1);
  const others = nearest!.filter(at => index.hashes.at(at) !== own).slice(0, count);
  return await Promise.all(others.map(at => trainingImage(index, home, at, thumbnailPx, alsoIn)));
}

/** Positions in the index for each encoded image, the nearest first; none if the index has no features. */
async function nearestTraining(
  images: readonly Uint8Array[],
  model: Model,
  { embeddings }: TrainingIndex,
  count: number,
): Promise<number[][]> {
  if (embeddings === undefined) return images.map(() => []);
  const input = inputOf(model.manifest.input);
  const { sizePx } = input;
  const each = sizePx * sizePx * 3;
  const pixels = new Uint8Array(images.length * each);
  for (const [i, bytes] of images.entries()) pixels.set(await decodeInput(bytes, input), i * each);
  const shape = [images.length, sizePx, sizePx, 3];
  const { features } = await model.run({ dtype: 'uint8', shape, data: pixels });
  const width = features.shape[1]!;
  const rows = {
    length: images.length,
    width,
    read: (indices: ArrayLike<number>) =>
      Float32Array.from(Array.from(indices, i => [...features.data.subarray(i * width, (i + 1) * width)]).flat()),
  };
  const queries = await embed(rows, embeddings.embedding);
  const found = images.map((): { readonly at: number; readonly distance: number }[] => []);
  for (let from = 0; from < embeddings.length; from += BLOCK) {
    const block = embeddings.read(from, Math.min(from + BLOCK, embeddings.length));
    const { indices, distances } = await nearestNeighbors(block, embeddings.embedding.width, count, { queries });
    found.forEach((nearest, image) => {
      for (let i = image * count; i < (image + 1) * count; i++)
        if (indices[i]! >= 0) nearest.push({ at: from + indices[i]!, distance: distances[i]! });
    });
  }
  return found.map(nearest => {
    // The sort is stable: equally near ones stay in the order of the index.
    nearest.sort((a, b) => a.distance - b.distance);
    return nearest.slice(0, count).map(({ at }) => at);
  });
}

/** The image at a position of a model's index, with a thumbnail of at most `px` pixels a side. */
export async function trainingImage(
  index: TrainingIndex,
  home: string,
  at: number,
  px: number,
  alsoIn?: string,
): Promise<TrainingNeighbour> {
  const about = { file: index.files.at(at), label: index.labels[at]! };
  const paths = [trainingPath(index, home, at), ...(alsoIn === undefined ? [] : [resolve(alsoIn, about.file)])];
  for (const path of paths) {
    const bytes = await readBytesIfThere(path);
    if (bytes !== undefined && contentHash(bytes) === index.hashes.at(at))
      return { ...about, path, dataUri: await thumbnail(path, px) };
  }
  return about;
}
