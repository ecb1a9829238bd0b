/** A device in a browser: its GPU, or WebAssembly on its processor. */
export type WebDevice = 'webgpu' | 'wasm';

/** The device of an exported page; `auto` is the GPU if the browser has one, otherwise WebAssembly. */
export const EXPORT_DEVICES = ['auto', 'wasm', 'webgpu'] as const;

export type ExportDevice = (typeof EXPORT_DEVICES)[number];

/** The files of onnxruntime-web for each device, `.mjs` and `.wasm`, by their common name. */
export const RUNTIME_FILES: Readonly<Record<WebDevice, string>> = {
  wasm: 'ort-wasm-simd-threaded',
  webgpu: 'ort-wasm-simd-threaded.asyncify',
};
