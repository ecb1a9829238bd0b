import { constants, deflateRawSync } from 'node:zlib';
import sharp from 'sharp';
import { zipOf } from '../../test/backbones/weights/files.js';

const field = (...values: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer =>
  Buffer.concat(
    values.map(([bytes, value]) => {
      const buffer = Buffer.alloc(bytes);
      buffer.writeUIntLE(value, 0, bytes);
      return buffer;
    }),
  );

const CHUNK_BYTES = 64 * 2 ** 20;

/** Zeros, deflated: 64 MiB once, so often that they are `gigabytes`. */
function deflatedZeros(gigabytes: number): Buffer {
  const chunk = deflateRawSync(Buffer.alloc(CHUNK_BYTES), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array<Buffer>((gigabytes * 2 ** 30) / CHUNK_BYTES).fill(chunk), Buffer.of(3, 0)]);
}

const uint32 = (value: number) => field([4, value]).toString('latin1');
const text = (value: string) => `X${uint32(value.length)}${value}`;
const storage = (key: string) => `(${text('storage')}ctorch\nFloatStorage\n${text(key)}${text('cpu')}K\x01tQ`;
const tensor = (key: string) => `ctorch._utils\n_rebuild_tensor_v2\n(${storage(key)}K\0K\x01\x85K\x01\x85\x89NtR`;
/** The pickle of a state dict of tensors of one number. */
const stateDict = (keys: readonly string[]) =>
  Buffer.from(`\x80\x02}(${keys.map(key => text(key) + tensor(key)).join('')}u.`, 'latin1');

/** The pickle of dicts of the same `items` items, `copies` times. */
function dicts(items: number, copies: number): Buffer {
  const pairs = Array.from({ length: items }, (_, i) => `J${uint32(i)}N\x86`).join('');
  const calls = 'h\x01h\0\x85R'.repeat(copies);
  return Buffer.from(`\x80\x02](${pairs}eq\0ccollections\nOrderedDict\nq\x01(${calls}t.`, 'latin1');
}

/** Files that take gigabytes or minutes to read, or claim to be small: what they are, and their bytes. */
export function pthBombs(): readonly (readonly [what: string, bytes: Uint8Array])[] {
  const deflated = deflatedZeros(3);
  const pickle = 'a/data.pkl';
  const [one, honest, lying] = [
    stateDict(['0']),
    { deflated, claimedBytes: 3 * 2 ** 30 },
    { deflated, claimedBytes: 4 },
  ];
  const keys = Array.from({ length: 9000 }, (_, i) => `${i}`);
  const shared = Buffer.alloc(CHUNK_BYTES, 1);
  return [
    ['a pickle that inflates to 3 GB', zipOf({ [pickle]: honest })],
    ['the same, said to be 4 bytes', zipOf({ [pickle]: lying })],
    ['weights that inflate to 3 GB', zipOf({ [pickle]: one, 'a/data/0': honest })],
    ['the same, said to be 4 bytes', zipOf({ [pickle]: one, 'a/data/0': lying })],
    [
      '9,000 entries that share 64 MB',
      zipOf({ [pickle]: stateDict(keys), ...Object.fromEntries(keys.map(key => [`a/data/${key}`, shared])) }),
    ],
    ['70,000 copies of a dict of 60,000 items', zipOf({ [pickle]: dicts(60_000, 70_000) })],
    ['a pickle of 60 million lists', zipOf({ [pickle]: Buffer.alloc(60e6, ']') })],
    ['60,000 entries', zipOf(Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`a/${i}`, Buffer.of()])))],
  ];
}

/** A GIF of frames of one pixel on a canvas of 2000 x 2000. */
export function longGif(frames: number): Buffer {
  const frame = Buffer.from('21f9040001000000' + '2c000000000100010000' + '0202440100', 'hex');
  const head = [Buffer.from('GIF89a'), field([2, 2000], [2, 2000]), Buffer.from('800000ff0000ffffff', 'hex')];
  return Buffer.concat([...head, ...Array<Buffer>(frames).fill(frame), Buffer.from(';')]);
}

/** An interlaced PNG of 16 bits and as many pixels as an image may have: 600 MB in memory, less than 1 MB as a file. */
export const interlacedPng = (): Promise<Buffer> =>
  sharp({ create: { width: 10_000, height: 10_000, channels: 3, background: '#808080' } })
    .toColourspace('rgb16')
    .png({ progressive: true, compressionLevel: 9 })
    .toBuffer();
