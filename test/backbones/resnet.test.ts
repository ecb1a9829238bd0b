import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formulaHead, formulaParameters } from '../../src/backbones/formula.js';
import { type ResnetEntry, resnets } from '../../src/backbones/registry.js';
import { buildResnet, parametersFrom, resnetWidth } from '../../src/backbones/resnet.js';
import { formulaUniform } from '../../src/base/random.js';
import { add, matMul } from '../../src/engine/graph/build.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { sizeOf, type Tensor } from '../../src/engine/tensor.js';
import { expectNumbersClose } from '../close.js';
import { expectSummary, goldenNames, readGolden } from '../golden.js';

describe('ResNet', () => {
  for (const name of goldenNames) {
    it(`computes every stage and the prediction of ${name} as PyTorch does`, async () => {
      const { golden, plan } = readGolden(name);
      const graph = new Graph();
      const x = graph.input('input', 'float32', ['N', 3, 125, 125]);
      const { features, stages } = buildResnet(x, plan, formulaParameters(plan));
      for (const [stage, value] of stages) graph.output(stage, value);
      graph.output('avgpool', features);
      const width = resnetWidth(plan);
      const { weight, bias } = formulaHead(width);
      const fc = graph.constant({ dtype: 'float32', shape: [width, 1], data: weight });
      graph.output('prediction', add(matMul(features, fc), bias));

      const session = await createSession(toOnnx(graph));
      const data = Float32Array.from(formulaUniform('input', 3 * 3 * 125 * 125));
      const results = await session.run({ input: { dtype: 'float32', shape: [3, 3, 125, 125], data } });
      await session.close();
      for (const stage of ['layer1', 'layer2', 'layer3', 'layer4', 'avgpool'] as const) {
        expectSummary(results[stage]!.data as Float32Array, golden.forward[stage], 1e-4);
      }
      expectNumbersClose(results.prediction!.data as Float32Array, golden.forward.prediction, { rtol: 1e-5, atol: 0 });
    });
  }

  for (const [name, { plan, parameters }] of Object.entries<ResnetEntry>(resnets)) {
    it(`gives ${name} as many parameters as torchvision does`, () => {
      let count = resnetWidth(plan) + 1; // the linear layer
      const graph = new Graph();
      buildResnet(graph.input('input', 'float32', ['N', 3, 64, 64]), plan, (parameter, shape) => {
        if (!parameter.includes('running')) count += sizeOf(shape);
        return { dtype: 'float32', shape, data: new Float32Array(0) };
      });
      assert.equal(count, parameters);
    });
  }

  it('names a parameter that the weights lack or hold in another shape', () => {
    const kernel: Tensor = { dtype: 'float32', shape: [64, 3, 3, 3], data: new Float32Array(64 * 27) };
    const parameters = parametersFrom(new Map([['conv1.weight', kernel]]), 'w.pth');
    assert.throws(() => parameters('bn1.weight', [64]), {
      message: 'w.pth: expected a tensor "bn1.weight", got none; the file may belong to another network',
    });
    assert.throws(() => parameters('conv1.weight', [64, 3, 7, 7]), {
      message:
        'w.pth: "conv1.weight": expected shape [64,3,7,7], got [64,3,3,3]; the file may belong to another network',
    });
  });
});
