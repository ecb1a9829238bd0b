import { cpus } from 'node:os';
import { type Device, deviceChoices } from '../../base/device.js';
import { neededFor, probeDevice } from './devices.js';
import { gpusHere } from './gpus.js';

/** A device of this machine; the keys of `devices --json`. */
export interface DeviceInfo {
  /** As the option `device` takes it. */
  readonly device: Device;
  readonly usable: boolean;
  /** The processor or graphics card; null where the device cannot be used. */
  readonly name: string | null;
  /** True for a program that stands in for a GPU and is slower than the CPU; `auto` does not take it. */
  readonly software: boolean;
  /** What it needs and what was found; null where it can be used. */
  readonly missing: string | null;
  /** How to get it; null where it can be used. */
  readonly install: string | null;
}

/** Every device, tried one after another, each in a process of its own. */
export async function devicesHere(): Promise<DeviceInfo[]> {
  const listed: DeviceInfo[] = [];
  for (const device of deviceChoices) if (device !== 'auto') listed.push(await describeDevice(device));
  return listed;
}

async function describeDevice(device: Device): Promise<DeviceInfo> {
  const usable = { device, usable: true, software: false, missing: null, install: null };
  if (device === 'cpu') return { ...usable, name: cpus()[0]?.model.trim() ?? 'CPU' };
  const { error, adapter } = await probeDevice(device, false);
  if (error !== undefined) {
    const { what, install } = neededFor(device);
    return { ...usable, usable: false, name: null, missing: `needs ${what}, found: ${error}`, install };
  }
  const gpus = gpusHere();
  const gpu = device === 'cuda' ? gpus.find(({ vendor }) => vendor === 'NVIDIA') : gpus[0];
  return { ...usable, name: adapter?.name ?? gpu?.name ?? 'GPU', software: adapter?.isSoftware ?? false };
}
