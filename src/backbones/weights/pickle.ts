import { expected, InputError } from '../../base/errors.js';
import { quote } from './file.js';

/** A name of a module that a pickle may mention: what it stands for is decided by whoever allowed it. */
export class PickleGlobal {
  constructor(
    /** `module.name`, as the pickle writes it. */
    readonly name: string,
    /** What calling it gives; absent where it may be mentioned only. */
    readonly call?: (args: readonly unknown[]) => unknown,
  ) {}
}

/** The pickle went on behind the bytes at hand: with more of them it may be whole. */
export class PickleCutShort extends InputError {}

/** What a pickle may do. Everything else is refused. */
export interface PickleRules {
  /** The file's path, for errors. */
  readonly where: string;
  /** The names it may mention, as `module.name`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** What a persistent id stands for. */
  readonly persistentLoad: (id: unknown) => unknown;
}

// An operation takes a byte at least and a memo entry, a stack entry or a container an operation at least, and a call as many as it
// is given items, so that this one limit bounds time and memory. A ResNet152 with the state of its optimizer takes 100,000.
const MAX_OPERATIONS = 500_000;
// Integers longer than this many bytes mean nothing in a checkpoint.
const MAX_INTEGER_BYTES = 255;
const MAX_PROTOCOL = 5;
const SAVE_STATE_DICT = 'save the weights alone with torch.save(model.state_dict(), FILE)';

/**
 * The value of the pickle that starts at byte `start` of `bytes`, and the position behind it.
 *
 * None, booleans, numbers and strings become their JavaScript selves (integers beyond 2^53 a bigint), bytes a Uint8Array,
 * lists and tuples arrays, dicts Maps in their order. Nothing is imported and nothing is called but what `rules` holds: any
 * other name is refused as soon as it is mentioned, with an InputError that names it. Throws PickleCutShort where the bytes
 * end first, and InputError for anything that protocols 2 to 5 do not allow or that a checkpoint has no use for.
 *
 * Reference: CPython's Lib/pickletools.py.
 */
export function unpickle(bytes: Uint8Array, start: number, rules: PickleRules): { value: unknown; end: number } {
  return new Machine(bytes, start, rules).run();
}

class Machine {
  private readonly stack: unknown[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();
  private readonly view: DataView;
  private operations = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private position: number,
    private readonly rules: PickleRules,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): { value: unknown; end: number } {
    for (;;) {
      this.count(1);
      const opcode = this.uint8();
      if (opcode === STOP) return { value: this.pop(), end: this.position };
      const operation = operations[opcode];
      if (operation === undefined) {
        throw this.error('an operation of pickle protocols 2 to 5 that holds data', `opcode 0x${opcode.toString(16)}`);
      }
      operation(this);
    }
  }

  private count(operations: number): void {
    this.operations += operations;
    if (this.operations > MAX_OPERATIONS) throw this.error(`a pickle of at most ${MAX_OPERATIONS} operations`, 'more');
  }

  error(what: string, got: string, wayOut?: string): InputError {
    return new InputError(expected(this.rules.where, what, `${got} at byte ${this.position} of the pickle`, wayOut));
  }

  // Reading the operands.

  private take(length: number): number {
    const from = this.position;
    if (length > this.bytes.length - from) {
      const text = expected(this.rules.where, 'a whole pickle', `${this.bytes.length} bytes that end inside it`);
      throw new PickleCutShort(text);
    }
    this.position += length;
    return from;
  }

  uint8 = (): number => this.view.getUint8(this.take(1));
  uint16 = (): number => this.view.getUint16(this.take(2), true);
  uint32 = (): number => this.view.getUint32(this.take(4), true);
  int32 = (): number => this.view.getInt32(this.take(4), true);
  float64 = (): number => this.view.getFloat64(this.take(8), false);

  uint64 = (): number => {
    const value = this.view.getBigUint64(this.take(8), true);
    // More than any file holds: `take` refuses it as bytes that are not there.
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
  };

  raw(length: number): Uint8Array {
    const from = this.take(length);
    return new Uint8Array(this.bytes.subarray(from, from + length));
  }

  text(length: number): string {
    const from = this.take(length);
    try {
      return utf8.decode(this.bytes.subarray(from, from + length));
    } catch {
      throw this.error('text in UTF-8', 'other bytes');
    }
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    const text = this.text(end === -1 ? this.bytes.length - this.position + 1 : end - this.position);
    this.take(1);
    return text;
  }

  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) throw this.error(`an integer of at most ${MAX_INTEGER_BYTES} bytes`, `${length}`);
    const from = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.view.getUint8(from + i));
    value = BigInt.asIntN(8 * length, value);
    return BigInt.asIntN(54, value) === value ? Number(value) : value;
  }

  // The stack.

  push = (value: unknown): void => {
    this.stack.push(value);
  };

  pop(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw this.error('a value on the stack', 'none');
    return this.stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.push(value);
    return value;
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  sinceMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.error('a mark on the stack', 'none');
    return this.stack.splice(mark);
  }

  tuple(length: number): void {
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.unshift(this.pop());
    this.push(items);
  }

  // Containers, the memo, and what may be called.

  append(items: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.error('a list to append to', describe(list));
    for (const item of items) list.push(item);
  }

  dict(items: readonly unknown[]): Map<unknown, unknown> {
    if (items.length % 2 === 1) throw this.error('keys and values in pairs', `${items.length} items`);
    const dict = new Map<unknown, unknown>();
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
    return dict;
  }

  setItems(items: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Map)) throw this.error('a dict to set items of', describe(target));
    for (const [key, value] of this.dict(items)) target.set(key, value);
  }

  memoize(index: number): void {
    this.memo.set(index, this.top());
  }

  memoizeNext(): void {
    this.memoize(this.memo.size);
  }

  recall(index: number): void {
    if (!this.memo.has(index)) throw this.error('a memo entry that was stored before', `index ${index}`);
    this.push(this.memo.get(index));
  }

  protocol(): void {
    const version = this.uint8();
    if (version > MAX_PROTOCOL) throw this.error(`pickle protocol ${MAX_PROTOCOL} at most`, `${version}`);
  }

  globalLine(): void {
    const module = this.line();
    this.global(module, this.line());
  }

  globalOnStack(): void {
    const name = this.pop();
    const module = this.pop();
    if (typeof module !== 'string' || typeof name !== 'string') throw this.error('a module and a name', 'other values');
    this.global(module, name);
  }

  private global(module: string, name: string): void {
    const found = this.rules.globals.get(`${module}.${name}`);
    if (found === undefined) {
      // Classes begin with a capital letter in PyTorch; anything else is a function that somebody wants called.
      const what = /^[A-Z]/.test(name) ? 'a pickled object of class' : 'a call of';
      const got = `${what} ${quote(`${module}.${name}`)}, which was not loaded or run`;
      const holds = 'a pickle of tensors, numbers and texts alone';
      throw new InputError(expected(this.rules.where, holds, got, SAVE_STATE_DICT));
    }
    this.push(found);
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || callee.call === undefined) {
      throw this.error('a call of a function that rebuilds tensors', describe(callee));
    }
    if (!Array.isArray(args)) throw this.error(`a tuple of arguments for ${callee.name}`, describe(args));
    for (const list of args) if (Array.isArray(list)) this.count(list.length);
    this.push(callee.call(args));
  }

  build(): void {
    this.pop();
    const target = this.top();
    // An OrderedDict's attributes: the `_metadata` of a state dict, of which nothing is needed.
    if (!(target instanceof Map)) throw this.error('a dict to give attributes to', describe(target));
  }

  persistent(): void {
    this.push(this.rules.persistentLoad(this.pop()));
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const STOP = 0x2e;

// Opcodes that a checkpoint has no use for (INST, OBJ, NEWOBJ, the extension registry, protocol 0's texts) are left out.
const operations: { readonly [opcode: number]: (m: Machine) => unknown } = {
  40: m => m.mark(), // ( MARK
  48: m => m.pop(), // 0 POP
  49: m => m.sinceMark(), // 1 POP_MARK
  50: m => m.push(m.top()), // 2 DUP
  71: m => m.push(m.float64()), // G BINFLOAT
  74: m => m.push(m.int32()), // J BININT
  75: m => m.push(m.uint8()), // K BININT1
  77: m => m.push(m.uint16()), // M BININT2
  78: m => m.push(null), // N NONE
  81: m => m.persistent(), // Q BINPERSID
  82: m => m.reduce(), // R REDUCE
  84: m => m.push(m.text(m.uint32())), // T BINSTRING, of Python 2
  85: m => m.push(m.text(m.uint8())), // U SHORT_BINSTRING, of Python 2
  88: m => m.push(m.text(m.uint32())), // X BINUNICODE
  66: m => m.push(m.raw(m.uint32())), // B BINBYTES
  67: m => m.push(m.raw(m.uint8())), // C SHORT_BINBYTES
  97: m => m.append([m.pop()]), // a APPEND
  98: m => m.build(), // b BUILD
  99: m => m.globalLine(), // c GLOBAL
  100: m => m.push(m.dict(m.sinceMark())), // d DICT
  101: m => m.append(m.sinceMark()), // e APPENDS
  104: m => m.recall(m.uint8()), // h BINGET
  106: m => m.recall(m.uint32()), // j LONG_BINGET
  108: m => m.push(m.sinceMark()), // l LIST
  113: m => m.memoize(m.uint8()), // q BINPUT
  114: m => m.memoize(m.uint32()), // r LONG_BINPUT
  115: m => {
    const value = m.pop(); // s SETITEM
    m.setItems([m.pop(), value]);
  },
  116: m => m.push(m.sinceMark()), // t TUPLE
  117: m => m.setItems(m.sinceMark()), // u SETITEMS
  41: m => m.push([]), // ) EMPTY_TUPLE
  93: m => m.push([]), // ] EMPTY_LIST
  125: m => m.push(new Map()), // } EMPTY_DICT
  128: m => m.protocol(), // PROTO
  133: m => m.tuple(1), // TUPLE1
  134: m => m.tuple(2), // TUPLE2
  135: m => m.tuple(3), // TUPLE3
  136: m => m.push(true), // NEWTRUE
  137: m => m.push(false), // NEWFALSE
  138: m => m.push(m.integer(m.uint8())), // LONG1
  139: m => m.push(m.integer(m.uint32())), // LONG4
  140: m => m.push(m.text(m.uint8())), // SHORT_BINUNICODE
  141: m => m.push(m.text(m.uint64())), // BINUNICODE8
  142: m => m.push(m.raw(m.uint64())), // BINBYTES8
  147: m => m.globalOnStack(), // STACK_GLOBAL
  148: m => m.memoizeNext(), // MEMOIZE
  149: m => m.uint64(), // FRAME: only a hint for reading ahead
};

/** What kind of value this is, for an error. */
export function describe(value: unknown): string {
  if (value === null) return 'None';
  if (Array.isArray(value)) {
    const isShort = value.length <= 8 && value.every(item => typeof item === 'number');
    return isShort ? `[${value.join(', ')}]` : `a list of ${value.length}`;
  }
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (value instanceof PickleGlobal) return value.name;
  if (typeof value === 'string') return `the text ${quote(value)}`;
  if (typeof value === 'object') return 'an object';
  return String(value).slice(0, 40);
}
