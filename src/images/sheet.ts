import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { platform } from 'node:process';
import sharp, { type OverlayOptions, type Sharp } from 'sharp';
import { expected, InputError, ResourceError } from '../base/errors.js';
import { readSource } from './read-source.js';

/** One image of a contact sheet. */
export interface Tile {
  /** The image's path on disk. */
  readonly path: string;
  /** Text below the image, any characters: long words lose their middle, at most three lines are shown. */
  readonly caption: string;
  /** Colour of the caption and of a line above it: grey, green or red. Default `plain`. */
  readonly tone?: 'plain' | 'good' | 'bad';
}

export interface SheetOptions {
  /** Images side by side, 1 or more. Default 8, fewer where there are fewer tiles. */
  readonly columns?: number;
  /** Edge of the square that each image is fitted into, in pixels, 16 or more. Default 160. */
  readonly tilePx?: number;
  /** What the sheet shows, above the images. Default: nothing. */
  readonly title?: string;
  /** How to read it, in one line below the title. Default: nothing. */
  readonly legend?: string;
}

const INK = { plain: '#3f3f46', good: '#15803d', bad: '#b91c1c' } as const;
const TITLE = '#18181b';
const PAPER = '#ffffff';
const EMPTY = '#d4d4d8';
const MAT = '#f4f4f5';
const FORMATS = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']);

const { resolve } = createRequire(import.meta.url);
// The text is drawn with a font of our own, so that a machine without fonts gets the same sheet.
const FONT_FILE = resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

/**
 * A contact sheet as PNG: the images in rows, upright by their EXIF orientation, each with its caption.
 *
 * An image that cannot be read is a grey tile with its caption: a sheet of suspicious files must show those too.
 * Throws InputError where there are no tiles or an option is out of range.
 */
export async function sheetPng(tiles: readonly Tile[], options: SheetOptions = {}): Promise<Buffer> {
  const { columns = Math.min(8, tiles.length), tilePx = 160, title = '', legend = '' } = options;
  if (tiles.length === 0) throw new InputError(expected('sheetPng', 'at least one tile', 'none'));
  if (!Number.isInteger(columns) || columns < 1) {
    throw new InputError(expected('sheetPng', 'a whole number of columns from 1', String(columns)));
  }
  if (!Number.isInteger(tilePx) || tilePx < 16) {
    throw new InputError(expected('sheetPng', 'a whole number of pixels a tile from 16', String(tilePx)));
  }

  const fontPx = Math.max(9, Math.round(tilePx * 0.08));
  const gapPx = Math.max(6, Math.round(tilePx * 0.06));
  const drawn = await Promise.all(
    tiles.map(async ({ path, caption, tone = 'plain' }) => ({
      tone,
      image: await imageTile(path, tilePx),
      caption: await captionTile(caption, INK[tone], fontPx, tilePx),
    })),
  );
  // As high as the highest caption asks for, so that rows stay aligned.
  const captionPx = Math.max(...drawn.map(({ caption }) => (caption === undefined ? 0 : caption.height + gapPx)));
  const stepX = tilePx + gapPx;
  const width = gapPx + columns * stepX;
  const heading = await headingTiles(title, legend, width - 2 * gapPx);
  const headPx = heading.reduce((sum, { height }) => sum + height + gapPx, 0);
  const stepY = tilePx + captionPx + gapPx;

  const layers = drawn.flatMap(({ tone, image, caption }, i): OverlayOptions[] => {
    const left = gapPx + (i % columns) * stepX;
    const top = headPx + gapPx + Math.floor(i / columns) * stepY;
    const below = top + tilePx;
    return [
      { ...image, left, top },
      ...(tone === 'plain' ? [] : [{ input: plane(tilePx, 3, INK[tone]), left, top: below }]),
      ...(caption === undefined ? [] : [{ input: caption.png, left, top: below + 6 }]),
    ];
  });
  let top = gapPx;
  for (const { png, height } of heading) {
    layers.push({ input: png, left: gapPx, top });
    top += height + gapPx;
  }
  const rows = Math.ceil(tiles.length / columns);
  return (
    sharp({
      create: { width, height: headPx + gapPx + rows * stepY, channels: 3, background: PAPER },
    })
      .composite(layers)
      // Of photos that is half as large as the usual, in the same time.
      .png({ compressionLevel: 2, adaptiveFiltering: true })
      .toBuffer()
  );
}

/** Title and legend as images of at most `width` pixels, from above; none for an empty text. */
async function headingTiles(
  title: string,
  legend: string,
  width: number,
): Promise<{ readonly png: Buffer; readonly height: number }[]> {
  const drawn = [await captionTile(title, TITLE, 18, width), await captionTile(legend, INK.plain, 13, width)];
  return drawn.filter(tile => tile !== undefined);
}

/**
 * The image at `path` as a JPEG data URI whose longer edge is at most `px` pixels, upright by its EXIF orientation,
 * transparent parts white. An image that cannot be read gives a grey square of `px` pixels, as in `sheetPng`.
 */
export async function thumbnail(path: string, px: number): Promise<string> {
  const image = await read(path, image =>
    image
      .resize(px, px, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: PAPER })
      .jpeg({ quality: 82 }),
  );
  const bytes = image ?? (await plainSquare(px, EMPTY).jpeg().toBuffer());
  return `data:image/jpeg;base64,${bytes.toString('base64')}`;
}

async function imageTile(path: string, px: number): Promise<Pick<OverlayOptions, 'input' | 'raw'>> {
  const input = await read(path, image =>
    image.resize(px, px, { fit: 'contain', background: MAT }).flatten({ background: MAT }).toColourspace('srgb').raw(),
  );
  // Pixels as they are: what is put on the sheet need not be compressed first.
  return input === undefined ? { input: plane(px, px, EMPTY) } : { input, raw: { width: px, height: px, channels: 3 } };
}

/** The image worked on by `steps`; undefined where the file is no image that eyeball reads, or is damaged. */
async function read(path: string, steps: (image: Sharp) => Sharp): Promise<Buffer | undefined> {
  try {
    const image = sharp(await readSource(path), { failOn: 'error' });
    // Vector formats can draw from other files; no data set has them.
    if (!FORMATS.has((await image.metadata()).format ?? '')) return undefined;
    return await steps(image.autoOrient()).toBuffer();
  } catch (thrown) {
    if (thrown instanceof ResourceError) throw thrown;
    // Which of the many ways of being broken it was is the business of whoever decodes it for training.
    return undefined;
  }
}

function plainSquare(px: number, background: string): Sharp {
  return sharp({ create: { width: px, height: px, channels: 3, background } });
}

function plane(width: number, height: number, background: string): OverlayOptions['input'] {
  return { create: { width, height, channels: 3, background } };
}

/** The caption as an image of at most `width` pixels and three lines, a PNG with its height; undefined where there is nothing to draw. */
export async function captionTile(
  caption: string,
  colour: string,
  fontPx: number,
  width: number,
): Promise<{ readonly png: Buffer; readonly height: number } | undefined> {
  // DejaVu Sans has digits of 0.64 em, most letters are narrower.
  const text = printable(caption, Math.max(5, Math.floor(width / (0.64 * fontPx))));
  if (text === '') return undefined;
  quietFontconfig();
  const { data, info } = await sharp({
    text: {
      text: `<span foreground="${colour}">${escapeMarkup(text)}</span>`,
      font: `DejaVu Sans ${fontPx}`,
      fontfile: FONT_FILE,
      dpi: 72,
      rgba: true,
      width,
      wrap: 'word-char',
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  const height = Math.min(info.height, Math.round(3.9 * fontPx));
  if (info.width <= width && info.height === height) return { png: data, height };
  const region = { left: 0, top: 0, width: Math.min(width, info.width), height };
  return { png: await sharp(data).extract(region).png().toBuffer(), height };
}

/** `caption` without control characters (Pango refuses them), its words at most `longest` characters each. */
function printable(caption: string, longest: number): string {
  const text = caption.replace(/[^\P{C}\n]/gu, '\uFFFD').trim();
  const words = text.replace(/\S+/gu, word => {
    const letters = [...word];
    if (letters.length <= longest) return word;
    // The dots are as wide as two letters. More of the end than of the beginning: names of files differ there.
    const kept = longest - 2;
    const end = Math.ceil(kept * 0.6);
    return `${letters.slice(0, kept - end).join('')}\u2026${letters.slice(-end).join('')}`;
  });
  // Three lines never hold more than 300 characters, and laying out a whole page to cut it off takes seconds.
  return [...words].slice(0, 300).join('');
}

/** `text` as Pango markup that shows it as it is. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/**
 * On a Linux without any font configuration Fontconfig prints an error before it draws as it should. A configuration that
 * comes with our font keeps it quiet.
 */
function quietFontconfig(): void {
  if (platform !== 'linux' || existsSync('/etc/fonts/fonts.conf')) return;
  if (process.env.FONTCONFIG_FILE === undefined && process.env.FONTCONFIG_PATH === undefined) {
    process.env.FONTCONFIG_FILE = resolve('dejavu-fonts-ttf/fontconfig/57-dejavu-sans.conf');
  }
}
