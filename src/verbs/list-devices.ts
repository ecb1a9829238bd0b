import { type DeviceInfo, devicesHere } from '../engine/runtime/device-list.js';

/**
 * Lists where networks can be computed on this machine, with what is missing for the others. Each device is tried in a process of its own,
 * in about a second together.
 *
 * @returns In the order of the option `device`, the CPU first.
 *
 * @example
 * ```ts
 * import { listDevices } from 'eyeball-ml';
 *
 * for (const { device, usable, name, install } of await listDevices()) console.log(device, usable ? name : install);
 * ```
 */
export const listDevices = (): Promise<DeviceInfo[]> => devicesHere();
