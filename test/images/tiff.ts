/** What a TIFF says about its samples; formats: 1 unsigned, 2 signed, 3 floating point, 6 complex. */
export interface TiffForm {
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and transparency, 3 RGB. */
  readonly channels: 1 | 2 | 3;
  readonly bits: number;
  readonly format: number;
  /** Default false: TIFF 6.0. */
  readonly big?: boolean;
}

/** An uncompressed TIFF, little-endian, of these samples. */
export function tiff(
  samples: ArrayBufferView,
  { width, height, channels, bits, format, big = false }: TiffForm,
): Buffer {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const fields: [tag: number, values: number[], bytes: 2 | 4][] = [
    [256, [width], 2],
    [257, [height], 2],
    [258, Array(channels).fill(bits), 2],
    [259, [1], 2],
    [262, [channels === 3 ? 2 : 1], 2],
    [273, [0], 4],
    [277, [channels], 2],
    [278, [height], 2],
    [279, [data.length], 4],
    ...(channels === 2 ? ([[338, [2], 2]] as [number, number[], 2][]) : []),
    [339, Array(channels).fill(format), 2],
  ];
  const [start, entry, inside] = big ? [16, 20, 8] : [8, 12, 4];
  const countBytes = big ? 8 : 2;
  const end = start + countBytes + fields.length * entry + inside;
  const offset = end + 64;
  const head = Buffer.alloc(offset);
  const word = (value: number, at: number) =>
    big ? head.writeBigUInt64LE(BigInt(value), at) : head.writeUInt32LE(value, at);
  head.write(big ? 'II+\0\x08\0\0\0' : 'II*\0', 'latin1');
  word(start, big ? 8 : 4);
  if (big) word(fields.length, start);
  else head.writeUInt16LE(fields.length, start);
  let free = end;
  fields.forEach(([tag, values, bytes], i) => {
    const at = start + countBytes + i * entry;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(bytes === 2 ? 3 : 4, at + 2);
    word(values.length, at + 4);
    let place = at + (big ? 12 : 8);
    if (values.length * bytes > inside) {
      word(free, place);
      place = free;
      free += values.length * bytes;
    }
    values.forEach((value, n) => {
      head.writeUIntLE(tag === 273 ? offset : value, place + n * bytes, bytes);
    });
  });
  return Buffer.concat([head, data]);
}
