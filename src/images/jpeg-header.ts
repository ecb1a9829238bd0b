import type { Size } from './enlarge.js';

/** A segment of a JPEG's header. */
interface Segment {
  /** The second byte of its marker; the first is always 0xff. */
  readonly marker: number;
  /** Content after the length field; truncated if the file is. */
  readonly content: DataView;
}

/**
 * The segments of a JPEG before its image data.
 *
 * Reference: ITU-T T.81, B.1.1
 */
export function* jpegSegments(bytes: Uint8Array): Generator<Segment> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.length && view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint8(at + 1);
    const length = view.getUint16(at + 2) - 2;
    if (marker === 0xda || length < 0) return;
    const there = Math.min(length, bytes.length - at - 4);
    yield { marker, content: new DataView(bytes.buffer, bytes.byteOffset + at + 4, there) };
  }
}

/**
 * The frame header of a JPEG: coding and size; undefined if it is missing or truncated.
 *
 * Reference: ITU-T T.81, B.2.2
 */
export function jpegFrame(
  bytes: Uint8Array,
): (Size & { readonly marker: number; readonly bits: number; readonly components: number }) | undefined {
  for (const { marker, content } of jpegSegments(bytes)) {
    if (!isFrame(marker)) continue;
    if (content.byteLength < 6) return undefined;
    const [bits, components] = [content.getUint8(0), content.getUint8(5)];
    return { marker, bits, height: content.getUint16(1), width: content.getUint16(3), components };
  }
  return undefined;
}

/** SOF0 to SOF15 without tables and the reserved marker; the first two are sequential. Reference: ITU-T T.81, table B.1 */
export const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

const ORIENTATION = 0x0112;

/**
 * The EXIF orientation of a JPEG, 1 to 8; 1 if it has none.
 *
 * Reference: EXIF 2.32, 4.6.4
 */
export function jpegOrientation(bytes: Uint8Array): number {
  for (const { marker, content } of jpegSegments(bytes)) {
    const isExif = marker === 0xe1 && content.byteLength >= 6 && content.getUint32(0) === 0x45786966;
    if (isExif) return orientationIn(new DataView(content.buffer, content.byteOffset + 6, content.byteLength - 6));
  }
  return 1;
}

/** The orientation in EXIF's TIFF structure, whose first bytes give the byte order. */
function orientationIn(tiff: DataView): number {
  if (tiff.byteLength < 8) return 1;
  const little = tiff.getUint16(0) === 0x4949;
  const directory = tiff.getUint32(4, little);
  if (directory + 2 > tiff.byteLength) return 1;
  const entries = tiff.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.byteLength) return 1;
    if (tiff.getUint16(entry, little) !== ORIENTATION) continue;
    const value = tiff.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** The bytes of a JPEG with the last marker, EOI, appended if it is missing: some cameras omit it. */
export function withEndOfImage(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-2) === 0xff && bytes.at(-1) === 0xd9) return bytes;
  const whole = new Uint8Array(bytes.length + 2);
  whole.set(bytes);
  whole.set([0xff, 0xd9], bytes.length);
  return whole;
}

/** True if the marker EOI follows the header of a JPEG, also before trailing bytes: the file is not truncated. */
export function hasEndOfImage(bytes: Uint8Array): boolean {
  let start = 2;
  for (const { content } of jpegSegments(bytes)) start = content.byteOffset - bytes.byteOffset + content.byteLength;
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xd9) return true;
  }
  return false;
}
