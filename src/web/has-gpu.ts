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
