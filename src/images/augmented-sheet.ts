import sharp from 'sharp';
import { expected, InputError, reasonOf } from '../base/errors.js';
import { createRandom } from '../base/random.js';
import { add, cast, transpose } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession } from '../engine/runtime/session.js';
import type { ModelInput } from '../formats/resize.js';
import { type Augmentation, augmentFeeds, buildAugmentation } from './augment.js';
import { decodeInput } from './image.js';
import { readSource } from './read-source.js';

const GAP_PX = 8;

/**
 * A contact sheet of augmented images as PNG: each row shows an image and `versions` random augmentations of it, by `seed`.
 *
 * @param paths One or more images.
 * @param input The input of the network that is trained; images are shown as they enter it.
 * @throws InputError with the path of an image that cannot be read, or if there is no image.
 */
export async function augmentedSheet(
  paths: readonly string[],
  augmentation: Augmentation,
  { seed, input, versions = 7 }: { readonly seed: number; readonly input: ModelInput; readonly versions?: number },
): Promise<Buffer> {
  const { sizePx } = input;
  if (paths.length === 0) throw new InputError(expected('augmentedSheet', 'at least one image', 'none'));
  const random = createRandom(seed, 'augmented-sheet');
  const session = await createSession(augmentationModel(sizePx));
  const step = sizePx + GAP_PX;
  const [width, height] = [GAP_PX + (1 + versions) * step, GAP_PX + paths.length * step];
  const sheet = new Uint8Array(width * height * 3).fill(255);
  try {
    for (const [row, path] of paths.entries()) {
      const original = await decode(path, input);
      const copies = new Uint8Array(versions * original.length);
      for (let i = 0; i < versions; i++) copies.set(original, i * original.length);
      const { changed } = await session.run({
        pixels: { dtype: 'uint8', shape: [versions, sizePx, sizePx, 3], data: copies },
        ...augmentFeeds(augmentation, versions, random),
      });
      [original, ...tilesOf(changed!.data as Uint8Array, versions)].forEach((tile, column) => {
        const corner = (GAP_PX + row * step) * width + GAP_PX + column * step;
        for (let y = 0; y < sizePx; y++) {
          sheet.set(tile.subarray(y * sizePx * 3, (y + 1) * sizePx * 3), 3 * (corner + y * width));
        }
      });
    }
  } finally {
    await session.close();
  }
  return await sharp(sheet, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** A model from `pixels`, uint8 `[N, H, W, 3]`, and the augmentation's feeds to `changed`, of the same type and shape. */
function augmentationModel(sizePx: number): Uint8Array {
  const graph = new Graph();
  const pixels = graph.input('pixels', 'uint8', ['N', sizePx, sizePx, 3]);
  const planes = buildAugmentation(cast(transpose(pixels, [0, 3, 1, 2]), 'float32'));
  // A cast truncates: adding 0.5 rounds.
  graph.output('changed', transpose(cast(add(planes, 0.5), 'uint8'), [0, 2, 3, 1]));
  return toOnnx(graph);
}

const tilesOf = (pixels: Uint8Array, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) =>
    pixels.subarray((i * pixels.length) / count, ((i + 1) * pixels.length) / count),
  );

async function decode(path: string, input: ModelInput): Promise<Uint8Array> {
  try {
    return await decodeInput(await readSource(path), input);
  } catch (cause) {
    throw new InputError(`${path}: ${reasonOf(cause)}`, { cause });
  }
}
