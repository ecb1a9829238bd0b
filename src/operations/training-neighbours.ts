import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { embed } from '../cleaning/feature-vectors.js';
import { nearestNeighbours } from '../cleaning/neighbours.js';
import { type TrainingIndex, trainingPath } from '../cleaning/training-index.js';
import { decodePicture } from '../data/picture.js';
import { readSource } from '../data/read-source.js';
import { thumbnail } from '../data/sheet.js';
import type { Model } from '../model/model.js';
import { contentHash } from '../training/feature-cache.js';

/** A training picture that looks like another picture to the model. */
export interface TrainingNeighbour {
  readonly file: string;
  /** The number that it was trained with. */
  readonly label: number;
  /** A small version as a data URI; absent where the picture is no more where it was, or another. */
  readonly dataUri?: string;
}

const SHOWN = 3;
const THUMBNAIL_PX = 72;

/** For each of these pictures the training pictures that look most like it to the model; none where the model does not know them. */
export async function withTrainingNeighbours<T extends { readonly file: string }>(
  pictures: readonly T[],
  pathOf: (file: string) => string,
  model: Model,
  home: string,
  index: TrainingIndex | undefined,
): Promise<(T & { neighbours: readonly TrainingNeighbour[] })[]> {
  const { sizePx } = model.manifest.input;
  const looks = index?.looks;
  if (index === undefined || looks === undefined) return pictures.map(picture => ({ ...picture, neighbours: [] }));
  const each = sizePx * sizePx * 3;
  const pixels = new Uint8Array(pictures.length * each);
  for (const [i, { file }] of pictures.entries()) {
    pixels.set(await decodePicture(await readSource(pathOf(file)), { width: sizePx, height: sizePx }), i * each);
  }
  const shape = [pictures.length, sizePx, sizePx, 3];
  const { features } = await model.run({ dtype: 'uint8', shape, data: pixels });
  const width = features.shape[1]!;
  const rows = {
    length: pictures.length,
    width,
    read: (indices: ArrayLike<number>) =>
      Float32Array.from(Array.from(indices, i => [...features.data.subarray(i * width, (i + 1) * width)]).flat()),
  };
  const queries = await embed(rows, looks.embedding);
  const { indices } = await nearestNeighbours(looks.vectors, looks.embedding.width, SHOWN, { queries });
  return await Promise.all(
    pictures.map(async (picture, i) => {
      const near = Array.from(indices.subarray(i * SHOWN, (i + 1) * SHOWN)).filter(at => at >= 0);
      return { ...picture, neighbours: await Promise.all(near.map(at => neighbourAt(index, home, at))) };
    }),
  );
}

async function neighbourAt(index: TrainingIndex, home: string, at: number): Promise<TrainingNeighbour> {
  const path = trainingPath(index, home, at);
  const about = { file: index.files[at]!, label: index.labels[at]! };
  const isThere = existsSync(path) && contentHash(await readFile(path)) === index.hashes[at];
  return isThere ? { ...about, dataUri: await thumbnail(path, THUMBNAIL_PX) } : about;
}
