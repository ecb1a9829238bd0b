import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Fit } from '../../src/formats/resize.js';
import { type ImagePrediction, loadModel } from '../../src/model/model.js';
import { trainModel } from '../../src/verbs/train-model.js';
import { writeImages } from '../cli/eyeball.js';

/** Trains a small model with intervals on 120 small images into a folder in `root`; takes a second. */
export async function trainPageModel(root: string, name = 'brightness', fit?: Fit): Promise<string> {
  const data = join(root, 'data');
  if (!existsSync(data)) await writeImages(data, 120);
  const out = join(root, name);
  await trainModel({
    data,
    out,
    backbone: 'test/backbones/fixtures/pytorch.onnx',
    fit,
    solver: 'ridge',
    target: 'brightness',
    unit: 'points',
    cacheDir: join(root, 'cache'),
  });
  return out;
}

/** What Node says of these files or bytes. */
export async function predictInNode(
  folder: string,
  images: readonly (string | Uint8Array)[],
): Promise<ImagePrediction[]> {
  const model = await loadModel(folder, { threads: 1 });
  const predictions = await model.predict(images);
  await model.close();
  return predictions;
}
