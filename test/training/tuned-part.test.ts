import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Backbone } from '../../src/backbones/backbone.js';
import { UnsupportedOpError } from '../../src/base/errors.js';
import { batchNormalization, globalAveragePool } from '../../src/engine/graph/build.js';
import type { Value } from '../../src/engine/graph/graph.js';
import { tunedPart } from '../../src/training/tuned-network.js';
import { failureOf } from '../datasets/temp.js';
import { tinyBackbone } from '../features/tiny-backbone.js';
import { float } from '../run-graph.js';

describe('batch norms by the batch', () => {
  const backbone = (scales: readonly string[]) =>
    tinyBackbone({
      build(x) {
        const { graph } = x;
        const numbers = (name: string) => graph.constant(float([3], [1, 2, 3]), name);
        const [first, ...rest] = scales.map(numbers);
        const norms = [first, rest[0] ?? first].map(scale => [
          scale!,
          ...Array.from({ length: 3 }, () => graph.float([1, 2, 3])),
        ]);
        const value = norms.reduce((y, [a, b, c, d]) => batchNormalization(y, a!, b!, c!, d!), x);
        return { features: globalAveragePool(value), stages: new Map() };
      },
    });
  const failure = (of: Backbone) => failureOf(async () => tunedPart(of, 'all', 'batch'));

  it('need some, each with numbers of its own', async () => {
    const text = (why: string) => `UsageError: \`batchNorm\`: expected frozen, got batch, but ${why}; leave it out`;
    assert.equal(await failure(tinyBackbone()), text('tiny has no batch norm'));
    assert.equal(await failure(backbone(['scale'])), text('batch norms of tiny share constants'));
    assert.equal(tunedPart(backbone(['scale', 'other']), 'all', 'batch').batchNorm, 'batch');
  });
});

describe('the tuned part of a backbone whose stages are unknown', () => {
  const tiny = tinyBackbone();
  const failure = (tune: string, backbone = tiny) => failureOf(async () => tunedPart(backbone, tune, 'frozen'));

  it('is all of it', () => {
    assert.deepEqual(tunedPart(tiny, 'all', 'frozen'), { lowest: 'all', below: undefined, batchNorm: 'frozen' });
  });

  it('is no stage', async () => {
    const text = 'UsageError: `tune`: expected head or all for tiny, whose stages eyeball does not know, got';
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
    assert.match(await failure('last', stuck), /^UsageError: `tune`: /);
  });
});
