// Slow: builds some seventy networks, large ones too, and their gradients.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { architectures } from '../../src/backbones/architectures.js';
import { backward } from '../../src/engine/autodiff/backward.js';
import { foldBatchNorm } from '../../src/engine/autodiff/batch-norm.js';
import { reduceSum } from '../../src/engine/graph/build.js';
import { copyGraph } from '../../src/engine/graph/copy.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { sizeOf, type Tensor } from '../../src/engine/tensor.js';

describe('every architecture', () => {
  for (const [name, { parameters, width, middle, sizePx, build }] of architectures) {
    it(`${name} has the number of parameters of timm, its stages, and a gradient for each parameter`, () => {
      const source = (_: string, shape: readonly number[]): Tensor<'float32'> => ({
        dtype: 'float32',
        shape,
        data: new Float32Array(0),
      });
      const graph = new Graph();
      const built = build(graph.input('x', 'float32', ['N', 3, sizePx, sizePx]), source);
      const all = [...graph.parameters.values()];
      assert.equal(
        all.reduce((sum, { shape }) => sum + sizeOf(shape.map(Number)), 0),
        parameters,
      );
      assert.deepEqual(built.features.shape, ['N', width]);
      const map = built.maps?.get(middle.stage) ?? built.stages.get(middle.stage);
      assert.deepEqual([map?.shape.length, map?.shape[1]], [4, middle.width]);
      for (const [stage, value] of built.maps ?? []) {
        assert.equal(value.shape.length, 4, stage);
        assert.equal(built.stages.get(stage)?.shape.length, 3, stage);
      }

      const { features } = build(new Graph().input('x', 'float32', [1, 3, sizePx, sizePx]), source);
      const trained = new Graph();
      const x = trained.input('x', 'float32', [1, 3, sizePx, sizePx]);
      const [copy] = copyGraph([features], trained, new Map([['x', x]]), foldBatchNorm);
      const gradients = backward(reduceSum(copy!, [0, 1]), [...trained.parameters.values()]);
      assert.equal(gradients.length, all.length);
    });
  }
});
