import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSession } from '../../src/engine/runtime/session.js';
import { adaptNetwork } from '../../src/model/adapt-network.js';
import { buildModel } from '../../src/model/build-model.js';
import { selfTestPixels } from '../../src/model/checks.js';
import { readNetwork } from '../../src/model/read-network.js';
import { linearHead } from '../../src/training/head.js';
import { expectAllClose } from '../close.js';
import { tinyBackbone } from '../features/tiny-backbone.js';
import { float } from '../run-graph.js';
import { sampleHead } from './sample-model.js';

const NO_LIMITS = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
const close = { rtol: 1e-5, atol: 1e-5 };
const pixels = { dtype: 'uint8', shape: [1, 32, 32, 3], data: selfTestPixels(32) } as const;

async function outputsOf(network: Uint8Array) {
  const session = await createSession(network);
  const outputs = await session.run({ pixels });
  await session.close();
  return outputs;
}

const model = buildModel(tinyBackbone(), linearHead(sampleHead));
const line = { correction: { intercept: 3, slope: 0.5 }, widthFactor: 2, range: NO_LIMITS, width: 4 };

describe('an adapted network', () => {
  it('computes intercept + slope * value, and keeps the features', async () => {
    const [before, after] = [await outputsOf(model), await outputsOf(adaptNetwork(model, line, 'model.onnx'))];
    expectAllClose(after.value!, float([1], [3 + 0.5 * Number(before.value!.data[0])]), close);
    assert.deepEqual(after.features, before.features);
    assert.deepEqual(Object.keys(after), Object.keys(before));
  });

  it('can be adapted again', async () => {
    const twice = adaptNetwork(adaptNetwork(model, line, 'model.onnx'), line, 'model.onnx');
    const [before, after] = [await outputsOf(model), await outputsOf(twice)];
    expectAllClose(after.value!, float([1], [3 + 0.5 * (3 + 0.5 * Number(before.value!.data[0]))]), close);
  });

  it('adds a head on the features', async () => {
    const head = linearHead({ weight: Float32Array.of(1, 2, 3, 4), bias: -1 });
    const adapted = adaptNetwork(model, { ...line, correction: { ...line.correction, head } }, 'model.onnx');
    const [before, after] = [await outputsOf(model), await outputsOf(adapted)];
    const added = [...(before.features!.data as Float32Array)].reduce((sum, x, i) => sum + (i + 1) * x, -1);
    expectAllClose(after.value!, float([1], [3 + 0.5 * Number(before.value!.data[0]) + added]), close);
  });

  it('clamps after the correction, and keeps the value before it', async () => {
    const range = { min: 0, max: 10 };
    const clamping = buildModel(tinyBackbone(), { ...linearHead(sampleHead), range });
    const adapted = adaptNetwork(clamping, { ...line, range }, 'model.onnx');
    const [before, after] = [await outputsOf(clamping), await outputsOf(adapted)];
    const expected = 3 + 0.5 * Number(before.unclamped!.data[0]);
    expectAllClose(after.unclamped!, float([1], [expected]), close);
    expectAllClose(after.value!, float([1], [Math.min(10, Math.max(0, expected))]), close);
  });

  it('is read back for explanations', () => {
    const { value } = readNetwork(adaptNetwork(model, line, 'model.onnx'), 2, 32, 'model.onnx');
    assert.deepEqual(value.shape, [2]);
  });

  it('is the same bytes for the same correction', () => {
    assert.deepEqual(adaptNetwork(model, line, 'model.onnx'), adaptNetwork(model, line, 'model.onnx'));
  });
});
