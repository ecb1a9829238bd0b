import sharp, { type Metadata, type Sharp } from 'sharp';
import { Budget } from '../base/concurrency.js';
import { InputError, reasonOf } from '../base/errors.js';
import { resourceError } from '../base/files.js';
import { during, type Profile } from '../base/profile.js';
import { decodedBytes } from './decoded-bytes.js';
import { enlarge, type Size } from './enlarge.js';
import { IMAGE_FORMATS, type ImageFormat, sniffFormat } from './image-format.js';
import type { ImageWarning } from './image-warning.js';
import { hasEndOfImage, jpegFrame, jpegOrientation, withEndOfImage } from './jpeg-header.js';
import { nameContent, rawInTiff } from './name-content.js';
import { decodeSmallJpeg, isWholeJpeg } from './small-jpeg.js';
import { tiffBits, tiffSampleFault } from './tiff-header.js';

// Callers have many images in flight, so one thread an image and no cache of operations, which no two images share: with 8 in
// flight on two cores, a second thread or the cache changes the processor time of an image by less than its noise (5 %), and both cost memory.
sharp.concurrency(1);
sharp.cache(false);

// A second wall behind sniffFormat: libvips may load these and nothing else. SVG is for drawings of our own; no SVG from outside
// gets here, for none of the formats that sniffFormat lets through begins like one, and libvips goes by the same first bytes.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif', 'Svg'].map(loader => `VipsForeignLoad${loader}`),
});

/** The most pixels that an image may have; a photo of a good phone has 50 million, and a crafted file of 1 kB could claim billions. */
export const MAX_IMAGE_PIXELS = 100_000_000;

/** What an image's header says. */
export interface ImageHeader {
  readonly format: ImageFormat;
  /** Pixels, after the EXIF orientation is applied; of an animation's first frame. */
  readonly width: number;
  readonly height: number;
  /** Frames of an animation; 1 for a still image. */
  readonly frames: number;
}

/**
 * The image as RGB pixels, uint8 `[H, W, 3]`, in sRGB.
 *
 * The whole image is stretched to the size, with linear interpolation and no crop, after its EXIF orientation is applied.
 * Transparent parts become white; animations and multi-page files give their first frame; 16 bits become the upper 8; CMYK and embedded
 * colour profiles become sRGB. A TIFF of other numbers than unsigned integers of up to 16 bits is refused. Every byte is read whatever the size, so decoding to 8 x 8 finds a damaged file as surely as any other size.
 *
 * @param bytes the file's content, one of IMAGE_FORMATS
 * @param profile told of decoding, which includes shrinking, and of enlarging
 * @returns not to be written to where `bytes` came from `readsForTwo`: another one may have the same
 * @throws InputError whose text is the reason as one line, without the file's name: another kind of content, a damaged file, more than
 * MAX_IMAGE_PIXELS
 */
export async function decodeImage(bytes: Uint8Array, size: Size, profile?: Profile): Promise<Uint8Array> {
  return (await decodeWithWarning(bytes, size, profile)).pixels;
}

/** The pixels as decodeImage gives them, and what is odd about the image, if something is. */
export async function decodeWithWarning(
  bytes: Uint8Array,
  size: Size,
  profile?: Profile,
): Promise<{ readonly pixels: Uint8Array; readonly warning?: ImageWarning | undefined }> {
  const format = sniffFormat(bytes) ?? (await refuse(bytes));
  const decoded = await during(profile, 'decode', async () => {
    const small = format === 'jpeg' ? await decodeSmallJpeg(bytes, size) : undefined;
    if (typeof small === 'object') return { ...small, isDamaged: false };
    const large = await shrunk(bytes, format, size);
    return small === 'damaged' ? { ...large, isDamaged: true } : large;
  });
  const { data, width, height, isDamaged } = decoded;
  const warning = isDamaged ? 'damaged' : (await is12In16(bytes, format, data)) ? 'dark' : undefined;
  if (width === size.width && height === size.height) return { pixels: data, warning };
  return { pixels: await during(profile, 'resize', () => enlarge(data, { width, height }, size)), warning };
}

/** True where all values of a 16-bit image are below 4096, those of transparency aside. */
async function is12In16(bytes: Uint8Array, format: ImageFormat, decoded: Uint8Array): Promise<boolean> {
  const has16Bits = format === 'png' ? bytes[24] === 16 : format === 'tiff' && tiffBits(bytes) === 16;
  // 4095 has 15 as its upper 8 bits. Shrinking can hide bright pixels, so an image that is dark when small is looked at in full.
  if (!has16Bits || decoded.some(value => value > 15)) return false;
  const { channels } = await withMemory(bytes, format, () =>
    sharp(bytes, { limitInputPixels: MAX_IMAGE_PIXELS }).stats(),
  );
  const colours = channels.length - (channels.length % 2 === 0 ? 1 : 0);
  return channels.slice(0, colours).every(({ max }) => max < 4096);
}

// A few images of 100 million pixels at a time would take gigabytes: 8 bytes a pixel where they are interlaced and have 16 bits.
const DECODING = new Budget(512 * 2 ** 20);
const SMALL_BYTES = 2 ** 26;

/** Does `work`, which decodes the image: at once where that takes little memory, else when others have freed enough. */
async function withMemory<T>(bytes: Uint8Array, format: ImageFormat, work: () => Promise<T>): Promise<T> {
  if (format === 'tiff') await refuseTiff(bytes);
  const amount = await decodedBytes(bytes, format, () => header(bytes));
  return await (amount <= SMALL_BYTES ? work() : DECODING.run(amount, work));
}

async function shrunk(bytes: Uint8Array, format: ImageFormat, size: Size) {
  const { result, isDamaged } = await decoded(bytes, format, image => shrink(image, size)).catch(
    async (thrown: unknown) => {
      throw await readable(thrown, bytes, format);
    },
  );
  const { data, info } = result;
  if (info.channels !== 3) {
    throw new InputError(`expected a ${format} with gray or colour channels, got ${info.channels} channels`);
  }
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { data: pixels, width: info.width, height: info.height, isDamaged };
}

/**
 * The image as WebP for a page: upright by its EXIF orientation, its longer edge at most `edgePx` pixels, transparent parts white.
 *
 * @throws InputError as decodeImage does
 */
export async function previewWebp(bytes: Uint8Array, edgePx: number): Promise<Buffer> {
  const format = sniffFormat(bytes) ?? (await refuse(bytes));
  try {
    const { result } = await decoded(bytes, format, image =>
      image
        .resize(edgePx, edgePx, { fit: 'inside', withoutEnlargement: true })
        .flatten({ background: '#ffffff' })
        .webp({ quality: 82, effort: 2 })
        .toBuffer(),
    );
    return result;
  } catch (thrown) {
    throw await readable(thrown, bytes, format);
  }
}

/**
 * What the image's header says; pixels are not decoded, so a file cut short may pass.
 *
 * @throws InputError as decodeImage does
 */
export async function probeImage(bytes: Uint8Array): Promise<ImageHeader> {
  const format = sniffFormat(bytes) ?? (await refuse(bytes));
  // Most images: what sharp is set up for costs twenty times as much as reading their header.
  const size = format === 'jpeg' ? jpegSize(bytes) : undefined;
  if (size !== undefined) return { format, ...size, frames: 1 };
  try {
    if (format === 'tiff') await refuseTiff(bytes);
    const { autoOrient, pages = 1 } = await header(bytes);
    const frames = format === 'gif' || format === 'webp' ? pages : 1;
    return { format, width: autoOrient.width, height: autoOrient.height, frames };
  } catch (thrown) {
    throw await readable(thrown, bytes, format);
  }
}

/** Pixels of a JPEG that can be decoded, upright; undefined for those that sharp says what is wrong with. */
function jpegSize(bytes: Uint8Array): Size | undefined {
  const { width, height } = jpegFrame(bytes) ?? { width: 0, height: 0 };
  if (width * height === 0 || width * height > MAX_IMAGE_PIXELS) return undefined;
  return jpegOrientation(bytes) < 5 ? { width, height } : { width: height, height: width };
}

const header = (bytes: Uint8Array): Promise<Metadata> =>
  sharp(bytes, { limitInputPixels: MAX_IMAGE_PIXELS }).metadata();

/** RGB pixels, in each direction of the size wanted or, where the image has fewer, its own. */
function shrink(image: Sharp, { width, height }: Size) {
  // What sharp would have to enlarge is left to enlarge(): libvips puts an enlarged image half a pixel too far right and down, and
  // takes five times the processor time for a small JPEG from 125 to 224 px (3.9 ms against 0.75).
  // A Buffer, not toUint8Array: sharp 0.35.5 loses that one's memory, 0.15 MB an image of 224 px.
  return image
    .resize(width, height, { fit: 'fill', kernel: 'linear', withoutEnlargement: true })
    .flatten({ background: '#ffffff' })
    .raw()
    .toBuffer({ resolveWithObject: true });
}

/**
 * What `work` makes of the image. Damage in its last strip of lines, eight of those decoded, is not seen. A JPEG that lacks its last marker alone is whole. One whose data is damaged inside is decoded as far as
 * possible; one that is cut short is refused.
 */
async function decoded<T>(
  bytes: Uint8Array,
  format: ImageFormat,
  work: (image: Sharp) => Promise<T>,
): Promise<{ readonly result: T; readonly isDamaged: boolean }> {
  return await withMemory(bytes, format, async () => {
    if (format !== 'jpeg') return { result: await work(await open(bytes, format, 'error')), isDamaged: false };
    try {
      return { result: await work(await open(bytes, format, 'warning')), isDamaged: false };
    } catch (thrown) {
      if (hasEndOfImage(bytes)) return { result: await work(await open(bytes, format, 'error')), isDamaged: true };
      const whole = withEndOfImage(bytes);
      if (!(await isWholeJpeg(whole))) throw thrown;
      return { result: await work(await open(whole, format, 'error')), isDamaged: false };
    }
  });
}

/** @param failOn What libvips gives up at: an error, or already at a warning of the decoder. */
async function open(bytes: Uint8Array, format: ImageFormat, failOn: 'error' | 'warning'): Promise<Sharp> {
  const image = sharp(bytes, { autoOrient: true, failOn, limitInputPixels: MAX_IMAGE_PIXELS });
  // sharp brings 16-bit images with a colour profile to Display P3 and leaves them there; brought to 8 bits first, they go the
  // way of all others. Not for all: it would switch off the decoding of large JPEGs at an eighth of their size.
  return (await has16BitColour(bytes, format)) ? image.pipelineColourspace('srgb') : image;
}

async function has16BitColour(bytes: Uint8Array, format: ImageFormat): Promise<boolean> {
  if (format === 'png') return bytes[24] === 16 && (bytes[25]! & 2) !== 0; // IHDR: bit depth, then colour type
  if (format !== 'tiff' && format !== 'avif') return false;
  return (await header(bytes)).space === 'rgb16';
}

const allowed = IMAGE_FORMATS.join(', ');

async function refuse(bytes: Uint8Array): Promise<never> {
  throw new InputError(`expected a photo (${allowed}), got ${await nameContent(bytes)}`);
}

async function refuseTiff(bytes: Uint8Array): Promise<void> {
  const raw = await rawInTiff(bytes);
  if (raw !== undefined) throw new InputError(`expected a photo (${allowed}), got a camera's raw file (${raw})`);
  const fault = tiffSampleFault(bytes);
  if (fault !== undefined) throw new InputError(fault);
}

/**
 * The error of libvips in our form. What libvips says is left out, and decides nothing: it has one buffer of texts for all threads, so
 * of images that fail at the same time each may get the texts of the others, or none.
 */
async function readable(thrown: unknown, bytes: Uint8Array, format: ImageFormat): Promise<InputError> {
  if (thrown instanceof InputError) return thrown;
  // The one text that counts: whichever image it is of, there is too little memory.
  if (/out of memory|insufficient memory/i.test(reasonOf(thrown))) throw resourceError('decoding an image', thrown);
  const { width, height } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => ({ width: 0, height: 0 }));
  if (width * height > MAX_IMAGE_PIXELS)
    return new InputError(`expected at most ${MAX_IMAGE_PIXELS / 1e6} million pixels, got ${width} x ${height}`);
  return new InputError(
    `expected a whole ${format}, got one that is cut short, damaged or of a form unknown to libvips`,
    {
      cause: thrown,
    },
  );
}

/** Changes when the same file may decode to other pixels: the library's version, and a number of ours. What is cached is keyed by it. */
export const DECODER_VERSION = `libvips ${sharp.versions.vips}, 2`;
