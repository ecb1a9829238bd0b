/** A device that computes, by the runtime's name: `cpu`, or a backend of a GPU. */
export type Device = 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';

/** A device as the option `device` names it; `auto` takes a GPU where there is one that is faster. */
export type DeviceChoice = 'auto' | Device;
export const deviceChoices = [
  'auto',
  'cpu',
  'webgpu',
  'cuda',
  'dml',
  'coreml',
] as const satisfies readonly DeviceChoice[];

/** The option that says where networks are computed. */
export interface DeviceOptions {
  /**
   * Where networks are computed: `cpu`; `webgpu`, any GPU; `cuda`, `dml` and `coreml` with the libraries of NVIDIA, Windows and macOS; `auto`, a
   * GPU where the machine has one that is faster on a short trial, else the CPU. What only a CPU computes, such as int8, is refused with a GPU.
   * Default: the variable EYEBALL_DEVICE of the environment, else `auto`.
   */
  readonly device?: DeviceChoice | undefined;
}
