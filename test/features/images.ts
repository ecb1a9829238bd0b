import sharp from 'sharp';
import { formulaUniform } from '../../src/base/random.js';

/** A PNG of 32 x 32 px with pixels of its own for each number. */
export async function image(number: number): Promise<Buffer> {
  const pixels = Uint8Array.from(formulaUniform(`image ${number}`, 32 * 32 * 3), u => 128 * (u + 1));
  return await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();
}
