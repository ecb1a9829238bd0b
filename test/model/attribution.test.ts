import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Backbone } from '../../src/backbones/backbone.js';
import { averagePool, conv, globalAveragePool } from '../../src/engine/graph/build.js';
import type { Value } from '../../src/engine/graph/graph.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { attributionModel } from '../../src/model/attribution.js';
import { buildModel } from '../../src/model/build-model.js';
import { type Head, linearHead } from '../../src/training/head.js';
import { expectNumbersClose } from '../close.js';
import { tinyBackbone } from '../features/tiny-backbone.js';
import { float } from '../run-graph.js';

const PX = 16;

/** A network whose features are the means of red and of green, of each `cell` x `cell` px. */
const colours = (cell = 1, change = (x: Value) => x): Backbone =>
  tinyBackbone({
    sizePx: PX,
    width: 2,
    normalization: { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
    build(x) {
      const weight = x.graph.constant(float([2, 3, 1, 1], [1, 0, 0, 0, 1, 0]), 'colours.weight');
      const map = averagePool(conv(x, weight), cell, { stride: cell });
      return { features: globalAveragePool(change(map)), stages: new Map() };
    },
  });

// 3 red - 2 green + 7
const linear = linearHead({ weight: Float32Array.of(3, -2), bias: 7 });
// The same by way of a ReLU that never closes.
const layered: Head = {
  layers: [
    { weight: float([2, 1], [3, -2]), bias: float([1], [10_000]) },
    { weight: float([1, 1], [1]), bias: float([1], [-9_993]) },
  ],
};

/** Images of which each pixel has a colour of its own, and how many: `[count, PX, PX, 3]`. */
function images(count: number) {
  const data = Uint8Array.from({ length: count * PX * PX * 3 }, (_, i) => (i * 37 + ((i * i) % 91)) % 256);
  return { dtype: 'uint8', shape: [count, PX, PX, 3], data } as const;
}

/** What 3 red - 2 green, as a mean over the image, gets from each place: of the first image less the second. */
function contributions(data: Uint8Array): number[] {
  const places = PX * PX;
  const of = (place: number) => (3 * data[3 * place]! - 2 * data[3 * place + 1]!) / places;
  return Array.from({ length: places }, (_, place) => of(place) - of(place + places));
}

async function mapOf(network: Uint8Array, expectedMethod: string) {
  const attribution = attributionModel(network, PX, 'model.onnx');
  assert.equal(attribution?.method, expectedMethod);
  const pixels = images(2 + attribution.partlyBlurred);
  const session = await createSession(attribution.model, { threads: 1 });
  const { map } = await session.run({ pixels });
  await session.close();
  return { map: map!, pixels };
}

describe('attributionModel', () => {
  it('is an exact class activation map if the value is linear in a pooled map', async () => {
    const network = buildModel(colours(), linear);
    const { map, pixels } = await mapOf(network, 'cam');
    assert.deepEqual(map.shape, [PX, PX]);
    expectNumbersClose(map.data as Float32Array, contributions(pixels.data), { rtol: 1e-5, atol: 1e-5 });

    const session = await createSession(network, { threads: 1 });
    const { value } = await session.run({ pixels });
    await session.close();
    const total = (map.data as Float32Array).reduce((sum, each) => sum + each, 0);
    const [of, blurred] = value!.data as Float32Array;
    expectNumbersClose([total], [of! - blurred!], { rtol: 1e-4, atol: 1e-4 });
  });

  it('is gradient times activation after a ReLU, the same map if the ReLU is always active', async () => {
    const { map, pixels } = await mapOf(buildModel(colours(), layered), 'gradient');
    expectNumbersClose(map.data as Float32Array, contributions(pixels.data), { rtol: 1e-3, atol: 1e-3 });
  });

  it('uses the last stage with a value per 8 x 8 px if the pooled map is coarser than 7 x 7', async () => {
    const { map, pixels } = await mapOf(buildModel(colours(4), linear), 'gradient');
    assert.deepEqual(map.shape, [4, 4]);
    const fine = contributions(pixels.data);
    const coarse = Array.from({ length: 16 }, (_, cell) => {
      const inside = (place: number) => 4 * Math.floor(place / PX / 4) + Math.floor((place % PX) / 4) === cell;
      return fine.reduce((sum, each, place) => (inside(place) ? sum + each : sum), 0);
    });
    expectNumbersClose(map.data as Float32Array, coarse, { rtol: 1e-4, atol: 1e-4 });
  });

  it('is undefined if an operation has no gradient', () => {
    const rounded = (x: Value) => {
      const name = 'foreign/round';
      const node = {
        opType: 'Round',
        domain: '',
        inputs: [x.name],
        outputs: [name],
        attributes: {},
        rawAttributes: [],
      };
      x.graph.addForeign(node);
      return x.graph.foreignValue(name, x);
    };
    assert.equal(attributionModel(buildModel(colours(1, rounded), linear), PX, 'model.onnx'), undefined);
  });
});
