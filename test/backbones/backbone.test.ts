import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildFromPixels, imagenetNormalization, pixelInput } from '../../src/backbones/backbone.js';
import { add, reshape } from '../../src/engine/graph/build.js';
import { Graph, type Value } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { expectNumbersClose } from '../close.js';
import { tinyBackbone } from '../features/tiny-backbone.js';

describe('buildFromPixels', () => {
  it('converts pixels to planes and normalizes each with its mean and std', async () => {
    for (const normalization of [imagenetNormalization, { scale: 1, mean: [1, 20, 300], std: [1, 2, 4] }] as const) {
      const open = { ...tinyBackbone(), sizePx: 2, normalization, width: 12 };
      const { graph, features } = buildFromPixels({
        ...open,
        build: x => ({ features: reshape(x, [0, -1]), stages: new Map() }),
      });
      graph.output('features', features);
      const session = await createSession(toOnnx(graph));
      const data = Uint8Array.from([0, 1, 2, 255, 254, 253, 10, 20, 30, 100, 150, 200, ...new Uint8Array(12)]);
      const pixels = data.slice();
      const out = await session.run({ pixels: { dtype: 'uint8', shape: [2, 2, 2, 3], data: pixels } });
      await session.close();

      assert.deepEqual(
        graph.inputs.map(({ name, dtype, shape }) => [name, dtype, shape]),
        [['pixels', 'uint8', ['N', 2, 2, 3]]],
      );
      const { scale, mean, std } = normalization;
      // [N, H, W, 3] -> [N, 3, H, W]
      const expected = [0, 1].flatMap(n =>
        [0, 1, 2].flatMap(c => [0, 1, 2, 3].map(at => (data[n * 12 + at * 3 + c]! * scale - mean[c]!) / std[c]!)),
      );
      assert.deepEqual(out.features!.shape, [2, 12]);
      expectNumbersClose(out.features!.data as Float32Array, expected, { rtol: 1e-5, atol: 1e-6 });
    }
  });

  it('builds in a given graph, for a number of images, augmented before normalization', async () => {
    const graph = new Graph();
    const normalization = { scale: 2, mean: [1, 1, 1], std: [1, 1, 1] } as const;
    const open = { ...tinyBackbone(), sizePx: 1, normalization, width: 3 };
    const backbone = { ...open, build: (x: Value) => ({ features: reshape(x, [0, -1]), stages: new Map() }) };
    const built = backbone.build(pixelInput(graph, backbone, 2, planes => add(planes, 100)));
    assert.deepEqual(built.features.shape, [2, 3]);
    graph.output('features', built.features);
    const session = await createSession(toOnnx(graph));
    const pixels = Uint8Array.from([0, 1, 2, 3, 4, 5]);
    const out = await session.run({ pixels: { dtype: 'uint8', shape: [2, 1, 1, 3], data: pixels } });
    await session.close();
    assert.deepEqual([...(out.features!.data as Float32Array)], [199, 201, 203, 205, 207, 209]);
  });
});
