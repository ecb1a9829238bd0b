import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { FaceAlignment } from '../backbones/face-detector/alignment.js';
import { mapAhead } from '../base/concurrency.js';
import { expected, InputError } from '../base/errors.js';
import { replaceFile, resourceError, touch } from '../base/files.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Dataset, Sample, Skipped } from '../datasets/dataset.js';
import { contentHash } from '../features/feature-cache.js';
import { type ModelInput, resizeKey, STRETCH, toManifestInput } from '../formats/resize.js';
import { encodePng } from '../images/image.js';
import { readSource } from '../images/read-source.js';
import { faceCropper } from './crop-faces.js';

// Incremented when the crops of the same image change.
const CROP_VERSION = 1;

/**
 * The dataset of the largest face of each image, cropped and leveled by `shown` for a model of this input: PNG files in `cacheDir`, each made
 * once, with a name from the image's path and content. Images without a face are skipped, with the reason.
 *
 * @throws InputError if no image shows a face; ResourceError if a crop cannot be saved; AbortedError once the signal is aborted.
 */
export async function cropDataset(
  dataset: Dataset,
  shown: FaceAlignment,
  model: ModelInput,
  cacheDir: string,
  { onProgress, signal }: RunContext = {},
): Promise<Dataset> {
  const { root, samples } = dataset;
  const { sizePx, resize = STRETCH } = model;
  const key = sha256Hex(JSON.stringify([CROP_VERSION, shown, sizePx, ...resizeKey(model)]));
  const folder = join(resolve(cacheDir), 'faces', key.slice(0, 16));
  const framing = { ...shown, images: 0, faces: 0 };
  const cropper = faceCropper({ framing, input: toManifestInput(model) }, root, {});
  const cropped = async (index: number): Promise<Sample | Skipped> => {
    const { file } = samples[index]!;
    try {
      const bytes = await readSource(resolve(root, file));
      const crop = cropName(file, contentHash(bytes));
      if (!existsSync(join(folder, crop))) {
        const [largest] = await cropper.crop(bytes);
        const { aligned, pixels } = largest!;
        // Other fits are applied when the file is decoded.
        const shownAs = resize.fit === 'stretch' ? { pixels, width: sizePx, height: sizePx } : aligned;
        await save(join(folder, crop), await encodePng(shownAs));
      }
      return { ...samples[index]!, file: crop };
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      return { file, reason: thrown.message };
    }
  };
  try {
    if (existsSync(folder)) await touch(folder);
    const kept: Sample[] = [];
    const skipped: Skipped[] = [...dataset.skipped];
    let done = 0;
    for await (const result of mapAhead(samples.length, 2, cropped, signal)) {
      if ('reason' in result) skipped.push(result);
      else kept.push(result);
      onProgress?.({ phase: 'cropping faces', done: ++done, total: samples.length, unit: 'images' });
    }
    if (kept.length === 0) {
      const [first] = skipped.slice(dataset.skipped.length);
      const got = `none of ${samples.length}; ${first?.file}: ${first?.reason}`;
      throw new InputError(expected(root, 'at least one image that shows a face', got));
    }
    return { ...dataset, root: folder, samples: kept, skipped };
  } finally {
    await cropper.close();
  }
}

async function save(crop: string, png: Uint8Array): Promise<void> {
  try {
    await replaceFile(crop, png);
  } catch (cause) {
    throw resourceError(crop, cause);
  }
}

/** The path of the crop of `file`, always inside the folder of crops. */
function cropName(file: string, hash: string): string {
  const parts = file.split(/[/\\]/).filter(part => !['', '.', '..'].includes(part));
  const named = parts.map(part => part.replace(/:/g, '_')).join('/');
  return `${named.replace(/\.[^./]*$/, '')}.${hash.slice(0, 16)}.png`;
}
