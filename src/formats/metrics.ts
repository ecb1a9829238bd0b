import * as z from 'zod';
import { expected, InputError, reasonOf } from '../base/errors.js';

/** The file in the folder of an evaluation with all its figures. */
export const METRICS_FILE = 'metrics.json';

const errorPair = z.object({ rmse: z.number(), mae: z.number() });

const metricsSchema = z.object({
  /** SHA-256 of the `model.onnx` that was evaluated. */
  modelSha256: z.string(),
  /** The evaluated data, as the user named it. */
  data: z.string(),
  /** SHA-256 of the names and labels of the evaluated images. */
  fingerprint: z.string(),
  /** True where each prediction is the mean of those of the image and of its mirror image (test-time augmentation). */
  tta: z.boolean(),
  images: z.int(),
  skipped: z.array(z.object({ file: z.string(), reason: z.string() })).readonly(),
  rmse: z.number(),
  mae: z.number(),
  /** Null for a single image, and where all labels are equal. */
  r2: z.number().nullable(),
  cs5: z.number(),
  bias: z.number(),
  baseline: z.object({ mean: errorPair }),
  /** Absent from models without intervals; null where calibration images were too few for the level. */
  coverage90: z.number().nullish(),
  intervalWidth90: z.number().nullish(),
  byGroup: z
    .array(
      z.object({
        from: z.number(),
        to: z.number(),
        images: z.int(),
        mae: z.number(),
        bias: z.number(),
        coverage90: z.number().nullish(),
      }),
    )
    .readonly(),
  warnings: z.array(z.string()).readonly(),
  /** Test images that are training images; absent where the model's training index is. */
  leakage: z
    .object({
      /** Images whose file was trained on, and others that show the same photo as a training image. */
      exact: z.number(),
      near: z.number(),
      /** Over the images that repeat none; null where there are no others. */
      reduced: z.object({ images: z.number(), rmse: z.number().nullable() }),
    })
    .optional(),
});

/** What programs read of a `metrics.json`; the file has every figure of the evaluation. */
export type Metrics = z.infer<typeof metricsSchema>;

/** The text of a `metrics.json`. */
export const formatMetrics = <T extends Metrics>(metrics: T): string => `${JSON.stringify(metrics, null, 2)}\n`;

/**
 * The metrics in the text of a `metrics.json`.
 *
 * @throws InputError where it is damaged.
 */
export function parseMetrics(text: string, where: string): Metrics {
  try {
    return metricsSchema.parse(JSON.parse(text));
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const got = issue === undefined ? reasonOf(cause) : `${issue.path.join('.')}: ${issue.message}`;
    const wayOut = 'evaluate again, or remove the folder';
    throw new InputError(expected(where, 'the results of eyeball evaluate', `"${got}"`, wayOut), { cause });
  }
}
