import { join } from 'node:path';
import { expected, ShapeError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { float32Range, isClamped } from '../base/value-range.js';
import type { SessionOptions } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import { type Manifest, parseManifest, valueRangeOf } from '../formats/manifest.js';
import { warningText } from '../images/image-format.js';
import { readNamedSource } from '../images/read-source.js';
import { runImages } from '../images/run-images.js';
import type { ReadImage } from '../images/shared-reads.js';
import { mirror } from '../images/warp.js';
import { uncertaintyOf } from '../uncertainty/predict-uncertainty.js';
import type { UnusualGrade } from '../uncertainty/unusual.js';
import { checkChecksum, checkSelfTest, selfTestPixels, unfitNetwork } from './checks.js';
import { type CropFaces, faceCropper, noAlignmentError } from './crop-faces.js';
import { type ExplainedImage, type ExplainOptions, explainImages } from './explain-images.js';
import type { FaceInImage } from './face-in-image.js';
import { closeNetwork, modelFolder, openNetwork, readPart } from './model-files.js';
import { predictFaces } from './predict-faces.js';

/** What a model says of one image: its value, or null and the reason why there is none. */
export interface ImagePrediction {
  /** The path or address as it was given; `image 1`, `image 2`, ... for bytes. */
  readonly file: string;
  readonly value: number | null;
  readonly error?: string;
  /** What is odd about the image, so that its value is worth less; absent where nothing is. */
  readonly warning?: string;
  /**
   * The ends of the interval that was asked for, in the target's unit; null where the model was calibrated on too few images for its
   * level. Absent where a model has no intervals.
   */
  readonly low?: number | null;
  readonly high?: number | null;
  /** The size of the error that is expected, in the target's unit. Absent where a model has no intervals. */
  readonly scale?: number;
  /** Present where the image is unlike those that the model was trained on: neither its value nor its interval is worth much then. */
  readonly unusual?: true;
  /**
   * How it is unlike them: `kind`, it shows something else, or nothing; `source`, it may show the same, but another camera, site or crop made
   * it. Present where `unusual` is.
   */
  readonly unlike?: UnusualGrade;
  /** How unlike they are, about 1 for images of the training data. Present where `unusual` is. */
  readonly distance?: number;
  /** Present where the value is the mean of the image's and its mirror image's. */
  readonly tta?: true;
  /** The face in the image that all this is about; present where faces were asked for and one was found. */
  readonly face?: FaceInImage;
}

/** What a network gives for N images. */
export interface ModelOutputs {
  readonly value: Tensor<'float32'>;
  readonly features: Tensor<'float32'>;
  readonly scale?: Tensor<'float32'>;
  readonly distance?: Tensor<'float32'>;
  readonly unlikeness?: Tensor<'float32'>;
  readonly activation?: Tensor<'float32'>;
  /** The value before it was clamped; only of models that clamp it. */
  readonly unclamped?: Tensor<'float32'>;
}

/** A trained model, loaded. */
export interface Model {
  readonly manifest: Manifest;
  /**
   * The value of each image, in order; an image that cannot be read has an `error` and leaves the others alone.
   *
   * @param options.tta True (test-time augmentation) predicts each image and its mirror image and takes the mean: twice the work.
   * Default false. Intervals are calibrated without it; the mean errs less, so that they then hold rather more than asked.
   * @param options.level The share of images, above 0 and below 1, whose true number lies between `low` and `high`. Default 0.9.
   * @param options.faces True finds the faces in each image, and crops, levels and predicts each as the images of the training show
   * theirs: a prediction a face, the largest first, 32 at most; an image without one has an `error`. Default false.
   * @param options.read Reads images that are given by path. Default: from disk, each time anew.
   * @throws UsageError for a level outside that, or of a model without intervals; for faces of a model without framing.
   */
  predict(
    images: readonly (string | Uint8Array)[],
    options?: RunContext & {
      readonly level?: number | undefined;
      readonly tta?: boolean | undefined;
      readonly faces?: boolean | undefined;
      readonly read?: ReadImage | undefined;
      readonly onPrediction?: ((prediction: ImagePrediction) => void) | undefined;
    },
  ): Promise<ImagePrediction[]>;
  /**
   * Each image, in order, with its value, and what of it pushed the value up and down: see `Explanation`. An image that cannot be
   * read has an `error` and leaves the others alone.
   */
  explain(images: readonly (string | Uint8Array)[], options?: ExplainOptions): AsyncGenerator<ExplainedImage>;
  /**
   * The values `[N]` and features `[N, D]` of pixels, uint8 RGB `[N, H, W, 3]` at the model's input size; from models with intervals also
   * the expected size of the error, `scale` `[N]`, and the distance from the training data, `distance` `[N]`.
   *
   * @param options.handOver True gives the pixels' memory away instead of copying it: the array is empty afterwards. Default false.
   * @throws ShapeError for pixels of another shape.
   */
  run(pixels: Tensor<'uint8'>, options?: { readonly handOver?: boolean }): Promise<ModelOutputs>;
  /**
   * The faces in an image, the largest first, cropped and levelled to the model's input size.
   *
   * @throws InputError where the image cannot be read or shows no face; UsageError of a model without framing.
   */
  readonly cropFaces: CropFaces;
  /** True where the engine's thread has ended so often that the model is not loaded again: it predicts nothing from then on. */
  readonly isLost: boolean;
  /** Frees the model. A second call does nothing; a prediction afterwards fails with UsageError. */
  close(): Promise<void>;
}

/**
 * Loads the model in the folder `path` (or beside the `model.onnx` that `path` names), and checks that it is whole: the checksum of
 * its network, and the value that it must give for an image made by a formula.
 *
 * @throws InputError where a file is missing or changed, or the model is of a newer eyeball.
 *
 * @example
 * ```ts
 * import { loadModel } from 'eyeball-ml';
 *
 * const model = await loadModel('age');
 * const [prediction] = await model.predict(['photo.jpg']);
 * console.log(prediction?.value, prediction?.low, prediction?.high);
 * await model.close();
 * ```
 */
export async function loadModel(path: string, options: SessionOptions = {}): Promise<Model> {
  const folder = modelFolder(path);
  const where = join(folder, 'eyeball.json');
  const manifest = await readManifest(folder);
  const network = await openNetwork(folder, options);
  try {
    checkChecksum(manifest, network.sha256, join(folder, 'model.onnx'));
  } catch (thrown) {
    await closeNetwork(network);
    throw thrown;
  }
  const { sizePx } = manifest.input;
  const session = await network.session;
  const run: Model['run'] = async (pixels, options) => {
    const [, ...image] = pixels.shape;
    if (image.join() !== `${sizePx},${sizePx},3`) {
      throw new ShapeError(expected('pixels', `[N, ${sizePx}, ${sizePx}, 3]`, `[${pixels.shape}]`));
    }
    return (await session.run({ pixels }, options)) as Record<string, Tensor<'float32'>> & ModelOutputs;
  };
  try {
    const probe: Tensor<'uint8'> = { dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data: selfTestPixels(sizePx) };
    checkSelfTest(manifest, { ...(await run(probe)) });
  } catch (cause) {
    await session.close();
    throw unfitNetwork(where, cause);
  }
  const range = valueRangeOf(manifest);
  const explained = isClamped(range) ? 'unclamped' : 'value';
  const cropper = faceCropper(manifest, where, options);
  return {
    manifest,
    run,
    cropFaces: cropper.crop,
    get isLost() {
      return session.isLost;
    },
    async close() {
      await cropper.close();
      await session.close();
    },
    explain: (images, context = {}) =>
      explainImages(
        {
          sizePx,
          range: float32Range(range),
          values: async pixels =>
            (await session.run({ pixels }, { outputs: [explained], handOver: true }))[explained]!.data as Float32Array,
          network: () => readPart(folder, 'model.onnx', null),
          where: join(folder, 'model.onnx'),
          session: { ...options, copies: 1 },
        },
        images,
        context,
      ),
    async predict(
      images,
      { tta = false, faces = false, level, read, onProgress, onMessage, onPrediction, signal, profile } = {},
    ) {
      const doubt = uncertaintyOf(manifest, where, level, onMessage);
      if (faces && manifest.framing === undefined) throw noAlignmentError(where);
      const name = (index: number) => {
        const image = images[index]!;
        return typeof image === 'string' ? image : `image ${index + 1}`;
      };
      const out: ImagePrediction[] = [];
      const compute = (pixels: Tensor) =>
        session.run({ pixels }, { outputs: ['value', ...doubt.outputs], handOver: true });
      const run = {
        compute: tta ? (pixels: Tensor<'uint8'>) => meanOf([pixels, mirror(pixels)], compute) : compute,
        sizePx,
        count: images.length,
        read: (index: number) => {
          const image = images[index]!;
          return typeof image === 'string' && read ? read(image, signal) : readNamedSource(image, signal);
        },
        signal,
        profile,
      };
      const predictionOf = (index: number, outputs: Readonly<Record<string, Tensor>>, row: number) => {
        const value = Number(outputs.value!.data[row]);
        return Number.isFinite(value)
          ? { file: name(index), value, ...doubt.of(value, outputs, row), ...(tta && { tta }) }
          : { file: name(index), value: null, error: `expected a finite number from the network, got ${value}` };
      };
      const tell = (done: number) => onProgress?.({ phase: 'predicting', done, total: images.length, unit: 'images' });
      let done = 0;
      if (faces) {
        for await (const { index, found, reason } of predictFaces(run, cropper.crop)) {
          const rows: ImagePrediction[] = found.map(({ face, outputs, row }) => ({
            ...predictionOf(index, outputs, row),
            face,
          }));
          if (reason !== undefined) rows.push({ file: name(index), value: null, error: reason });
          for (const row of rows) {
            onPrediction?.(row);
            out.push(row);
          }
          tell(++done);
        }
        return out;
      }
      for await (const { indices, outputs, failed, warned, settled } of runImages(run)) {
        indices.forEach((index, row) => {
          out[index] = predictionOf(index, outputs, row);
        });
        for (const { index, warning } of warned) out[index] = { ...out[index]!, warning: warningText(warning) };
        for (const { index, reason } of failed) out[index] = { file: name(index), value: null, error: reason };
        for (let index = done; index < done + settled; index++) onPrediction?.(out[index]!);
        done += settled;
        tell(done);
      }
      return out;
    },
  };
}

/** The mean of each output over several versions of the same images. */
async function meanOf(
  versions: readonly Tensor[],
  compute: (pixels: Tensor) => Promise<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const answers = await Promise.all(versions.map(compute));
  const means = Object.entries(answers[0]!).map(([name, { shape, data }]): [string, Tensor<'float32'>] => {
    const mean = Float32Array.from(data as Float32Array, (_, row) => {
      return answers.reduce((sum, answer) => sum + Number(answer[name]!.data[row]), 0) / answers.length;
    });
    return [name, { dtype: 'float32', shape, data: mean }];
  });
  return Object.fromEntries(means);
}

/**
 * The manifest of the model in `folder`; its network is not looked at.
 *
 * @throws InputError where it is missing, damaged or of a newer eyeball.
 */
export async function readManifest(folder: string): Promise<Manifest> {
  return parseManifest(await readPart(folder, 'eyeball.json', 'utf8'), join(folder, 'eyeball.json'));
}
