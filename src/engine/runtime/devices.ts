import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Device, type DeviceChoice, deviceChoices } from '../../base/device.js';
import { expected, UsageError } from '../../base/errors.js';
import { option } from '../../base/options.js';
import type { Probe } from './device-probe.js';
import { type Gpu, gpusHere } from './gpus.js';
import { checkTelemetryIsOff } from './telemetry.js';

/** The variable of the environment that `device` defaults to. */
export const DEVICE_VARIABLE = 'EYEBALL_DEVICE';

/** What the choice of a device depends on. */
export interface DeviceRequest {
  /** The option `device`. Default: the variable EYEBALL_DEVICE, else `auto`. */
  readonly device?: DeviceChoice | undefined;
  /** Images that a network runs on. Fewer than 100 take less time on the CPU than a GPU takes to start. Default: many. */
  readonly images?: number | undefined;
  /** Why only the CPU can compute it, with the option or model that is the reason: `` `precision: int8` ``. Default: any device can. */
  readonly cpuOnly?: string | undefined;
  /** Called with what `auto` took, where there is a GPU, once for a process; and with the name of a program that stands in for a GPU. */
  readonly onMessage?: ((line: string) => void) | undefined;
}

/** Fewer images are not worth the start of a GPU. */
const MANY = 100;
/** A GPU that is not faster by this factor is not taken: its pipelines are compiled at the start of each run. */
const LEAST_SPEEDUP = 1.5;
/** A driver that hangs is given up. */
const PROBE_MS = 60_000;

/**
 * The device that networks are computed on. `auto` is the CPU unless the machine has a GPU that is faster on a short trial; a program that
 * stands in for a GPU is taken only by the name `webgpu`. Without a GPU, `auto` loads nothing.
 *
 * @throws UsageError for a device that is not there, with what to install; for one that cannot compute what is asked.
 */
export async function resolveDevice(request: DeviceRequest = {}): Promise<Device> {
  const { images = Number.POSITIVE_INFINITY, cpuOnly, onMessage } = request;
  const choice = request.device ?? deviceOfEnvironment() ?? 'auto';
  if (choice === 'cpu') return choice;
  if (choice === 'auto') {
    const [gpu] = gpusHere();
    if (gpu === undefined || cpuOnly !== undefined || images < MANY) return 'cpu';
    auto ??= chooseDevice(gpu, onMessage);
    return await auto;
  }
  if (cpuOnly !== undefined)
    throw new UsageError(`${option('device', choice)} cannot be used with ${cpuOnly}; remove one of them`);
  await checkDevice(choice, onMessage);
  return choice;
}

/** Whether `resolveDevice` gives the CPU without a trial; false where the name of the device is wrong. */
export function isSurelyCpu({ device, images = Number.POSITIVE_INFINITY }: DeviceRequest): boolean {
  const choice = device ?? (process.env[DEVICE_VARIABLE] || 'auto');
  return choice === 'cpu' || (choice === 'auto' && (images < MANY || gpusHere().length === 0));
}

let auto: Promise<Device> | undefined;

/** @throws UsageError for a value that is no device. */
function deviceOfEnvironment(): DeviceChoice | undefined {
  const value = process.env[DEVICE_VARIABLE];
  if (value === undefined || value === '') return undefined;
  const found = deviceChoices.find(name => name === value);
  if (found !== undefined) return found;
  throw new UsageError(expected(DEVICE_VARIABLE, `one of ${deviceChoices.join(', ')}`, `"${value}"`));
}

async function chooseDevice(gpu: Gpu, onMessage: ((line: string) => void) | undefined): Promise<Device> {
  const { error, adapter, trial } = await probeDevice('webgpu', true);
  if (error !== undefined) {
    onMessage?.(
      `device cpu: ${gpu.name} cannot be used: ${error}; "eyeball devices" lists what to install, and ${option('device', 'cpu')} leaves it out`,
    );
    return 'cpu';
  }
  // The system has a card, but the driver in use is a program.
  if (trial === undefined || adapter === undefined) return 'cpu';
  const speedup = trial.cpuMs / trial.deviceMs;
  const isTaken = speedup >= LEAST_SPEEDUP;
  onMessage?.(
    `device ${isTaken ? 'webgpu' : 'cpu'}: ${adapter.name} is ${speedup.toFixed(1)} times as fast as the CPU on a short trial`,
  );
  return isTaken ? 'webgpu' : 'cpu';
}

/** @throws UsageError where this device cannot be used, with what to install. */
async function checkDevice(device: Device, onMessage: DeviceRequest['onMessage']): Promise<void> {
  const { error, adapter } = await probeDevice(device, false);
  if (error === undefined) {
    if (adapter?.isSoftware)
      onMessage?.(`device ${device}: ${adapter.name}, a program in place of a GPU, which is slower than the CPU`);
    return;
  }
  const needed = neededFor(device);
  throw new UsageError(expected(option('device', device), needed.what, `"${error}"`, needed.install));
}

const probes = new Map<string, Promise<Probe>>();

/** Tries a device in a process of its own, once: drivers print warnings, and some end the process. */
export function probeDevice(device: Device, withTrial: boolean): Promise<Probe> {
  const key = `${device} ${withTrial}`;
  const found = probes.get(key) ?? runProbe(device, withTrial);
  probes.set(key, found);
  return found;
}

function runProbe(device: Device, withTrial: boolean): Promise<Probe> {
  checkTelemetryIsOff();
  const program = fileURLToPath(new URL('./device-probe.js', import.meta.url));
  const args = [program, device, ...(withTrial ? ['trial'] : [])];
  return new Promise(resolve => {
    execFile(process.execPath, args, { timeout: PROBE_MS, windowsHide: true }, (failure, stdout) => {
      const line = stdout.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) {
        const probe = JSON.parse(line) as Probe;
        resolve(probe.error === undefined ? probe : { ...probe, error: shortened(probe.error) });
        return;
      }
      const how = failure?.killed ? 'does not answer' : `ends the process with ${failure?.signal ?? failure?.code}`;
      resolve({ known: [], error: `the driver ${how}` });
    });
  });
}

/** The reason in an error of the runtime, without the place in its source. */
function shortened(error: string): string {
  if (/Failed to get a WebGPU adapter/.test(error)) return 'no adapter: no GPU with a driver was found';
  if (/Failed to load shared library/.test(error)) return 'its libraries are not installed';
  const text = error.replace(/^.*was false\. /, '');
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

/** What a device needs, and how to get it. */
interface Needed {
  readonly what: string;
  readonly install: string;
}

const ELSEWHERE = `use ${option('device', 'webgpu')} or ${option('device', 'cpu')}`;

/** What `device` needs on this platform. */
export function neededFor(device: Device, platform: NodeJS.Platform = process.platform): Needed {
  switch (device) {
    case 'cpu':
      return { what: 'nothing', install: 'nothing' };
    case 'webgpu':
      if (platform === 'linux')
        return {
          what: 'a GPU with a Vulkan driver',
          install: 'install one: apt-get install libvulkan1 mesa-vulkan-drivers (AMD, Intel), or the driver of NVIDIA',
        };
      return {
        what: platform === 'darwin' ? 'a GPU of Apple, on macOS for arm64' : 'a GPU with a driver for Direct3D 12',
        install: `update the system, or use ${option('device', 'cpu')}`,
      };
    case 'cuda':
      if (platform === 'linux')
        return {
          what: 'a GPU of NVIDIA with CUDA 12, cuDNN 9, and the CUDA libraries of onnxruntime-node',
          install: 'install the last with: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node',
        };
      return { what: 'Linux x64', install: ELSEWHERE };
    case 'dml':
      return { what: 'Windows with a GPU for Direct3D 12', install: ELSEWHERE };
    case 'coreml':
      return { what: 'macOS', install: ELSEWHERE };
  }
}
