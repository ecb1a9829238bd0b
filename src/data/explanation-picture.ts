import sharp, { type OverlayOptions } from 'sharp';
import type { Tensor } from '../engine/tensor.js';
import { captionTile } from './sheet.js';
import { stretchMap } from './stretch-map.js';

/** What is drawn of an explanation. */
export interface DrawnExplanation {
  /** The picture, encoded. */
  readonly bytes: Uint8Array;
  /** What its parts do to the number, `[H, W]` over the whole picture: above 0 they push it up. */
  readonly map: Tensor<'float32'>;
  /** The number, large. */
  readonly title: string;
  /** What is to be known of it, small; three lines at most. */
  readonly note: string;
}

// Vermilion and blue of a palette that people with any colour blindness tell apart.
// Reference: Okabe and Ito, https://jfly.uni-koeln.de/color/
const WARM = '#d55e00';
const COOL = '#0072b2';
const INK = '#18181b';
const MUTED = '#52525b';
const PAPER = '#ffffff';

/** The longer edge of each of the two pictures. */
const EDGE_PX = 360;
const GAP_PX = 16;
const TITLE_PX = 20;
const NOTE_PX = 13;
// Of the strongest part; below it, the picture still shows.
const STRONGEST_ALPHA = 0.8;

/**
 * A picture beside the same picture in grays with what pushed its number up (warm) and down (cool) laid over it, as PNG. The strongest part
 * has the strongest colour; what does nothing has none.
 */
export async function explanationPng({ bytes, map, title, note }: DrawnExplanation): Promise<Buffer> {
  const { data: picture, info } = await sharp(bytes, { autoOrient: true })
    .resize(EDGE_PX, EDGE_PX, { fit: 'inside', kernel: 'cubic' })
    .flatten({ background: PAPER })
    .toColourspace('srgb')
    .png()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const gray = await sharp(picture).grayscale().toColourspace('srgb').png().toBuffer();
  const raw = { width, height, channels: 4 } as const;
  const overlay = await sharp(overlayPixels(map, height, width), { raw })
    .png()
    .toBuffer();

  const right = 2 * GAP_PX + width;
  const across = right + width - GAP_PX;
  const textTop = GAP_PX + height + GAP_PX;
  const texts: OverlayOptions[] = [];
  let top = textTop;
  const titleTile = await captionTile(title, INK, TITLE_PX, width);
  if (titleTile !== undefined) texts.push({ input: titleTile.png, left: GAP_PX, top });
  const legendTop = top;
  let legendBottom = legendTop;
  for (const [text, colour] of [
    ['pushes the number up', WARM],
    ['pushes it down', COOL],
  ] as const) {
    const tile = await captionTile(`\u25A0 ${text}`, colour, NOTE_PX, width);
    if (tile === undefined) continue;
    texts.push({ input: tile.png, left: right, top: legendBottom });
    legendBottom += tile.height + 4;
  }
  top = Math.max(top + (titleTile?.height ?? 0), legendBottom) + GAP_PX / 2;
  const noteTile = await captionTile(note, MUTED, NOTE_PX, across);
  if (noteTile !== undefined) texts.push({ input: noteTile.png, left: GAP_PX, top });
  return await sharp({
    create: {
      width: across + 2 * GAP_PX,
      height: top + (noteTile?.height ?? 0) + GAP_PX,
      channels: 3,
      background: PAPER,
    },
  })
    .composite([
      { input: picture, left: GAP_PX, top: GAP_PX },
      { input: gray, left: right, top: GAP_PX },
      { input: overlay, left: right, top: GAP_PX },
      ...texts,
    ])
    .png()
    .toBuffer();
}

/** RGBA pixels `[height, width, 4]`: the colour says the sign, the alpha the size. */
function overlayPixels(map: Tensor<'float32'>, height: number, width: number): Uint8Array {
  const { data } = stretchMap(map, height, width);
  const most = data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  const [warm, cool] = [WARM, COOL].map(hex => [1, 3, 5].map(at => Number.parseInt(hex.slice(at, at + 2), 16)));
  const out = new Uint8Array(height * width * 4);
  data.forEach((value, i) => {
    out.set(value > 0 ? warm! : cool!, 4 * i);
    out[4 * i + 3] = Math.round((255 * STRONGEST_ALPHA * Math.abs(value)) / most);
  });
  return out;
}
