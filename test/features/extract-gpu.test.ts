import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { onDevice } from '../../src/backbones/backbone.js';
import { openDataset } from '../../src/datasets/open-dataset.js';
import { extractFeatures } from '../../src/features/extract.js';
import { backboneAt } from '../../src/features/precision.js';
import { temporaryFolder, writeImages } from '../cli/eyeball.js';
import { expectNumbersClose } from '../close.js';
import { softwareGpu } from '../software-gpu.js';
import { tinyBackbone } from './tiny-backbone.js';

const skip = softwareGpu();

describe('features on a GPU', { skip }, () => {
  it('are those of the CPU within 1e-3, cached apart, and never in int8', async () => {
    const root = temporaryFolder();
    await writeImages(join(root, 'images'), 20);
    const dataset = await openDataset({ data: join(root, 'images') });
    const [gpu] = onDevice([tinyBackbone()], 'webgpu');
    const features: Float32Array[] = [];
    const cached: number[] = [];
    for (const backbone of [tinyBackbone(), gpu, gpu]) {
      const extraction = await extractFeatures(dataset, backbone, join(root, 'cache'));
      features.push((await extraction.rows.read([...extraction.samples.keys()])) as Float32Array);
      cached.push(extraction.cached);
      await extraction.close();
    }
    expectNumbersClose(features[1]!, features[0]!, { rtol: 1e-3, atol: 1e-5 });
    assert.deepEqual(features[2], features[1]);
    assert.deepEqual(cached, [0, 0, 20]);

    const said: string[] = [];
    const context = { onMessage: (line: string) => said.push(line) };
    assert.equal(await backboneAt('auto', gpu, dataset, join(root, 'cache'), context), gpu);
    assert.deepEqual(said, ['precision fp32: `device: webgpu` has no arithmetic in int8']);
  });
});
