import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPth } from '../../../src/backbones/weights/pth.js';
import { type DType, float16ToNumber, type Tensor, toFloat32 } from '../../../src/engine/tensor.js';
import { expectFuzzProof, expectRefused, fixture, temporaryFolder, zipOf } from './files.js';

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

function expectTensor(actual: Tensor | undefined, dtype: DType, shape: number[], values: number[]): void {
  assert.ok(actual);
  assert.equal(actual.dtype, dtype);
  assert.deepEqual(actual.shape, shape);
  assert.deepEqual([...toFloat32(actual).data], values);
}

function expectLinear(tensors: Map<string, Tensor>): void {
  assert.deepEqual([...tensors.keys()], ['weight', 'bias']);
  expectTensor(tensors.get('weight'), 'float32', [2, 3], range(6));
  expectTensor(tensors.get('bias'), 'float32', [2], [1, 2]);
}

for (const name of ['zip.pth', 'legacy.pth', 'protocol4.pth', 'protocol4-legacy.pth']) {
  test(`${name}: views, strides, offsets and shared numbers come out in row-major order`, async () => {
    const tensors = await readPth(fixture(name));
    const names = [
      'weight',
      'bias',
      'transposed',
      'slice',
      'expanded',
      'whole',
      'twin',
      'parameter',
      'scalar',
      'empty',
    ];
    assert.deepEqual([...tensors.keys()], names);
    expectTensor(tensors.get('weight'), 'float32', [2, 1, 2, 2], range(8));
    expectTensor(tensors.get('bias'), 'float32', [2], [0.5, -0.5]);
    // arange(24) as [2, 3, 4] -> [4, 2, 3]
    const transposed = range(24).map(i => (i % 3) * 4 + (Math.floor(i / 3) % 2) * 12 + Math.floor(i / 6));
    expectTensor(tensors.get('transposed'), 'float32', [4, 2, 3], transposed);
    expectTensor(tensors.get('slice'), 'float32', [2, 2], [16, 18, 20, 22]);
    expectTensor(tensors.get('expanded'), 'float32', [2, 3], [1, 1, 1, 2, 2, 2]);
    expectTensor(tensors.get('whole'), 'float32', [2, 3, 4], range(24));
    expectTensor(tensors.get('twin'), 'float32', [24], range(24));
    expectTensor(tensors.get('parameter'), 'float32', [4], range(4));
    expectTensor(tensors.get('scalar'), 'int64', [], [7]);
    expectTensor(tensors.get('empty'), 'float32', [0, 3], []);
  });
}

test('tensors that shared their numbers in the file do not share them after', async () => {
  const tensors = await readPth(fixture('zip.pth'));
  tensors.get('whole')!.data[0] = 99;
  assert.equal(tensors.get('transposed')!.data[0], 0);
  assert.equal(tensors.get('twin')!.data[0], 0);
  assert.equal(tensors.get('parameter')!.data[0], 0);
});

for (const name of ['dtypes.pth', 'dtypes-legacy.pth']) {
  test(`${name}: every element type of PyTorch is read`, async () => {
    const tensors = await readPth(fixture(name));
    const dtypes = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8'] as const;
    assert.deepEqual([...tensors.keys()], [...dtypes, 'bool']);
    for (const dtype of dtypes) expectTensor(tensors.get(dtype), dtype, [4], [0, 1, 2, 100]);
    expectTensor(tensors.get('bool'), 'bool', [4], [0, 1, 1, 0]);
    assert.equal(float16ToNumber(Number(tensors.get('float16')!.data[3])), 100);
  });
}

test('storages without a type take the type of each tensor, as PyTorch 2.4 writes unsigned ones', async () => {
  const tensors = await readPth(fixture('untyped.pth'));
  expectTensor(tensors.get('a'), 'uint16', [3], [2, 3, 65535]);
  assert.deepEqual([...tensors.get('b')!.data], [2 * 65536 + 1, -65536 + 3]);
});

test('what other versions write is read: Python 2, windows on storages, free strides, compressed entries', async () => {
  expectTensor((await readPth(fixture('python2.pth'))).get('a'), 'float32', [6], range(6));
  expectTensor((await readPth(fixture('window.pth'))).get('a'), 'float32', [3], [2, 3, 4]);
  expectTensor((await readPth(fixture('free-stride.pth'))).get('a'), 'float32', [2, 1, 2], [2, 4, 3, 5]);
  expectTensor((await readPth(fixture('compressed.pth'))).get('a'), 'float32', [6], range(6));
});

test("DataParallel's prefix is dropped, and a checkpoint's wrapping with all that is no tensor", async () => {
  const names = ['data-parallel', 'checkpoint', 'checkpoint-model', 'checkpoint-model-state-dict'];
  for (const name of names) expectLinear(await readPth(fixture(`${name}.pth`)));
});

const SAVE = 'save the weights alone with torch.save(model.state_dict(), FILE)';
const notRun = (got: string) =>
  `a pickle of tensors, numbers and texts alone, got ${got}, which was not loaded or run; ${SAVE}`;
const lies = (got: string) => `tensor "a" to lie in its storage of 6 elements, got ${got}`;
const refusals: Record<string, string> = {
  'os-system.pth': notRun('a call of "os.system"'),
  'system.pth': notRun('a call of "posix.system"'),
  'system-protocol4.pth': notRun('a call of "posix.system"'),
  'system-legacy.pth': notRun('a call of "posix.system"'),
  'bare-pickle.pth': notRun('a call of "posix.system"'),
  'nested.pth': notRun('a call of "posix.system"'),
  'eval.pth': notRun('a call of "__builtin__.eval"'),
  'whole-model.pth': notRun('a pickled object of class "torch.nn.modules.linear.Linear"'),
  'whole-model-legacy.pth': notRun('a pickled object of class "torch.nn.modules.linear.Linear"'),
  'claim-type.pth': notRun('a pickled object of class "torch.ComplexFloatStorage"'),
  'torchscript.pth': `a state dict of torch.save, got a TorchScript archive; ${SAVE}`,
  'tar.pth':
    'a file of torch.save from PyTorch 0.2 or later, got the tar form of older ones; ' +
    'load it with PyTorch and save model.state_dict() again',
  'big-endian.pth': 'little-endian numbers, got byteorder "big"',
  'one-tensor.pth': 'a state dict of named tensors, got one tensor',
  'no-tensors.pth': 'a state dict of named tensors, got a dict without tensors (keys "epoch", "lr")',
  'claim-beyond.pth': lies('shape [7], stride [1], offset 0'),
  'claim-offset.pth': lies('shape [1], stride [1], offset 6'),
  'claim-stride.pth': lies('shape [2, 2], stride [5, 1], offset 0'),
  'claim-uncountable.pth': lies('shape [1099511627776, 1099511627776], stride [0, 0], offset 0'),
  'claim-expanded.pth': 'tensors of at most 16777216 bytes in all, got 8589934592',
  'claim-many.pth': 'tensors of at most 16777216 bytes in all, got 20971520',
  'claim-negative.pth': 'a shape of at most 64 whole numbers, got [-1]',
  'claim-lengths.pth': 'a stride of 1 numbers, got [1, 1]',
  'claim-storage.pth': '4398046511104 bytes in entry "archive/data/0", got 24',
  'claim-two-types.pth': 'storage "0" to have one type and size, got two',
  'claim-keys-legacy.pth': 'a list of different storage keys, got a list of 2',
  'claim-no-key-legacy.pth': 'storage "0" behind the pickles, got none',
  'claim-other-key-legacy.pth': 'the key of a storage that a tensor uses, got the text "1"',
  'claim-missing.pth': 'an entry "archive/data/1" in the zip file, got none',
};
for (const [name, text] of Object.entries(refusals)) {
  test(`${name} is refused in one line, and nothing is run`, async () => {
    const path = fixture(name);
    await expectRefused(() => readPth(path), `${path}: expected ${text}`);
    assert.ok(!existsSync('pickle-was-run'));
  });
}

const folder = temporaryFolder();
function written(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

test('a legacy file says which of its parts is wrong', async () => {
  const bytes = readFileSync(fixture('dtypes-legacy.pth'));
  const change = (name: string, find: Buffer, put: Buffer) => {
    const at = bytes.indexOf(find);
    assert.ok(at >= 0);
    return written(name, Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + find.length)]));
  };
  const magic = change('magic.pth', Buffer.from([0x8a, 10, 0x6c]), Buffer.from([0x8a, 10, 0x6d]));
  await expectRefused(
    () => readPth(magic),
    `${magic}: expected the magic number of torch.save, got 119547037146038801333357`,
  );
  const version = change('version.pth', Buffer.from('M\xe9\x03', 'latin1'), Buffer.from('M\xe8\x03', 'latin1'));
  await expectRefused(() => readPth(version), `${version}: expected version 1001 of torch.save's form, got 1000`);
  const endian = change(
    'endian.pth',
    Buffer.from('little_endianq\x02\x88', 'latin1'),
    Buffer.from('little_endianq\x02\x89', 'latin1'),
  );
  await expectRefused(() => readPth(endian), `${endian}: expected little-endian numbers, got big-endian ones`);
  const count = change('count.pth', Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from([5, 0, 0, 0, 0, 0, 0, 0]));
  await assert.rejects(readPth(count), {
    message: /count\.pth: expected 4 elements in storage "\d+", got 5; the file may be damaged: get it again$/,
  });
  const short = written('short.pth', bytes.subarray(0, -1));
  await expectRefused(
    () => readPth(short),
    `${short}: expected at least ${bytes.length} bytes, got ${bytes.length - 1}; the file may be cut short: get it again`,
  );
  const head = written('head.pth', bytes.subarray(0, 100));
  await expectRefused(() => readPth(head), `${head}: expected a whole pickle, got 100 bytes that end inside it`);
});

test('a legacy pickle of more than a megabyte is read in further steps', async () => {
  const bytes = readFileSync(fixture('dtypes-legacy.pth'));
  // A text on the stack below the state dict: the fourth pickle's value is still the dict.
  const at = bytes.indexOf(Buffer.from('}q\x00(X\x07\0\0\0float64', 'latin1'));
  assert.ok(at > 0);
  const filler = Buffer.alloc(5 + 3 * 2 ** 20, 'x');
  filler.write('X', 0, 'latin1');
  filler.writeUInt32LE(3 * 2 ** 20, 1);
  const path = written('long.pth', Buffer.concat([bytes.subarray(0, at), filler, bytes.subarray(at)]));
  expectTensor((await readPth(path)).get('int32'), 'int32', [4], [0, 1, 2, 100]);
});

test('a zip file says which of its parts is wrong', async () => {
  const bytes = readFileSync(fixture('zip.pth'));
  const cut = written('cut.pth', bytes.subarray(0, 1000));
  await expectRefused(
    () => readPth(cut),
    `${cut}: expected a whole zip file, as torch.save writes it, got "End of central directory record signature not found. Either not a zip file, or file is truncated."`,
  );
  const other = written('other.pth', zipOf({ mimetype: Buffer.from('a') }));
  await expectRefused(
    () => readPth(other),
    `${other}: expected an entry data.pkl, as torch.save writes it, got a zip file of "mimetype"`,
  );
  const damaged = Uint8Array.from(bytes);
  damaged[bytes.indexOf(Buffer.from(Float32Array.from([0, 1, 2, 3]).buffer))] = 1;
  const path = written('damaged.pth', damaged);
  await assert.rejects(readPth(path), {
    message:
      /damaged\.pth: expected 32 bytes with the checksum [0-9a-f]{8} in entry "zip\/data\/0", got 32 with [0-9a-f]{8}; the file may be damaged: get it again$/,
  });
  const empty = written('empty-pickle.pth', zipOf({ 'a/data.pkl': Buffer.of() }));
  await expectRefused(() => readPth(empty), `${empty}: expected a whole pickle, got 0 bytes that end inside it`);
});

test('entries that are encrypted, compressed in another way, or there twice are refused', async () => {
  const bytes = Buffer.from(zipOf({ 'a/data.pkl': Buffer.from('N.'), 'a/data.pkm': Buffer.of() }));
  const central = bytes.indexOf('PK\x01\x02');
  const change = (name: string, at: number, value: number) => {
    const changed = Buffer.from(bytes);
    changed[at] = value;
    return written(name, changed);
  };
  const what = 'a stored entry "a/data.pkl", got an encrypted one or one in a rare compression';
  const encrypted = change('encrypted.pth', central + 8, 1);
  await expectRefused(
    () => readPth(encrypted),
    `${encrypted}: expected a whole zip file, as torch.save writes it, got "compressed/uncompressed size mismatch for stored file: 2 != 2"`,
  );
  const packed = change('packed.pth', central + 10, 12);
  await expectRefused(() => readPth(packed), `${packed}: expected ${what}`);
  const twice = change('twice.pth', bytes.lastIndexOf('pkm') + 2, 'l'.charCodeAt(0));
  await expectRefused(() => readPth(twice), `${twice}: expected entries of different names, got "a/data.pkl" twice`);
});

test('zip bombs are refused: declared sizes, inflated sizes and numbers of entries', async () => {
  const compressed = readFileSync(fixture('compressed.pth'));
  // The size of data/0 in its directory entry: 24 bytes into the last one.
  const size = compressed.lastIndexOf('PK\x01\x02') + 24;
  assert.equal(compressed.readUInt32LE(size), 24);
  const declared = Buffer.from(compressed);
  declared.writeUInt32LE(2 ** 31, size);
  const declaredPath = written('declared.pth', declared);
  await expectRefused(
    () => readPth(declaredPath),
    `${declaredPath}: expected compressed entries of at most 268435456 bytes in all, got 2147483771; torch.save writes them uncompressed: save it again`,
  );
  const more = Buffer.from(compressed);
  more.writeUInt32LE(30, size);
  const morePath = written('more.pth', more);
  await assert.rejects(readPth(morePath), {
    message:
      /more\.pth: expected 30 bytes with the checksum .* in entry "archive\/data\/0", got 24 with .*; the file may be damaged: get it again$/,
  });
  const many = written('many.pth', zipOf({ 'a/data.pkl': Buffer.of() }, 10_101));
  await expectRefused(() => readPth(many), `${many}: expected a zip file of at most 10100 entries, got 10101`);
  const entries = Object.fromEntries(range(10_100).map(i => [`a/data/${i}`, Buffer.of()]));
  const full = written('full.pth', zipOf(entries));
  await expectRefused(
    () => readPth(full),
    `${full}: expected an entry data.pkl, as torch.save writes it, got a zip file of "a/data/0", "a/data/1", "a/data/2"`,
  );
});

test('more storages, and a longer pickle, than any network has are refused', async () => {
  const id = '(X\x07\0\0\0storagectorch\nFloatStorage\nX\x05\0\0\0KEY00NK\x01tQ';
  const ids = range(10_001).map(i => id.replace('KEY00', String(i).padStart(5, '0')));
  const storages = written('storages.pth', zipOf({ 'a/data.pkl': Buffer.from(`(${ids.join('')}t.`, 'latin1') }));
  await expectRefused(() => readPth(storages), `${storages}: expected at most 10000 storages, got more`);
  const long = written('long-pickle.pth', zipOf({ 'a/data.pkl': Buffer.alloc(2 ** 26 + 1) }));
  await expectRefused(() => readPth(long), `${long}: expected a data.pkl of at most 67108864 bytes, got 67108865`);
});

test('entries that overlap are read no more often than a file of its size could hold', async () => {
  const id = (key: number) => `(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0${key}NK\x01tQ`;
  const tensor = (key: number) => `ctorch._utils\n_rebuild_tensor\n(${id(key)}K\0K\x01\x85K\x01\x85tR`;
  const items = range(3).map(key => `X\x01\0\0\0${key}${tensor(key)}`);
  const shared = new Uint8Array(2 ** 16);
  const entries = Object.fromEntries(range(3).map(key => [`a/data/${key}`, shared]));
  const bytes = zipOf({ 'a/data.pkl': Buffer.from(`}(${items.join('')}u.`, 'latin1'), ...entries });
  const path = written('overlapping.pth', bytes);
  await assert.rejects(readPth(path), {
    message: new RegExp(`^${path}: expected entries of at most ${bytes.length} bytes in all, got \\d+: some overlap$`),
  });
});

test('copies of a list count as operations, so that few calls cannot fill the memory', async () => {
  const dicts = (copies: number) => {
    const pairs = range(200).map(i => `K${String.fromCharCode(i)}N\x86`);
    const calls = 'h\x01h\0\x85R'.repeat(copies);
    return Buffer.from(`\x80\x02](${pairs.join('')}eq\0ccollections\nOrderedDict\nq\x01(${calls}t.`, 'latin1');
  };
  const many = written('copies.pth', zipOf({ 'a/data.pkl': dicts(3000) }));
  await assert.rejects(readPth(many), {
    message: /copies\.pth: expected a pickle of at most 500000 operations, got more/,
  });
  const some = written('few-copies.pth', zipOf({ 'a/data.pkl': dicts(1000) }));
  await expectRefused(() => readPth(some), `${some}: expected a state dict of named tensors, got a list of 1000`);
});

test('a storage of more bytes than the file has is not even asked for', async () => {
  const path = fixture('claim-storage-legacy.pth');
  const { length } = readFileSync(path);
  const what = `at least ${length - 24 + 2 ** 42} bytes, got ${length}`;
  await expectRefused(() => readPth(path), `${path}: expected ${what}; the file may be cut short: get it again`);
});

test('positions that no file system takes are refused like any other', async () => {
  const bytes = Buffer.from(readFileSync(fixture('one-tensor.pth')));
  const locator = bytes.indexOf('PK\x06\x07');
  assert.ok(locator > 0, 'PyTorch writes the zip64 form');
  bytes.writeBigUInt64LE(2n ** 64n - 1n, locator + 8);
  const path = written('position.pth', bytes);
  await expectRefused(
    () => readPth(path),
    `${path}: expected a whole zip file, as torch.save writes it, got "unexpected EOF"`,
  );
});

test('a state dict in one piece is not held twice', async () => {
  const n = 2 ** 23;
  const pickled = readFileSync(fixture('python2.pth'));
  const start = pickled.indexOf(Buffer.from('\x80\x02', 'latin1'));
  const pickle = Buffer.from(pickled.subarray(start, pickled.indexOf('PK', start)));
  const six = Buffer.from('J\x06\0\0\0', 'latin1');
  for (let at = pickle.indexOf(six); at >= 0; at = pickle.indexOf(six)) pickle.writeInt32LE(n, at + 1);
  const path = written('large.pth', zipOf({ 'a/data.pkl': pickle, 'a/data/0': new Uint8Array(4 * n).fill(1) }));
  const before = process.memoryUsage().arrayBuffers;
  const tensors = await readPth(path);
  const grownBytes = process.memoryUsage().arrayBuffers - before;
  assert.equal(tensors.get('a')!.data.length, n);
  assert.ok(grownBytes < 1.2 * 4 * n, `${grownBytes} bytes for ${4 * n}`);
});

for (const name of ['zip.pth', 'legacy.pth', 'protocol4-legacy.pth', 'python2.pth', 'compressed.pth']) {
  test(`${name}: mutated bytes are read or refused, never anything else`, async () => {
    const outcomes = await expectFuzzProof(readFileSync(fixture(name)), 400, readPth);
    assert.ok(outcomes.read > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
    assert.ok(!existsSync('pickle-was-run'));
  });
}
