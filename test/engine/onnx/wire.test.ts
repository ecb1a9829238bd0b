import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { integersOf, MessageWriter, readFields } from '../../../src/engine/onnx/wire.js';

const read = (bytes: Uint8Array) => [...readFields(bytes, 'm.onnx')];
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

describe('the wire format', () => {
  it('writes the bytes of the protocol buffers documentation', () => {
    assert.deepEqual(new MessageWriter().integer(1, 150).finish(), bytesOf('089601'));
    assert.deepEqual(new MessageWriter().string(2, 'testing').finish(), bytesOf('120774657374696e67'));
    const inner = new MessageWriter().integer(1, 150);
    assert.deepEqual(new MessageWriter().message(3, inner).finish(), bytesOf('1a03089601'));
    assert.deepEqual(new MessageWriter().integer(1, -2).finish(), bytesOf('08feffffffffffffffff01'));
    assert.deepEqual(new MessageWriter().float(5, 1).finish(), bytesOf('2d0000803f'));
    assert.deepEqual(new MessageWriter().double(1, 1).finish(), bytesOf('09000000000000f03f'));
  });

  it("reads back whole numbers of every length, negative ones as 64-bit two's complement", () => {
    const numbers = [0n, 1n, 127n, 128n, 16_383n, 16_384n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 64n - 1n];
    const negative = [-1n, -128n, -(2n ** 31n), -(2n ** 63n)];
    const writer = new MessageWriter();
    for (const number of [...numbers, ...negative]) writer.integer(1, number);
    const fields = read(writer.finish());
    assert.deepEqual(
      fields.slice(0, numbers.length).map(field => field.integer),
      numbers,
    );
    assert.deepEqual(
      fields.slice(numbers.length).map(field => BigInt.asIntN(64, field.integer)),
      negative,
    );
    assert.ok(fields.every(field => field.number === 1 && field.bytes.byteLength === 0));
  });

  it('reads back field numbers of more than one byte, floats, bytes, text and messages within messages', () => {
    const inner = new MessageWriter().string(1, 'größe').message(2, new MessageWriter().integer(3, 4));
    const writer = new MessageWriter()
      .float(16, -0.1)
      .bytes(2048, Uint8Array.of(0, 255))
      .message(3, inner)
      .message(4, new MessageWriter());
    const [float, bytes, message, empty] = read(writer.finish());
    assert.equal(float!.number, 16);
    assert.equal(new DataView(float!.bytes.slice().buffer).getFloat32(0, true), Math.fround(-0.1));
    assert.equal(bytes!.number, 2048);
    assert.deepEqual([...bytes!.bytes], [0, 255]);
    const [text, nested] = read(message!.bytes);
    assert.equal(new TextDecoder().decode(text!.bytes), 'größe');
    assert.equal(read(nested!.bytes)[0]!.integer, 4n);
    assert.equal(empty!.bytes.byteLength, 0);
  });

  it('skips over 64-bit words as bytes', () => {
    const [word, next] = read(bytesOf('0901020304050607080801'));
    assert.deepEqual([...word!.bytes], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.equal(next!.integer, 1n);
  });

  it('reads repeated whole numbers, packed and alone', () => {
    const numbersOf = (hex: string) => integersOf(read(bytesOf(hex))[0]!, 'm.onnx');
    assert.deepEqual(numbersOf('0a1003' + '8e02' + '9ea705' + 'ffffffffffffffffff01'), [
      3n,
      270n,
      86942n,
      2n ** 64n - 1n,
    ]);
    assert.deepEqual(numbersOf('088e02'), [270n]);
    assert.deepEqual(numbersOf('0800'), [0n]);
    assert.deepEqual(numbersOf('0a00'), []);
    const damaged = (what: string) => ({
      name: 'InputError',
      message: `m.onnx: expected an ONNX model, got ${what}; the file is damaged`,
    });
    assert.throws(() => numbersOf('0a02038e'), damaged('bytes that end early'));
    assert.throws(() => numbersOf(`0a0b${'ff'.repeat(11)}`), damaged('a number that is too long'));
  });

  it('states why bytes are not a message', () => {
    const faults = {
      '08': 'bytes that end early',
      '0896': 'bytes that end early',
      '120774657374': 'bytes that end early',
      '12ffffffffffffffffff01': 'bytes that end early',
      '2d0000': 'bytes that end early',
      '09000000': 'bytes that end early',
      '08ffffffffffffffffffff01': 'a number that is too long',
      '0001': 'a field without a number',
      '0b01': 'a field of unknown type 3',
      '0f01': 'a field of unknown type 7',
    };
    for (const [hex, fault] of Object.entries(faults)) {
      assert.throws(
        () => read(bytesOf(hex)),
        { name: 'InputError', message: `m.onnx: expected an ONNX model, got ${fault}; the file is damaged` },
        hex,
      );
    }
  });
});
