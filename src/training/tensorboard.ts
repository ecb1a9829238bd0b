import { MessageWriter } from '../engine/onnx/wire.js';

/** The scalars of one step of a run. */
export interface TensorboardEvent {
  /** Steps or epochs since the start, a whole number: the horizontal axis. */
  readonly step: number;
  /** Seconds since 1970. */
  readonly wallTimeSeconds: number;
  /** By tag, such as `loss/train`; TensorBoard groups charts by the part before the slash. Stored as float32. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** The name of the event file of a run that began `startSeconds` after 1970; TensorBoard finds files by `tfevents` in the name. */
export function tensorboardFileName(startSeconds: number): string {
  return `events.out.tfevents.${Math.floor(startSeconds)}.eyeball`;
}

/**
 * The bytes of a TensorBoard event file: a version record, then one record per event in the given order.
 *
 * Reference: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto; records are TFRecords,
 * https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 */
export function encodeTensorboard(events: readonly TensorboardEvent[]): Uint8Array {
  const version = new MessageWriter().double(1, events[0]?.wallTimeSeconds ?? 0).string(3, 'brain.Event:2');
  return Buffer.concat([version, ...events.map(eventMessage)].map(message => tfRecord(message.finish())));
}

function eventMessage({ step, wallTimeSeconds, scalars }: TensorboardEvent): MessageWriter {
  const summary = new MessageWriter();
  for (const [tag, value] of Object.entries(scalars)) {
    summary.message(1, new MessageWriter().string(1, tag).float(2, value));
  }
  return new MessageWriter().double(1, wallTimeSeconds).integer(2, step).message(5, summary);
}

/** Length (8 bytes), its checksum (4), the bytes, their checksum (4). */
function tfRecord(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + bytes.length + 4);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskedCrc(out.subarray(0, 8)), true);
  out.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedCrc(bytes), true);
  return out;
}

/** The masked CRC of TFRecord. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// Castagnoli's polynomial, bit-reversed; the crc32 of node:zlib has another polynomial.
const POLYNOMIAL = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/**
 * The CRC-32C of `bytes`, a whole number below 2^32.
 *
 * Reference: RFC 3720, appendix B.4.
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
