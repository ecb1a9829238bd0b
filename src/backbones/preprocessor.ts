import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { expected, InputError } from '../base/errors.js';
import { readBytesIfThere } from '../base/files.js';
import type { ResizePlan } from '../formats/resize.js';
import type { Normalization } from './backbone.js';

/** The file of the transformers library that says how images are prepared for a network. */
export const PREPROCESSOR_FILE = 'preprocessor_config.json';

/** How images are prepared for a network. */
export interface Preprocessing {
  readonly sizePx: number | undefined;
  readonly resize: ResizePlan;
  readonly normalization: Normalization;
}

const px = z.number().int().min(1).max(4096);
const triple = z.tuple([z.number(), z.number(), z.number()]);
const sizes = z.union([px, z.object({ shortest_edge: px }), z.object({ height: px, width: px })]);

const schema = z.object({
  do_resize: z.boolean().nullish(),
  size: sizes.nullish(),
  /** Of Pillow: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic. */
  resample: z.number().nullish(),
  do_center_crop: z.boolean().nullish(),
  crop_size: sizes.nullish(),
  do_rescale: z.boolean().nullish(),
  rescale_factor: z.number().positive().nullish(),
  do_normalize: z.boolean().nullish(),
  image_mean: triple.nullish(),
  image_std: triple.nullish(),
});

/**
 * What `preprocessor_config.json` says, in the folder of an ONNX file, or above it where that folder is named `onnx`; undefined where
 * there is none.
 *
 * @throws InputError for another form, and for a size that is not square.
 */
export async function readPreprocessor(onnx: string): Promise<Preprocessing | undefined> {
  const folder = dirname(onnx);
  const folders = basename(folder) === 'onnx' ? [folder, dirname(folder)] : [folder];
  for (const each of folders) {
    const path = join(each, PREPROCESSOR_FILE);
    const bytes = await readBytesIfThere(path);
    if (bytes !== undefined) return parsePreprocessor(new TextDecoder().decode(bytes), path);
  }
  return undefined;
}

/** The preprocessing in the text of a `preprocessor_config.json`; `where` names it in errors. */
export function parsePreprocessor(text: string, where: string): Preprocessing {
  let config: z.infer<typeof schema>;
  try {
    config = schema.parse(JSON.parse(text));
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const got = issue === undefined ? 'no JSON' : `${issue.path.join('.')}: ${issue.message}`;
    throw new InputError(expected(where, 'a configuration of an image processor', got), { cause });
  }
  const { do_center_crop, size, crop_size, resample, do_rescale, rescale_factor, do_normalize } = config;
  const edge = (given: z.infer<typeof sizes> | null | undefined): number | undefined => {
    if (given == null || typeof given === 'number') return given ?? undefined;
    if ('shortest_edge' in given) return given.shortest_edge;
    if (given.height === given.width) return given.height;
    throw new InputError(expected(where, 'square images', `${given.width} x ${given.height}`));
  };
  const isCropped = do_center_crop === true;
  const [resized, cropped] = [edge(size), edge(crop_size)];
  // The shorter edge alone leaves an image that is not square, of which the network takes the center.
  const keepsShape = isCropped || (size != null && typeof size === 'object' && 'shortest_edge' in size);
  const sizePx = isCropped ? (cropped ?? resized) : resized;
  const share = isCropped && sizePx !== undefined && resized !== undefined ? Math.min(1, sizePx / resized) : 1;
  const isNormalized = do_normalize !== false && config.image_mean != null && config.image_std != null;
  return {
    sizePx,
    resize: {
      fit: keepsShape ? 'crop' : 'stretch',
      // Lanczos is closest to bicubic, nearest to bilinear.
      interpolation: resample === 1 || resample === 3 ? 'bicubic' : 'bilinear',
      cropShare: share,
    },
    normalization: {
      scale: do_rescale === false ? 1 : (rescale_factor ?? 1 / 255),
      mean: isNormalized ? config.image_mean! : [0, 0, 0],
      std: isNormalized ? config.image_std! : [1, 1, 1],
    },
  };
}
