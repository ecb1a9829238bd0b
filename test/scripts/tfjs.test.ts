import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { buildTfjs, readTfjsModel } from '../../scripts/tfjs.js';
import { formulaUniform } from '../../src/base/random.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { expectAllClose } from '../close.js';
import { tempFolder } from '../datasets/temp.js';
import * as reference from '../engine/graph/reference.js';
import { float, runGraph } from '../run-graph.js';

interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: object;
}
interface Weight {
  readonly shape: readonly number[];
  readonly numbers: readonly number[];
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const window = (padding: string, stride: number) => ({
  strides: { list: { i: ['1', `${stride}`, `${stride}`, '1'] } },
  padding: { s: base64(padding) },
});
const random = (name: string, shape: readonly number[]): Weight => ({
  shape,
  numbers: [
    ...formulaUniform(
      name,
      shape.reduce((a, b) => a * b, 1),
    ),
  ],
});
const weight = (numbers: readonly number[], shape: readonly number[] = [numbers.length]): Weight => ({
  shape,
  numbers,
});

/** Writes a graph model with float32 weights; returns the path of its JSON file. */
function write(t: TestContext, nodes: readonly TfNode[], weights: Record<string, Weight> = {}): string {
  const numbers = Object.values(weights).flatMap(({ numbers: each }) => each);
  const bin = new Uint8Array(Float32Array.from(numbers).buffer);
  const json = {
    format: 'graph-model',
    modelTopology: { node: nodes },
    weightsManifest: [
      {
        paths: ['a.bin', 'b.bin'],
        weights: Object.entries(weights).map(([name, { shape }]) => ({ name, shape, dtype: 'float32' })),
      },
    ],
  };
  // Two files, cut within a number.
  const cut = Math.floor(bin.length / 2) + 1;
  const files = {
    'm.json': JSON.stringify(json),
    'a.bin': bin.slice(0, cut),
    'b.bin': bin.slice(cut),
  };
  return join(tempFolder(t, files), 'm.json');
}

const placeholder: TfNode = { name: 'x', op: 'Placeholder' };

describe('a TensorFlow.js graph', () => {
  it('becomes the same network: SAME and VALID padding, depthwise, ReLU6, pooling, dense layer', async t => {
    const weights = {
      kernel: random('kernel', [3, 3, 2, 4]),
      bias: random('bias', [4]),
      depthwise: random('depthwise', [3, 3, 4, 2]),
      factor: random('factor', [8]),
      pointwise: random('pointwise', [1, 1, 8, 3]),
      zero: weight([0], []),
      six: weight([0.4], []),
      axes: weight([1, 2]),
      dense: random('dense', [3, 5]),
      shift: random('shift', [5]),
    };
    const path = write(
      t,
      [
        placeholder,
        { name: 'conv', op: 'Conv2D', input: ['x', 'kernel'], attr: window('SAME', 2) },
        { name: 'biased', op: 'Add', input: ['conv', 'bias'] },
        { name: 'rectified', op: 'Relu', input: ['biased'] },
        { name: 'minimum', op: 'Minimum', input: ['rectified', 'six'] },
        { name: 'relu6', op: 'Maximum', input: ['minimum', 'zero'] },
        { name: 'wise', op: 'DepthwiseConv2dNative', input: ['relu6', 'depthwise'], attr: window('VALID', 1) },
        { name: 'scaled', op: 'Mul', input: ['wise', 'factor'] },
        { name: 'points', op: 'Conv2D', input: ['scaled', 'pointwise'], attr: window('SAME', 1) },
        { name: 'mean', op: 'Mean', input: ['points', 'axes'] },
        {
          name: 'out',
          op: '_FusedMatMul',
          input: ['mean', 'dense', 'shift'],
          attr: { fused_ops: { list: { s: [base64('BiasAdd'), base64('Relu')] } } },
        },
        { name: 'probabilities', op: 'Softmax', input: ['out'] },
      ],
      weights,
    );
    const model = await readTfjsModel(path);
    const x = float([2, 2, 8, 7], formulaUniform('input', 2 * 2 * 8 * 7));
    const built = await Promise.all(
      ['relu6', 'out', 'probabilities'].map(name => runGraph(input => buildTfjs(input, model, [name])[name]!, [x])),
    );

    // [kH, kW, C, M] -> [M, C, kH, kW], by index.
    const kernel = ({ shape, numbers }: Weight) => {
      const [kH, kW, from, to] = shape as [number, number, number, number];
      return reference.fill([to, from, kH, kW], ([m, c, i, j]) =>
        reference.get({ shape, data: numbers }, [i!, j!, c!, m!]),
      );
    };
    const wise = reference.fill([8, 1, 3, 3], ([m, , i, j]) =>
      reference.get({ shape: [3, 3, 4, 2], data: weights.depthwise.numbers }, [i!, j!, Math.floor(m! / 2), m! % 2]),
    );
    const channels = ({ numbers }: Weight) => ({ shape: [numbers.length, 1, 1], data: numbers });
    const multiply = (a: number, b: number) => a * b;
    // 8 -> 4 takes one row of padding, below; 7 -> 4 takes two columns, one on each side.
    const conv = reference.conv({ ...x, data: [...x.data] }, kernel(weights.kernel), { stride: 2, pads: [0, 1, 1, 1] });
    const biased = reference.broadcast(conv, channels(weights.bias), (a, b) => a + b);
    const relu6 = reference.map(biased, value => Math.min(Math.max(value, 0), Math.fround(0.4)));
    const scaled = reference.broadcast(reference.conv(relu6, wise, { groups: 4 }), channels(weights.factor), multiply);
    const points = reference.conv(scaled, kernel(weights.pointwise), {});
    const sums = reference.sumOver(points, [2, 3]);
    const out = reference.fill([2, 5], ([n, p]) => {
      let sum = weights.shift.numbers[p!]!;
      for (let k = 0; k < 3; k++) sum += (sums.data[n! * 3 + k]! / 4) * weights.dense.numbers[k * 5 + p!]!;
      return Math.max(sum, 0);
    });
    const exponentials = reference.map(out, Math.exp);
    const probabilities = reference.broadcast(exponentials, reference.sumOver(exponentials, [1]), (a, b) => a / b);
    [relu6, out, probabilities].forEach((expected, i) => {
      expectAllClose(built[i]!, float(expected.shape, expected.data), { rtol: 1e-5, atol: 1e-5 });
    });
  });

  it('becomes the same network: a fused convolution beside a pooling that is padded by channels', async t => {
    const weights = {
      kernel: random('fused', [3, 3, 2, 3]),
      bias: random('bias', [3]),
      paddings: weight([0, 0, 0, 0, 0, 0, 0, 1], [4, 2]),
    };
    const fused_ops = { list: { s: [base64('BiasAdd'), base64('Relu')] } };
    const ksize = { list: { i: ['1', '2', '2', '1'] } };
    const nodes = [
      placeholder,
      { name: 'conv', op: '_FusedConv2D', input: ['x', 'kernel', 'bias'], attr: { ...window('SAME', 2), fused_ops } },
      { name: 'pool', op: 'MaxPool', input: ['x'], attr: { ...window('SAME', 2), ksize } },
      { name: 'pad', op: 'Pad', input: ['pool', 'paddings'] },
      { name: 'sum', op: 'AddV2', input: ['conv', 'pad'] },
    ];
    const model = await readTfjsModel(write(t, nodes, weights));
    const x = float([1, 2, 6, 6], formulaUniform('input', 72));
    const sum = await runGraph(input => buildTfjs(input, model, ['sum']).sum, [x]);
    const input = { shape: x.shape, data: [...x.data] };
    // SAME, 6 px by 3 at stride 2: no pixel before, one behind.
    const expected = reference.fill([1, 3, 3, 3], ([, m, y, z]) => {
      let value = weights.bias.numbers[m!]!;
      for (let c = 0; c < 2; c++)
        for (let i = 0; i < 3; i++)
          for (let j = 0; j < 3; j++) {
            const [row, column] = [2 * y! + i, 2 * z! + j];
            if (row > 5 || column > 5) continue;
            const at = reference.get({ shape: [3, 3, 2, 3], data: weights.kernel.numbers }, [i, j, c, m!]);
            value += at * reference.get(input, [0, c, row, column]);
          }
      const pooled =
        m === 2
          ? 0
          : Math.max(...[0, 1].flatMap(i => [0, 1].map(j => reference.get(input, [0, m!, 2 * y! + i, 2 * z! + j]))));
      return Math.max(0, value) + pooled;
    });
    expectAllClose(sum, float(expected.shape, expected.data), { rtol: 1e-5, atol: 1e-5 });
  });

  it('reads float16 and int32 weights as numbers', async t => {
    const group = {
      paths: ['w.bin'],
      weights: [
        { name: 'half', shape: [3], dtype: 'float32', quantization: { dtype: 'float16' } },
        { name: 'whole', shape: [], dtype: 'int32' },
      ],
    };
    const json = JSON.stringify({ format: 'graph-model', modelTopology: { node: [] }, weightsManifest: [group] });
    const bytes = [
      ...new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0001).buffer),
      ...new Uint8Array(Int32Array.of(-7).buffer),
    ];
    const folder = tempFolder(t, { 'm.json': json, 'w.bin': Uint8Array.from(bytes) });
    const { weights } = await readTfjsModel(join(folder, 'm.json'));
    assert.deepEqual(
      [...weights],
      [
        ['half', float([3], [1, -2, 2 ** -24])],
        ['whole', float([], [-7])],
      ],
    );
  });

  it('is refused where an operation has no rule', async t => {
    const path = write(t, [placeholder, { name: 'elu', op: 'Elu', input: ['x'] }]);
    const model = await readTfjsModel(path);
    const x = new Graph().input('x', 'float32', ['N', 2, 4, 4]);
    assert.throws(() => buildTfjs(x, model, ['elu']), /m\.json: "elu": expected one of Placeholder,.*, got Elu$/);
  });
});
