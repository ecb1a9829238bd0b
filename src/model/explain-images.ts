import { mapAhead } from '../base/concurrency.js';
import type { Device } from '../base/device.js';
import { InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { createSession, type SessionOptions } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import type { ModelInput } from '../formats/resize.js';
import { decodeInput } from '../images/image.js';
import { readNamedSource } from '../images/read-source.js';
import { attributionModel } from './attribution.js';
import { type ExplainedModel, type Explanation, explain } from './explain.js';
import { notFinite } from './network-io.js';

/** The explanation of one image, or an error. */
export type ExplainedImage =
  | {
      /** The path or address as it was given; `image 1`, `image 2`, ... for bytes. */
      readonly file: string;
      readonly value: number;
      readonly explanation: Explanation;
      /** The image as it was read, encoded. */
      readonly bytes: Uint8Array;
    }
  | { readonly file: string; readonly value: null; readonly error: string };

export interface ExplainOptions extends RunContext {
  /** Start of all random draws, a whole number. Default 0. */
  readonly seed?: number | undefined;
}

/** The parts of a loaded model that explanations need. */
export interface ExplainableModel extends Pick<ExplainedModel, 'range' | 'values'> {
  readonly input: ModelInput;
  /** The bytes of its `model.onnx`. */
  network(): Promise<Uint8Array>;
  /** Its path, with which errors start. */
  readonly where: string;
  readonly session: SessionOptions & { readonly device: Device };
}

// Explaining takes about fifty times as long as decoding.
const AHEAD = 4;

/** Explains images one after another, in order; an image that cannot be read has an `error`, and the others are explained. */
export async function* explainImages(
  model: ExplainableModel,
  images: readonly (string | Uint8Array)[],
  { seed = 0, onProgress, signal }: ExplainOptions,
): AsyncGenerator<ExplainedImage> {
  const { sizePx } = model.input;
  const attribution = attributionModel(await model.network(), sizePx, model.where, model.session.device);
  const session = attribution && (await createSession(attribution.model, model.session));
  const explained: ExplainedModel = {
    range: model.range,
    values: model.values,
    sizePx,
    attribution: attribution && {
      ...attribution,
      map: async pixels => (await session!.run({ pixels }, { handOver: true })).map as Tensor<'float32'>,
    },
  };
  const read = async (index: number) => {
    try {
      const bytes = await readNamedSource(images[index]!, signal);
      return { bytes, pixels: await decodeInput(bytes, model.input) };
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      return thrown.message;
    }
  };
  let done = 0;
  try {
    for await (const image of mapAhead(images.length, AHEAD, read, signal)) {
      const given = images[done++]!;
      const file = typeof given === 'string' ? given : `image ${done}`;
      if (typeof image === 'string') yield { file, value: null, error: image };
      else {
        const explanation = await explain(image.pixels, explained, seed);
        const { value } = explanation;
        if (Number.isFinite(value)) yield { file, value, explanation, bytes: image.bytes };
        else yield { file, value: null, error: notFinite(value) };
      }
      onProgress?.({ phase: 'explaining', done, total: images.length, unit: 'images' });
    }
  } finally {
    await session?.close();
  }
}
