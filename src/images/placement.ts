import { type ModelInput, STRETCH } from '../formats/resize.js';
import { enlargeBicubic } from './bicubic.js';
import { enlarge, type Size, type Window } from './enlarge.js';

/** Where a resized image lies on the square input of a network. */
export interface Placement {
  /** The size that the whole image is resized to. */
  readonly scaled: Size;
  /** The part of the resized image that is taken. */
  readonly window: Window;
  /** Where that part lies on the input. */
  readonly left: number;
  readonly top: number;
}

/**
 * The placement of an image of this size on `input`. For `crop` the shorter edge is resized to `floor(sizePx / cropShare)`, and the central
 * square of it is taken; for `pad` the longer edge is resized to `sizePx`.
 *
 * Reference: Resize and CenterCrop of torchvision 0.26, with timm's `crop_pct`
 */
export function placementOf(image: Size, { sizePx, resize = STRETCH }: ModelInput): Placement {
  const { fit, cropShare } = resize;
  const square = { width: sizePx, height: sizePx };
  if (fit === 'stretch') return { scaled: square, window: { left: 0, top: 0, ...square }, left: 0, top: 0 };
  const { width, height } = image;
  if (fit === 'crop') {
    const short = Math.floor(sizePx / cropShare);
    const long = (own: number, other: number) => (own <= other ? short : Math.floor((short * own) / other));
    const scaled = { width: long(width, height), height: long(height, width) };
    const window = { left: halved(scaled.width - sizePx), top: halved(scaled.height - sizePx), ...square };
    return { scaled, window, left: 0, top: 0 };
  }
  const short = (own: number, other: number) =>
    own >= other ? sizePx : Math.max(1, Math.round((sizePx * own) / other));
  const scaled = { width: short(width, height), height: short(height, width) };
  const [left, top] = [(sizePx - scaled.width) >> 1, (sizePx - scaled.height) >> 1];
  return { scaled, window: { left: 0, top: 0, ...scaled }, left, top };
}

// Half to even, as Python rounds.
const halved = (length: number): number => (length % 4 === 3 ? (length + 1) / 2 : length >> 1);

/** What an image has after it is shrunk to a placement: in each direction that of the window if it was larger than `scaled`, else its own. */
export function shrunkSize(image: Size, { scaled, window }: Placement): Size {
  return {
    width: image.width > scaled.width ? window.width : image.width,
    height: image.height > scaled.height ? window.height : image.height,
  };
}

/** Level of the parts of a padded input beside the image. */
const PAD_LEVEL = 128;

/**
 * The input of a network, uint8 `[sizePx, sizePx, 3]`, from the pixels of an image that was shrunk as `shrunkSize` says.
 *
 * @param image The size before shrinking.
 */
export function completeInput(pixels: Uint8Array, image: Size, placement: Placement, input: ModelInput): Uint8Array {
  const { scaled, window, left, top } = placement;
  const from = shrunkSize(image, placement);
  const isCut = { width: image.width > scaled.width, height: image.height > scaled.height };
  const to = {
    width: isCut.width ? window.width : scaled.width,
    height: isCut.height ? window.height : scaled.height,
  };
  const part: Window = { ...window, left: isCut.width ? 0 : window.left, top: isCut.height ? 0 : window.top };
  const isDone =
    from.width === to.width && from.height === to.height && part.width === to.width && part.height === to.height;
  const bicubic = input.resize?.interpolation === 'bicubic';
  const resized = isDone ? pixels : (bicubic ? enlargeBicubic : enlarge)(pixels, from, to, part);
  return padded(resized, window, left, top, input.sizePx);
}

function padded(pixels: Uint8Array, { width, height }: Size, left: number, top: number, sizePx: number): Uint8Array {
  if (width === sizePx && height === sizePx) return pixels;
  const out = new Uint8Array(sizePx * sizePx * 3).fill(PAD_LEVEL);
  for (let y = 0; y < height; y++)
    out.set(pixels.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((top + y) * sizePx + left));
  return out;
}
