import { expected, InputError } from '../../base/errors.js';

// The part of the protocol buffer wire format that ONNX uses: varints, 32- and 64-bit words, and length-prefixed bytes.
// Reference: https://protobuf.dev/programming-guides/encoding/

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Collects the fields of one message; large byte fields are not copied until `finish`. */
export class MessageWriter {
  private readonly chunks: Uint8Array[] = [];
  private size = 0;

  /** An integer; zero is written too. */
  integer(field: number, value: number | bigint): this {
    return this.tag(field, VARINT).varint(BigInt(value));
  }

  float(field: number, value: number): this {
    return this.tag(field, FIXED32).push(new Uint8Array(new Float32Array([value]).buffer));
  }

  double(field: number, value: number): this {
    return this.tag(field, FIXED64).push(new Uint8Array(new Float64Array([value]).buffer));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.tag(field, BYTES).varint(BigInt(value.byteLength)).push(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: MessageWriter): this {
    this.tag(field, BYTES).varint(BigInt(value.size));
    for (const chunk of value.chunks) this.push(chunk);
    return this;
  }

  /** The encoded message. */
  finish(): Uint8Array {
    const out = new Uint8Array(this.size);
    let at = 0;
    for (const chunk of this.chunks) {
      out.set(chunk, at);
      at += chunk.byteLength;
    }
    return out;
  }

  private tag(field: number, wireType: number): this {
    return this.varint(BigInt((field << 3) | wireType));
  }

  private varint(value: bigint): this {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    do {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      bytes.push(rest === 0n ? low : low | 0x80);
    } while (rest !== 0n);
    return this.push(Uint8Array.from(bytes));
  }

  private push(chunk: Uint8Array): this {
    this.chunks.push(chunk);
    this.size += chunk.byteLength;
    return this;
  }
}

/** A raw field: `integer` for varints, `bytes` (a view) for all others. */
export interface Field {
  readonly number: number;
  readonly integer: bigint;
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/**
 * The fields of the message in `bytes`, in order.
 *
 * @throws InputError, starting with `where`, if the bytes are truncated or not a protocol buffer.
 */
export function* readFields(bytes: Uint8Array, where: string): Generator<Field> {
  const at = { offset: 0 };
  const varint = () => readVarint(bytes, at, where);
  const take = (length: number): Uint8Array => {
    if (length > bytes.byteLength - at.offset) throw broken(where, 'bytes that end early');
    at.offset += length;
    return bytes.subarray(at.offset - length, at.offset);
  };
  while (at.offset < bytes.byteLength) {
    const tag = Number(varint());
    const number = tag >>> 3;
    if (number === 0) throw broken(where, 'a field without a number');
    switch (tag & 7) {
      case VARINT:
        yield { number, integer: varint(), bytes: NO_BYTES };
        break;
      case FIXED64:
        yield { number, integer: 0n, bytes: take(8) };
        break;
      case BYTES:
        yield { number, integer: 0n, bytes: take(Number(varint())) };
        break;
      case FIXED32:
        yield { number, integer: 0n, bytes: take(4) };
        break;
      default:
        throw broken(where, `a field of unknown type ${tag & 7}`);
    }
  }
}

/**
 * The integers of a repeated field, packed or single.
 *
 * @throws InputError, starting with `where`, if the packed bytes are invalid.
 */
export function integersOf(field: Field, where: string): bigint[] {
  if (field.bytes === NO_BYTES) return [field.integer];
  const out: bigint[] = [];
  const at = { offset: 0 };
  while (at.offset < field.bytes.byteLength) out.push(readVarint(field.bytes, at, where));
  return out;
}

function readVarint(bytes: Uint8Array, at: { offset: number }, where: string): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[at.offset++];
    if (byte === undefined) throw broken(where, 'bytes that end early');
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw broken(where, 'a number that is too long');
}

function broken(where: string, what: string): InputError {
  return new InputError(expected(where, 'an ONNX model', what, 'the file is damaged'));
}
