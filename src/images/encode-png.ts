import sharp from 'sharp';
import type { Raster } from './warp.js';

/** The image as PNG. */
export function encodePng({ pixels, width, height }: Raster): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
