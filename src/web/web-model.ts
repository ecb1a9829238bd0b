import type { Tensor } from '../engine/tensor.js';
import type { Explanation } from '../model/explain.js';
import type { FaceInPicture } from '../model/face-in-picture.js';
import type { Manifest } from '../model/manifest.js';
import { startModel, type WebModelOptions, type WebModelOutputs, type WebPrediction } from './loaded-model.js';
import { type OpenPicture, openPicture, type WebPicture } from './read-picture.js';
import type { WebDevice } from './runtime-files.js';

/** What a model says of one face in a picture. */
export interface WebFacePrediction extends WebPrediction {
  readonly face: FaceInPicture;
}

/** A trained model, loaded in a browser. */
export interface WebModel {
  readonly manifest: Manifest;
  /** What computes. */
  readonly device: WebDevice;
  /**
   * What the model says of the picture, with its interval and a warning where the picture is unlike those of the training, if the model
   * has intervals. The picture stays in the browser.
   *
   * @param options.level The share of pictures, above 0 and below 1, whose true number lies between `low` and `high`. Default 0.9.
   * @throws InputError with the reason as one line where the picture cannot be read; the next one can be predicted as before.
   * @throws UsageError for a level outside 0 to 1, or of a model without intervals.
   */
  predict(picture: WebPicture, options?: { readonly level?: number | undefined }): Promise<WebPrediction>;
  /**
   * A prediction for each face in the picture, the largest first: each is cropped and leveled as the training images show theirs, as
   * `predict --faces` does.
   *
   * @param options.level As for `predict`.
   * @param options.most The most faces to predict. Default 32.
   * @throws InputError as `predict` does, and where there is no face.
   * @throws UsageError of a model that was not trained on faces, or was loaded without `faceDetector`.
   */
  predictFaces(
    picture: WebPicture,
    options?: { readonly level?: number | undefined; readonly most?: number | undefined },
  ): Promise<WebFacePrediction[]>;
  /**
   * What of the picture pushed its value up and down, compared with a blurred version, and how faithful that is, as `predict --explain`
   * has it. Takes about fifty times as long as `predict`.
   *
   * @param options.seed Start of all random draws, a whole number. Default 0.
   * @throws InputError as `predict` does.
   */
  explain(picture: WebPicture, options?: { readonly seed?: number | undefined }): Promise<Explanation>;
  /**
   * The outputs for pixels, uint8 RGB `[N, H, W, 3]` at the model's input size: `value` and `features`, and of models with intervals
   * `scale` and `distance`.
   *
   * @throws ShapeError for pixels of another shape.
   */
  run(pixels: Tensor<'uint8'>): Promise<WebModelOutputs>;
  /** Frees the model. */
  close(): Promise<void>;
}

/**
 * Loads the model in the folder at `url` (or beside the `model.onnx` that it names), and checks that it is whole: the checksum of its
 * network, and the value that it must give for a picture made by a formula. Only the model's files and the runtime are fetched.
 *
 * `onProgress` counts bytes; `total` is 0 where the server does not say how many come.
 *
 * @throws InputError where a file is missing or changed, the model is of a newer eyeball, or the page is not secure (https or localhost).
 */
export async function loadModel(url: string | URL, options: WebModelOptions = {}): Promise<WebModel> {
  const { manifest, device, run, predict, cropFaces, explain, close } = await startModel(url, options);
  const { sizePx } = manifest.input;
  const pixelsOf = (picture: OpenPicture) => picture.read({ width: sizePx, height: sizePx });
  return {
    manifest,
    device,
    run,
    close,
    predict: async (picture, { level } = {}) => predict(await using(picture, pixelsOf), level),
    async predictFaces(picture, { level, most } = {}) {
      const crops = await using(picture, open => cropFaces(open, { most }));
      const predictions: WebFacePrediction[] = [];
      for (const { face, pixels } of crops) predictions.push({ ...(await predict(pixels, level)), face });
      return predictions;
    },
    explain: async (picture, { seed = 0 } = {}) => explain(await using(picture, pixelsOf), seed),
  };
}

async function using<T>(picture: WebPicture, work: (picture: OpenPicture) => T | Promise<T>): Promise<T> {
  const open = await openPicture(picture);
  try {
    return await work(open);
  } finally {
    open.close();
  }
}
