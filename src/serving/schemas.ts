import { z } from '@hono/zod-openapi';

// What goes in and out over HTTP. The same schemas check and make openapi.json.

const SHARE = 'expected a share above 0 and below 1';

/** The query of POST /v1/predict. */
export const predictQuery = z.strictObject({
  level: z.coerce
    .number(SHARE)
    .gt(0, SHARE)
    .lt(1, SHARE)
    .optional()
    .describe('The share of images, above 0 and below 1, whose true number lies between low and high. Default 0.9.'),
  faces: z
    .enum(['true', 'false'], 'expected true or false')
    .optional()
    .describe('true finds the faces in each image and predicts each: predictions are those of faces. Default false.'),
});

/** The JSON body of POST /v1/predict. */
export const predictJson = z.strictObject({
  images: z
    .array(z.string('expected an image in base64'), 'expected a list of images in base64')
    .min(1, 'expected at least one image')
    .describe('Images in base64, standard or URL-safe, padded or not, line breaks allowed; or data URIs in base64.'),
});

/** One image of an answer. */
export const prediction = z.object({
  value: z.number().nullable().describe('The number that the model names; null where there is an error.'),
  low: z.number().nullable().optional().describe('The lower end of the interval, where the model has intervals.'),
  high: z.number().nullable().optional().describe('Its upper end. Null where calibration was too small for the level.'),
  unusual: z.literal(true).optional().describe('The image is unlike those of the training; `unlike` says how.'),
  unlike: z
    .enum(['kind', 'source'])
    .optional()
    .describe(
      '`kind`: it shows something else than the training images, or nothing; do not rely on the value. `source`: it may show the same from another ' +
        'camera, site or crop; errors may be larger than stated. Absent from models of older versions.',
    ),
  error: z.string().optional().describe('Why the image has no number.'),
});

/** One face of an image of an answer. */
export const facePrediction = prediction.extend({
  box: z
    .object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
    .describe('From brows to chin and ear to ear, in pixels of the image, its EXIF orientation applied.'),
  angle: z.number().describe('How far the face is turned clockwise, in degrees from -180 to 180.'),
  score: z.number().describe('How sure the detector is, 0 to 1.'),
  small: z.literal(true).optional().describe('The face has too few pixels for its number to be worth much.'),
});

/** One image of an answer about faces. */
export const facesPrediction = z.object({
  faces: z.array(facePrediction).describe('The largest first, 32 at most.'),
  error: z.string().optional().describe('Why there are none.'),
});

/** The answer of POST /v1/predict. */
export const predictAnswer = z.object({
  model: z.object({
    name: z.string().describe("The name of the model's folder."),
    target: z.string().describe('What the number is.'),
    unit: z.string().nullable().describe('What it is counted in; null where nobody said.'),
    sha256: z.string().describe('Of model.onnx.'),
  }),
  predictions: z.array(prediction).describe('One an image, in the order of the request.'),
});

/** The answer of POST /v1/predict?faces=true. */
export const facesAnswer = predictAnswer.extend({
  predictions: z.array(facesPrediction).describe('One an image, in the order of the request.'),
});

/** The answer of /healthz and /readyz. */
export const state = z.object({ status: z.string() });

/** A refusal. Reference: RFC 9457 */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string().describe('The reason in one line.'),
});

export type Prediction = z.infer<typeof prediction>;
export type FacesPrediction = z.infer<typeof facesPrediction>;
export type PredictAnswer = z.infer<typeof predictAnswer>;
export type FacesAnswer = z.infer<typeof facesAnswer>;
