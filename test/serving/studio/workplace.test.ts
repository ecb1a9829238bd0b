import assert from 'node:assert/strict';
import { cpSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openWorkplace } from '../../../src/serving/studio/workplace.js';
import { writeImages } from '../../cli/eyeball.js';
import { tempFolder } from '../../datasets/temp.js';

describe('the fingerprint of a workplace', () => {
  it('is the same after a restart, and another one for other images, labels or decisions files', async t => {
    const root = tempFolder(t);
    const data = join(root, 'data');
    await writeImages(data, 4);
    const read = async (more: { readonly data?: string; readonly decisions?: string } = {}) =>
      (await openWorkplace({ data, models: join(root, 'models'), ...more })).fingerprint;
    const first = await read();
    assert.match(first, /^[0-9a-f]{64}$/);
    assert.equal(await read(), first);
    assert.equal(await read({ data: `${data}/../data/` }), first);
    const others = [await read({ decisions: join(root, 'ben.csv') })];
    cpSync(data, join(root, 'copy'), { recursive: true });
    others.push(await read({ data: join(root, 'copy') }));
    const { samples } = (await openWorkplace({ data, models: join(root, 'models') })).dataset;
    renameSync(join(data, samples[0]!.file), join(data, samples[1]!.file, '..', 'moved.png'));
    others.push(await read());
    assert.equal(new Set([first, ...others]).size, 4);
  });
});
