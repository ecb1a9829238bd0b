import type { Tensor } from '../engine/tensor.js';
import type { Manifest } from '../formats/manifest.js';
import { inputOf } from '../formats/resize.js';
import type { Explanation } from '../model/explain.js';
import type { FaceInImage } from '../model/face-in-image.js';
import type { ModelOutputs } from '../model/network-io.js';
import { startModel, type WebModelOptions, type WebPrediction } from './loaded-model.js';
import { type OpenImage, openImage, type WebImage } from './read-image.js';
import type { WebDevice } from './runtime-files.js';

/** The prediction for one face in an image. */
export interface WebFacePrediction extends WebPrediction {
  readonly face: FaceInImage;
}

/** A trained model in a browser. */
export interface WebModel {
  readonly manifest: Manifest;
  /** The device that the network runs on. */
  readonly device: WebDevice;
  /**
   * Predicts an image. With its interval, and with a warning if the image is unlike the training images, for models with intervals. The
   * image stays in the browser.
   *
   * @param options.level The coverage of the interval from `low` to `high`, above 0 and below 1. Default 0.9.
   * @throws InputError with a one-line reason if the image cannot be read; other images can still be predicted.
   * @throws UsageError for a level outside 0 to 1, or if the model has no intervals.
   */
  predict(image: WebImage, options?: { readonly level?: number | undefined }): Promise<WebPrediction>;
  /**
   * A prediction for each face in the image, the largest first: each is cropped and leveled like those of the training images, as
   * `predict --faces` does.
   *
   * @param options.level As for `predict`.
   * @param options.most The most faces to predict. Default 32.
   * @throws InputError as `predict` does, and if there is no face.
   * @throws UsageError if the model was not trained on faces, or was loaded without `faceDetector`.
   */
  predictFaces(
    image: WebImage,
    options?: { readonly level?: number | undefined; readonly most?: number | undefined },
  ): Promise<WebFacePrediction[]>;
  /**
   * Explains the prediction by the parts of the image, compared with a blurred version, and tests the faithfulness of the explanation, as
   * `predict --explain` does. Takes about fifty times as long as `predict`.
   *
   * @param options.seed Start of all random draws, a whole number. Default 0.
   * @throws InputError as `predict` does.
   */
  explain(image: WebImage, options?: { readonly seed?: number | undefined }): Promise<Explanation>;
  /**
   * The outputs for pixels, uint8 RGB `[N, H, W, 3]` at the model's input size: `value` and `features`, and for models with intervals
   * `scale` and `distance`.
   *
   * @throws ShapeError for pixels of another shape.
   */
  run(pixels: Tensor<'uint8'>): Promise<ModelOutputs>;
  /** Frees the model. */
  close(): Promise<void>;
}

/**
 * Loads the model in the folder at `url` (or beside the `model.onnx` that it names), and checks the checksum of its network
 * and its prediction for an image made by a formula. Only the model's files and the runtime are fetched.
 *
 * `onProgress` counts bytes; `total` is 0 if the server does not state it.
 *
 * @throws InputError if a file is missing or changed, a newer eyeball wrote the model, or the page is not secure (https or localhost).
 *
 * @example
 * ```ts
 * import { loadModel } from 'eyeball-ml/web';
 *
 * const model = await loadModel('/age/', { runtime: '/runtime/' });
 * const image = document.querySelector('img')!;
 * const { value, low, high } = await model.predict(image);
 * document.body.append(`${value} (${low} to ${high})`);
 * ```
 */
export async function loadModel(url: string | URL, options: WebModelOptions = {}): Promise<WebModel> {
  const { manifest, device, run, predict, cropFaces, explain, close } = await startModel(url, options);
  const input = inputOf(manifest.input);
  const pixelsOf = (image: OpenImage) => image.readInput(input);
  return {
    manifest,
    device,
    run,
    close,
    predict: async (image, { level } = {}) => predict(await using(image, pixelsOf), level),
    async predictFaces(image, { level, most } = {}) {
      const crops = await using(image, open => cropFaces(open, { most }));
      const predictions: WebFacePrediction[] = [];
      for (const { face, pixels } of crops) predictions.push({ ...(await predict(pixels, level)), face });
      return predictions;
    },
    explain: async (image, { seed = 0 } = {}) => explain(await using(image, pixelsOf), seed),
  };
}

async function using<T>(image: WebImage, work: (image: OpenImage) => T | Promise<T>): Promise<T> {
  const open = await openImage(image);
  try {
    return await work(open);
  } finally {
    open.close();
  }
}
