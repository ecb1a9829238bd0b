import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as settled } from 'node:timers/promises';
import type { Model } from '../../src/model/model.js';
import { resolveLimits } from '../../src/serving/limits.js';
import { ServedModel } from '../../src/serving/served-model.js';
import { sampleManifest } from '../model/sample-model.js';

/** A model that says when it is closed. */
function model(name: string, closed: string[]): { readonly model: Model; readonly name: string } {
  const close = async () => void closed.push(name);
  return { name, model: { manifest: sampleManifest('0'.repeat(64)), close } as unknown as Model };
}

describe('a served model', () => {
  it('is closed after its last request when another model has replaced it', async () => {
    const closed: string[] = [];
    const served = new ServedModel(resolveLimits(), () => {});
    assert.equal(served.lease(), undefined);
    served.replace(model('old', closed));
    const [one, two] = [served.lease()!, served.lease()!];
    served.replace(model('new', closed));
    assert.deepEqual([one.name, served.lease()!.name], ['old', 'new']);
    one.release();
    one.release();
    await settled();
    assert.deepEqual(closed, []);
    two.release();
    await settled();
    assert.deepEqual(closed, ['old']);
    served.replace(model('last', closed));
    served.close();
    await settled();
    // The lease of `new` is not released.
    assert.deepEqual(closed, ['old', 'last']);
    assert.equal(served.current, undefined);
  });
});
