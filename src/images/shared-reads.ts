import { jpegFrame } from './jpeg-header.js';
import { readSource } from './read-source.js';
import { keepPixels } from './small-jpeg.js';

/** Reads the encoded bytes of an image, as `readSource` does. */
export type ReadImage = (path: string, signal?: AbortSignal) => Promise<Uint8Array>;

// An image of 125 px takes 50 kB, once it is decoded.
const MOST_BYTES = 64 * 2 ** 20;
// The larger ones are wanted in one size by the one and in another by the other.
const MOST_PIXELS = 256 ** 2;

/**
 * Reads for two that go through the same files at about the same time, each at its own pace: what the first of them reads, and the pixels
 * that it decodes of small JPEGs, are kept until the second one asks, as far as 64 MB go. What did not fit is read again.
 */
export function readsForTwo(): ReadImage {
  const kept = new Map<string, { readonly bytes: Promise<Uint8Array>; size: number }>();
  // What did not fit, until the second one has asked: it keeps nothing for a third.
  const refused = new Set<string>();
  let room = MOST_BYTES;
  return async (path, signal) => {
    const known = kept.get(path);
    if (known !== undefined) {
      kept.delete(path);
      room += known.size;
      return await known.bytes;
    }
    if (refused.delete(path)) return await readSource(path, signal);
    const entry = { bytes: readSource(path, signal), size: 0 };
    kept.set(path, entry);
    const bytes = await entry.bytes;
    // The other one may have come for it already.
    if (kept.get(path) !== entry) return bytes;
    const pixels = smallPixels(bytes);
    const size = bytes.length + pixels;
    if (size > room) {
      kept.delete(path);
      refused.add(path);
      return bytes;
    }
    entry.size = size;
    room -= size;
    if (pixels > 0) keepPixels(bytes);
    return bytes;
  };
}

/** Bytes that the pixels of a small JPEG take; 0 for any other file. */
function smallPixels(bytes: Uint8Array): number {
  const { width, height } = jpegFrame(bytes) ?? { width: 0, height: 0 };
  return width * height > MOST_PIXELS ? 0 : 3 * width * height;
}
