import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  arrayTypes,
  type DType,
  float16ToNumber,
  sizeOf,
  type Tensor,
  tensor,
  toFloat32,
} from '../../src/engine/tensor.js';

/** Raw elements of each type, and the numbers they stand for. */
const cases: { readonly [D in DType]: readonly [Tensor<D>['data'], readonly number[]] } = {
  float64: [Float64Array.of(0.1, -1e300, Number.NaN), [Math.fround(0.1), Number.NEGATIVE_INFINITY, Number.NaN]],
  float32: [Float32Array.of(0.1, -2), [Math.fround(0.1), -2]],
  float16: [Uint16Array.of(0x3c00, 0xc000, 0x3555, 0x7bff), [1, -2, 0.333251953125, 65504]],
  bfloat16: [
    Uint16Array.of(0x3f80, 0xc000, 0x3eab, 0x7f80, 0x7fc0, 0x0001),
    [1, -2, 0.333984375, Number.POSITIVE_INFINITY, Number.NaN, 2 ** -133],
  ],
  int64: [BigInt64Array.of(-3n, 2n ** 40n), [-3, 2 ** 40]],
  int32: [Int32Array.of(-3, 7), [-3, 7]],
  int16: [Int16Array.of(-3, 7), [-3, 7]],
  int8: [Int8Array.of(-128, 127), [-128, 127]],
  uint64: [BigUint64Array.of(2n ** 63n), [2 ** 63]],
  uint32: [Uint32Array.of(2 ** 31), [2 ** 31]],
  uint16: [Uint16Array.of(65535), [65535]],
  uint8: [Uint8Array.of(255), [255]],
  bool: [Uint8Array.of(0, 1), [0, 1]],
};

describe('toFloat32', () => {
  for (const [dtype, [data, numbers]] of Object.entries(cases)) {
    it(`converts ${dtype}`, () => {
      const from = { dtype: dtype as DType, shape: [1, data.length], data };
      const { dtype: to, shape, data: converted } = toFloat32(from);
      assert.equal(to, 'float32');
      assert.deepEqual(shape, [1, data.length]);
      assert.deepEqual(converted, Float32Array.from(numbers));
    });
  }

  it('has an array type for every element type tested here, and no other', () => {
    assert.deepEqual(Object.keys(arrayTypes).sort(), Object.keys(cases).sort());
  });
});

describe('float16ToNumber', () => {
  it('knows zeros, subnormals, the smallest normal, infinities and NaN', () => {
    assert.ok(Object.is(float16ToNumber(0x0000), 0));
    assert.ok(Object.is(float16ToNumber(0x8000), -0));
    assert.equal(float16ToNumber(0x0001), 2 ** -24);
    assert.equal(float16ToNumber(0x83ff), -(1023 * 2 ** -24));
    assert.equal(float16ToNumber(0x0400), 2 ** -14);
    assert.equal(float16ToNumber(0x7c00), Number.POSITIVE_INFINITY);
    assert.equal(float16ToNumber(0xfc00), Number.NEGATIVE_INFINITY);
    assert.ok(Number.isNaN(float16ToNumber(0x7c01)));
    assert.ok(Number.isNaN(float16ToNumber(0xfe00)));
  });

  it('grows by one step for each next bit pattern', () => {
    for (let bits = 0; bits < 0x7c00; bits++) {
      const step = 2 ** (Math.max(bits >> 10, 1) - 25);
      const next = bits === 0x7bff ? 65536 : float16ToNumber(bits + 1);
      if (next - float16ToNumber(bits) !== step) assert.fail(`after ${bits.toString(16)}`);
    }
  });
});

describe('tensor', () => {
  it('holds as many elements as its shape asks for', () => {
    assert.equal(sizeOf([]), 1);
    assert.equal(sizeOf([2, 0, 3]), 0);
    const data = new Float32Array(6);
    assert.equal(tensor('float32', [2, 3], data).data, data);
    assert.throws(() => tensor('float32', [2, 2], data), { message: 'internal: 6 elements for shape [2,2]' });
  });
});
