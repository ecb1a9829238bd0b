import * as z from 'zod';
import { expected, InputError, reasonOf, ShapeError, throwIfAborted } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import type { Tensor } from '../engine/tensor.js';
import { checkChecksum, checkSelfTest, unfitNetwork } from '../model/checks.js';
import { type Doubt, doubtOf } from '../model/doubt.js';
import { type Manifest, parseManifest, selfTestPixels } from '../model/manifest.js';
import { fetchPart, sha256 } from './fetch-part.js';
import { readPicture, type WebPicture } from './read-picture.js';
import type { WebDevice } from './runtime-files.js';
import { createWebSession, hasGpu, type WebSession, type WebSessionOptions } from './web-session.js';

// zod would compile its checks with new Function, which a page's Content-Security-Policy forbids.
z.config({ jitless: true });

/** What a model says of one picture. */
export interface WebPrediction extends Doubt {
  readonly value: number;
}

/** What a network gives for N pictures. */
export interface WebModelOutputs {
  readonly value: Tensor<'float32'>;
  readonly features: Tensor<'float32'>;
  readonly scale?: Tensor<'float32'>;
  readonly distance?: Tensor<'float32'>;
  /** The value before it was clamped; only of models that clamp it. */
  readonly unclamped?: Tensor<'float32'>;
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
   * The outputs for pixels, uint8 RGB `[N, H, W, 3]` at the model's input size: `value` and `features`, and of models with intervals
   * `scale` and `distance`.
   *
   * @throws ShapeError for pixels of another shape.
   */
  run(pixels: Tensor<'uint8'>): Promise<WebModelOutputs>;
  /** Frees the model. */
  close(): Promise<void>;
}

/** How a model is loaded. */
export interface WebModelOptions extends Watch, WebSessionOptions {
  /** What is to compute. Default: the GPU where the browser has one and it passes the model's self-test, otherwise WebAssembly. */
  readonly device?: WebDevice | undefined;
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
  const { signal, onMessage } = options;
  if (globalThis.crypto?.subtle === undefined)
    throw new InputError(
      expected('this page', 'https or localhost', globalThis.location.origin, 'browsers ask for that'),
    );
  const folder = new URL(String(url).replace(/(^|\/)model\.onnx$|\/?$/, '/'), globalThis.location.href);
  const where = new URL('eyeball.json', folder);
  const manifest = parseManifest(new TextDecoder().decode(await fetchPart(where, { signal })), where.href);
  const address = new URL('model.onnx', folder);
  const network = await fetchPart(address, { signal, onBytes: counting(options, 'loading the model') });
  checkChecksum(manifest, await sha256(network), address.href);
  const devices: WebDevice[] = options.device ? [options.device] : (await hasGpu()) ? ['webgpu', 'wasm'] : ['wasm'];
  for (const [i, device] of devices.entries()) {
    try {
      const session = await startSession(network, device, manifest, options);
      return modelOf(session, device, manifest, where.href);
    } catch (cause) {
      throwIfAborted(signal);
      if (i === devices.length - 1) throw cause instanceof InputError ? cause : unfitNetwork(where.href, cause);
      onMessage?.(`the GPU cannot run this model, WebAssembly will: ${reasonOf(cause)}`);
    }
  }
  throw new Error('internal: no device');
}

const counting =
  ({ onProgress }: Watch, phase: string) =>
  (done: number, total: number) =>
    onProgress?.({ phase, done, total, unit: 'bytes' });

async function startSession(
  network: Uint8Array,
  device: WebDevice,
  manifest: Manifest,
  options: WebModelOptions,
): Promise<WebSession> {
  const onBytes = counting(options, 'loading the runtime');
  const { runtime, threads, signal } = options;
  const session = await createWebSession(network, device, { runtime, threads, signal, onBytes });
  try {
    const { sizePx } = manifest.input;
    const probe = { dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data: selfTestPixels(sizePx) } as const;
    checkSelfTest(manifest, await session.run(probe));
    return session;
  } catch (cause) {
    await session.close();
    throw cause;
  }
}

function modelOf(session: WebSession, device: WebDevice, manifest: Manifest, where: string): WebModel {
  const { sizePx } = manifest.input;
  const run: WebModel['run'] = async pixels => {
    const [, ...picture] = pixels.shape;
    if (picture.join() !== `${sizePx},${sizePx},3`)
      throw new ShapeError(expected('pixels', `[N, ${sizePx}, ${sizePx}, 3]`, `[${pixels.shape}]`));
    return (await session.run(pixels)) as Record<string, Tensor<'float32'>> & WebModelOutputs;
  };
  return {
    manifest,
    device,
    run,
    close: () => session.close(),
    async predict(picture, { level } = {}) {
      const doubt = doubtOf(manifest, where, level);
      const data = await readPicture(picture, { width: sizePx, height: sizePx });
      const outputs = await run({ dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data });
      const value = outputs.value.data[0]!;
      if (!Number.isFinite(value)) throw new InputError(`expected a finite number from the network, got ${value}`);
      return { value, ...doubt.of(value, { ...outputs }, 0) };
    },
  };
}
