import { jpegFrame } from './jpeg-header.js';
import { readSource } from './read-source.js';
import { keepPixels } from './small-jpeg.js';

/** Reads the encoded bytes of an image, as `readSource` does. */
export type ReadImage = (path: string, signal?: AbortSignal) => Promise<Uint8Array>;

// A decoded image of 125 px takes 50 kB.
const MOST_BYTES = 64 * 2 ** 20;
// Larger images are decoded at different sizes by the two readers.
const MOST_PIXELS = 256 ** 2;

/**
 * A shared reader for two consumers that go through the same files concurrently, each at its own pace: bytes, and decoded pixels of small
 * JPEGs, are kept from the first read of a file to the second, up to 64 MB. Files that do not fit are read twice.
 */
export function readsForTwo(): ReadImage {
  const kept = new Map<string, { readonly bytes: Promise<Uint8Array>; size: number }>();
  // Files that did not fit, until their second read, which must not be kept.
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
    // The other consumer may have taken it already.
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

/** Bytes of a small JPEG's pixels; 0 for any other file. */
function smallPixels(bytes: Uint8Array): number {
  const { width, height } = jpegFrame(bytes) ?? { width: 0, height: 0 };
  return width * height > MOST_PIXELS ? 0 : 3 * width * height;
}
