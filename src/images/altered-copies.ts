import sharp, { type Sharp } from 'sharp';
import type { Random } from '../base/random.js';

/** Alterations by which a photo gets into a data set twice. */
export const alterationNames = ['recompressed', 'resized', 'mirrored', 'cropped'] as const;
export type AlterationName = (typeof alterationNames)[number];

const CROP = 0.05;

interface Size {
  readonly width: number;
  readonly height: number;
}

const alterations: Readonly<Record<AlterationName, (image: Sharp, size: Size, random: Random) => Sharp>> = {
  recompressed: image => image.jpeg({ quality: 60 }),
  resized: (image, { width, height }) =>
    image.resize(Math.max(1, Math.round(0.8 * width)), Math.max(1, Math.round(0.8 * height))).jpeg(),
  mirrored: image => image.flop().jpeg(),
  cropped(image, { width, height }, random) {
    const kept = { width: Math.round(width * (1 - CROP)), height: Math.round(height * (1 - CROP)) };
    const left = Math.round(random.uniform() * (width - kept.width));
    const top = Math.round(random.uniform() * (height - kept.height));
    return image.extract({ left, top, ...kept }).jpeg();
  },
};

/**
 * An altered copy of the image as JPEG: recompressed at quality 60, resized to 80 %, mirrored, or a random crop of 95 % of each side.
 */
export async function alteredCopy(bytes: Uint8Array, name: AlterationName, random: Random): Promise<Buffer> {
  const upright = await sharp(bytes).rotate().toBuffer({ resolveWithObject: true });
  return await alterations[name](sharp(upright.data), upright.info, random).toBuffer();
}
