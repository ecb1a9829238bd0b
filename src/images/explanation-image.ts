import sharp, { type OverlayOptions } from 'sharp';
import type { Tensor } from '../engine/tensor.js';
import type { ResizePlan } from '../formats/resize.js';
import { captionTile } from './contact-sheet.js';
import type { Size } from './enlarge.js';
import { COOL, overlayPixels, WARM } from './explanation-overlay.js';
import { decodeImage, decodeInput, probeImage } from './image.js';

/** Content of an explanation image. */
export interface DrawnExplanation {
  /** The image, encoded. */
  readonly bytes: Uint8Array;
  /** How the model's input was made of it. */
  readonly resize: ResizePlan;
  /** Attribution map `[H, W]` over the model's input: positive parts increase the prediction. */
  readonly map: Tensor<'float32'>;
  /** Large text: the prediction. */
  readonly title: string;
  /** Small text, at most three lines. */
  readonly note: string;
}

const INK = '#18181b';
const MUTED = '#52525b';
const PAPER = '#ffffff';

/** The longer edge of each of the two images. */
const EDGE_PX = 360;
const MIN_COLUMN_PX = 240;
const GAP_PX = 16;
const TITLE_PX = 20;
const NOTE_PX = 13;
/**
 * The image, or the part of it that the model reads, beside its gray version with the attribution map as an overlay, as PNG: warm where it increases the prediction, cool where it
 * decreases it, opacity by magnitude.
 */
export async function explanationPng({ bytes, resize, map, title, note }: DrawnExplanation): Promise<Buffer> {
  const isWhole = resize.fit === 'stretch';
  const size = isWhole ? fitted(await probeImage(bytes)) : { width: EDGE_PX, height: EDGE_PX };
  const { width, height } = size;
  const raw = { width, height, channels: 3 } as const;
  const pixels = isWhole ? decodeImage(bytes, size) : decodeInput(bytes, { sizePx: EDGE_PX, resize });
  const image = await sharp(await pixels, { raw })
    .png()
    .toBuffer();
  const gray = await sharp(image).grayscale().toColourspace('srgb').png().toBuffer();
  const overlay = await sharp(overlayPixels(map, height, width), { raw: { ...raw, channels: 4 } })
    .png()
    .toBuffer();

  // Narrow images still leave room for the text.
  const column = Math.max(width, MIN_COLUMN_PX);
  const right = 2 * GAP_PX + column;
  const texts: OverlayOptions[] = [];
  /** Draws a text with its upper left corner there, and returns its lower end. */
  const write = async (text: string, left: number, top: number, style: readonly [string, number], widthPx = column) => {
    const tile = await captionTile(text, ...style, widthPx);
    if (tile !== undefined) texts.push({ input: tile.png, left, top });
    return top + (tile?.height ?? 0);
  };
  const top = 2 * GAP_PX + height;
  const titleEnd = await write(title, GAP_PX, top, [INK, TITLE_PX]);
  const warmEnd = await write('\u25A0 raises the prediction', right, top, [WARM, NOTE_PX]);
  const coolEnd = await write('\u25A0 lowers the prediction', right, warmEnd + GAP_PX / 4, [COOL, NOTE_PX]);
  const noteTop = Math.max(titleEnd, coolEnd) + GAP_PX / 2;
  const noteEnd = await write(note, GAP_PX, noteTop, [MUTED, NOTE_PX], 2 * column + GAP_PX);
  return await sharp({
    create: { width: right + column + GAP_PX, height: noteEnd + GAP_PX, channels: 3, background: PAPER },
  })
    .composite([
      { input: image, left: GAP_PX, top: GAP_PX },
      { input: gray, left: right, top: GAP_PX },
      { input: overlay, left: right, top: GAP_PX },
      ...texts,
    ])
    .removeAlpha()
    .png()
    .toBuffer();
}

/**
 * The overlay alone: a transparent PNG of the image's aspect ratio, its longer edge `edgePx`.
 */
export async function explanationOverlay(map: Tensor<'float32'>, shape: Size, edgePx: number): Promise<Buffer> {
  const { width, height } = fitted(shape, edgePx);
  return await sharp(overlayPixels(map, height, width), { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer();
}

/** The size of the same aspect ratio whose longer edge is `edgePx`. */
function fitted({ width, height }: Size, edgePx = EDGE_PX): Size {
  const scale = edgePx / Math.max(width, height);
  const scaled = (edge: number) => Math.max(1, Math.round(scale * edge));
  return { width: scaled(width), height: scaled(height) };
}
