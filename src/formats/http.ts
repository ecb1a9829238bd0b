import * as z from 'zod';

// The requests and answers of the HTTP API. The same schemas check requests and make openapi.json.

const SHARE = 'expected a share above 0 and below 1';

/** The query of POST /v1/predict. */
export const predictQuery = z.strictObject({
  level: z.coerce
    .number(SHARE)
    .gt(0, SHARE)
    .lt(1, SHARE)
    .optional()
    .describe('The coverage of the intervals from low to high, above 0 and below 1. Default: 0.9.'),
  faces: z
    .enum(['true', 'false'], 'expected true or false')
    .optional()
    .describe('true: detect the faces in each image and predict a value for each face. Default: false.'),
});

/** The JSON body of POST /v1/predict. */
export const predictJson = z.strictObject({
  images: z
    .array(z.string('expected an image in base64'), 'expected a list of images in base64')
    .min(1, 'expected at least one image')
    .describe('Images in base64 or as base64 data URIs; standard or URL-safe, padding optional, line breaks allowed.'),
});

/** The prediction of one image. */
export const prediction = z.object({
  value: z.number().nullable().describe('The predicted value; null if there is an error.'),
  low: z.number().nullable().optional().describe('Lower end of the prediction interval, if the model has intervals.'),
  high: z
    .number()
    .nullable()
    .optional()
    .describe('Upper end of the prediction interval; null if the calibration set was too small for the level.'),
  unusual: z.literal(true).optional().describe('The image differs from the training images; `unlike` says how.'),
  unlike: z
    .enum(['kind', 'source'])
    .optional()
    .describe(
      '`kind`: the content differs from the training images, or the image is blank; do not rely on the value. `source`: the content may be ' +
        'the same, from another camera, site or crop; errors may be larger than stated.',
    ),
  error: z.string().optional().describe('The reason why there is no value.'),
});

/** The prediction of one face in an image. */
export const facePrediction = prediction.extend({
  box: z
    .object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
    .describe('From brows to chin and ear to ear, in pixels of the image after EXIF rotation.'),
  angle: z.number().describe('Clockwise rotation of the face in degrees, from -180 to 180.'),
  score: z.number().describe('Confidence of the detector, 0 to 1.'),
  small: z.literal(true).optional().describe('The face has too few pixels for a reliable value.'),
});

/** The predictions of all faces in one image. */
export const facesPrediction = z.object({
  faces: z.array(facePrediction).describe('The largest face first, at most 32.'),
  error: z.string().optional().describe('The reason why there are no faces.'),
});

/** The answer of POST /v1/predict. */
export const predictAnswer = z.object({
  model: z.object({
    name: z.string().describe("The name of the model's folder."),
    target: z.string().describe('The name of the target.'),
    unit: z.string().nullable().describe('The unit of the target; null if unknown.'),
    sha256: z.string().describe('SHA-256 of model.onnx in hex.'),
  }),
  predictions: z.array(prediction).describe('One per image, in the order of the request.'),
});

/** The answer of POST /v1/predict?faces=true. */
export const facesAnswer = predictAnswer.extend({
  predictions: z.array(facesPrediction).describe('One per image, in the order of the request.'),
});

/** The answer of /healthz and /readyz. */
export const state = z.object({ status: z.string() });

/** The body of an error response. Reference: RFC 9457 */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().describe('The reason in one line.'),
});

export type Prediction = z.infer<typeof prediction>;
export type FacePrediction = z.infer<typeof facePrediction>;
export type FacesPrediction = z.infer<typeof facesPrediction>;
export type PredictAnswer = z.infer<typeof predictAnswer>;
export type FacesAnswer = z.infer<typeof facesAnswer>;
