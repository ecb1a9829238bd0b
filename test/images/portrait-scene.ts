import sharp from 'sharp';
import { createRandom } from '../../src/base/random.js';
import { drawPortrait } from '../../src/demo/portraits/draw-portrait.js';

/** Drawn faces on a gray image: each with its middle, its width and how far it is turned clockwise. */
export interface PortraitScene {
  readonly width: number;
  readonly height: number;
  readonly faces: readonly {
    readonly age?: number;
    readonly x: number;
    readonly y: number;
    readonly px: number;
    readonly degrees?: number;
  }[];
}

/** The scene, as a PNG. */
export async function portraitScene({ width, height, faces }: PortraitScene): Promise<Buffer> {
  const layers = faces.map(async ({ age = 40, x, y, px, degrees = 0 }) => {
    const drawn = await sharp(Buffer.from(drawPortrait(age, createRandom(age, 'scene'))), { density: 288 })
      .resize(px, px)
      .png()
      .toBuffer();
    const background = { r: 120, g: 120, b: 120, alpha: 1 };
    const turned = await sharp(drawn).rotate(degrees, { background }).png().toBuffer({ resolveWithObject: true });
    const { width: w, height: h } = turned.info;
    return { input: turned.data, left: Math.round(x - w / 2), top: Math.round(y - h / 2) };
  });
  return await sharp({ create: { width, height, channels: 3, background: '#787878' } })
    .composite(await Promise.all(layers))
    .png()
    .toBuffer();
}
