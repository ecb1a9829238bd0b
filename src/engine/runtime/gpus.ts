import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** A graphics card of this machine, as its system lists it. */
export interface Gpu {
  readonly vendor: 'NVIDIA' | 'AMD' | 'Intel' | 'Apple' | 'other';
  /** `NVIDIA H200`; the vendor and the PCI number where the system has no name. */
  readonly name: string;
}

/** Where the lists of a system are read; for tests. */
export interface SystemPlace {
  /** Default: that of this process. */
  readonly platform?: NodeJS.Platform;
  /** The folder in place of `/`. Default: `/`. */
  readonly root?: string;
}

/**
 * The graphics cards of this machine, found without loading a driver: in files of the NVIDIA driver and of the kernel on Linux, by the
 * platform on macOS, in the list of drivers on Windows. Cards that a virtual machine emulates are left out.
 */
export function gpusHere({ platform = process.platform, root = '' }: SystemPlace = {}): Gpu[] {
  if (platform === 'darwin') return [{ vendor: 'Apple', name: cpus()[0]?.model ?? 'Apple GPU' }];
  if (platform === 'win32') return windowsGpus(root);
  if (platform !== 'linux') return [];
  const nvidia = entries(`${root}/proc/driver/nvidia/gpus`).map((address): Gpu => {
    const model = /^Model:\s*(.+)$/m.exec(textOf(`${root}/proc/driver/nvidia/gpus/${address}/information`))?.[1];
    return { vendor: 'NVIDIA', name: model === undefined ? 'NVIDIA GPU' : model.trim() };
  });
  const nodes = entries(`${root}/dev/dri`).filter(name => name.startsWith('renderD'));
  const others = nodes.flatMap((node): Gpu[] => {
    const folder = `${root}/sys/class/drm/${node}/device`;
    const [vendorId, deviceId] = [textOf(`${folder}/vendor`), textOf(`${folder}/device`)];
    const vendor = VENDORS[vendorId];
    // Other numbers are those of cards that virtual machines emulate, and of boards without a Vulkan driver that was ever tried.
    if (vendor === undefined || (vendor === 'NVIDIA' && nvidia.length > 0)) return [];
    return [{ vendor, name: `${vendor} GPU ${vendorId.slice(2)}:${deviceId.slice(2)}` }];
  });
  return [...nvidia, ...others];
}

/** By PCI vendor number. */
const VENDORS: Readonly<Record<string, Gpu['vendor']>> = { '0x10de': 'NVIDIA', '0x1002': 'AMD', '0x8086': 'Intel' };

/** By the names of display drivers in the driver store: it has a folder for each. */
const WINDOWS_DRIVERS: readonly (readonly [RegExp, Gpu['vendor']])[] = [
  [/^nv[a-z_]+\.inf/i, 'NVIDIA'],
  [/^[cu]\d{7}\.inf/i, 'AMD'],
  [/^(iigd|igdlh|igdkmd)/i, 'Intel'],
];

function windowsGpus(root: string): Gpu[] {
  const system = process.env.SystemRoot ?? 'C:\\Windows';
  const drivers = entries(`${root}${system}/System32/DriverStore/FileRepository`);
  return WINDOWS_DRIVERS.filter(([form]) => drivers.some(name => form.test(name))).map(([, vendor]) => ({
    vendor,
    name: `${vendor} GPU`,
  }));
}

/** What computes behind WebGPU. */
export interface Adapter {
  readonly name: string;
  /** True for a program that stands in for a GPU, which is slower than the CPU device. */
  readonly isSoftware: boolean;
}

/** Libraries of Vulkan drivers, by the vendor of the cards that they drive. */
const DRIVERS: readonly (readonly [RegExp, Gpu['vendor']])[] = [
  [/libGLX_nvidia|libnvidia-|libvulkan_nouveau/, 'NVIDIA'],
  [/libvulkan_radeon|libamdvlk|amdvlk64/, 'AMD'],
  [/libvulkan_intel/, 'Intel'],
];
const SOFTWARE_DRIVERS: readonly (readonly [RegExp, string])[] = [
  [/swiftshader/i, 'SwiftShader'],
  [/libvulkan_lvp/, 'llvmpipe'],
];

/**
 * The adapter that WebGPU computes on.
 *
 * @param libraries The libraries that are loaded, as /proc/self/maps lists them; the runtime does not tell which adapter it took. Where a card
 * and its driver are there, it is that card, since the runtime asks for high performance.
 * @param gpus By `gpusHere`.
 */
export function adapterOf(
  libraries: string,
  gpus: readonly Gpu[],
  platform: NodeJS.Platform = process.platform,
): Adapter {
  const driven = gpus.find(({ vendor }) => DRIVERS.some(([form, of]) => of === vendor && form.test(libraries)));
  if (driven !== undefined) return { name: driven.name, isSoftware: false };
  const software = SOFTWARE_DRIVERS.find(([form]) => form.test(libraries));
  if (software !== undefined) return { name: software[1], isSoftware: true };
  // Only Linux lists libraries. Without a card it would be one that its system does not list.
  return platform === 'linux' || gpus[0] === undefined
    ? { name: 'an unknown adapter', isSoftware: false }
    : { name: gpus[0].name, isSoftware: false };
}

/** The libraries that this process has loaded, one a line; '' where the system does not say. */
export const loadedLibraries = (): string => textOf('/proc/self/maps');

function entries(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
