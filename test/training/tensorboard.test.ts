import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Field, readFields } from '../../src/engine/onnx/wire.js';
import { crc32c, encodeTensorboard, tensorboardFileName } from '../../src/training/tensorboard.js';

describe('crc32c', () => {
  it('matches the values of RFC 3720 and the check value of the polynomial', () => {
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
    const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
    assert.equal(crc32c(ascending), 0x46dd794e);
    assert.equal(crc32c(ascending.toReversed()), 0x113fdb5c);
    assert.equal(crc32c(new Uint8Array()), 0);
  });
});

/** The records of a TFRecord file, their lengths and checksums checked. */
function recordsOf(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const checkCrc = (from: number, to: number) => {
    const masked = view.getUint32(to, true);
    const rotated = (masked - 0xa282ead8) >>> 0;
    assert.equal(((rotated >>> 17) | (rotated << 15)) >>> 0, crc32c(bytes.subarray(from, to)), `at ${from}`);
  };
  let at = 0;
  while (at < bytes.length) {
    const end = at + 12 + Number(view.getBigUint64(at, true));
    checkCrc(at, at + 8);
    checkCrc(at + 12, end);
    records.push(bytes.subarray(at + 12, end));
    at = end + 4;
  }
  assert.equal(at, bytes.length);
  return records;
}

const fieldsOf = (bytes: Uint8Array): Map<number, Field> =>
  new Map([...readFields(bytes, 'event')].map(field => [field.number, field]));
const doubleOf = ({ bytes }: Field) => Buffer.from(bytes).readDoubleLE();
const textOf = ({ bytes }: Field) => Buffer.from(bytes).toString();

describe('encodeTensorboard', () => {
  it('writes the version, then one event per step with all scalars', () => {
    const bytes = encodeTensorboard([
      { step: 0, wallTimeSeconds: 1_700_000_000.25, scalars: { 'loss/train': 0.5, 'loss/größe': -3 } },
      { step: 5_000_000_000, wallTimeSeconds: 1_700_000_001, scalars: { learningRate: 1e-3 } },
    ]);
    const [version, ...events] = recordsOf(bytes).map(fieldsOf);
    assert.equal(doubleOf(version!.get(1)!), 1_700_000_000.25);
    assert.equal(textOf(version!.get(3)!), 'brain.Event:2');
    const decoded = events.map(event => ({
      wallTime: doubleOf(event.get(1)!),
      step: Number(event.get(2)!.integer),
      scalars: [...readFields(event.get(5)!.bytes, 'summary')].map(({ number, bytes: value }) => {
        assert.equal(number, 1);
        const fields = fieldsOf(value);
        return [textOf(fields.get(1)!), Buffer.from(fields.get(2)!.bytes).readFloatLE()];
      }),
    }));
    assert.deepEqual(decoded, [
      {
        wallTime: 1_700_000_000.25,
        step: 0,
        scalars: [
          ['loss/train', 0.5],
          ['loss/größe', -3],
        ],
      },
      { wallTime: 1_700_000_001, step: 5_000_000_000, scalars: [['learningRate', Math.fround(1e-3)]] },
    ]);
  });

  it('writes a valid file without events', () => {
    assert.equal(recordsOf(encodeTensorboard([])).length, 1);
  });
});

describe('tensorboardFileName', () => {
  it('is one that TensorBoard recognizes', () => {
    assert.equal(tensorboardFileName(1_700_000_000.25), 'events.out.tfevents.1700000000.eyeball');
  });
});
