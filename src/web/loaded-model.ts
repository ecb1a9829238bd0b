import * as z from 'zod';
import type { FindOptions, RunDetector } from '../backbones/face-detector/find-faces.js';
import { findFaces } from '../backbones/face-detector/find-faces.js';
import { expected, InputError, reasonOf, throwIfAborted, UsageError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { float32Range } from '../base/value-range.js';
import type { Tensor } from '../engine/tensor.js';
import { type Manifest, parseManifest, valueRangeOf } from '../formats/manifest.js';
import { sceneSize } from '../images/warp.js';
import { unfitNetwork } from '../model/checks.js';
import type { Explanation } from '../model/explain.js';
import { cropFacesOf, type FaceCrop } from '../model/face-in-image.js';
import { checkedRun, type ModelOutputs, oneImage, predictionReader, runSelfTest } from '../model/network-io.js';
import type { PredictionUncertainty } from '../uncertainty/predict-uncertainty.js';
import { fetchPart } from './fetch-part.js';
import { hasGpu } from './has-gpu.js';
import type { OpenImage } from './read-image.js';
import type { WebDevice } from './runtime-files.js';
import { loadRuntime, type WebRuntime, type WebRuntimeOptions, type WebSession } from './web-session.js';

// zod would compile its checks with new Function, which a page's Content-Security-Policy forbids.
z.config({ jitless: true });

/** The prediction for one image. */
export interface WebPrediction extends PredictionUncertainty {
  readonly value: number;
}

export interface WebModelOptions extends RunContext, WebRuntimeOptions {
  /** The device to compute on. Default: the GPU if the browser has one that passes the model's self-test, otherwise WebAssembly. */
  readonly device?: WebDevice | undefined;
  /**
   * The address of the face detector's network, which `predictFaces` needs: `model/face-detector.onnx` of an exported page. It is fetched
   * with the first image.
   */
  readonly faceDetector?: string | URL | undefined;
}

/** A loaded model, working on pixels. */
export interface LoadedModel {
  readonly manifest: Manifest;
  readonly device: WebDevice;
  /** Runs the network. */
  run(pixels: Tensor<'uint8'>): Promise<ModelOutputs>;
  /** Predicts pixels `[sizePx, sizePx, 3]`, with intervals of `level`. */
  predict(pixels: Uint8Array, level?: number): Promise<WebPrediction>;
  /** The faces in an image, the largest first, cropped for the model. */
  cropFaces(image: OpenImage, options?: FindOptions): Promise<FaceCrop[]>;
  /** Explains the prediction of pixels `[sizePx, sizePx, 3]`. */
  explain(pixels: Uint8Array, seed: number): Promise<Explanation>;
  close(): Promise<void>;
}

/** The parts of a model that is started. */
interface Started {
  readonly runtime: WebRuntime;
  readonly session: WebSession;
  readonly device: WebDevice;
}

/**
 * Loads the model in the folder at `url`: see `loadModel`.
 *
 * @throws InputError as `loadModel` does.
 */
export async function startModel(url: string | URL, options: WebModelOptions): Promise<LoadedModel> {
  const { signal, onMessage } = options;
  if (globalThis.crypto?.subtle === undefined)
    throw new InputError(
      expected('this page', 'https or localhost', globalThis.location.origin, 'browsers require it'),
    );
  const folder = new URL(String(url).replace(/(^|\/)model\.onnx$|\/?$/, '/'), globalThis.location.href);
  const where = new URL('eyeball.json', folder);
  const manifest = parseManifest(new TextDecoder().decode(await fetchPart(where, { signal })), where.href);
  const address = new URL('model.onnx', folder);
  const fetchNetwork = (told?: RunContext) =>
    fetchPart(address, {
      sha256: manifest.sha256,
      signal,
      onBytes: told && counting(told, 'loading the model'),
    });
  const network = await fetchNetwork(options);
  const devices: WebDevice[] = options.device ? [options.device] : (await hasGpu()) ? ['webgpu', 'wasm'] : ['wasm'];
  for (const [i, device] of devices.entries()) {
    try {
      const started = await start(network, device, manifest, where.href, options);
      return loadedModel(started, manifest, { where, fetchNetwork, faceDetector: options.faceDetector });
    } catch (cause) {
      throwIfAborted(signal);
      if (i === devices.length - 1) throw cause;
      onMessage?.(`the GPU cannot run this model, WebAssembly will: ${reasonOf(cause)}`);
    }
  }
  throw new Error('internal: no device');
}

const counting =
  ({ onProgress }: RunContext, phase: string) =>
  (done: number, total: number) =>
    onProgress?.({ phase, done, total, unit: 'bytes' });

async function start(
  network: Uint8Array,
  device: WebDevice,
  manifest: Manifest,
  where: string,
  options: WebModelOptions,
): Promise<Started> {
  if (device === 'webgpu' && options.device === device && !(await hasGpu()))
    throw new InputError(
      expected('this browser', 'a GPU for WebGPU', 'none', 'use another browser, or load the model for WebAssembly'),
    );
  const { runtime: address, runtimeChecksums, threads, signal } = options;
  const onBytes = counting(options, 'loading the runtime');
  const runtime = await loadRuntime(device, { runtime: address, runtimeChecksums, threads, signal, onBytes });
  try {
    const session = await runtime.createSession(network, device);
    try {
      await runSelfTest(manifest, pixels => session.run(pixels));
      return { runtime, session, device };
    } catch (cause) {
      await session.close();
      throw cause;
    }
  } catch (cause) {
    throwIfAborted(signal);
    throw unfitNetwork(where, cause);
  }
}

interface Origins {
  /** The manifest's address. */
  readonly where: URL;
  fetchNetwork(): Promise<Uint8Array>;
  readonly faceDetector?: string | URL | undefined;
}

function loadedModel({ runtime, session, device }: Started, manifest: Manifest, origins: Origins): LoadedModel {
  const { sizePx } = manifest.input;
  const where = origins.where.href;
  const run = checkedRun(manifest, pixels => session.run(pixels));
  const detector = remembered(() => loadDetector(runtime, origins.faceDetector));
  const attribution = remembered(() => loadAttribution(runtime, manifest, origins));
  return {
    manifest,
    device,
    run,
    async predict(pixels, level) {
      const reader = predictionReader(manifest, where, level);
      const prediction = reader.read({ ...(await run(oneImage(pixels, sizePx))) }, 0);
      if (prediction.value === null) throw new InputError(prediction.error);
      return prediction;
    },
    async cropFaces(image, options) {
      const { framing, input } = manifest;
      if (framing === undefined)
        throw new UsageError(
          expected('predictFaces', 'a model that was trained on faces', `${where}, which was not`, 'use predict'),
        );
      const { look } = await detector.get();
      const size = sceneSize(image);
      const scene = { ...size, pixels: image.read(size) };
      return await cropFacesOf(scene, (pyramid, find) => findFaces(pyramid, look, find), { framing, input }, options);
    },
    async explain(pixels, seed) {
      const { explain } = await import('../model/explain.js');
      const values = async (images: Tensor<'uint8'>) => valuesOf(images, run);
      const range = float32Range(valueRangeOf(manifest));
      return await explain(pixels, { sizePx, range, values, attribution: (await attribution.get()).attribution }, seed);
    },
    async close() {
      await Promise.all([detector.close(), attribution.close(), session.close()]);
    },
  };
}

/** A value that is created on first use and closed if it was; a failure is retried. */
function remembered<T extends { close(): Promise<void> }>(make: () => Promise<T>) {
  let made: Promise<T> | undefined;
  return {
    get(): Promise<T> {
      made ??= make().catch((thrown: unknown) => {
        made = undefined;
        throw thrown;
      });
      return made;
    },
    close: async () => (await made)?.close(),
  };
}

async function loadDetector(runtime: WebRuntime, address: string | URL | undefined) {
  if (address === undefined)
    throw new UsageError(
      expected('faceDetector', 'the address of face-detector.onnx', 'none', '`export` writes it beside a model'),
    );
  const url = new URL(address, globalThis.location.href);
  const network = await fetchPart(url, { what: 'the face detector' });
  // Always on WebAssembly: faces are cropped the same on all machines, and the network is small.
  const session = await runtime.createSession(network, 'wasm');
  const look: RunDetector = async pixels => {
    const { logits, boxes } = await session.run(pixels);
    return { logits: logits!.data, boxes: boxes!.data };
  };
  return { look, close: () => session.close() };
}

async function loadAttribution(runtime: WebRuntime, manifest: Manifest, { where, fetchNetwork }: Origins) {
  const { attributionModel } = await import('../model/attribution.js');
  // Fetched again instead of kept in memory: it can have a hundred megabytes, and is in the browser's cache.
  const found = attributionModel(await fetchNetwork(), manifest.input.sizePx, where.href);
  if (found === undefined) return { attribution: undefined, close: async () => {} };
  const session = await runtime.createSession(found.model, 'wasm');
  const map = async (pixels: Tensor<'uint8'>) => (await session.run(pixels)).map!;
  return { attribution: { ...found, map }, close: () => session.close() };
}

// A larger batch of a large network could exceed the memory of WebAssembly.
const AT_ONCE = 4;

/** Values before clamping. */
async function valuesOf({ shape, data }: Tensor<'uint8'>, run: LoadedModel['run']): Promise<Float32Array> {
  const [count, height, width] = shape as [number, number, number];
  const each = height * width * 3;
  const values = new Float32Array(count);
  for (let from = 0; from < count; from += AT_ONCE) {
    const to = Math.min(from + AT_ONCE, count);
    const some = data.slice(from * each, to * each);
    const { value, unclamped = value } = await run({
      dtype: 'uint8',
      shape: [to - from, height, width, 3],
      data: some,
    });
    values.set(unclamped.data, from);
  }
  return values;
}
