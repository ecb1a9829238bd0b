import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PickleCutShort, PickleGlobal, unpickle } from '../../../src/backbones/weights/pickle.js';
import { InputError } from '../../../src/base/errors.js';

const rules = {
  where: 'x.pth',
  globals: new Map([
    ['a.add', new PickleGlobal('a.add', ([a, b]) => Number(a) + Number(b))],
    ['a.constant', new PickleGlobal('a.constant')],
  ]),
  persistentLoad: (id: unknown) => ({ id }),
};
const bytesOf = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))));
const load = (...parts: (string | number[])[]) => unpickle(bytesOf(...parts, '.'), 0, rules).value;

function expectRefused(parts: (string | number[])[], text: string): void {
  assert.throws(
    () => load(...parts),
    error => {
      assert.ok(error instanceof InputError, String(error));
      assert.equal(error.message, text);
      return true;
    },
  );
}

test('values of every kind come out as their JavaScript selves', () => {
  assert.equal(load('N'), null);
  assert.equal(load([0x88]), true);
  assert.equal(load([0x89]), false);
  assert.equal(load('K\xff'), 255);
  assert.equal(load('M\x01\x02'), 513);
  assert.equal(load('J\xfe\xff\xff\xff'), -2);
  assert.equal(load('G\x3f\xf8\0\0\0\0\0\0'), 1.5);
  assert.equal(load('X\x02\0\0\0\xc3\xa9'), 'é');
  assert.equal(load([0x8c], '\x01a'), 'a');
  assert.equal(load([0x8d], '\x01\0\0\0\0\0\0\0a'), 'a');
  assert.equal(load('U\x01a'), 'a');
  assert.deepEqual(load('C\x02\x01\x02'), Uint8Array.of(1, 2));
  assert.deepEqual(load(')'), []);
  assert.deepEqual(load('(K\x01K\x02t'), [1, 2]);
  assert.deepEqual(load('K\x01K\x02K\x03', [0x87]), [1, 2, 3]);
  assert.deepEqual(load(']K\x01a(K\x02K\x03e'), [1, 2, 3]);
  assert.deepEqual(
    load('}K\x01K\x02s(K\x03K\x04u'),
    new Map([
      [1, 2],
      [3, 4],
    ]),
  );
  assert.deepEqual(load('K\x05Q'), { id: 5 });
});

test('long integers are numbers up to 2^53 and bigints beyond, with their sign', () => {
  assert.equal(load([0x8a, 0]), 0);
  assert.equal(load([0x8a, 1, 0xff]), -1);
  assert.equal(load([0x8a, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]), Number.MAX_SAFE_INTEGER);
  assert.equal(load([0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x80]), -(2n ** 63n));
  expectRefused(
    [[0x8b, 0, 1, 0, 0]],
    'x.pth: expected an integer of at most 255 bytes, got 256 at byte 5 of the pickle',
  );
});

test('the memo gives the same object again, by index and by order', () => {
  const [a, b] = load('(]q\x05h\x05t') as unknown[];
  assert.equal(a, b);
  const [c, d] = load('(]', [0x94], 'h\0t') as unknown[];
  assert.equal(c, d);
  expectRefused(['h\x07'], 'x.pth: expected a memo entry that was stored before, got index 7 at byte 2 of the pickle');
});

test('pickles one behind the other tell where they end', () => {
  const bytes = bytesOf('K\x01.K\x02.');
  const first = unpickle(bytes, 0, rules);
  assert.deepEqual(first, { value: 1, end: 3 });
  assert.deepEqual(unpickle(bytes, first.end, rules), { value: 2, end: 6 });
});

test('an allowed function is called with its arguments, an allowed name is not', () => {
  assert.equal(load('ca\nadd\n(K\x01K\x02tR'), 3);
  expectRefused(
    ['ca\nconstant\n)R'],
    'x.pth: expected a call of a function that rebuilds tensors, got a.constant at byte 14 of the pickle',
  );
  expectRefused(
    ['X\x01\0\0\0a)R'],
    'x.pth: expected a call of a function that rebuilds tensors, got the text "a" at byte 8 of the pickle',
  );
});

test('any other name is refused as soon as it is mentioned, in both spellings', () => {
  const advice = 'which was not loaded or run; save the weights alone with torch.save(model.state_dict(), FILE)';
  const text = (got: string) => `x.pth: expected a pickle of tensors, numbers and texts alone, got ${got}, ${advice}`;
  expectRefused(['cos\nsystem\n'], text('a call of "os.system"'));
  expectRefused([[0x8c, 2], 'os', [0x8c, 6], 'system', [0x93]], text('a call of "os.system"'));
  expectRefused(['ctorch.nn\nLinear\n'], text('a pickled object of class "torch.nn.Linear"'));
  expectRefused(['ca\n__proto__\n'], text('a call of "a.__proto__"'));
  expectRefused(
    [[0x8c, 3], 'a\nb', [0x8c, 200], 'c'.repeat(200), [0x93]],
    text(`a call of "a\\nb.${'c'.repeat(116)}..."`),
  );
});

test('operations that make objects are unknown', () => {
  const cases = { i: 'ios\nsystem\n', o: '(o', '\x81': 'N)\x81', '\x82': '\x82\x01', V: 'Va\n', P: 'Pa\n' };
  for (const [opcode, pickle] of Object.entries(cases)) {
    const code = opcode.charCodeAt(0).toString(16);
    const at = pickle.indexOf(opcode) + 1;
    const what = 'an operation of pickle protocols 2 to 5 that holds data';
    expectRefused([pickle], `x.pth: expected ${what}, got opcode 0x${code} at byte ${at} of the pickle`);
  }
});

test('what a well-formed pickle cannot do is refused', () => {
  expectRefused([[0x80, 6]], 'x.pth: expected pickle protocol 5 at most, got 6 at byte 2 of the pickle');
  expectRefused(
    ['N)R'],
    'x.pth: expected a call of a function that rebuilds tensors, got None at byte 3 of the pickle',
  );
  expectRefused(['0'], 'x.pth: expected a value on the stack, got none at byte 1 of the pickle');
  expectRefused(['K\x01(0'], 'x.pth: expected a value on the stack, got none at byte 4 of the pickle');
  expectRefused(['t'], 'x.pth: expected a mark on the stack, got none at byte 1 of the pickle');
  expectRefused(['NNa'], 'x.pth: expected a list to append to, got None at byte 3 of the pickle');
  expectRefused([']K\x01K\x02s'], 'x.pth: expected a dict to set items of, got [] at byte 6 of the pickle');
  expectRefused(['}(K\x01u'], 'x.pth: expected keys and values in pairs, got 1 items at byte 5 of the pickle');
  expectRefused([']}b'], 'x.pth: expected a dict to give attributes to, got [] at byte 3 of the pickle');
  expectRefused(['NN', [0x93]], 'x.pth: expected a module and a name, got other values at byte 3 of the pickle');
  expectRefused(['X\x01\0\0\0\xff'], 'x.pth: expected text in UTF-8, got other bytes at byte 6 of the pickle');
});

test('bytes that end too early are told from bytes that are wrong', () => {
  const whole = bytesOf('}X\x01\0\0\0aca\nadd\n(K\x01J\x02\0\0\0tRs.');
  assert.deepEqual(unpickle(whole, 0, rules).value, new Map([['a', 3]]));
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => unpickle(whole.subarray(0, length), 0, rules), PickleCutShort, `${length} bytes`);
  }
  assert.throws(() => unpickle(bytesOf([0x8d], '\xff'.repeat(8)), 0, rules), {
    message: 'x.pth: expected a whole pickle, got 9 bytes that end inside it',
  });
});

test('endless work ends at half a million operations', () => {
  for (const pickle of ['}\x94', '(', 'N2', '](]e']) {
    const bytes = bytesOf(pickle.repeat(500_001), '.');
    const message = /^x\.pth: expected a pickle of at most 500000 operations, got more at byte \d+ of the pickle$/;
    assert.throws(() => unpickle(bytes, 0, rules), { message });
  }
});
