import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InputError } from '../../../src/base/errors.js';
import { createRandom } from '../../../src/base/random.js';
import { decodeModel } from '../../../src/engine/onnx/decode.js';
import { encodeModel } from '../../../src/engine/onnx/encode.js';
import { dataTypes, type OnnxAttribute, type OnnxModel, type OnnxNode } from '../../../src/engine/onnx/model.js';
import { MessageWriter, readFields } from '../../../src/engine/onnx/wire.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { arrayTypes, type DType, type Tensor } from '../../../src/engine/tensor.js';
import { float } from '../../run-graph.js';

const message = () => new MessageWriter();
const node = (
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, OnnxAttribute> = {},
): OnnxNode => ({
  opType,
  domain: '',
  inputs,
  outputs,
  attributes,
  rawAttributes: [],
});
const model = (parts: Partial<OnnxModel> = {}): OnnxModel => ({
  irVersion: 8,
  opsets: new Map([['', 17]]),
  name: 'test',
  nodes: [],
  initializers: new Map(),
  inputs: [],
  outputs: [],
  ...parts,
});
const roundTrip = (parts: Partial<OnnxModel>) => decodeModel(encodeModel(model(parts)), 'm.onnx');

/** A file with this graph message, written field by field. */
const fileWith = (graph: MessageWriter) =>
  message().integer(1, 8).message(7, graph).message(8, message().integer(2, 17)).finish();
const fileWithTensor = (tensor: MessageWriter) => fileWith(message().message(5, tensor));
const failure = (text: string) => ({ name: 'InputError', message: `m.onnx: ${text}` });

describe('encodeModel and decodeModel', () => {
  it('exclude weights of other types if a type is requested', () => {
    const bytes: Tensor = { dtype: 'int8', shape: [2], data: Int8Array.of(1, -2) };
    const initializers = new Map<string, Tensor>([
      ['floats', float([1], [0.5])],
      ['bytes', bytes],
    ]);
    assert.deepEqual(
      decodeModel(encodeModel(model({ initializers })), 'm.onnx', 'int8').initializers,
      new Map([['bytes', bytes]]),
    );
  });

  it('keep versions, names, types and shapes', () => {
    const parts = {
      irVersion: 9,
      opsets: new Map([
        ['', 21],
        ['com.microsoft', 1],
      ]),
      name: 'größe',
      nodes: [
        node('Add', ['a', 'b'], ['sum']),
        { ...node('Gelu', ['sum', '', 'x'], ['out', '']), domain: 'com.microsoft' },
      ],
      inputs: [
        { name: 'a', dtype: 'uint8', shape: ['N', 224, 224, 3] },
        { name: 'b', dtype: 'float16', shape: [] },
        { name: 'c', dtype: 'int64', shape: undefined },
      ],
      outputs: [{ name: 'out', dtype: 'float32', shape: ['N'] }],
    } satisfies Partial<OnnxModel>;
    assert.deepEqual(roundTrip(parts), model(parts));
  });

  for (const [dtype, ArrayType] of Object.entries(arrayTypes) as [DType, Uint8ArrayConstructor][]) {
    it(`keep a tensor of ${dtype}`, () => {
      const bytes = Uint8Array.from({ length: 48 }, (_, i) => (37 * i + 11) % 120);
      const data = new ArrayType(bytes.buffer);
      const kept = { dtype, shape: [2, data.length / 2], data } as Tensor;
      const scalar = { dtype, shape: [], data: data.slice(0, 1) } as Tensor;
      const empty = { dtype, shape: [0, 3], data: data.slice(0, 0) } as Tensor;
      const { initializers } = roundTrip({
        initializers: new Map([
          ['kept', kept],
          ['scalar', scalar],
          ['empty', empty],
        ]),
      });
      assert.deepEqual(
        initializers,
        new Map([
          ['kept', kept],
          ['scalar', scalar],
          ['empty', empty],
        ]),
      );
    });
  }

  it('copy unaligned weights, and share the memory of the others', () => {
    const bytes = encodeModel(model({ initializers: new Map([['w', float([2], [1, 2])]]) }));
    // A Buffer, which is what reading a file gives, has a slice() of its own.
    for (const memory of [new Uint8Array(bytes.length + 4), Buffer.from(new ArrayBuffer(bytes.length + 4))]) {
      const places = [0, 1, 2, 3].map(shift => {
        const moved = memory.subarray(shift, shift + bytes.length);
        moved.set(bytes);
        const { data } = decodeModel(moved, 'm.onnx').initializers.get('w')!;
        assert.deepEqual([...data], [1, 2]);
        return data.buffer === moved.buffer;
      });
      assert.equal(places.filter(shared => shared).length, 1);
    }
  });

  it('write every kind of attribute as ONNX numbers it, and keep what was read', () => {
    const attributes: Record<string, OnnxAttribute> = {
      float: 0.5,
      integer: -3n,
      text: 'NOTSET',
      tensor: float([1], [7]),
      floats: [1, -0.5],
      integers: [1n, -1n],
      nothing: [],
    };
    const { nodes } = roundTrip({ nodes: [node('Anything', [], [], attributes)] });
    const raw = nodes[0]!.rawAttributes.map(bytes => [...readFields(bytes, 'attribute')]);
    const kinds = raw.map(fields => fields.map(field => field.number));
    // AttributeProto: 1 name, 2 f, 3 i, 4 s, 5 t, 7 floats, 8 ints, 20 type.
    assert.deepEqual(kinds, [
      [1, 2, 20],
      [1, 3, 20],
      [1, 4, 20],
      [1, 5, 20],
      [1, 7, 7, 20],
      [1, 8, 8, 20],
      [1, 20],
    ]);
    assert.deepEqual(
      raw.map(fields => fields.at(-1)!.integer),
      [1n, 2n, 3n, 4n, 6n, 7n, 7n],
    );
    assert.deepEqual(
      raw.map(fields => Buffer.from(fields[0]!.bytes).toString()),
      Object.keys(attributes),
    );
    assert.equal(BigInt.asIntN(64, raw[1]![1]!.integer), -3n);

    const again = roundTrip({ nodes });
    assert.deepEqual(again.nodes, nodes);
  });

  it('give the same bytes for the same model', () => {
    const parts = { nodes: [node('Relu', ['x'], ['y'], { a: 1n })], initializers: new Map([['w', float([1], [2])]]) };
    assert.deepEqual(encodeModel(model(parts)), encodeModel(model(parts)));
  });

  it('write a model that the runtime computes correctly', async () => {
    const bytes = encodeModel(
      model({
        nodes: [
          node('Gemm', ['x', 'w', 'b'], ['gemm'], { alpha: 0.5, transB: 1n }),
          node('Constant', [], ['shift'], { value: float([1], [10]) }),
          node('Add', ['gemm', 'shift'], ['y']),
        ],
        initializers: new Map([
          ['w', float([1, 2], [3, 4])],
          ['b', float([1], [1])],
        ]),
        inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: undefined }],
      }),
    );
    // As written, and as read and written again.
    for (const file of [bytes, encodeModel(decodeModel(bytes, 'm.onnx'))]) {
      const session = await createSession(file);
      const { y } = await session.run({ x: float([2, 2], [1, 2, -1, 0]) });
      await session.close();
      assert.deepEqual(y, float([2, 1], [0.5 * 11 + 11, 0.5 * -3 + 11]));
    }
  });
});

describe('decodeModel', () => {
  it('reads numbers in the fields of their type, packed or not', () => {
    // Numbers below 128 are a byte each.
    const packed = (...numbers: number[]) => Uint8Array.from(numbers);
    const base = (dtype: DType, length: number) =>
      message().integer(1, length).integer(2, dataTypes[dtype]).string(8, 'w');
    const floats = new Uint8Array(Float32Array.of(0.5, -1).buffer);
    const doubles = new Uint8Array(Float64Array.of(0.1, -1).buffer);
    const cases: [MessageWriter, Tensor['data']][] = [
      [base('float32', 2).bytes(4, floats), Float32Array.of(0.5, -1)],
      [base('float32', 2).float(4, 0.5).float(4, -1), Float32Array.of(0.5, -1)],
      [base('float64', 2).bytes(10, doubles), Float64Array.of(0.1, -1)],
      [base('int32', 2).integer(5, -7).integer(5, 300), Int32Array.of(-7, 300)],
      [base('int8', 1).integer(5, -7), Int8Array.of(-7)],
      [base('float16', 1).integer(5, 0x3c00), Uint16Array.of(0x3c00)],
      [base('bool', 2).bytes(5, packed(1, 0)), Uint8Array.of(1, 0)],
      [
        base('int64', 2)
          .integer(7, -7)
          .integer(7, 2n ** 40n),
        BigInt64Array.of(-7n, 2n ** 40n),
      ],
      [base('uint64', 1).integer(11, 2n ** 63n), BigUint64Array.of(2n ** 63n)],
      [base('uint32', 1).integer(11, 2 ** 31), Uint32Array.of(2 ** 31)],
    ];
    for (const [tensor, data] of cases) {
      assert.deepEqual(decodeModel(fileWithTensor(tensor), 'm.onnx').initializers.get('w')?.data, data);
    }
    // Dimensions in one packed field, of none and of two.
    const shapes = [packed(), packed(2, 1)].map((dims, i) => {
      const tensor = message()
        .bytes(1, dims)
        .integer(2, 1)
        .string(8, 'w')
        .bytes(4, floats.subarray(0, 4 + 4 * i));
      return decodeModel(fileWithTensor(tensor), 'm.onnx').initializers.get('w')!.shape;
    });
    assert.deepEqual(shapes, [[], [2, 1]]);
  });

  it('reads long lists of numbers', () => {
    const length = 300_000;
    const tensor = message()
      .integer(1, length)
      .integer(2, dataTypes.int64)
      .string(8, 'w')
      .bytes(7, new Uint8Array(length).fill(5));
    const { data } = decodeModel(fileWithTensor(tensor), 'm.onnx').initializers.get('w')!;
    assert.equal(data.length, length);
    assert.equal(data[length - 1], 5n);
  });

  it('does not count weights as inputs if an older file lists them there', () => {
    const { inputs } = roundTrip({
      inputs: [
        { name: 'w', dtype: 'float32', shape: [1] },
        { name: 'x', dtype: 'float32', shape: [1] },
      ],
      initializers: new Map([['w', float([1], [2])]]),
    });
    assert.deepEqual(
      inputs.map(input => input.name),
      ['x'],
    );
  });

  it('reads an open dimension', () => {
    const dims = message()
      .message(1, message())
      .message(1, message().integer(1, -1))
      .message(1, message().integer(1, 4));
    const type = message().message(1, message().integer(1, 1).message(2, dims));
    const file = fileWith(message().message(11, message().string(1, 'x').message(2, type)));
    assert.deepEqual(decodeModel(file, 'm.onnx').inputs[0]!.shape, ['?', '?', 4]);
  });

  it('refuses what it cannot run correctly, by name', () => {
    const tensor = () => message().integer(1, 1).integer(2, 1).string(8, 'w');
    const attribute = (field: number) =>
      fileWith(
        message().message(
          1,
          message().string(4, 'If').message(5, message().string(1, 'then_branch').message(field, message())),
        ),
      );
    const held = (inner: MessageWriter) =>
      fileWith(
        message().message(
          1,
          message().string(4, 'Constant').message(5, message().string(1, 'value').message(5, inner)),
        ),
      );
    const outside = 'expected weights inside the file, got "w" kept outside of it; save the model as one file';
    const inside = 'expected a graph without control flow, got a node "If" with a graph inside';
    const cases: [Uint8Array, string][] = [
      [fileWithTensor(tensor().message(13, message().string(1, 'location').string(2, 'w.bin'))), outside],
      [fileWithTensor(tensor().integer(14, 1)), outside],
      [held(tensor().integer(14, 1)), outside.replace('"w"', 'a tensor of a node "Constant"')],
      [attribute(6), inside],
      [attribute(11), inside],
      [fileWith(message().message(15, message())), 'expected dense weights, got sparse ones'],
      [
        message().integer(1, 8).message(7, message()).message(25, message().string(1, 'f')).finish(),
        'expected plain operators, got a model with functions of its own; export it with functions inlined',
      ],
      [fileWithTensor(message().integer(2, 8).string(8, 'w')), '"w": expected a tensor of numbers, got element type 8'],
      [
        fileWithTensor(message().integer(2, 1).integer(1, 3).string(8, 'w').float(4, 1)),
        '"w": expected 3 elements for shape [3], got 1',
      ],
      [
        fileWithTensor(tensor().bytes(9, new Uint8Array(3))),
        '"w": expected 1 elements for shape [1], got a part of one',
      ],
      [fileWithTensor(tensor().integer(5, 7)), '"w": expected 1 elements for shape [1], got 0'],
      [
        fileWith(message().message(11, message().string(1, 'x'))),
        '"x": expected a tensor of numbers, got another type',
      ],
      [message().integer(1, 8).finish(), 'expected an ONNX model, got a file without a graph'],
      [new Uint8Array(0), 'expected an ONNX model, got a file without a graph'],
    ];
    for (const [bytes, text] of cases) assert.throws(() => decodeModel(bytes, 'm.onnx'), failure(text), text);
  });

  const sample = encodeModel(
    model({
      nodes: [node('Conv', ['x', 'w'], ['y'], { pads: [1n, 1n, 1n, 1n], value: float([1], [1]) })],
      initializers: new Map<string, Tensor>([
        ['w', float([2, 2], [1, 2, 3, 4])],
        ['i', { dtype: 'int64', shape: [1], data: BigInt64Array.of(-1n) }],
      ]),
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3, 8, 8] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: undefined }],
    }),
  );

  /** True where the bytes are a model; fails for any other error than InputError with the file's name. */
  function isModel(bytes: Uint8Array): boolean {
    try {
      decodeModel(bytes, 'm.onnx');
      return true;
    } catch (thrown) {
      if (!(thrown instanceof InputError) || !thrown.message.startsWith('m.onnx: ')) throw thrown;
      return false;
    }
  }

  it('refuses a file that is truncated at any byte', () => {
    for (let length = 0; length < sample.length - 6; length++)
      assert.ok(!isModel(sample.slice(0, length)), `${length} bytes`);
    assert.ok(isModel(sample));
  });

  it('throws only input errors for changed and random bytes', () => {
    const random = createRandom(0, 'fuzz');
    let damaged = 0;
    for (let round = 0; round < 4000; round++) {
      const bytes = round % 4 === 0 ? Uint8Array.from({ length: 64 }, () => random.integer(256)) : sample.slice();
      const changes = 1 + random.integer(4);
      for (let i = 0; i < changes; i++) bytes[random.integer(bytes.length)] = random.integer(256);
      if (!isModel(bytes)) damaged++;
    }
    assert.ok(damaged > 1500 && damaged < 4000, `${damaged} damaged`);
    // A number of a megabyte must not be put together digit by digit.
    const endless = message()
      .bytes(1, new Uint8Array(2 ** 20).fill(0xff))
      .integer(2, 1)
      .string(8, 'w');
    assert.ok(!isModel(fileWithTensor(endless)));
  });
});
