import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnsupportedOpError } from '../../src/base/errors.js';
import type { Value } from '../../src/engine/graph/graph.js';
import { tunedPart } from '../../src/training/tuned-network.js';
import { failureOf } from '../data/temp.js';
import { tinyBackbone } from './tiny-backbone.js';

describe('the tuned part of a backbone whose stages are unknown', () => {
  const tiny = tinyBackbone();
  const failure = (tune: string, backbone = tiny) => failureOf(async () => tunedPart(backbone, tune, 'frozen'));

  it('is all of it', () => {
    assert.deepEqual(tunedPart(tiny, 'all', 'frozen'), { lowest: 'all', below: undefined, batchNorm: 'frozen' });
  });

  it('is no stage', async () => {
    const text = 'UsageError: --tune: expected head or all for tiny, whose stages eyeball does not know, got';
    assert.equal(await failure('last'), `${text} "last"`);
    assert.equal(await failure('layer4'), `${text} "layer4"`);
  });

  it('is built as it can be trained, and the reason why it cannot be comes before any work', async () => {
    let built = 0;
    const buildTrainable = (x: Value) => {
      built++;
      return tiny.build(x);
    };
    tunedPart(tinyBackbone({ buildTrainable }), 'all', 'frozen');
    assert.equal(built, 1);
    const stuck = tinyBackbone({
      buildTrainable() {
        throw new UnsupportedOpError('net.onnx: expected operations with a gradient, got Erf');
      },
    });
    assert.equal(
      await failure('all', stuck),
      'UnsupportedOpError: net.onnx: expected operations with a gradient, got Erf',
    );
    assert.match(await failure('last', stuck), /^UsageError: --tune: /);
  });
});
