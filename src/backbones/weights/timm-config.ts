import { z } from 'zod';
import { expected, InputError, reasonOf } from '../../base/errors.js';
import { readRegularFile } from '../../base/files.js';
import type { Normalization } from '../backbone.js';

/** How a network's images are made before its normalization. */
export interface Preprocessing {
  readonly interpolation: string;
  /** The share of the image's shorter side that is used, 0 to 1. */
  readonly cropPct: number;
  /** `center` crops to a square, `squash` stretches, `border` pads. */
  readonly cropMode: string;
}

/** The configuration of weights on the hub. */
export interface TimmConfig {
  /** timm's name of the architecture: `vit_tiny_patch16_224`. */
  readonly architecture: string;
  /** Width and height of the images in pixels. */
  readonly sizePx: number | undefined;
  readonly normalization: Normalization | undefined;
  readonly preprocessing: Preprocessing;
  /** As an SPDX identifier. */
  readonly license: string | undefined;
}

const channels = z.tuple([z.number(), z.number(), z.number()]);
const pretrained = z.object({
  input_size: z.tuple([z.literal(3), z.number().int().positive(), z.number().int().positive()]).optional(),
  mean: channels.optional(),
  std: channels.refine(values => values.every(value => value > 0), 'expected numbers above 0').optional(),
  interpolation: z.string().optional(),
  crop_pct: z.number().positive().max(1).nullish(),
  crop_mode: z.string().nullish(),
  license: z.string().nullish(),
});
const config = pretrained.extend({
  architecture: z.string(),
  model_args: z.record(z.string(), z.unknown()).optional(),
  pretrained_cfg: pretrained.optional(),
});

// Arguments that change no parameter and no result of the features.
const harmless = new Set(['img_size', 'num_classes', 'in_chans', 'drop_rate', 'drop_path_rate', 'dynamic_img_size']);

/**
 * Reads the `config.json` that timm writes beside its weights.
 *
 * @throws InputError where the file is no such configuration, or changes the architecture by arguments.
 */
export async function readTimmConfig(path: string): Promise<TimmConfig> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(await readRegularFile(path)));
  } catch (cause) {
    throw new InputError(expected(path, "timm's configuration as JSON", `"${reasonOf(cause)}"`), { cause });
  }
  const parsed = config.safeParse(json);
  if (!parsed.success) {
    const { path: at, message } = parsed.error.issues[0]!;
    const key = at.map(String).join('.');
    const what = key === '' ? "timm's configuration" : `"${key}" as timm writes it`;
    const wayOut = 'name a repository of timm, or give an ONNX file';
    throw new InputError(expected(path, what, message.replace(/^Invalid input: /, ''), wayOut));
  }
  const { architecture, model_args: args = {}, pretrained_cfg: nested, ...outer } = parsed.data;
  const changed = Object.keys(args).filter(key => !harmless.has(key));
  if (changed.length > 0) {
    const got = changed.map(key => `${key} ${JSON.stringify(args[key])}`).join(', ');
    const what = `${architecture} without changes`;
    throw new InputError(expected(`${path}: "model_args"`, what, got, 'export the network as ONNX and give that file'));
  }
  const { input_size: size, mean, std, interpolation, crop_pct, crop_mode, license } = { ...outer, ...nested };
  if (size !== undefined && size[1] !== size[2]) {
    throw new InputError(expected(`${path}: "input_size"`, 'square images', `${size[2]} x ${size[1]}`));
  }
  return {
    architecture,
    sizePx: size?.[1],
    normalization: mean && std && { scale: 1 / 255, mean, std },
    preprocessing: {
      interpolation: interpolation ?? 'bicubic',
      cropPct: crop_pct ?? 0.875,
      cropMode: crop_mode ?? 'center',
    },
    license: license ?? undefined,
  };
}
