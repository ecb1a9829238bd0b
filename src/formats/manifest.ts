import * as z from 'zod';
import { deviceChoices } from '../base/device.js';
import { expected, InputError } from '../base/errors.js';
import type { ValueRange } from '../base/value-range.js';
import { manifestInputSchema } from './resize.js';

/** The version of the model format that this version of eyeball writes and reads. */
export const SCHEMA_VERSION = 1;

const triple = z.tuple([z.number(), z.number(), z.number()]);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const scoreTable = z.object({
  images: z.int(),
  ranks: z.array(z.int()),
  scores: z.array(z.number()),
});

const intervalsSchema = z.object({
  /** `split`: calibrated on held-out images. `cross`: on all, each by one of the `folds` heads, which was fitted without it. */
  method: z.enum(['split', 'cross']),
  folds: z.int(),
  /** Scores by range of true values, ascending and adjacent, and of all images: see IntervalScores. */
  levels: z.array(z.number()),
  groups: z.array(
    z.object({
      from: z.number(),
      to: z.number(),
      images: z.int(),
      centre: z.number(),
      factors: z.array(z.number().nullable()),
    }),
  ),
  pooled: scoreTable,
  /** No interval reaches beyond these. */
  ends: z.object({ low: z.number(), high: z.number() }),
  /** Which images are unusual: see UnusualLimits. `stage` is the stage whose means are compared; null for the features. */
  unusual: z.object({
    stage: z.string().nullable(),
    distance: z.number(),
    far: z.number(),
    activation: z.number(),
    faint: z.number(),
    share: z.number(),
  }),
});

const place = z.tuple([z.number(), z.number()]);

/** How the training images show their faces. */
export const faceAlignmentSchema = z.object({
  /** The size of an image in pixels, and where its face's landmarks lie, as shares of width and height: the medians of `faces` images. */
  widthPx: z.int().positive(),
  heightPx: z.int().positive(),
  landmarks: z.object({
    leftEye: place,
    rightEye: place,
    nose: place,
    mouth: place,
    leftEar: place,
    rightEar: place,
  }),
  /** Images that were looked at, and those among them that show a face. */
  images: z.int(),
  faces: z.int(),
});

const errors = z.object({ rmse: z.number(), mae: z.number() });
/** `bias` is the mean of prediction - label; coverage and width are of 90 % intervals, null for models without. */
const adaptedErrors = errors.extend({
  bias: z.number(),
  coverage90: z.number().nullable(),
  intervalWidth90: z.number().nullable(),
});

/** A way to train that a search has tried, with its error by cross-validation on `images` images, in the target's unit. */
const candidateSchema = z.object({
  features: z.string(),
  head: z.string(),
  loss: z.string(),
  augment: z.string(),
  /** `head`, or the lowest stage that was trained. */
  tune: z.string(),
  images: z.int(),
  rmse: z.number(),
  seconds: z.number(),
  /** Its share in the model: 0 where it was not taken, 1 where it is the model. */
  share: z.number(),
});

const manifestSchema = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  /** The target's name and unit; null for no unit. */
  target: z.object({ name: z.string(), unit: z.string().nullable() }),
  /** How images become pixels of sizePx x sizePx. */
  input: manifestInputSchema,
  backbone: z.object({
    name: z.string(),
    source: z.string(),
    license: z.string(),
    sha256: z.string(),
    features: z.int().positive(),
    normalization: z.object({ scale: z.number(), mean: triple, std: triple }),
    /** The value of an ONNX file that the features are: `NAME`, `NAME:cls` or `NAME:mean`; absent for the input of its last linear layer. */
    output: z.string().optional(),
    /** The precision of its convolutions; absent for fp32. */
    precision: z.literal('int8').optional(),
    /** The blocks of features that were chosen, in order, and the backbones they come from; absent where they are a backbone's own. */
    blocks: z.array(z.string()).optional(),
    parts: z
      .array(z.object({ name: z.string(), source: z.string(), license: z.string(), sha256: z.string() }))
      .optional(),
  }),
  /** Of model.onnx. */
  sha256,
  /** Training settings: solver, strength or learning rate, seed; `min` and `max` clamp predictions. */
  configuration: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** The training data. */
  dataset: z.object({
    images: z.int(),
    skipped: z.int(),
    fingerprint: z.string(),
    labels: z.object({ min: z.number(), max: z.number(), mean: z.number(), median: z.number(), std: z.number() }),
  }),
  /** On images held out of training, or on all in `folds` folds, each by heads that were fitted without it. */
  metrics: z.object({
    validation: z.object({ images: z.int(), folds: z.int().optional(), mse: z.number(), rmse: z.number() }).nullable(),
  }),
  /** What intervals are made from; absent where images were too few to calibrate any. */
  intervals: intervalsSchema.optional(),
  /** The bias correction `(value - intercept) / slope`, with the errors before and after it on held-out images; absent without correction. */
  biasCorrection: z
    .object({ intercept: z.number(), slope: z.number(), images: z.int(), before: errors, after: errors })
    .optional(),
  /** What was compared before this model was taken, best first; absent where nothing was. */
  search: z.object({ budgetSeconds: z.number(), candidates: z.array(candidateSchema) }).optional(),
  /**
   * How the model was adapted to labeled images of another source: `intercept + slope * value`, with `head` also a linear head on the
   * features. `widthFactor` multiplies the scales of intervals, unless these were `recalibrated` on the images. With the errors before, and
   * by cross-validation after it. Absent for models as trained.
   */
  adaptation: z
    .object({
      method: z.enum(['none', 'bias', 'slope', 'head']),
      images: z.int(),
      folds: z.int(),
      intercept: z.number(),
      slope: z.number(),
      widthFactor: z.number(),
      recalibrated: z.boolean(),
      before: adaptedErrors,
      after: adaptedErrors,
    })
    .optional(),
  /** How the training images show faces; absent unless most of them show exactly one. */
  framing: faceAlignmentSchema.optional(),
  /** Where its networks were computed; absent for the CPU. */
  device: z.enum(deviceChoices).optional(),
  versions: z.record(z.string(), z.string()),
  createdAt: z.iso.datetime(),
  /** Of the training, up to this file. */
  times: z.object({ totalSeconds: z.number(), extractSeconds: z.number(), fitSeconds: z.number() }),
  /** Of training-index.safetensors. */
  trainingIndexSha256: sha256,
  /** The model's value for `selfTestPixels`, before clamping. */
  selfTest: z.object({ value: z.number() }),
});

/** `eyeball.json`: the description of a model. */
export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestCandidate = z.infer<typeof candidateSchema>;
export type ManifestAdaptation = NonNullable<Manifest['adaptation']>;
export type ManifestIntervals = z.infer<typeof intervalsSchema>;
export type ManifestAlignment = z.infer<typeof faceAlignmentSchema>;

/** The range that predictions are clamped to; infinite on a side without a limit. */
export function valueRangeOf({ configuration: { min, max } }: Pick<Manifest, 'configuration'>): ValueRange {
  return {
    min: typeof min === 'number' ? min : Number.NEGATIVE_INFINITY,
    max: typeof max === 'number' ? max : Number.POSITIVE_INFINITY,
  };
}

/** The text of an `eyeball.json`, with each list of numbers on one line. */
export function formatManifest(manifest: Manifest): string {
  const text = JSON.stringify(manifest, null, 2);
  const inLines = text.replace(
    /\[\s+((?:[-+\d.e,\s]|null)+?)\s+\]/g,
    (_, numbers: string) => `[${numbers.replace(/\s+/g, ' ')}]`,
  );
  return `${inLines}\n`;
}

/**
 * The manifest in the text of an `eyeball.json`.
 *
 * @throws InputError where it is damaged, or was written by a newer version of eyeball.
 */
export function parseManifest(text: string, where: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError(expected(where, 'JSON', 'a damaged file', 'train again or fetch it again'), { cause });
  }
  const version = (json as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (typeof version === 'number' && version > SCHEMA_VERSION) {
    throw new InputError(
      expected(where, `schema version ${SCHEMA_VERSION} or older`, `${version}`, 'update eyeball-ml'),
    );
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(
      expected(
        `${where}: "${issue?.path.join('.')}"`,
        'a manifest of eyeball',
        issue?.message ?? 'another form',
        'train again',
      ),
      { cause: parsed.error },
    );
  }
  return parsed.data;
}
