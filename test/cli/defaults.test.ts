import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FakeHub } from '../backbones/weights/fake-hub.js';
import { formulaWeights } from '../backbones/weights/formula-weights.js';
import { start, temporaryFolder, userEnv, writeImages } from './eyeball.js';

/** The default places, of a user with an empty home folder. */
describe('the command without --cache', () => {
  const home = temporaryFolder();
  const data = join(home, 'faces');
  let hub: FakeHub;
  before(async () => {
    hub = await FakeHub.start();
    hub.content = formulaWeights('resnet18');
    await writeImages(data, 20);
  });
  after(() => hub.stop());

  const run = async (...args: string[]) => {
    const { code, stderr } = await start(args, { ...userEnv(home), HF_ENDPOINT: hub.endpoint }).outcome;
    assert.equal(code, 0, stderr);
  };

  it('trains on ImageNet weights of the hub, and keeps them in ~/.cache', async () => {
    await run('train', data, '--out', join(home, 'model'), '--backbone', 'resnet18', '--size', '32');
    const kept = '.cache/eyeball/hub/timm--resnet18.tv_in1k/main/model.safetensors';
    assert.ok(existsSync(join(home, kept)));
    assert.equal(hub.takeSeen().join(), 'hub,content');
  });

  it('cleans with the cached ImageNet weights', async () => {
    const out = join(home, 'look', 'labels.csv');
    await run('clean', data, '--out', out, '--backbone', 'resnet18', '--size', '32');
    assert.ok(existsSync(out));
    assert.deepEqual(hub.takeSeen(), []);
  });
});
