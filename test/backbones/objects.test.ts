import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildTfjs, readTfjsModel } from '../../scripts/tfjs.js';
import { loadObjects, OBJECTS_SHA256 } from '../../src/backbones/objects.js';
import { formulaUniform } from '../../src/base/random.js';
import { globalAveragePool } from '../../src/engine/graph/build.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { expectNumbersClose } from '../close.js';
import { failureOf } from '../datasets/temp.js';

const FILE = 'node_modules/@vladmandic/human/models/centernet.json';
const ROOT = 'tower_0/MobilenetV3/';
/** Nodes of the original graph that are our stages. */
const STAGES = {
  stage1: `${ROOT}expanded_conv/add`,
  stage2: `${ROOT}expanded_conv_2/add`,
  stage3: `${ROOT}expanded_conv_5/add`,
  stage4: `${ROOT}expanded_conv_11/add`,
  stage5: `${ROOT}expanded_conv_14/add`,
};
const LAST = 'tower_0/extern1/hard_swish/mul_1';

describe('the objects backbone', () => {
  it('says what it is', async () => {
    const objects = await loadObjects();
    assert.deepEqual([objects.name, objects.sizePx, objects.width], ['objects', 224, 480]);
    assert.match(objects.source, /CenterNet.*COCO.*@vladmandic\/human/);
    assert.equal(objects.sha256, OBJECTS_SHA256);
  });

  // An odd size has other padding than an even one.
  for (const sizePx of [96, 75]) {
    it(`computes what the graph of its file computes, at ${sizePx} px`, async () => {
      const objects = await loadObjects(sizePx);
      const graph = new Graph();
      const x = graph.input('x', 'float32', ['N', 3, sizePx, sizePx]);
      const ours = objects.build(x);
      const original = buildTfjs(x, await readTfjsModel(FILE), [...Object.values(STAGES), LAST]);
      for (const [stage, node] of Object.entries(STAGES)) {
        graph.output(`ours.${stage}`, ours.stages.get(stage)!);
        graph.output(`original.${stage}`, original[node]!);
      }
      graph.output('ours.last', ours.features);
      graph.output('original.last', globalAveragePool(original[LAST]!));
      const session = await createSession(toOnnx(graph));
      const data = Float32Array.from(formulaUniform('image', 2 * 3 * sizePx ** 2), value => 127.5 * (value + 1));
      const outputs = await session.run({ x: { dtype: 'float32', shape: [2, 3, sizePx, sizePx], data } });
      await session.close();
      for (const name of [...Object.keys(STAGES), 'last']) {
        const [mine, theirs] = [outputs[`ours.${name}`]!, outputs[`original.${name}`]!];
        assert.deepEqual(mine.shape, theirs.shape);
        const scale = Math.max(...Array.from(theirs.data as Float32Array, Math.abs));
        assert.ok(scale > 0.1, name);
        // The file has 1/6 in float16, which is smaller by 2.4e-4; each block with hard swish adds that.
        expectNumbersClose(Array.from(mine.data as Float32Array), Array.from(theirs.data as Float32Array), {
          rtol: 0,
          atol: 5e-3 * scale,
        });
      }
    });
  }

  it('is refused where the weights cannot be read', async () => {
    const { shippedFile } = await import('../../src/backbones/shipped-weights.js');
    assert.match(await failureOf(() => shippedFile('objects.safetensors', '/nowhere')), /the weights cannot be read/);
  });
});
