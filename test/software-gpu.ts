import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

const FOLDERS = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  dirname(process.env.CHROMIUM ?? '/usr/bin/chromium'),
];
const ICD = 'vk_swiftshader_icd.json';
/** Of glibc: a library that stays loaded after it was closed. */
const RTLD_NODELETE = 0x1000;

/**
 * Makes SwiftShader, the software GPU of Chromium, the Vulkan driver of this process and of those that it starts. Call it before the engine is
 * used.
 *
 * @returns For the option `skip` of a test: false, or why there is no such driver.
 */
export function softwareGpu(): false | string {
  const folder = FOLDERS.find(name => existsSync(join(name, ICD)) && existsSync(join(name, 'libvulkan.so.1')));
  if (process.platform !== 'linux' || folder === undefined)
    return `no Vulkan driver: ${ICD} of Debian's package chromium is not in ${FOLDERS.join(', ')}`;
  process.env.VK_DRIVER_FILES = join(folder, ICD);
  // Read by processes that are started.
  process.env.LD_LIBRARY_PATH = folder;
  // For this one: what is loaded is found by its name. It is no module of Node, which says so.
  try {
    process.dlopen({ exports: {} }, join(folder, 'libvulkan.so.1'), constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch {
    if (!readFileSync('/proc/self/maps', 'utf8').includes('libvulkan.so.1'))
      return 'no Vulkan driver: its loader does not load';
  }
  return false;
}
