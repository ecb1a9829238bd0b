import { expected, InputError } from '../base/errors.js';
import { isPlain, type ModelInput } from '../formats/resize.js';
import { enlarge, type Size } from '../images/enlarge.js';
import { IMAGE_FORMATS, sniffFormat } from '../images/image-format.js';
import { jpegFrame, jpegOrientation } from '../images/jpeg-header.js';
import { nameContent } from '../images/name-content.js';
import { completeInput, placementOf } from '../images/placement.js';
import { tiffSampleFault } from '../images/tiff-header.js';
import { jpegRows } from './jpeg.js';
import { previewCanvas } from './preview.js';
import { type ImageRows, shrink } from './shrink.js';

/** The accepted kinds of images. A `Blob` or `File` is an image file; the others are already decoded. */
export type WebImage = Blob | HTMLImageElement | ImageBitmap;

/** A decoded image, upright. */
export interface OpenImage extends Size {
  /**
   * RGB pixels, uint8 `[H, W, 3]`: the whole image stretched to the size as in Node, with its EXIF orientation applied, transparent
   * parts white, and colors in sRGB.
   */
  read(size: Size): Uint8Array;
  /** RGB pixels, uint8 `[sizePx, sizePx, 3]`, resized by the plan of a network's input as in Node. */
  readInput(input: ModelInput): Uint8Array;
  /** A small version for display, with the same aspect ratio and a longer edge of at most `edgePx`. */
  preview(edgePx: number): ImageBitmap;
  /** Frees its pixels. */
  close(): void;
}

// Enough for the orientation, which is in the first segments; a thumbnail may come before it.
const HEAD_BYTES = 2 ** 17;

/** As in Node: a crafted file of 1 kB could claim billions. */
const MAX_IMAGE_PIXELS = 100_000_000;

/**
 * Decodes an image. Nothing is sent anywhere.
 *
 * @throws InputError with a one-line reason: not an image, or one that this browser cannot decode.
 */
export async function openImage(image: WebImage): Promise<OpenImage> {
  if (!(image instanceof Blob)) return opened(await bitmapOf(image));
  const head = new Uint8Array(await image.slice(0, HEAD_BYTES).arrayBuffer());
  const format = sniffFormat(head);
  if (format === undefined)
    throw new InputError(`expected a photo (${IMAGE_FORMATS.join(', ')}), got ${await nameContent(head)}`);
  if (format === 'tiff') {
    // Its directory may be at the end of the file.
    const fault = tiffSampleFault(new Uint8Array(await image.arrayBuffer()));
    if (fault !== undefined) throw new InputError(fault);
  }
  const claimed = headerSize(head, format);
  if (claimed !== undefined) refuseHuge(claimed);
  const bitmap = await createImageBitmap(image).catch((cause: unknown) => {
    throw new InputError(`expected a complete ${format} that this browser can decode, got one that it refuses`, {
      cause,
    });
  });
  refuseHuge(bitmap);
  return opened(bitmap, format === 'jpeg' ? jpegOrientation(head) : undefined);
}

function refuseHuge({ width, height }: Size): void {
  if (width * height <= MAX_IMAGE_PIXELS) return;
  throw new InputError(`expected at most ${MAX_IMAGE_PIXELS / 1e6} million pixels, got ${width} x ${height}`);
}

/** The size in the header, read before decoding; undefined if it is unknown. */
function headerSize(head: Uint8Array, format: string): Size | undefined {
  if (format === 'jpeg') return jpegFrame(head);
  const view = new DataView(head.buffer);
  // Reference: PNG, third edition, 11.2.1: width and height are first in IHDR, which is the first chunk.
  if (format === 'png' && head.length >= 24) return { width: view.getUint32(16), height: view.getUint32(20) };
  return undefined;
}

async function bitmapOf(image: HTMLImageElement | ImageBitmap): Promise<ImageBitmap> {
  // A copy, since it is closed after reading.
  return await createImageBitmap(image).catch((cause: unknown) => {
    const got = image instanceof ImageBitmap ? 'one that was closed' : 'one that is not loaded, or broken';
    throw new InputError(expected('image', 'an image', got), { cause });
  });
}

/** @param orientation Of a JPEG file, undefined for other images. */
function opened(bitmap: ImageBitmap, orientation?: number): OpenImage {
  const { width, height } = bitmap;
  return {
    width,
    height,
    read(size) {
      const rows = rowsOf(bitmap);
      const small = shrink(orientation === undefined ? rows : jpegRows(rows, size, orientation), size);
      const isSmaller = small.width < size.width || small.height < size.height;
      return isSmaller ? enlarge(small.pixels, small, size) : small.pixels;
    },
    readInput(input) {
      if (isPlain(input)) return this.read({ width: input.sizePx, height: input.sizePx });
      const placement = placementOf(bitmap, input);
      const { scaled } = placement;
      const all = rowsOf(bitmap);
      const rows = orientation === undefined ? all : jpegRows(all, scaled, orientation);
      const kernel = input.resize?.interpolation === 'bicubic' ? 'cubic' : 'linear';
      const { pixels } = shrink(rows, scaled, { kernel, window: placement.window });
      return completeInput(pixels, rows, placement, input);
    },
    preview: edgePx => previewCanvas(bitmap, edgePx).transferToImageBitmap(),
    close: () => bitmap.close(),
  };
}

/** Rows of the image on white, from a canvas of its width and the height of the rows: browsers limit the area of a canvas. */
function rowsOf(bitmap: ImageBitmap): ImageRows {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null)
    throw new InputError(expected('image', 'a width that this browser can draw', `${width} pixels`));
  return {
    width,
    height,
    read(top, count) {
      canvas.height = count;
      context.fillStyle = '#ffffff';
      context.fillRect(0, 0, width, count);
      context.drawImage(bitmap, 0, -top);
      return context.getImageData(0, 0, width, count).data;
    },
  };
}
