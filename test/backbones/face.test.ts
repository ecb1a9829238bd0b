import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { buildTfjs, readTfjsModel } from '../../scripts/tfjs.js';
import { type Backbone, buildFromPixels } from '../../src/backbones/backbone.js';
import { FACE_SHA256, loadFace } from '../../src/backbones/face.js';
import { formulaUniform } from '../../src/base/random.js';
import { Graph, namesOf } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { expectNumbersClose } from '../close.js';

const FILES = 'node_modules/@vladmandic/human/models/faceres';
const FIRST_KERNEL = 'conv1/convolution/merged_input';
const SIZE = 224;

describe('the face backbone', () => {
  let face: Backbone;
  before(async () => {
    face = await loadFace();
  });

  it('has its name, size, source, license and checksum', () => {
    assert.equal(face.name, 'face');
    assert.equal(face.sizePx, SIZE);
    assert.equal(face.width, 1280);
    assert.match(face.source, /HSE FaceRes.*@vladmandic\/human/);
    assert.match(face.license, /^MIT as distributed/);
    assert.equal(face.sha256, FACE_SHA256);
  });

  it('has the operations and the weights of the original', async () => {
    const x = () => new Graph().input('x', 'float32', ['N', 3, SIZE, SIZE]);
    const [original, ours] = [x(), x()];
    buildTfjs(original, await readTfjsModel(`${FILES}.json`), ['feats/Relu']);
    face.build(ours);
    const form = ({ graph }: typeof ours) =>
      graph.nodes.map(node => [node.kind === 'op' && [node.op, node.attributes], namesOf(node)]);
    // Ours ends with the concatenation of both kinds of features.
    assert.deepEqual(form(ours).slice(0, -1), form(original));
    // The input channels of the first kernel are reversed: see the next test.
    original.graph.constants.delete(FIRST_KERNEL);
    for (const [name, tensor] of original.graph.constants)
      assert.deepEqual(ours.graph.constants.get(name), tensor, name);
  });

  it('computes on RGB what the original computes on BGR, and 1,280 features', async () => {
    const { graph, features, stages } = buildFromPixels(face);
    const first = graph.nodes.find(node => node.kind === 'op' && node.op === 'Conv');
    assert.ok(first?.kind === 'op');
    assert.deepEqual(features.shape, ['N', 1280]);
    assert.deepEqual(
      [...stages].map(([name, { shape }]) => [name, shape]),
      [
        ['stage1', ['N', 64, 112, 112]],
        ['stage2', ['N', 128, 56, 56]],
        ['stage3', ['N', 256, 28, 28]],
        ['stage4', ['N', 512, 14, 14]],
        ['stage5', ['N', 1024, 7, 7]],
      ],
    );
    graph.output('first', first.outputs[0]!);
    graph.output('features', features);
    const session = await createSession(toOnnx(graph));
    const data = Uint8Array.from(formulaUniform('face', 2 * SIZE * SIZE * 3), u => 128 * (u + 1));
    const pixels = { dtype: 'uint8', shape: [2, SIZE, SIZE, 3], data } as const;
    const out = await session.run({ pixels });
    const alone = await session.run({
      pixels: { ...pixels, shape: [1, SIZE, SIZE, 3], data: data.slice(data.length / 2) },
    });
    await session.close();

    const model = await readTfjsModel(`${FILES}.json`);
    const kernel = model.weights.get(FIRST_KERNEL)!;
    assert.deepEqual(kernel.shape, [3, 3, 3, 32]);
    const bgrMeans = [103.939, 116.779, 123.68];
    const half = SIZE / 2;
    const actual: number[] = [];
    const expected: number[] = [];
    // Corners and edges, where TensorFlow pads right and below alone, and places inside.
    for (const top of [0, 1, 57, half - 1]) {
      for (const left of [0, 30, half - 1]) {
        for (let m = 0; m < 32; m++) {
          let sum = 0;
          for (let k = 0; k < 27; k++) {
            const [i, j, c] = [Math.floor(k / 9), Math.floor(k / 3) % 3, k % 3];
            const [y, x] = [2 * top + i, 2 * left + j];
            if (y >= SIZE || x >= SIZE) continue;
            const pixel = data[(y * SIZE + x) * 3 + (2 - c)]!;
            sum += (pixel - bgrMeans[c]!) * kernel.data[k * 32 + m]!;
          }
          expected.push(sum);
          actual.push(Number(out.first!.data[(m * half + top) * half + left]));
        }
      }
    }
    const scale = Math.sqrt(expected.reduce((sum, x) => sum + x * x, 0) / expected.length);
    expectNumbersClose(actual, expected, { rtol: 0, atol: 1e-4 * scale });

    const rows = out.features!.data as Float32Array;
    assert.deepEqual(out.features!.shape, [2, 1280]);
    // Means of ReLU6, then a ReLU.
    assert.ok(rows.every((x, i) => x >= 0 && (i % 1280 >= 1024 || x <= 6)));
    for (const [from, to] of [
      [0, 1024],
      [1024, 1280],
    ]) {
      const part = rows.subarray(from, to);
      assert.ok(
        part.some(x => x > 0.01),
        `features ${from} to ${to} are not all zero`,
      );
      assert.notDeepEqual(part, rows.subarray(1280 + from!, 1280 + to!));
    }
    assert.deepEqual(alone.features!.data, rows.slice(1280), 'an image has the same features in any batch');
  });
});
