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
  /** Text below the image; the middle of long words is elided, and at most three lines are shown. */
  readonly caption: string;
  /** Color of the caption and of a line above it: gray, green or red. Default `plain`. */
  readonly tone?: 'plain' | 'good' | 'bad';
}

export interface SheetOptions {
  /** Images per row, 1 or more. Default 8, or fewer if there are fewer tiles. */
  readonly columns?: number;
  /** Edge of each image's square in pixels, 16 or more. Default 160. */
  readonly tilePx?: number;
  /** Heading above the images. Default: none. */
  readonly title?: string;
  /** Explanation below the title, one line. Default: none. */
  readonly legend?: string;
}

const INK = { plain: '#3f3f46', good: '#15803d', bad: '#b91c1c' } as const;
const TITLE = '#18181b';
const PAPER = '#ffffff';
const EMPTY = '#d4d4d8';
const MAT = '#f4f4f5';
const FORMATS = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']);

const { resolve } = createRequire(import.meta.url);
// A font of our own, so that machines without fonts draw the same sheet.
const FONT_FILE = resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

/**
 * A contact sheet as PNG: rows of images, upright by their EXIF orientation, with captions. An image that cannot be read is a gray tile with
 * its caption.
 *
 * @throws InputError if there are no tiles or an option is out of range.
 */
export async function contactSheetPng(tiles: readonly Tile[], options: SheetOptions = {}): Promise<Buffer> {
  const { columns = Math.min(8, tiles.length), tilePx = 160, title = '', legend = '' } = options;
  if (tiles.length === 0) throw new InputError(expected('contactSheetPng', 'at least one tile', 'none'));
  if (!Number.isInteger(columns) || columns < 1) {
    throw new InputError(expected('contactSheetPng', 'a whole number of columns from 1', String(columns)));
  }
  if (!Number.isInteger(tilePx) || tilePx < 16) {
    throw new InputError(expected('contactSheetPng', 'a whole number of pixels a tile from 16', String(tilePx)));
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
  // The height of the tallest caption, so that rows stay aligned.
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
      // For photos half the size of the default, in the same time.
      .png({ compressionLevel: 2, adaptiveFiltering: true })
      .toBuffer()
  );
}

/** Title and legend as images at most `width` pixels wide; none for empty texts. */
async function headingTiles(
  title: string,
  legend: string,
  width: number,
): Promise<{ readonly png: Buffer; readonly height: number }[]> {
  const drawn = [await captionTile(title, TITLE, 18, width), await captionTile(legend, INK.plain, 13, width)];
  return drawn.filter(tile => tile !== undefined);
}

/**
 * The image at `path` as a JPEG data URI, its longer edge at most `px`, upright by its EXIF orientation, transparent parts white. An image
 * that cannot be read gives a gray square of `px` pixels, as in `contactSheetPng`.
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
  // Raw pixels: tiles need no compression.
  return input === undefined ? { input: plane(px, px, EMPTY) } : { input, raw: { width: px, height: px, channels: 3 } };
}

/** The image processed by `steps`; undefined if the file is damaged or not a supported image. */
async function read(path: string, steps: (image: Sharp) => Sharp): Promise<Buffer | undefined> {
  try {
    const image = sharp(await readSource(path), { failOn: 'error' });
    // Vector formats could include other files, and no data set has them.
    if (!FORMATS.has((await image.metadata()).format ?? '')) return undefined;
    return await steps(image.autoOrient()).toBuffer();
  } catch (thrown) {
    if (thrown instanceof ResourceError) throw thrown;
    // The reason is reported where the image is decoded for training.
    return undefined;
  }
}

function plainSquare(px: number, background: string): Sharp {
  return sharp({ create: { width: px, height: px, channels: 3, background } });
}

function plane(width: number, height: number, background: string): OverlayOptions['input'] {
  return { create: { width, height, channels: 3, background } };
}

/** The caption as a PNG of at most `width` pixels and three lines, with its height; undefined if it is empty. */
export async function captionTile(
  caption: string,
  color: string,
  fontPx: number,
  width: number,
): Promise<{ readonly png: Buffer; readonly height: number } | undefined> {
  // Digits of DejaVu Sans are 0.64 em wide; most letters are narrower.
  const text = printable(caption, Math.max(5, Math.floor(width / (0.64 * fontPx))));
  if (text === '') return undefined;
  quietFontconfig();
  const { data, info } = await sharp({
    text: {
      text: `<span foreground="${color}">${escapeMarkup(text)}</span>`,
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

/** `caption` without control characters, which Pango refuses, and with words of at most `longest` characters. */
function printable(caption: string, longest: number): string {
  const text = caption.replace(/[^\P{C}\n]/gu, '\uFFFD').trim();
  const words = text.replace(/\S+/gu, word => {
    const letters = [...word];
    if (letters.length <= longest) return word;
    // The ellipsis is as wide as two letters. More of the end is kept, where file names differ.
    const kept = longest - 2;
    const end = Math.ceil(kept * 0.6);
    return `${letters.slice(0, kept - end).join('')}\u2026${letters.slice(-end).join('')}`;
  });
  // Three lines hold at most 300 characters, and laying out a long text takes seconds.
  return [...words].slice(0, 300).join('');
}

/** Escapes `text` for Pango markup. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/**
 * On Linux without a font configuration, Fontconfig prints an error before it draws correctly. The configuration of our font's package
 * prevents that.
 */
function quietFontconfig(): void {
  if (platform !== 'linux' || existsSync('/etc/fonts/fonts.conf')) return;
  if (process.env.FONTCONFIG_FILE === undefined && process.env.FONTCONFIG_PATH === undefined) {
    process.env.FONTCONFIG_FILE = resolve('dejavu-fonts-ttf/fontconfig/57-dejavu-sans.conf');
  }
}

/** The samples with small versions of their images, for pages. */
export async function withThumbnails<T extends { readonly file: string }>(
  samples: readonly T[],
  pathOf: (file: string) => string,
): Promise<(T & { dataUri: string })[]> {
  return await Promise.all(
    samples.map(async sample => ({ ...sample, dataUri: await thumbnail(pathOf(sample.file), 160) })),
  );
}
