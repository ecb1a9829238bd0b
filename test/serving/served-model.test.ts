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
  it('is closed after its last request once another has taken its place', async () => {
    const closed: string[] = [];
    const served = new ServedModel(resolveLimits(), () => {});
    assert.equal(served.borrow(), undefined);
    served.take(model('old', closed));
    const [one, two] = [served.borrow()!, served.borrow()!];
    served.take(model('new', closed));
    assert.deepEqual([one.name, served.borrow()!.name], ['old', 'new']);
    one.giveBack();
    one.giveBack();
    await settled();
    assert.deepEqual(closed, []);
    two.giveBack();
    await settled();
    assert.deepEqual(closed, ['old']);
    served.take(model('last', closed));
    served.close();
    await settled();
    // The one borrowed from `new` is still in use.
    assert.deepEqual(closed, ['old', 'last']);
    assert.equal(served.current, undefined);
  });
});
