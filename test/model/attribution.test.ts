import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Backbone } from '../../src/backbones/backbone.js';
import { loadFace } from '../../src/backbones/face.js';
import { combineBlocks, parseBlocks } from '../../src/backbones/feature-blocks.js';
import { loadObjects } from '../../src/backbones/objects.js';
import { loadBackbone } from '../../src/backbones/registry.js';
import { averagePool, concat, conv, globalAveragePool, slice } from '../../src/engine/graph/build.js';
import type { Value } from '../../src/engine/graph/graph.js';
import { createSession } from '../../src/engine/runtime/session.js';
import type { Tensor } from '../../src/engine/tensor.js';
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

/** The sums of a map of the image's places over `cells` x `cells` squares. */
function byCells(fine: readonly number[], cells: number): number[] {
  const edge = PX / cells;
  const cellOf = (place: number) => cells * Math.floor(place / PX / edge) + Math.floor((place % PX) / edge);
  return Array.from({ length: cells ** 2 }, (_, cell) =>
    fine.reduce((sum, each, place) => (cellOf(place) === cell ? sum + each : sum), 0),
  );
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

/** Fails unless the map sums to the difference of the values of the first two images. */
async function expectSum(map: Tensor, network: Uint8Array, pixels: Tensor): Promise<void> {
  const session = await createSession(network, { threads: 1 });
  const { value } = await session.run({ pixels });
  await session.close();
  const total = (map.data as Float32Array).reduce((sum, each) => sum + each, 0);
  const [of, blurred] = value!.data as Float32Array;
  expectNumbersClose([total], [of! - blurred!], { rtol: 1e-3, atol: 1e-3 });
}

describe('attributionModel', () => {
  it('is an exact class activation map if the value is linear in a pooled map', async () => {
    const network = buildModel(colours(), linear);
    const { map, pixels } = await mapOf(network, 'cam');
    assert.deepEqual(map.shape, [PX, PX]);
    expectNumbersClose(map.data as Float32Array, contributions(pixels.data), { rtol: 1e-5, atol: 1e-5 });

    await expectSum(map, network, pixels);
  });

  it('is gradient times activation after a ReLU, the same map if the ReLU is always active', async () => {
    const { map, pixels } = await mapOf(buildModel(colours(), layered), 'gradient');
    expectNumbersClose(map.data as Float32Array, contributions(pixels.data), { rtol: 1e-3, atol: 1e-3 });
  });

  it('uses the last stage with a value per 8 x 8 px if the pooled map is coarser than 7 x 7', async () => {
    const { map, pixels } = await mapOf(buildModel(colours(4), linear), 'gradient');
    assert.deepEqual(map.shape, [4, 4]);
    const coarse = byCells(contributions(pixels.data), 4);
    expectNumbersClose(map.data as Float32Array, coarse, { rtol: 1e-4, atol: 1e-4 });
  });

  it('adds the branches of features of several depths, on the coarser grid', async () => {
    // Red from the first map, green from one of 4 x 4 px that is computed from it.
    const branched: Backbone = {
      ...colours(),
      build(x) {
        const weight = x.graph.constant(float([2, 3, 1, 1], [1, 0, 0, 0, 1, 0]), 'colours.weight');
        const fine = conv(x, weight);
        const coarse = averagePool(fine, 4, { stride: 4 });
        const means = [slice(globalAveragePool(fine), 1, 0, 1), slice(globalAveragePool(coarse), 1, 1, 2)];
        return { features: concat(means, 1), stages: new Map() };
      },
    };
    const { map, pixels } = await mapOf(buildModel(branched, layered), 'gradient');
    assert.deepEqual(map.shape, [4, 4]);
    expectNumbersClose(map.data as Float32Array, byCells(contributions(pixels.data), 4), { rtol: 1e-3, atol: 1e-3 });
  });

  it('divides a value among the cells of a grid that its place is no multiple of', async () => {
    const branched: Backbone = {
      ...colours(),
      build(x) {
        const weight = x.graph.constant(float([2, 3, 1, 1], [1, 0, 0, 0, 1, 0]), 'colours.weight');
        const fine = conv(x, weight);
        const means = [fine, averagePool(fine, 6, { stride: 5 })].map(globalAveragePool);
        return { features: slice(concat(means, 1), 1, 1, 3), stages: new Map() };
      },
    };
    const network = buildModel(branched, layered);
    const { map, pixels } = await mapOf(network, 'gradient');
    assert.deepEqual(map.shape, [3, 3]);
    await expectSum(map, network, pixels);
  });

  it('reads networks that are joined, whose numbers have the names of new ones', async () => {
    const parts = [await loadFace(), await loadObjects()];
    const joined = combineBlocks(parts, parseBlocks('face.last+objects.stage3:std', parts));
    const head = linearHead({ weight: new Float32Array(joined.width).fill(0.01), bias: 0 });
    assert.equal(attributionModel(buildModel(joined, head), 224, 'model.onnx')?.method, 'gradient');
  });

  it('is of the pixels for a transformer, whose attention is no map of places', async () => {
    const vit = await loadBackbone({ backbone: 'vit-tiny', weights: 'formula', sizePx: 32, cacheDir: '' });
    const head = linearHead({ weight: vit.head!.weight, bias: 0 });
    const attribution = attributionModel(buildModel(vit, head), 32, 'model.onnx');
    const count = 2 + attribution!.partlyBlurred;
    // The images differ in the last quarter alone.
    const each = 32 * 32 * 3;
    const data = Uint8Array.from({ length: count * each }, (_, i) =>
      i % each >= 0.75 * each ? (i * 37 + Math.floor(i / each) * 50) % 256 : 100,
    );
    const session = await createSession(attribution!.model, { threads: 1 });
    const { map } = await session.run({ pixels: { dtype: 'uint8', shape: [count, 32, 32, 3], data } });
    await session.close();
    assert.deepEqual(map!.shape, [32, 32]);
    const places = map!.data as Float32Array;
    assert.ok(places.subarray(0, 24 * 32).every(place => place === 0));
    assert.ok(places.subarray(24 * 32).filter(place => place !== 0).length > 200);
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
