// Scenes of faces for bench/faces.ts: images of faces, scaled and turned, on backgrounds without any, with what was put where.
import { readFile } from 'node:fs/promises';
import sharp, { type OverlayOptions } from 'sharp';
import { createRandom, type Random } from '../src/base/random.js';
import { type Affine, similarity } from '../src/images/affine.js';

/** An image of a face in a scene. */
export interface Placed {
  readonly path: string;
  readonly scale: number;
  readonly degrees: number;
  /** From the image's pixels to the scene's. */
  readonly toScene: Affine;
}

export interface Scene {
  readonly png: Buffer;
  readonly faces: readonly Placed[];
}

interface Wanted {
  readonly width: number;
  readonly height: number;
  /** The faces to place, side by side in columns: each with its scale and its angle. */
  readonly faces: readonly { readonly path: string; readonly scale: number; readonly degrees: number }[];
  /** Images whose pieces make the background; none for drawn shapes. */
  readonly pieces: readonly string[];
  readonly seed: number;
}

/** Draws a scene; faces stand in columns of equal width at random heights, as far as they fit there. */
export async function drawScene({ width, height, faces, pieces, seed }: Wanted): Promise<Scene> {
  const random = createRandom(seed, 'scene');
  const background =
    pieces.length > 0 ? await collage(width, height, pieces, random) : await shapes(width, height, random);
  const placed: Placed[] = [];
  const layers: OverlayOptions[] = [];
  const columnPx = width / Math.max(1, faces.length);
  for (const [column, { path, scale, degrees }] of faces.entries()) {
    const bytes = await readFile(path);
    const { width: w, height: h } = await sharp(bytes).metadata();
    const [scaledW, scaledH] = [Math.round(w * scale), Math.round(h * scale)];
    const enlarged = await sharp(bytes).resize(scaledW, scaledH, { fit: 'fill', kernel: 'cubic' }).png().toBuffer();
    const turned = await sharp(enlarged)
      .ensureAlpha()
      .rotate(degrees, { background: { r: 0, g: 0, b: 0, alpha: 0 } })
      .png()
      .toBuffer({ resolveWithObject: true });
    const [tw, th] = [turned.info.width, turned.info.height];
    if (tw > columnPx || th > height) continue;
    const left = Math.round(column * columnPx + random.uniform() * (columnPx - tw));
    const top = Math.round(random.uniform() * (height - th));
    layers.push({ input: turned.data, left, top });
    const [from, to] = [
      { x: w / 2, y: h / 2 },
      { x: left + tw / 2, y: top + th / 2 },
    ];
    placed.push({ path, scale, degrees, toScene: similarity(scaledW / w, degrees, from, to) });
  }
  return { png: await sharp(background).composite(layers).removeAlpha().png().toBuffer(), faces: placed };
}

/** A gradient with ellipses and bars of many colours on it, and grain. */
async function shapes(width: number, height: number, random: Random): Promise<Buffer> {
  const colour = () => `hsl(${random.integer(360)}, ${20 + random.integer(60)}%, ${15 + random.integer(70)}%)`;
  const drawn = Array.from({ length: 40 }, () => {
    const [x, y] = [random.uniform() * width, random.uniform() * height];
    const [w, h] = [20 + random.uniform() * 0.3 * width, 20 + random.uniform() * 0.3 * height];
    const turn = `transform="rotate(${random.integer(180)} ${x} ${y})" fill="${colour()}" opacity="0.7"`;
    return random.uniform() < 0.5
      ? `<ellipse cx="${x}" cy="${y}" rx="${w / 2}" ry="${h / 2}" ${turn}/>`
      : `<rect x="${x}" y="${y}" width="${w}" height="${h}" ${turn}/>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><linearGradient id="g">
    <stop stop-color="${colour()}"/><stop offset="1" stop-color="${colour()}"/></linearGradient>
    <rect width="100%" height="100%" fill="url(#g)"/>${drawn.join('')}</svg>`;
  return await sharp(Buffer.from(svg)).removeAlpha().png().toBuffer();
}

/** Pieces of photos, too small to show a face, each enlarged: the textures of photos and none of their things. */
async function collage(width: number, height: number, pieces: readonly string[], random: Random): Promise<Buffer> {
  const tilePx = 160;
  const piecePx = 24;
  const layers: OverlayOptions[] = [];
  for (let top = 0; top < height; top += tilePx) {
    for (let left = 0; left < width; left += tilePx) {
      const bytes = await readFile(pieces[random.integer(pieces.length)]!);
      const { width: w, height: h } = await sharp(bytes).metadata();
      const region = {
        left: random.integer(w - piecePx),
        top: random.integer(h - piecePx),
        width: piecePx,
        height: piecePx,
      };
      const input = await sharp(bytes).extract(region).resize(tilePx, tilePx, { kernel: 'cubic' }).png().toBuffer();
      layers.push({ input, left, top });
    }
  }
  const canvas = { width: Math.ceil(width / tilePx) * tilePx, height: Math.ceil(height / tilePx) * tilePx };
  const whole = await sharp({ create: { ...canvas, channels: 3, background: '#808080' } })
    .composite(layers)
    .png()
    .toBuffer();
  return await sharp(whole).extract({ left: 0, top: 0, width, height }).png().toBuffer();
}
