import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Size } from './enlarge.js';
import { isFrame, jpegFrame, jpegOrientation, jpegSegments, withEndOfImage } from './jpeg-header.js';

/** RGB pixels, uint8 `[height, width, 3]`. */
interface Pixels extends Size {
  readonly data: Uint8Array;
}

/**
 * Decodes a JPEG that needs nothing but decoding: sequential, undamaged, in color, upright, without a color profile, and no larger than
 * `size`. Returns `damaged` if the decoder warns or fails, and undefined for any other file; those are left to sharp.
 *
 * The pixels equal sharp's bit for bit, since both use libjpeg-turbo; at 125 px this takes a fifth of the CPU time, most of which is
 * sharp's setup.
 */
export async function decodeSmallJpeg(bytes: Uint8Array, size: Size): Promise<Pixels | 'damaged' | undefined> {
  if (!needsDecodingOnly(bytes, size)) return undefined;
  const keeps = kept.has(bytes);
  const known = kept.get(bytes);
  if (known !== undefined) return known;
  const pixels = await decodeInTurn(bytes);
  if (keeps) kept.set(bytes, pixels);
  return pixels;
}

const kept = new WeakMap<Uint8Array, Pixels | 'damaged' | undefined>();

/** Caches the decoded pixels of a file as long as `bytes` exist. Callers share them and must not write to them. */
export function keepPixels(bytes: Uint8Array): void {
  if (!kept.has(bytes)) kept.set(bytes, undefined);
}

// A sixth of a second on the main thread, and 50 MB.
const MOST_CHECKED_PIXELS = 2 ** 24;

/**
 * True if a JPEG decodes to its last block without a warning. libvips cannot tell: it checks for warnings before it decodes a strip of
 * lines, and so misses those of the last one. False for more than 16 million pixels, which would block the thread, and for CMYK.
 */
export async function isWholeJpeg(bytes: Uint8Array): Promise<boolean> {
  const { width, height } = jpegFrame(bytes) ?? { width: 0, height: 0 };
  if (width * height > MOST_CHECKED_PIXELS) return false;
  return typeof (await decodeInTurn(bytes)) === 'object';
}

async function decodeInTurn(bytes: Uint8Array): Promise<Pixels | 'damaged' | undefined> {
  for (;;) {
    current ??= createDecoder();
    const asked = current;
    const decoder = await asked.catch(() => undefined);
    // Another call may have replaced it in the meantime.
    if (asked !== current) continue;
    const pixels = decoder && decode(decoder, bytes);
    // A decoder that threw, even at a warning, leaks memory and is not used again.
    if (typeof pixels !== 'object') current = undefined;
    return pixels;
  }
}

function decode(decoder: Decoder, bytes: Uint8Array): Pixels | 'damaged' {
  try {
    // A missing last marker is added; if more is missing, the decoder warns and so throws.
    const whole = withEndOfImage(bytes);
    decoder.getEncodedBuffer(whole.length).set(whole);
    decoder.decode();
    const { width, height } = decoder.getFrameInfo();
    return { data: new Uint8Array(decoder.getDecodedBuffer()), width, height };
  } catch {
    return 'damaged';
  }
}

// Decoding blocks the main thread, and a file may code the same pixels repeatedly.
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

/** The package's decoder, for one image at a time; results are in its own memory. */
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
  // The package has no types.
  const require = createRequire(import.meta.url);
  const createModule = require(`${PACKAGE}/decodewasmjs`) as CreateModule;
  code ??= readFile(require.resolve(`${PACKAGE}/decodewasm`));
  const { JPEGDecoder } = await createModule({ wasmBinary: await code });
  return new JPEGDecoder();
}
