import { expected, ShapeError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import type { Manifest } from '../formats/manifest.js';
import { type PredictionUncertainty, uncertaintyOf } from '../uncertainty/predict-uncertainty.js';
import { checkSelfTest, selfTestPixels } from './checks.js';

/** The outputs of a model's network for N images. */
export interface ModelOutputs {
  readonly value: Tensor<'float32'>;
  readonly features: Tensor<'float32'>;
  readonly scale?: Tensor<'float32'>;
  readonly distance?: Tensor<'float32'>;
  readonly unlikeness?: Tensor<'float32'>;
  readonly activation?: Tensor<'float32'>;
  /** The value before clamping; only for models that clamp. */
  readonly unclamped?: Tensor<'float32'>;
}

/** Runs a network on pixels, uint8 RGB `[N, H, W, 3]`. */
type Run<O extends unknown[]> = (
  pixels: Tensor<'uint8'>,
  ...options: O
) => Promise<Readonly<Record<string, Tensor<'float32'>>>>;

/**
 * `run` with a check of its input.
 *
 * @throws ShapeError for pixels of another size than the model's input.
 */
export function checkedRun<O extends unknown[]>({ input: { sizePx } }: Manifest, run: Run<O>) {
  return async (pixels: Tensor<'uint8'>, ...options: O): Promise<ModelOutputs> => {
    const [, ...image] = pixels.shape;
    if (image.join() !== `${sizePx},${sizePx},3`)
      throw new ShapeError(expected('pixels', `[N, ${sizePx}, ${sizePx}, 3]`, `[${pixels.shape}]`));
    return (await run(pixels, ...options)) as Record<string, Tensor<'float32'>> & ModelOutputs;
  };
}

/**
 * Runs the network on the image of the self-test.
 *
 * @throws Error if the value differs from the one computed after training, or the network cannot run.
 */
export async function runSelfTest(manifest: Manifest, run: Run<[]>): Promise<void> {
  const { sizePx } = manifest.input;
  checkSelfTest(manifest, await run(oneImage(selfTestPixels(sizePx), sizePx)));
}

/** A batch of one image, uint8 RGB `[1, sizePx, sizePx, 3]`. */
export const oneImage = (data: Uint8Array, sizePx: number): Tensor<'uint8'> => ({
  dtype: 'uint8',
  shape: [1, sizePx, sizePx, 3],
  data,
});

/** The prediction for one image, or an error. */
export type ReadPrediction =
  | ({ readonly value: number } & PredictionUncertainty)
  | { readonly value: null; readonly error: string };

/** The error of an image whose value is not finite. */
export const notFinite = (value: number): string => `expected a finite number from the network, got ${value}`;

/**
 * Converts outputs to predictions with intervals of `level`.
 *
 * @param where The manifest's path or address, for errors.
 * @throws UsageError for a level outside 0 to 1, or if the model has no intervals.
 */
export function predictionReader(
  manifest: Manifest,
  where: string,
  level: number | undefined,
  onMessage?: (line: string) => void,
) {
  const uncertainty = uncertaintyOf(manifest, where, level, onMessage);
  return {
    /** The outputs that are read. */
    outputs: ['value', ...uncertainty.outputs],
    read(outputs: Readonly<Record<string, Tensor>>, row: number): ReadPrediction {
      const value = Number(outputs.value!.data[row]);
      return Number.isFinite(value)
        ? { value, ...uncertainty.of(value, outputs, row) }
        : { value: null, error: notFinite(value) };
    },
  };
}
