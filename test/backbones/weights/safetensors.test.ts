import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  encodeSafetensors,
  readSafetensors,
  readSafetensorsMetadata,
  readSafetensorsWithMetadata,
  writeSafetensors,
} from '../../../src/backbones/weights/safetensors.js';
import { arrayTypes, type DType, type Tensor } from '../../../src/engine/tensor.js';
import { expectFuzzProof, expectRefused, temporaryFolder } from './files.js';

const path = join(temporaryFolder(), 'x.safetensors');

/** Writes a file by hand: a header, as text or as JSON, and bytes of data. */
function write(header: unknown, data: Uint8Array | number = 0): void {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json, typeof data === 'number' ? Buffer.alloc(data) : data]));
}

const refused = (text: string) => expectRefused(() => readSafetensors(path), `${path}: expected ${text}`);

test('a file by the specification is read, unaligned data and metadata too', async () => {
  const data = Buffer.alloc(1 + 8 + 4);
  data.writeUInt8(7, 0);
  data.writeFloatLE(1.5, 1);
  data.writeFloatLE(-2, 5);
  data.writeInt32LE(-3, 9);
  write(
    {
      __metadata__: { format: 'pt' },
      scalar: { dtype: 'I32', shape: [], data_offsets: [9, 13] },
      weights: { dtype: 'F32', shape: [1, 2], data_offsets: [1, 9] },
      byte: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
      none: { dtype: 'F32', shape: [0, 5], data_offsets: [13, 13] },
    },
    data,
  );
  assert.deepEqual(
    await readSafetensors(path),
    new Map<string, Tensor>([
      ['byte', { dtype: 'uint8', shape: [1], data: Uint8Array.of(7) }],
      ['weights', { dtype: 'float32', shape: [1, 2], data: Float32Array.of(1.5, -2) }],
      ['scalar', { dtype: 'int32', shape: [], data: Int32Array.of(-3) }],
      ['none', { dtype: 'float32', shape: [0, 5], data: new Float32Array() }],
    ]),
  );
});

/** A tensor of every element type: 0, 1, 2. */
function oneOfEach(): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const dtype of Object.keys(arrayTypes) as DType[]) {
    const data = new arrayTypes[dtype](3);
    for (let i = 0; i < 3; i++) data[i] = typeof data[0] === 'bigint' ? BigInt(i) : i;
    tensors.set(`a ${dtype}`, { dtype, shape: [3, 1], data });
  }
  return tensors;
}

test('every element type survives writing and reading', async () => {
  const tensors = oneOfEach();
  writeFileSync(path, writeSafetensors(tensors, { note: 'é "quoted"' }));
  const read = await readSafetensors(path);
  assert.equal(read.size, 13);
  for (const [name, expected] of tensors) assert.deepEqual(read.get(name), expected, name);
});

test('the same tensors give the same bytes in any order, aligned', () => {
  const tensors = [...oneOfEach()];
  const bytes = writeSafetensors(new Map(tensors), { b: '1', a: '2' });
  assert.deepEqual(writeSafetensors(new Map(tensors.reverse()), { a: '2', b: '1' }), bytes);
  const headerBytes = new DataView(bytes.buffer).getUint32(0, true);
  assert.equal(headerBytes % 8, 0);
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + headerBytes)).toString());
  assert.deepEqual(Object.keys(header).slice(0, 3), ['__metadata__', 'a float64', 'a int64']);
  assert.deepEqual(header['a float32'], { dtype: 'F32', shape: [3, 1], data_offsets: [72, 84] });
});

test('a tensor that is a part of a larger buffer is written alone', async () => {
  const data = Float32Array.of(0, 1, 2, 3).subarray(1, 3);
  writeFileSync(path, writeSafetensors(new Map([['part', { dtype: 'float32', shape: [2], data }]])));
  assert.deepEqual((await readSafetensors(path)).get('part')?.data, Float32Array.of(1, 2));
});

test('a file is encoded to the bytes of the specification, in the order of the map', () => {
  const tensors = new Map<string, Tensor>([
    ['b', { dtype: 'uint8', shape: [3], data: Uint8Array.of(7, 8, 9) }],
    ['a', { dtype: 'float32', shape: [1, 2], data: Float32Array.of(1, -2) }],
    ['none', { dtype: 'int64', shape: [0], data: new BigInt64Array() }],
  ]);
  const bytes = Buffer.concat(encodeSafetensors(tensors, { step: '5' }));
  const json =
    '{"__metadata__":{"step":"5"},"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},' +
    '"a":{"dtype":"F32","shape":[1,2],"data_offsets":[3,11]},"none":{"dtype":"I64","shape":[0],"data_offsets":[11,11]}}';
  const padded = json.padEnd(Math.ceil(json.length / 8) * 8);
  assert.notEqual(padded, json);
  // The length of the header counts its padding; numbers are little-endian.
  assert.equal(bytes.toString('hex', 0, 8), `${padded.length.toString(16).padStart(2, '0')}00000000000000`);
  assert.equal(bytes.toString('utf8', 8, 8 + padded.length), padded);
  assert.equal(bytes.toString('hex', 8 + padded.length), '0708090000803f000000c0');
});

test('what was encoded is read back in its order, and its data are not copied on the way', async () => {
  const tensors = new Map([...oneOfEach()].reverse());
  const parts = encodeSafetensors(tensors, { note: 'é "quoted"' });
  assert.equal(parts[1]!.buffer, tensors.get('a bool')!.data.buffer);
  writeFileSync(path, Buffer.concat(parts));
  const { tensors: read, metadata } = await readSafetensorsWithMetadata(path);
  assert.deepEqual([...read], [...tensors]);
  assert.deepEqual(metadata, { note: 'é "quoted"' });
});

test('metadata are read without the tensors, and refused where they are not texts', async () => {
  write({ __metadata__: { format: 'pt' }, a: entry('F32', [2], 0, 8) });
  assert.deepEqual(await readSafetensorsMetadata(path), { format: 'pt' });
  write({ a: entry('F32', [2], 0, 8) });
  assert.deepEqual(await readSafetensorsMetadata(path), {});
  write({ __metadata__: { step: 5 } });
  await expectRefused(
    () => readSafetensorsMetadata(path),
    `${path}: expected texts in __metadata__, got "{\\"step\\":5}"`,
  );
  assert.equal((await readSafetensors(path)).size, 0);
});

test('a broken header is refused', async () => {
  writeFileSync(path, 'short');
  await refused('a safetensors header of at least 8 bytes, got 5 bytes');
  writeFileSync(path, Buffer.from('\xff\xff\xff\xff\xff\xff\xff\xff{}', 'latin1'));
  await refused('a safetensors header of at most 100000000 bytes, got a length of 18446744073709551615');
  writeFileSync(path, Buffer.from('\x03\0\0\0\0\0\0\0{}', 'latin1'));
  await refused('a safetensors header inside the file of 10 bytes, got a length of 3');
  write('{"a": ');
  await refused('a safetensors header that is a JSON object, got "{\\"a\\": "');
  write('[1]');
  await refused('a safetensors header that is a JSON object, got "[1]"');
});

const entry = (dtype: string, shape: unknown, ...offsets: number[]) => ({ dtype, shape, data_offsets: offsets });

test('a broken entry is refused with the name of its tensor', async () => {
  const fields = 'dtype, shape and data_offsets of whole numbers for tensor "a"';
  const cases = [
    [{ dtype: 'F32' }, '"{\\"dtype\\":\\"F32\\"}"'],
    [entry('F32', [1.5], 0, 6), '"{\\"dtype\\":\\"F32\\",\\"shape\\":[1.5],\\"data_offsets\\":[0,6]}"'],
    [entry('F32', [-1], 0, 4), '"{\\"dtype\\":\\"F32\\",\\"shape\\":[-1],\\"data_offsets\\":[0,4]}"'],
    [
      entry('F32', [1], 0, 2 ** 53),
      '"{\\"dtype\\":\\"F32\\",\\"shape\\":[1],\\"data_offsets\\":[0,9007199254740992]}"',
    ],
    [entry('F32', [1], 0), '"{\\"dtype\\":\\"F32\\",\\"shape\\":[1],\\"data_offsets\\":[0]}"'],
    [null, '"null"'],
  ] as const;
  for (const [a, got] of cases) {
    write({ a });
    await refused(`${fields}, got ${got}`);
  }
  write({ a: entry('F8_E4M3', [4], 0, 4) }, 4);
  await refused(
    'one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL as the dtype of tensor "a", got "F8_E4M3"; convert it, to F32 for example',
  );
  write({ 'a\nb': entry('F32', [3], 0, 8) }, 8);
  await refused('12 bytes for tensor "a\\nb" (F32, shape [3]), got 8 (data_offsets 0 to 8)');
  write({ a: entry('F32', [1], 0, 8) }, 8);
  await refused('4 bytes for tensor "a" (F32, shape [1]), got 8 (data_offsets 0 to 8)');
  write({ a: entry('U8', [...new Array(20).fill(2 ** 52), 0], 0, 0) });
  const shape = `${'4503599627370496, '.repeat(8)}...`;
  await refused(`more bytes than can be counted for tensor "a" (U8, shape [${shape}]), got 0 (data_offsets 0 to 0)`);
  write({ a: entry('F32', [1], 8, 4) }, 8);
  await refused('4 bytes for tensor "a" (F32, shape [1]), got -4 (data_offsets 8 to 4)');
  write({ a: entry('U8', [2 ** 40, 2 ** 40], 0, 8) }, 8);
  await refused(
    'more bytes than can be counted for tensor "a" (U8, shape [1099511627776, 1099511627776]), got 8 (data_offsets 0 to 8)',
  );
});

test('data outside the file, overlapping, or with holes are refused', async () => {
  write({ a: entry('F32', [2], 0, 8) }, 7);
  await refused(
    'tensor "a" to end within the 7 bytes of data, got data_offsets 0 to 8; the file may be cut short: get it again',
  );
  write({ a: entry('F32', [2], 0, 8), b: entry('F32', [1], 4, 8) }, 8);
  await refused('tensor "b" to begin at 8, where the one before ends, got an overlap at 4');
  write({ a: entry('F32', [1], 0, 4), b: entry('F32', [1], 8, 12) }, 12);
  await refused('tensor "b" to begin at 4, where the one before ends, got a hole at 8');
  write({ a: entry('F32', [1], 4, 8) }, 8);
  await refused('tensor "a" to begin at 0, where the one before ends, got a hole at 4');
  write({ a: entry('F32', [1], 0, 4) }, 9);
  await refused('data of tensors up to the end of the file, got 5 bytes behind the last tensor');
});

test('a large file is not held twice', async () => {
  const n = 2 ** 23;
  writeFileSync(path, writeSafetensors(new Map([['a', { dtype: 'float32', shape: [n], data: new Float32Array(n) }]])));
  const before = process.memoryUsage().arrayBuffers;
  const tensors = await readSafetensors(path);
  const grownBytes = process.memoryUsage().arrayBuffers - before;
  assert.equal(tensors.get('a')!.data.length, n);
  assert.ok(grownBytes < 1.2 * 4 * n, `${grownBytes} bytes for ${4 * n}`);
});

test('mutated bytes are read or refused, never anything else', async () => {
  const outcomes = await expectFuzzProof(writeSafetensors(oneOfEach(), { note: 'x' }), 1500, readSafetensors);
  assert.ok(outcomes.read > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
});
