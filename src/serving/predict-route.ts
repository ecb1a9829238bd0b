import type { Context } from 'hono';
import { InputError } from '../base/errors.js';
import { type FacesPrediction, type PredictAnswer, type Prediction, predictQuery } from '../formats/http.js';
import { type UncertaintyOf, uncertaintyOf } from '../uncertainty/predict-uncertainty.js';
import type { ImageRow } from './image-queue.js';
import type { Admission, Limits } from './limits.js';
import type { Metrics } from './metrics.js';
import { checkedQuery, Problem } from './problem.js';
import { readBody } from './read-body.js';
import { type Env, imageReader, type RequestImage } from './request-images.js';
import type { ModelLease, ServedModel } from './served-model.js';
import type { UnlikeWatch } from './unlike-watch.js';

/** What POST /v1/predict uses of the service. */
export interface PredictHost {
  readonly served: ServedModel;
  readonly limits: Limits;
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly unlike: UnlikeWatch;
  /** The reason why the service takes no images now. */
  notReady(): Problem | undefined;
}

/** The handler of POST /v1/predict. */
export function predictRoute({ served, limits, admission, metrics, unlike, notReady }: PredictHost) {
  return async (c: Context<Env>): Promise<Response> => {
    const { level, faces } = checkedQuery(predictQuery, c.req.query());
    const read = imageReader(c.req.header('Content-Type') ?? null, c.req.header('Content-Encoding') ?? null);
    const lease = served.lease();
    if (lease === undefined || lease.model.isLost) {
      lease?.release();
      throw notReady();
    }
    let held = 0;
    let leave = () => {};
    try {
      const isFaces = faces === 'true';
      const uncertainty = uncertaintyFor(lease, level, isFaces);
      const client = c.env?.client ?? '';
      // A full queue refuses at once, before a body of 30 MB is read.
      admission.check(client, 1);
      const body = await readBody(c.req.raw, { ...limits, exactLength: c.env?.exactLength }, bytes => {
        admission.hold(bytes);
        held += bytes;
      });
      const images = await read(body, c.req.header('Content-Type') ?? '', limits.requestImages);
      leave = admission.enter(client, images.length);
      const predictOne = isFaces ? predictFaces : predict;
      const predictions = await Promise.all(images.map(image => predictOne(lease, uncertainty, image)));
      const failed = predictions.filter(({ error }) => error !== undefined).length;
      metrics.images('failed', failed);
      metrics.images('predicted', predictions.length - failed);
      for (const grade of predictions.flatMap(gradesOf)) {
        unlike.add(grade);
        if (grade !== undefined) metrics.unlike(grade, 1);
      }
      if (failed === predictions.length) throw allFailed(predictions);
      const { target, sha256 } = lease.model.manifest;
      const model: PredictAnswer['model'] = { name: lease.name, target: target.name, unit: target.unit, sha256 };
      return c.json({ model, predictions });
    } finally {
      leave();
      admission.hold(-held);
      lease.release();
    }
  };
}

/** How the image, or each face in it, is unlike the training images; undefined where it is like them. */
function gradesOf(prediction: Prediction | FacesPrediction): (Prediction['unlike'] | undefined)[] {
  if ('faces' in prediction) return prediction.faces.map(({ unlike }) => unlike);
  return prediction.value === null ? [] : [prediction.unlike];
}

/** The uncertainty at the level of a query. @throws Problem 400 if the model cannot answer the query. */
function uncertaintyFor({ model, uncertainty }: ModelLease, level: number | undefined, isFaces: boolean) {
  const { manifest } = model;
  if (level !== undefined && manifest.intervals === undefined)
    throw new Problem(400, 'level: the model has no prediction intervals; train it again');
  if (isFaces && manifest.framing === undefined)
    throw new Problem(400, 'faces: the model has no face alignment; train it again on images of one face each');
  return level === undefined ? uncertainty : uncertaintyOf(manifest, 'the model', level);
}

async function predict({ queue }: ModelLease, uncertainty: UncertaintyOf, image: RequestImage): Promise<Prediction> {
  try {
    if (image instanceof InputError) throw image;
    return predictionOf(uncertainty, await queue.add(image));
  } catch (thrown) {
    if (thrown instanceof InputError) return { value: null, error: thrown.message };
    throw thrown;
  }
}

async function predictFaces(
  { findFaces }: ModelLease,
  uncertainty: UncertaintyOf,
  image: RequestImage,
): Promise<FacesPrediction> {
  try {
    if (image instanceof InputError) throw image;
    const found = await findFaces(image);
    const faces = found.map(({ face: { x, y, width, height, ...face }, row }) => ({
      box: { x, y, width, height },
      ...face,
      ...predictionOf(uncertainty, row),
    }));
    return { faces };
  } catch (thrown) {
    if (thrown instanceof InputError) return { faces: [], error: thrown.message };
    throw thrown;
  }
}

/** @throws InputError if the network's output is not finite. */
function predictionOf(uncertainty: UncertaintyOf, { outputs, row }: ImageRow): Prediction & { readonly value: number } {
  const value = Number(outputs.value!.data[row]);
  if (!Number.isFinite(value)) throw new InputError(`expected a finite value from the network, got ${value}`);
  const { low, high, unusual, unlike } = uncertainty.of(value, outputs, row);
  return {
    value,
    ...(low !== undefined && { low }),
    ...(high !== undefined && { high }),
    ...(unusual && { unusual }),
    ...(unlike && { unlike }),
  };
}

function allFailed(predictions: readonly { readonly error?: string | undefined }[]): Problem {
  const [first] = predictions;
  const count = predictions.length;
  return new Problem(
    422,
    count === 1 ? first!.error! : `none of ${count} images is usable; the first: ${first!.error}`,
  );
}
