import { expected, InputError } from '../base/errors.js';
import { enlarge, type Size } from '../data/enlarge.js';
import { jpegOrientation } from '../data/jpeg-header.js';
import { PICTURE_FORMATS, sniffFormat } from '../data/picture-format.js';
import { tiffSampleFault } from '../data/tiff-header.js';
import { jpegRows } from './jpeg.js';
import { type PictureRows, shrink } from './shrink.js';

/** What a picture may come as. A `Blob` or `File` is a picture file; the others are decoded already. */
export type WebPicture = Blob | HTMLImageElement | ImageBitmap;

// Enough for the orientation, which stands in the first segments; a thumbnail may come before it.
const HEAD_BYTES = 2 ** 17;

/**
 * The picture as RGB pixels, uint8 `[H, W, 3]`: the whole of it stretched to the size as Node does, its EXIF orientation applied, white
 * behind transparent parts, colours in sRGB. Nothing is sent anywhere.
 *
 * @throws InputError with the reason as one line: no picture, or one that this browser cannot decode.
 */
export async function readPicture(picture: WebPicture, size: Size): Promise<Uint8Array> {
  if (!(picture instanceof Blob)) return stretch(await bitmapOf(picture), size);
  const head = new Uint8Array(await picture.slice(0, HEAD_BYTES).arrayBuffer());
  const format = sniffFormat(head);
  if (format === undefined) {
    const got = picture.size === 0 ? 'an empty file' : (picture.type || 'another kind of file').slice(0, 80);
    throw new InputError(`expected a photo (${PICTURE_FORMATS.join(', ')}), got ${got}`);
  }
  if (format === 'tiff') {
    // Its directory may stand at the end of the file.
    const fault = tiffSampleFault(new Uint8Array(await picture.arrayBuffer()));
    if (fault !== undefined) throw new InputError(fault);
  }
  const bitmap = await createImageBitmap(picture).catch((cause: unknown) => {
    throw new InputError(`expected a whole ${format} that this browser can decode, got one that it refuses`, { cause });
  });
  const orientation = format === 'jpeg' ? jpegOrientation(head) : undefined;
  return stretch(bitmap, size, orientation);
}

async function bitmapOf(picture: HTMLImageElement | ImageBitmap): Promise<ImageBitmap> {
  // Its own copy: it is closed when it has been read.
  return await createImageBitmap(picture).catch((cause: unknown) => {
    const got = picture instanceof ImageBitmap ? 'one that was closed' : 'one that is not loaded, or broken';
    throw new InputError(expected('picture', 'a picture', got), { cause });
  });
}

/** @param orientation Of a JPEG file, undefined for other pictures. */
function stretch(bitmap: ImageBitmap, size: Size, orientation?: number): Uint8Array {
  try {
    const rows = rowsOf(bitmap);
    const small = shrink(orientation === undefined ? rows : jpegRows(rows, size, orientation), size);
    const isSmaller = small.width < size.width || small.height < size.height;
    return isSmaller ? enlarge(small.pixels, small, size) : small.pixels;
  } finally {
    bitmap.close();
  }
}

/** Rows of the picture on white, by way of a canvas as wide as it and as high as what is read: browsers limit a canvas by its area. */
function rowsOf(bitmap: ImageBitmap): PictureRows {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null)
    throw new InputError(expected('picture', 'a width that this browser can draw', `${width} pixels`));
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
