import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { option } from '../../../src/base/options.js';
import { DEVICE_VARIABLE, isSurelyCpu, resolveDevice } from '../../../src/engine/runtime/devices.js';
import { gpusHere } from '../../../src/engine/runtime/gpus.js';
import { softwareGpu } from '../../software-gpu.js';

const skip = softwareGpu();
const withGpu = gpusHere().length > 0 && 'this machine has a GPU';

describe('resolveDevice', () => {
  afterEach(() => {
    delete process.env[DEVICE_VARIABLE];
  });

  it('is the CPU on a machine without a GPU, without a message, even if a software GPU is there', {
    skip: withGpu,
  }, async () => {
    const said: string[] = [];
    assert.equal(await resolveDevice({ onMessage: line => said.push(line) }), 'cpu');
    assert.deepEqual(said, []);
    assert.equal(isSurelyCpu({}), true);
  });

  it('takes a software GPU that is asked for by name, and says that it is one', { skip }, async () => {
    const said: string[] = [];
    assert.equal(await resolveDevice({ device: 'webgpu', onMessage: line => said.push(line) }), 'webgpu');
    assert.deepEqual(said, ['device webgpu: SwiftShader, a program in place of a GPU, which is slower than the CPU']);
    assert.equal(isSurelyCpu({ device: 'webgpu' }), false);
  });

  it('takes the variable of the environment where no option is given', async () => {
    process.env[DEVICE_VARIABLE] = 'cpu';
    assert.equal(await resolveDevice(), 'cpu');
    process.env[DEVICE_VARIABLE] = 'gpu';
    await assert.rejects(resolveDevice(), {
      code: 'usage',
      message: 'EYEBALL_DEVICE: expected one of auto, cpu, webgpu, cuda, dml, coreml, got "gpu"',
    });
    assert.equal(isSurelyCpu({}), false);
    assert.equal(await resolveDevice({ device: 'cpu' }), 'cpu');
  });

  it('refuses a device that is not there, with what to install', { skip: process.platform !== 'linux' }, async () => {
    await assert.rejects(resolveDevice({ device: 'dml' }), {
      code: 'usage',
      message:
        '`device: dml`: expected Windows with a GPU for Direct3D 12, got "this build of the runtime has no such device"; ' +
        'use `device: webgpu` or `device: cpu`',
    });
  });

  it('refuses a device by name for what only a CPU computes; auto is the CPU then', async () => {
    const cpuOnly = option('precision', 'int8');
    await assert.rejects(resolveDevice({ device: 'webgpu', cpuOnly }), {
      code: 'usage',
      message: '`device: webgpu` cannot be used with `precision: int8`; remove one of them',
    });
    assert.equal(await resolveDevice({ cpuOnly }), 'cpu');
  });
});
