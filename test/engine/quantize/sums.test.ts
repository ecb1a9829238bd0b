import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { qLinearConv } from '../../../src/engine/graph/build.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { decodeModel } from '../../../src/engine/onnx/decode.js';
import { weightBytes } from '../../../src/engine/quantize/quantize.js';
import { sumsFit } from '../../../src/engine/quantize/sums.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { float } from '../../run-graph.js';

const SIDE = 9;
const random = createRandom(0, 'sums');

/** A convolution of `group` groups without padding or bias, its sums divided by `scale`, 128 for nothing. */
function convolution(shape: readonly [number, number, number, number], group: number, bytes: Int8Array, scale: number) {
  const graph = new Graph();
  const [filters, channels, height, width] = shape;
  const x = graph.input('x', 'uint8', ['N', channels * group, SIDE, SIDE]);
  const step = (size: number, zero: number) => ({
    scale: graph.constant(float([], [size])),
    zero: graph.constant({ dtype: 'uint8', shape: [], data: Uint8Array.of(zero) }),
  });
  const parameters = {
    weight: graph.constant({ dtype: 'int8', shape, data: bytes }),
    scales: graph.constant(float([filters], new Array(filters).fill(1))),
    bias: graph.constant({ dtype: 'int32', shape: [filters], data: new Int32Array(filters) }),
  };
  const attributes = {
    kernel: [height, width],
    pads: [0, 0, 0, 0],
    strides: [1, 1],
    dilations: [1, 1],
    group,
  } as const;
  graph.output('y', qLinearConv(x, step(1, 0), parameters, step(scale, 128), attributes));
  return toOnnx(graph);
}

/** The same in whole numbers of any size. */
function sumsOf([filters, channels, height, width]: readonly number[], group: number, bytes: Int8Array, x: Uint8Array) {
  const [rows, columns] = [SIDE - height! + 1, SIDE - width! + 1];
  const sums: number[] = [];
  for (let filter = 0; filter < filters!; filter++)
    for (let y0 = 0; y0 < rows; y0++)
      for (let x0 = 0; x0 < columns; x0++) {
        let sum = 0;
        const first = Math.floor(filter / (filters! / group)) * channels!;
        for (let c = 0; c < channels!; c++)
          for (let i = 0; i < height!; i++)
            for (let j = 0; j < width!; j++)
              sum +=
                bytes[((filter * channels! + c) * height! + i) * width! + j]! *
                x[((first + c) * SIDE + y0 + i) * SIDE + x0 + j]!;
        sums.push(sum);
      }
  return sums;
}

// Mostly the largest, so that nothing is spared.
const images = (channels: number) =>
  Uint8Array.from({ length: channels * SIDE * SIDE }, () => (random.uniform() < 0.7 ? 255 : 256 * random.uniform()));

describe('sums of products in 8 bits', () => {
  for (const [shape, group] of [
    [[16, 3, 3, 3], 1],
    [[16, 8, 3, 3], 1],
    [[32, 33, 1, 1], 1],
    [[16, 4, 3, 3], 2],
    [[16, 1, 3, 3], 16],
    [[16, 1, 3, 3], 8],
  ] as const) {
    it(`are exact for ${shape} in ${group} groups, with either setting`, async () => {
      const size = shape[0] * shape[1] * shape[2] * shape[3];
      const weight = float(
        shape,
        Array.from({ length: size }, () => (random.uniform() < 0.6 ? 1 : 2 * random.uniform() - 1)),
      );
      const eight = Int8Array.from(weight.data, w => Math.round(127 * w));
      const x = images(shape[1] * group);
      for (const [bytes, fits] of [
        [weightBytes(weight, group).bytes, true],
        [eight, shape[1] === 1 && group === shape[0]],
      ] as const) {
        const sums = sumsOf(shape, group, bytes, x);
        const scale = Math.max(...sums.map(Math.abs)) / 120;
        const model = convolution(shape, group, bytes, scale);
        assert.equal(sumsFit(decodeModel(model, 'm'), 'm'), fits);
        const session = await createSession(model);
        const { y } = await session.run({ x: { dtype: 'uint8', shape: [1, shape[1] * group, SIDE, SIDE], data: x } });
        await session.close();
        const wrong = sums.filter((sum, i) => Math.abs(sum / scale + 128 - Number(y!.data[i])) > 0.501);
        assert.equal(wrong.length, 0, `${wrong.length} of ${sums.length}`);
      }
    });
  }

  it('are not known to fit if other tensors than weights of a QLinearConv have 8 bits', () => {
    const model = decodeModel(convolution([1, 1, 1, 1], 1, Int8Array.of(1), 1), 'm');
    assert.equal(sumsFit(model, 'm'), true);
    const nodes = [...model.nodes, { ...model.nodes[0]!, opType: 'ConvInteger' }];
    assert.equal(sumsFit({ ...model, nodes }, 'm'), false);
    const [, , , weight, , zero] = model.nodes[0]!.inputs as [string, string, string, string, string, string];
    for (const [name, shape] of [
      [zero, []],
      [weight, [1]],
    ] as const) {
      const other = { dtype: 'int8', shape, data: Int8Array.of(1) } as const;
      assert.equal(sumsFit({ ...model, initializers: new Map([...model.initializers, [name, other]]) }, 'm'), false);
    }
  });
});
