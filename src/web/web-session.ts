import type { InferenceSession } from 'onnxruntime-web';
import { expected, InputError, reasonOf, UsageError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { fetchPart, type OnBytes } from './fetch-part.js';
import { RUNTIME_FILES, type WebDevice } from './runtime-files.js';

/** Options of the runtime. */
export interface WebRuntimeOptions {
  /**
   * The address of a folder with the runtime's files `ort-wasm-simd-threaded.mjs` and `.wasm`, and `.asyncify.mjs` and `.asyncify.wasm` for
   * WebGPU; they lie in `onnxruntime-web/dist`. Default: where the bundler put them.
   */
  readonly runtime?: string | URL | undefined;
  /** The SHA-256 of the runtime's files by their names, in hexadecimal; a file with another one is refused. Default: not checked. */
  readonly runtimeChecksums?: Readonly<Record<string, string>> | undefined;
  /**
   * Threads of WebAssembly; more than one requires a page that is isolated from other origins (`crossOriginIsolated`). Default: the number of
   * cores, at most 4, if the page is isolated, otherwise 1.
   */
  readonly threads?: number | undefined;
}

/** The runtime for one device, loaded. */
export interface WebRuntime {
  /**
   * Loads an ONNX network that takes `pixels`.
   *
   * @param device WebAssembly, or the device that the runtime was loaded for.
   * @throws Error with the runtime's reason if it cannot be loaded.
   */
  createSession(network: Uint8Array, device: WebDevice): Promise<WebSession>;
}

/** A network that is loaded and ready to compute. */
export interface WebSession {
  /** The outputs for `pixels`, by name; concurrent runs, also of other sessions, are queued. */
  run(pixels: Tensor<'uint8'>): Promise<Record<string, Tensor<'float32'>>>;
  /** Frees it after the pending runs. */
  close(): Promise<void>;
}

const MOST_THREADS = 4;

/** The number of threads that WebAssembly can use here. */
export const threadsHere = (): number =>
  globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;

/**
 * Loads the part of onnxruntime-web for `device`; the other part is not fetched.
 *
 * @throws InputError if one of its files cannot be fetched, or the host returns something else.
 */
export async function loadRuntime(
  device: WebDevice,
  {
    runtime,
    runtimeChecksums = {},
    threads,
    signal,
    onBytes,
  }: WebRuntimeOptions & { readonly signal?: AbortSignal | undefined; readonly onBytes?: OnBytes | undefined },
): Promise<WebRuntime> {
  const ort = await importRuntime(device);
  const { wasm } = ort.env;
  wasm.numThreads = threads ?? threadsHere();
  if (runtime !== undefined) {
    const base = new URL(runtime, globalThis.location.href);
    const at = (ending: string) => new URL(`${RUNTIME_FILES[device]}${ending}`, base.href.replace(/\/?$/, '/'));
    const get = (ending: string, told?: OnBytes) => {
      const sha256 = runtimeChecksums[`${RUNTIME_FILES[device]}${ending}`];
      return fetchPart(at(ending), { what: 'a file of the runtime', sha256, signal, onBytes: told });
    };
    wasm.wasmPaths = { mjs: at('.mjs'), wasm: at('.wasm') };
    // The runtime imports this file itself, and an import error does not contain the response.
    await get('.mjs');
    // Fetched here instead of by the runtime, to report progress.
    wasm.wasmBinary = await get('.wasm', onBytes);
  }
  return {
    async createSession(network, on) {
      const session = await inTurn(() => ort.InferenceSession.create(network, { executionProviders: [on] }));
      let closed: Promise<void> | undefined;
      return {
        run: pixels =>
          inTurn(async () => {
            if (closed !== undefined) throw new UsageError('expected a model that is loaded, got one that was closed');
            const feed = new ort.Tensor('uint8', pixels.data, pixels.shape);
            return tensorsOf(await session.run({ pixels: feed }));
          }),
        close() {
          closed ??= inTurn(() => session.release());
          return closed;
        },
      };
    },
  };
}

async function importRuntime(device: WebDevice) {
  try {
    return device === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm');
  } catch (cause) {
    throw new InputError(
      expected(`the runtime for ${device}`, 'its code beside this page', `"${reasonOf(cause)}"`, 'upload all files'),
      { cause },
    );
  }
}

let last: Promise<unknown> = Promise.resolve();

// One queue for all sessions: the runtime refuses a run on the GPU during a run of another session.
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = last.then(work);
  last = result.catch(() => {});
  return result;
}

function tensorsOf(outputs: InferenceSession.OnnxValueMapType): Record<string, Tensor<'float32'>> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dims, data }]) => [
      name,
      { dtype: 'float32', shape: dims, data: data as Float32Array },
    ]),
  );
}
