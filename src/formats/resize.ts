import * as z from 'zod';

/**
 * How an image of any shape becomes the square input of a network: `stretch` resizes the whole image to it, `crop` takes the central
 * square, `pad` resizes the whole image within it and fills the rest with gray. Crop and pad keep the aspect ratio.
 */
export const fits = ['stretch', 'crop', 'pad'] as const;
export type Fit = (typeof fits)[number];

export const interpolations = ['bilinear', 'bicubic'] as const;
export type Interpolation = (typeof interpolations)[number];

export const resizePlanSchema = z.object({
  fit: z.enum(fits),
  interpolation: z.enum(interpolations),
  /**
   * For `crop`: the edge of the square as a share of the image's shorter edge, above 0 and at most 1, as timm's `crop_pct`. Other fits take
   * the whole image and do not use it.
   */
  cropShare: z.number().positive().max(1),
});

/** How images are resized for a network. */
export type ResizePlan = Readonly<z.infer<typeof resizePlanSchema>>;

/** The plan of networks that name none. */
export const STRETCH: ResizePlan = { fit: 'stretch', interpolation: 'bilinear', cropShare: 1 };

/** The input of a network, as far as images are decoded for it. */
export interface ModelInput {
  /** Width and height in pixels. */
  readonly sizePx: number;
  /** Default: `STRETCH`. */
  readonly resize?: ResizePlan | undefined;
}

/** True where the whole image is stretched by bilinear interpolation, which manifests and cache keys of earlier versions mean. */
export const isPlain = ({ resize = STRETCH }: Pick<ModelInput, 'resize'>): boolean =>
  resize.fit === STRETCH.fit && resize.interpolation === STRETCH.interpolation;

/** What a plan adds to the key of values that depend on it: nothing for `isPlain`, so that earlier keys stay. */
export const resizeKey = ({ resize = STRETCH }: Pick<ModelInput, 'resize'>): readonly (string | number)[] =>
  isPlain({ resize }) ? [] : [resize.fit, resize.interpolation, ...(resize.fit === 'crop' ? [resize.cropShare] : [])];

/** `input` in a manifest. */
export const manifestInputSchema = z.object({
  sizePx: z.int().positive().max(4096),
  /** Interpolation: `linear` is bilinear, `cubic` is bicubic. */
  kernel: z.enum(['linear', 'cubic']),
  /** `fill`: the whole image is stretched. */
  fit: z.enum(['fill', 'crop', 'pad']),
  /** See ResizePlan; absent for 1. */
  cropShare: z.number().positive().max(1).optional(),
});

export type ManifestInput = z.infer<typeof manifestInputSchema>;

/** The entry of a manifest for a network's input. */
export function toManifestInput({ sizePx, resize = STRETCH }: ModelInput): ManifestInput {
  const { fit, interpolation, cropShare } = resize;
  return {
    sizePx,
    kernel: interpolation === 'bicubic' ? 'cubic' : 'linear',
    fit: fit === 'stretch' ? 'fill' : fit,
    ...(fit === 'crop' && cropShare !== 1 && { cropShare }),
  };
}

/** The input that a manifest describes. */
export function inputOf({
  sizePx,
  kernel,
  fit,
  cropShare = 1,
}: ManifestInput): Required<ModelInput> & { readonly resize: ResizePlan } {
  const interpolation = kernel === 'cubic' ? 'bicubic' : 'bilinear';
  return { sizePx, resize: { fit: fit === 'fill' ? 'stretch' : fit, interpolation, cropShare } };
}

/** The plan as words: `crop (87.5 %), bicubic`. */
export function resizeText({ fit, interpolation, cropShare }: ResizePlan): string {
  const share = fit !== 'crop' || cropShare === 1 ? '' : ` (${Math.round(1000 * cropShare) / 10} %)`;
  return `${fit}${share}, ${interpolation}`;
}
