import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Size } from './enlarge.js';
import { isFrame, jpegFrame, jpegOrientation, jpegSegments, withEndOfImage } from './jpeg-header.js';

/** RGB pixels, uint8 `[height, width, 3]`. */
interface Pixels extends Size {
  readonly data: Uint8Array;
}

/**
 * The pixels of a JPEG that needs nothing but decoding: sequential, undamaged, in colour, upright, without a profile, and no larger than
 * `size` in either direction. `damaged` where the decoder warns or fails, undefined for any other: sharp decodes these, or says what is wrong
 * with them.
 *
 * They are sharp's to the bit, since both come from libjpeg-turbo; at 125 px they cost a fifth of the processor time, most of which goes into
 * setting sharp up.
 */
export async function decodeSmallJpeg(bytes: Uint8Array, size: Size): Promise<Pixels | 'damaged' | undefined> {
  if (!needsDecodingOnly(bytes, size)) return undefined;
  const keeps = kept.has(bytes);
  const known = kept.get(bytes);
  if (known !== undefined) return known;
  const pixels = await decodeByTurns(bytes);
  if (keeps) kept.set(bytes, pixels);
  return pixels;
}

const kept = new WeakMap<Uint8Array, Pixels | 'damaged' | undefined>();

/** Has the pixels of a file kept for as long as `bytes` are, the same memory each time that they are decoded: nobody may write to it. */
export function keepPixels(bytes: Uint8Array): void {
  if (!kept.has(bytes)) kept.set(bytes, undefined);
}

// A sixth of a second of the thread, and 50 MB.
const MOST_CHECKED_PIXELS = 2 ** 24;

/**
 * True where a JPEG decodes to its last block without a warning. libvips cannot say so: it looks for warnings before it decodes a strip of
 * lines, and so misses those of the last one. False for more than 16 million pixels, which would hold the thread up, and
 * for CMYK.
 */
export async function isWholeJpeg(bytes: Uint8Array): Promise<boolean> {
  const { width, height } = jpegFrame(bytes) ?? { width: 0, height: 0 };
  if (width * height > MOST_CHECKED_PIXELS) return false;
  return typeof (await decodeByTurns(bytes)) === 'object';
}

async function decodeByTurns(bytes: Uint8Array): Promise<Pixels | 'damaged' | undefined> {
  for (;;) {
    current ??= createDecoder();
    const asked = current;
    const decoder = await asked.catch(() => undefined);
    // Others may have had it meanwhile, and it may have thrown.
    if (asked !== current) continue;
    const pixels = decoder && decode(decoder, bytes);
    // What it throws it never frees, so one that threw, at a warning even, is not used again.
    if (typeof pixels !== 'object') current = undefined;
    return pixels;
  }
}

function decode(decoder: Decoder, bytes: Uint8Array): Pixels | 'damaged' {
  try {
    // Without its last marker it is whole; where more is missing the decoder warns, and so throws.
    const whole = withEndOfImage(bytes);
    decoder.getEncodedBuffer(whole.length).set(whole);
    decoder.decode();
    const { width, height } = decoder.getFrameInfo();
    return { data: new Uint8Array(decoder.getDecodedBuffer()), width, height };
  } catch {
    return 'damaged';
  }
}

// Decoding holds up everything else, and a file may say the same pixels over and over.
const MOST_BYTES = 2 ** 18;

function needsDecodingOnly(bytes: Uint8Array, { width, height }: Size): boolean {
  if (bytes.length > MOST_BYTES) return false;
  const frame = jpegFrame(bytes);
  if (frame === undefined || frame.marker > 0xc1 || frame.bits !== 8 || frame.components !== 3) return false;
  if (frame.height > height || frame.width > width || jpegOrientation(bytes) !== 1) return false;
  let frames = 0;
  for (const { marker, content } of jpegSegments(bytes)) {
    if (isProfile(marker, content)) return false;
    if (isFrame(marker)) frames++;
  }
  return frames === 1;
}

/** Reference: ICC.1:2022, B.4: the signature in APP2 is ICC_PROFILE. */
const isProfile = (marker: number, content: DataView) =>
  marker === 0xe2 && content.byteLength >= 4 && content.getUint32(0) === 0x4943435f;

const PACKAGE = '@cornerstonejs/codec-libjpeg-turbo-8bit';

/** The package's decoder, one image at a time; what it returns lies in its own memory. */
interface Decoder {
  getEncodedBuffer(bytes: number): Uint8Array;
  decode(): void;
  getFrameInfo(): Size;
  getDecodedBuffer(): Uint8ClampedArray;
}

type CreateModule = (options: { readonly wasmBinary: Uint8Array }) => Promise<{
  readonly JPEGDecoder: new () => Decoder;
}>;

let current: Promise<Decoder> | undefined;
let code: Promise<Uint8Array> | undefined;

async function createDecoder(): Promise<Decoder> {
  // It has no types.
  const require = createRequire(import.meta.url);
  const createModule = require(`${PACKAGE}/decodewasmjs`) as CreateModule;
  code ??= readFile(require.resolve(`${PACKAGE}/decodewasm`));
  const { JPEGDecoder } = await createModule({ wasmBinary: await code });
  return new JPEGDecoder();
}
