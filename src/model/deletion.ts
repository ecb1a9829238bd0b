import type { Random } from '../base/random.js';

/** Edge of a block of the deletion test, in pixels of the model's input. */
export const BLOCK_PX = 8;
/** The share of the blocks that is deleted. */
export const DELETED = 0.1;
/** Random draws that the marked blocks are compared with. */
export const DRAWS = 20;

/** The faithfulness of an explanation by the deletion test. */
export interface Faithfulness {
  /**
   * The change of the prediction when the marked blocks are blurred, divided by the mean change when as many random blocks are; null if
   * random blocks change nothing.
   */
  readonly ratio: number | null;
  /** The share of the random draws that change it less, 0 to 1. */
  readonly beats: number;
}

/** Blocks along an edge; those at the end may be smaller. */
export const blocksAcross = (sizePx: number): number => Math.ceil(sizePx / BLOCK_PX);

/** The number of blocks that are deleted: a tenth, at least one. */
export const deletedBlocks = (sizePx: number): number => Math.max(1, Math.round(DELETED * blocksAcross(sizePx) ** 2));

/** The blocks with the largest absolute attributions, as many as are deleted. */
export function markedBlocks(blocks: Float32Array, sizePx: number): number[] {
  const order = [...blocks.keys()].sort((a, b) => Math.abs(blocks[b]!) - Math.abs(blocks[a]!) || a - b);
  return order.slice(0, deletedBlocks(sizePx));
}

/** Random draws of as many blocks. */
export function randomBlocks(sizePx: number, random: Random): number[][] {
  const all = [...Array(blocksAcross(sizePx) ** 2).keys()];
  return Array.from({ length: DRAWS }, () => random.shuffle(all).slice(0, deletedBlocks(sizePx)));
}

/** The image, uint8 RGB `[H, H, 3]`, with these blocks as they are in its blurred version. */
export function deleteBlocks(
  image: Uint8Array,
  blurred: Uint8Array,
  sizePx: number,
  blocks: readonly number[],
): Uint8Array {
  const out = Uint8Array.from(image);
  const across = blocksAcross(sizePx);
  for (const block of blocks) {
    const left = (block % across) * BLOCK_PX;
    const top = Math.floor(block / across) * BLOCK_PX;
    copyRectangle(blurred, out, sizePx, { left, top, right: left + BLOCK_PX, bottom: top + BLOCK_PX });
  }
  return out;
}

/** From `left` and `top` up to, excluding, `right` and `bottom`, in pixels; clipped to the image. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Copies a rectangle of one image, uint8 RGB `[H, H, 3]`, to the same place of another. */
export function copyRectangle(from: Uint8Array, to: Uint8Array, sizePx: number, rectangle: Rectangle): void {
  const [left, top] = [Math.max(rectangle.left, 0), Math.max(rectangle.top, 0)];
  const [right, bottom] = [Math.min(rectangle.right, sizePx), Math.min(rectangle.bottom, sizePx)];
  for (let y = top; y < bottom; y++) {
    const row = 3 * y * sizePx;
    to.set(from.subarray(row + 3 * left, row + 3 * right), row + 3 * left);
  }
}

/**
 * The faithfulness of an explanation.
 *
 * @param value The prediction for the image.
 * @param marked The prediction without the marked blocks.
 * @param draws The predictions without those of each random draw.
 */
export function faithfulnessOf(value: number, marked: number, draws: readonly number[]): Faithfulness {
  const change = Math.abs(marked - value);
  const changes = draws.map(draw => Math.abs(draw - value));
  const mean = changes.reduce((sum, each) => sum + each, 0) / draws.length;
  return {
    ratio: mean === 0 ? null : change / mean,
    beats: changes.filter(each => each < change).length / draws.length,
  };
}
