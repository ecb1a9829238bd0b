import type { Metadata } from 'sharp';
import type { ImageFormat } from './image-format.js';
import { jpegFrame } from './jpeg-header.js';

/** Samples a pixel of PNG's colour types. Reference: PNG specification, table 11.1 */
const PNG_SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

// A progressive JPEG is kept as coefficients of 16 bits.
const PROGRESSIVE_BYTES = 2;

/**
 * The memory in bytes that decoding may take, by the header of the file; 0 where an image is decoded a few lines at a time.
 *
 * @param header Reads the header of a format other than JPEG and PNG.
 */
export async function decodedBytes(
  bytes: Uint8Array,
  format: ImageFormat,
  header: () => Promise<Metadata>,
): Promise<number> {
  if (format === 'jpeg') {
    const { marker, width, height, components } = jpegFrame(bytes) ?? { marker: 0, width: 0, height: 0, components: 0 };
    // SOF0 and SOF1 are sequential.
    return marker <= 0xc1 ? 0 : width * height * components * PROGRESSIVE_BYTES;
  }
  if (format === 'png' && bytes.length > 25) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const samples = PNG_SAMPLES[view.getUint8(25)] ?? 4;
    return view.getUint32(16) * view.getUint32(20) * samples * (view.getUint8(24) === 16 ? 2 : 1);
  }
  const { width, height, channels, depth } = await header();
  return width * height * channels * (depth === 'uchar' ? 1 : 2);
}
