import type { InferenceSession } from 'onnxruntime-web';
import type { Tensor } from '../engine/tensor.js';
import { fetchPart, type OnBytes } from './fetch-part.js';
import { RUNTIME_FILES, type WebDevice } from './runtime-files.js';

/** How the runtime is had and used. */
export interface WebSessionOptions {
  /**
   * The address of a folder with the runtime's files `ort-wasm-simd-threaded.mjs` and `.wasm`, and `.asyncify.mjs` and `.asyncify.wasm` for
   * WebGPU; they lie in `onnxruntime-web/dist`. Default: where the bundler has put them.
   */
  readonly runtime?: string | URL | undefined;
  /**
   * Threads of WebAssembly; more than one work only on pages that are isolated from other origins (`crossOriginIsolated`). Default: as many as
   * the browser has cores, 4 at most, where the page is isolated, otherwise 1.
   */
  readonly threads?: number | undefined;
}

/** A network that is loaded and ready to compute. */
export interface WebSession {
  /** The outputs for `pixels`, by name; runs that are asked for at the same time follow each other. */
  run(pixels: Tensor<'uint8'>): Promise<Record<string, Tensor<'float32'>>>;
  /** Frees it, after the runs that are under way. */
  close(): Promise<void>;
}

const MOST_THREADS = 4;

/** How many threads WebAssembly can use here. */
export const threadsHere = (): number =>
  globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;

interface GpuAdapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean };
}

/** Whether this browser has a GPU to compute on; one that is imitated on the processor is slower than WebAssembly, and does not count. */
export async function hasGpu(): Promise<boolean> {
  const { gpu } = navigator as { readonly gpu?: { requestAdapter(): Promise<GpuAdapter | null> } };
  // Asking is allowed to fail where drivers are blocked; that is as good as none.
  const adapter = await gpu?.requestAdapter().catch(() => null);
  // It has moved to `info` in newer browsers.
  return adapter != null && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/**
 * Loads an ONNX network into onnxruntime-web; the part of it for `device` is fetched only now.
 *
 * @throws Error with the runtime's reason where the network or the runtime cannot be loaded.
 */
export async function createWebSession(
  network: Uint8Array,
  device: WebDevice,
  { runtime, threads, signal, onBytes }: WebSessionOptions & { signal?: AbortSignal | undefined; onBytes?: OnBytes },
): Promise<WebSession> {
  const ort = device === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm');
  const { wasm } = ort.env;
  wasm.numThreads = threads ?? threadsHere();
  if (runtime !== undefined) {
    const base = new URL(runtime, globalThis.location.href);
    const at = (ending: string) => new URL(`${RUNTIME_FILES[device]}${ending}`, base.href.replace(/\/?$/, '/'));
    wasm.wasmPaths = { mjs: at('.mjs'), wasm: at('.wasm') };
    // Fetched here rather than by the runtime, so that its progress is seen.
    wasm.wasmBinary = await fetchPart(at('.wasm'), { signal, ...(onBytes && { onBytes }) });
  }
  const session = await ort.InferenceSession.create(network, { executionProviders: [device] });
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  return {
    run: pixels =>
      inTurn(async () => {
        const feed = new ort.Tensor('uint8', pixels.data, pixels.shape);
        return tensorsOf(await session.run({ pixels: feed }));
      }),
    close: () => inTurn(() => session.release()),
  };
}

function tensorsOf(outputs: InferenceSession.OnnxValueMapType): Record<string, Tensor<'float32'>> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dims, data }]) => [
      name,
      { dtype: 'float32', shape: dims, data: data as Float32Array },
    ]),
  );
}
