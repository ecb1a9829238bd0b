import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { adapterOf, type Gpu, gpusHere } from '../../../src/engine/runtime/gpus.js';
import { temporaryFolder } from '../../cli/eyeball.js';

/** A folder with these files, in place of `/`. */
function rootWith(files: Readonly<Record<string, string>>): string {
  const root = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const render = (node: string, vendor: string, device: string) => ({
  [`dev/dri/${node}`]: '',
  [`sys/class/drm/${node}/device/vendor`]: `${vendor}\n`,
  [`sys/class/drm/${node}/device/device`]: `${device}\n`,
});

describe('gpusHere', () => {
  const on = (files: Readonly<Record<string, string>>) => gpusHere({ platform: 'linux', root: rootWith(files) });

  it('finds none on a machine without any', () => {
    assert.deepEqual(on({ 'dev/null': '' }), []);
  });

  it('names cards of NVIDIA by their driver, once', () => {
    const files = {
      'proc/driver/nvidia/gpus/0000:01:00.0/information': 'Model: \t\t NVIDIA H200\nIRQ: 1\n',
      ...render('renderD128', '0x10de', '0x2335'),
    };
    assert.deepEqual(on(files), [{ vendor: 'NVIDIA', name: 'NVIDIA H200' }]);
  });

  it('names others by vendor and number, and leaves out those of virtual machines', () => {
    const files = { ...render('renderD128', '0x1af4', '0x1050'), ...render('renderD129', '0x1002', '0x744c') };
    assert.deepEqual(on(files), [{ vendor: 'AMD', name: 'AMD GPU 1002:744c' }]);
  });

  it('needs the device of a card, not only its entry in the kernel', () => {
    const { 'dev/dri/renderD128': _, ...files } = render('renderD128', '0x8086', '0x56a0');
    assert.deepEqual(on(files), []);
  });
});

describe('adapterOf', () => {
  const nvidia: Gpu = { vendor: 'NVIDIA', name: 'NVIDIA H200' };
  const mesa = '/usr/lib/libvulkan_radeon.so\n/usr/lib/libvulkan_lvp.so\n';

  it('is the card whose driver is loaded', () => {
    assert.deepEqual(adapterOf(`${mesa}/usr/lib/libGLX_nvidia.so.0`, [nvidia], 'linux'), {
      name: 'NVIDIA H200',
      isSoftware: false,
    });
  });

  it('is a program where the driver of no card is loaded', () => {
    assert.deepEqual(adapterOf(mesa, [nvidia], 'linux'), { name: 'llvmpipe', isSoftware: true });
    assert.deepEqual(adapterOf('/usr/lib/chromium/libvk_swiftshader.so', [], 'linux'), {
      name: 'SwiftShader',
      isSoftware: true,
    });
  });
});
