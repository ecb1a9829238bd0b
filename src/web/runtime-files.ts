/** What computes in a browser: its GPU, or WebAssembly on its processor. */
export type WebDevice = 'webgpu' | 'wasm';

/** The files of onnxruntime-web for each device, `.mjs` and `.wasm`, by their common name. */
export const RUNTIME_FILES: Readonly<Record<WebDevice, string>> = {
  wasm: 'ort-wasm-simd-threaded',
  webgpu: 'ort-wasm-simd-threaded.asyncify',
};
