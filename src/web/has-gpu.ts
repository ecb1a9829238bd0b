interface GpuAdapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean };
}

/** Whether this browser has a GPU; one emulated on the processor does not count, since it is slower than WebAssembly. */
export async function hasGpu(): Promise<boolean> {
  const { gpu } = navigator as { readonly gpu?: { requestAdapter(): Promise<GpuAdapter | null> } };
  // The request may fail if drivers are blocked, which counts as no GPU.
  const adapter = await gpu?.requestAdapter().catch(() => null);
  // It has moved to `info` in newer browsers.
  return adapter != null && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}
