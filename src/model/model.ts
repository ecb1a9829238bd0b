import { join } from 'node:path';
import type { DeviceOptions } from '../base/device.js';
import type { RunContext } from '../base/progress.js';
import { float32Range, isClamped } from '../base/value-range.js';
import { resolveDevice } from '../engine/runtime/devices.js';
import type { Session, SessionOptions } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import { type Manifest, parseManifest, valueRangeOf } from '../formats/manifest.js';
import { inputOf } from '../formats/resize.js';
import { warningText } from '../images/image-format.js';
import { readNamedSource } from '../images/read-source.js';
import { runImages } from '../images/run-images.js';
import type { ReadImage } from '../images/shared-reads.js';
import { mirror } from '../images/warp.js';
import type { UnusualGrade } from '../uncertainty/unusual.js';
import { checkChecksum, unfitNetwork } from './checks.js';
import { type CropFaces, faceCropper, noAlignmentError } from './crop-faces.js';
import { type ExplainedImage, type ExplainOptions, explainImages } from './explain-images.js';
import type { FaceInImage } from './face-in-image.js';
import { closeNetwork, modelFolder, openNetwork, readPart } from './model-files.js';
import { checkedRun, type ModelOutputs, predictionReader, runSelfTest } from './network-io.js';
import { predictFaces } from './predict-faces.js';

/** The prediction for one image: its value, or null and an error. */
export interface ImagePrediction {
  /** The path or address as it was given; `image 1`, `image 2`, ... for bytes. */
  readonly file: string;
  readonly value: number | null;
  readonly error?: string;
  /** A property of the image that makes its prediction unreliable; absent for most images. */
  readonly warning?: string;
  /**
   * The ends of the interval, in the target's unit; null if the model was calibrated on too few images for its level. Absent for models
   * without intervals.
   */
  readonly low?: number | null;
  readonly high?: number | null;
  /** The expected size of the error, in the target's unit. Absent for models without intervals. */
  readonly scale?: number;
  /** Present if the image is unlike the training images: do not rely on its value and interval. */
  readonly unusual?: true;
  /**
   * How it is unlike them: `kind`, it shows something else; `source`, it may show the same from another camera, site or crop. Present with
   * `unusual`.
   */
  readonly unlike?: UnusualGrade;
  /** Distance from the training images, about 1 for images like them. Present with `unusual`. */
  readonly distance?: number;
  /** Present if the value is the mean over the image and its mirror image. */
  readonly tta?: true;
  /** The face that was predicted; present with the option `faces`. */
  readonly face?: FaceInImage;
}

/** Options of `Model.predict`. */
export interface PredictOptions extends RunContext {
  readonly level?: number | undefined;
  readonly tta?: boolean | undefined;
  readonly faces?: boolean | undefined;
  readonly read?: ReadImage | undefined;
  readonly onPrediction?: ((prediction: ImagePrediction) => void) | undefined;
}

/** Options of `loadModel`. */
export interface LoadOptions extends Omit<SessionOptions, 'device'>, DeviceOptions {
  /** Images that it will predict, for the choice of a device by `auto`. Default: many. */
  readonly images?: number | undefined;
  /** Called with the device that `auto` took, where the machine has a GPU. Default: none. */
  readonly onMessage?: ((line: string) => void) | undefined;
}

/** What a prediction needs of a loaded model. */
interface LoadedModel {
  readonly manifest: Manifest;
  /** Path of its manifest, for errors. */
  readonly where: string;
  readonly session: Session;
  readonly crop: CropFaces;
}

/** A trained model, loaded. */
export interface Model {
  readonly manifest: Manifest;
  /**
   * Predicts each image, in order; an image that cannot be read has an `error`, and the others are predicted.
   *
   * @param options.tta True (test-time augmentation) predicts each image and its mirror image and takes the mean, which doubles the
   * time. Default false. Intervals are calibrated without it and cover slightly more with it.
   * @param options.level The coverage of the interval from `low` to `high`, above 0 and below 1. Default 0.9.
   * @param options.faces True finds the faces in each image, and crops, levels and predicts each like those of the training images: one
   * prediction per face, the largest first, at most 32; an image without a face has an `error`. Default false.
   * @param options.read Reads images that are given by path. Default: from disk.
   * @throws UsageError for a level outside that, or of a model without intervals; for faces of a model without alignment.
   */
  predict(images: readonly (string | Uint8Array)[], options?: PredictOptions): Promise<ImagePrediction[]>;
  /**
   * Explains the prediction of each image, in order: see `Explanation`. An image that cannot be read has an `error`, and the others are
   * explained.
   */
  explain(images: readonly (string | Uint8Array)[], options?: ExplainOptions): AsyncGenerator<ExplainedImage>;
  /**
   * The values `[N]` and features `[N, D]` of pixels, uint8 RGB `[N, H, W, 3]` at the model's input size; from models with intervals also
   * the expected size of the error, `scale` `[N]`, and the distance from the training data, `distance` `[N]`.
   *
   * @param options.handOver True transfers the pixels' memory instead of copying it: the array is empty afterwards. Default false.
   * @throws ShapeError for pixels of another shape.
   */
  run(pixels: Tensor<'uint8'>, options?: { readonly handOver?: boolean }): Promise<ModelOutputs>;
  /**
   * The faces in an image, the largest first, cropped and leveled to the model's input size.
   *
   * @throws InputError if the image cannot be read or shows no face; UsageError for a model without alignment.
   */
  readonly cropFaces: CropFaces;
  /** True once the engine's thread has ended too often to be restarted: all further predictions fail. */
  readonly isLost: boolean;
  /** Frees the model. A second call does nothing; later predictions fail with UsageError. */
  close(): Promise<void>;
}

/**
 * Loads the model in the folder `path` (or beside the `model.onnx` that `path` names), and checks the checksum of its
 * network and its prediction for an image made by a formula.
 *
 * @throws InputError if a file is missing or changed, or a newer eyeball wrote the model.
 * @throws UsageError for a device that is not there, or that does not compute the model's precision.
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
export async function loadModel(path: string, options: LoadOptions = {}): Promise<Model> {
  const folder = modelFolder(path);
  const where = join(folder, 'eyeball.json');
  const manifest = await readManifest(folder);
  const { device: choice, images: count, onMessage, ...own } = options;
  const cpuOnly = manifest.backbone.precision === 'int8' ? `the model ${folder}, which is in int8` : undefined;
  const device = await resolveDevice({ device: choice, images: count, cpuOnly, onMessage });
  const network = await openNetwork(folder, { ...own, device, ...(device !== 'cpu' && { copies: 1 }) });
  try {
    checkChecksum(manifest, network.sha256, join(folder, 'model.onnx'));
  } catch (thrown) {
    await closeNetwork(network);
    throw thrown;
  }
  const input = inputOf(manifest.input);
  const session = await network.session;
  const compute = async (pixels: Tensor, options?: { readonly handOver?: boolean }) =>
    (await session.run({ pixels }, options)) as Record<string, Tensor<'float32'>>;
  try {
    await runSelfTest(manifest, compute);
  } catch (cause) {
    await session.close();
    throw unfitNetwork(where, cause);
  }
  const range = valueRangeOf(manifest);
  const explained = isClamped(range) ? 'unclamped' : 'value';
  // On the CPU, so that crops are the same on every device.
  const cropper = faceCropper(manifest, where, own);
  return {
    manifest,
    run: checkedRun(manifest, compute),
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
          input,
          range: float32Range(range),
          values: async pixels =>
            (await session.run({ pixels }, { outputs: [explained], handOver: true }))[explained]!.data as Float32Array,
          network: () => readPart(folder, 'model.onnx', null),
          where: join(folder, 'model.onnx'),
          session: { ...own, device, copies: 1 },
        },
        images,
        context,
      ),
    predict: (images, options = {}) => predictWith({ manifest, where, session, crop: cropper.crop }, images, options),
  };
}

/** See `Model.predict`. */
async function predictWith(
  { manifest, where, session, crop }: LoadedModel,
  images: readonly (string | Uint8Array)[],
  { tta = false, faces = false, level, read, onProgress, onMessage, onPrediction, signal, profile }: PredictOptions,
): Promise<ImagePrediction[]> {
  const reader = predictionReader(manifest, where, level, onMessage);
  if (faces && manifest.framing === undefined) throw noAlignmentError(where);
  const name = (index: number) => {
    const image = images[index]!;
    return typeof image === 'string' ? image : `image ${index + 1}`;
  };
  const out: ImagePrediction[] = [];
  const compute = (pixels: Tensor) => session.run({ pixels }, { outputs: reader.outputs, handOver: true });
  const run = {
    compute: tta ? (pixels: Tensor<'uint8'>) => meanOf([pixels, mirror(pixels)], compute) : compute,
    input: inputOf(manifest.input),
    count: images.length,
    read: (index: number) => {
      const image = images[index]!;
      return typeof image === 'string' && read ? read(image, signal) : readNamedSource(image, signal);
    },
    signal,
    profile,
  };
  const predictionOf = (index: number, outputs: Readonly<Record<string, Tensor>>, row: number) => {
    const prediction = reader.read(outputs, row);
    return { file: name(index), ...prediction, ...(tta && prediction.value !== null && { tta }) };
  };
  const tell = (done: number) => onProgress?.({ phase: 'predicting', done, total: images.length, unit: 'images' });
  let done = 0;
  if (faces) {
    for await (const { index, found, reason } of predictFaces(run, crop)) {
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
 * The manifest of the model in `folder`; its network is not read.
 *
 * @throws InputError if it is missing or damaged, or a newer eyeball wrote it.
 */
export async function readManifest(folder: string): Promise<Manifest> {
  return parseManifest(await readPart(folder, 'eyeball.json', 'utf8'), join(folder, 'eyeball.json'));
}
