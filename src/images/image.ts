import sharp, { type Metadata, type Region, type Sharp } from 'sharp';
import { Budget } from '../base/concurrency.js';
import { InputError, reasonOf } from '../base/errors.js';
import { resourceError } from '../base/files.js';
import { during, type Profile } from '../base/profile.js';
import { type Interpolation, isPlain, type ModelInput } from '../formats/resize.js';
import { enlarge, type Size } from './enlarge.js';
import { IMAGE_FORMATS, type ImageFormat, type ImageWarning, sniffFormat } from './image-format.js';
import { hasEndOfImage, jpegFrame, jpegOrientation, withEndOfImage } from './jpeg-header.js';
import { nameContent, rawInTiff } from './name-content.js';
import { completeInput, type Placement, placementOf, shrunkSize } from './placement.js';
import { decodeSmallJpeg, isWholeJpeg } from './small-jpeg.js';
import { tiffBits, tiffSampleFault } from './tiff-header.js';
import { type Raster, sceneSize } from './warp.js';

// Callers keep many images in flight, so one thread per image and no cache of operations: with 8 in flight on two cores, a second thread
// or the cache changes the CPU time per image by less than noise (5 %), and both cost memory.
sharp.concurrency(1);
sharp.cache(false);

// A second barrier behind sniffFormat: libvips may use these loaders only. SVG is for our own drawings; no SVG from outside gets here,
// since no format that sniffFormat accepts begins like one, and libvips decides by the same first bytes.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif', 'Svg'].map(loader => `VipsForeignLoad${loader}`),
});

/** Limit of pixels per image. Phone photos have up to 50 million; a crafted file of 1 kB could declare billions. */
export const MAX_IMAGE_PIXELS = 100_000_000;

/** The header of an image. */
export interface ImageHeader {
  readonly format: ImageFormat;
  /** Pixels after EXIF orientation; of an animation's first frame. */
  readonly width: number;
  readonly height: number;
  /** Frames of an animation; 1 for a still image. */
  readonly frames: number;
}

/**
 * Decodes an image to sRGB pixels, uint8 `[H, W, 3]`.
 *
 * After EXIF orientation, the whole image is stretched to `size` by linear interpolation, without a crop. Transparent parts become
 * white; animations and multi-page files give their first frame; 16 bits are reduced to the upper 8; CMYK and embedded color profiles
 * are converted to sRGB. A TIFF of samples other than unsigned integers of up to 16 bits is refused. All bytes are read whatever the
 * size, so decoding to 8 x 8 detects a damaged file as reliably as any other size.
 *
 * @param bytes Content of a file in one of IMAGE_FORMATS.
 * @param profile Receives the times of decoding, including shrinking, and of enlarging.
 * @returns Read-only if `bytes` came from `readsForTwo`, since the pixels may be shared.
 * @throws InputError with a one-line reason without the file's name: other content, a damaged file, or more than MAX_IMAGE_PIXELS.
 */
export async function decodeImage(bytes: Uint8Array, size: Size, profile?: Profile): Promise<Uint8Array> {
  return (await decodeWithWarning(bytes, size, profile)).pixels;
}

/** The pixels of an image, and its warning. */
interface DecodedImage {
  readonly pixels: Uint8Array;
  readonly warning?: ImageWarning | undefined;
}

/** `decodeImage`, with the image's warning if it has one. */
export async function decodeWithWarning(bytes: Uint8Array, size: Size, profile?: Profile): Promise<DecodedImage> {
  const format = sniffFormat(bytes) ?? (await refuse(bytes));
  const decoded = await during(profile, 'decode', async () => {
    const small = format === 'jpeg' ? await decodeSmallJpeg(bytes, size) : undefined;
    if (typeof small === 'object') return { ...small, isDamaged: false };
    const large = await shrunk(bytes, format, image => shrink(image, size));
    return small === 'damaged' ? { ...large, isDamaged: true } : large;
  });
  const { data, width, height, isDamaged } = decoded;
  const warning = isDamaged ? 'damaged' : (await is12In16(bytes, format, data)) ? 'dark' : undefined;
  if (width === size.width && height === size.height) return { pixels: data, warning };
  return { pixels: await during(profile, 'resize', () => enlarge(data, { width, height }, size)), warning };
}

/**
 * Decodes an image for the input of a network, uint8 `[sizePx, sizePx, 3]`: like `decodeImage`, resized by the network's plan.
 *
 * @returns Read-only if `bytes` came from `readsForTwo`, since the pixels may be shared.
 * @throws InputError as decodeImage does
 */
export async function decodeInput(bytes: Uint8Array, input: ModelInput, profile?: Profile): Promise<Uint8Array> {
  return (await decodeInputWithWarning(bytes, input, profile)).pixels;
}

/** `decodeInput`, with the image's warning if it has one. */
export async function decodeInputWithWarning(
  bytes: Uint8Array,
  input: ModelInput,
  profile?: Profile,
): Promise<DecodedImage> {
  const { sizePx } = input;
  if (isPlain(input)) return await decodeWithWarning(bytes, { width: sizePx, height: sizePx }, profile);
  const format = sniffFormat(bytes) ?? (await refuse(bytes));
  const image = await probeImage(bytes);
  const placement = placementOf(image, input);
  const { data, isDamaged } = await during(profile, 'decode', async () => {
    const small = format === 'jpeg' ? await decodeSmallJpeg(bytes, placement.scaled) : undefined;
    if (typeof small === 'object') return { ...small, isDamaged: false };
    const reduce = (source: Sharp) => shrinkTo(source, image, placement, input.resize!.interpolation);
    const large = await shrunk(bytes, format, reduce);
    return small === 'damaged' ? { ...large, isDamaged: true } : large;
  });
  const warning = isDamaged ? 'damaged' : (await is12In16(bytes, format, data)) ? 'dark' : undefined;
  return { pixels: await during(profile, 'resize', () => completeInput(data, image, placement, input)), warning };
}

/** True if all values of a 16-bit image, without alpha, are below 4096. */
async function is12In16(bytes: Uint8Array, format: ImageFormat, decoded: Uint8Array): Promise<boolean> {
  const has16Bits = format === 'png' ? bytes[24] === 16 : format === 'tiff' && tiffBits(bytes) === 16;
  // The upper 8 bits of 4095 are 15. Shrinking can hide bright pixels, so an image that is dark when small is checked in full.
  if (!has16Bits || decoded.some(value => value > 15)) return false;
  const { channels } = await withMemory(bytes, format, () =>
    sharp(bytes, { limitInputPixels: MAX_IMAGE_PIXELS }).stats(),
  );
  const colors = channels.length - (channels.length % 2 === 0 ? 1 : 0);
  return channels.slice(0, colors).every(({ max }) => max < 4096);
}

// A few concurrent images of 100 million pixels would take gigabytes: 8 bytes per pixel if they are interlaced and have 16 bits.
const DECODING = new Budget(512 * 2 ** 20);
const SMALL_BYTES = 2 ** 26;

/** Runs `work`, which decodes the image: immediately if that takes little memory, else within a budget of memory. */
async function withMemory<T>(bytes: Uint8Array, format: ImageFormat, work: () => Promise<T>): Promise<T> {
  if (format === 'tiff') await refuseTiff(bytes);
  const amount = await decodedBytes(bytes, format);
  return await (amount <= SMALL_BYTES ? work() : DECODING.run(amount, work));
}

/** Samples per pixel of PNG's color types. Reference: PNG specification, table 11.1 */
const PNG_SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

// The decoder keeps a progressive JPEG as 16-bit coefficients.
const PROGRESSIVE_BYTES = 2;

/** Memory in bytes that decoding may take, from the file's header; 0 for images that are decoded a few lines at a time. */
async function decodedBytes(bytes: Uint8Array, format: ImageFormat): Promise<number> {
  if (format === 'jpeg') {
    const { marker, width, height, components } = jpegFrame(bytes) ?? { marker: 0, width: 0, height: 0, components: 0 };
    // SOF0 and SOF1 are sequential.
    return marker <= 0xc1 ? 0 : width * height * components * PROGRESSIVE_BYTES;
  }
  if (format === 'png' && bytes.length > 25) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const samples = PNG_SAMPLES[view.getUint8(25)] ?? 4;
    return view.getUint32(16) * view.getUint32(20) * samples * (view.getUint8(24) === 16 ? 2 : 1);
  }
  const { width, height, channels, depth } = await header(bytes);
  return width * height * channels * (depth === 'uchar' ? 1 : 2);
}

async function shrunk(bytes: Uint8Array, format: ImageFormat, reduce: (image: Sharp) => ReturnType<typeof shrink>) {
  const { result, isDamaged } = await decoded(bytes, format, reduce).catch(async (thrown: unknown) => {
    throw await readable(thrown, bytes, format);
  });
  const { data, info } = result;
  if (info.channels !== 3) {
    throw new InputError(`expected a ${format} with gray or color channels, got ${info.channels} channels`);
  }
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { data: pixels, width: info.width, height: info.height, isDamaged };
}

/**
 * The image as WebP for a page, upright by its EXIF orientation, its longer edge at most `edgePx`, transparent parts white.
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
 * The image in its own size, upright by its EXIF orientation, but with at most `MAX_SCENE_PIXELS`.
 *
 * @throws InputError as decodeImage does
 */
export async function decodeScene(bytes: Uint8Array): Promise<Raster & { readonly shrunk: number }> {
  const size = sceneSize(await probeImage(bytes));
  return { ...size, pixels: await decodeImage(bytes, size) };
}

export function encodePng({ pixels, width, height }: Raster): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/**
 * Reads the image's header. Pixels are not decoded, so a truncated file may pass.
 *
 * @throws InputError as decodeImage does
 */
export async function probeImage(bytes: Uint8Array): Promise<ImageHeader> {
  const format = sniffFormat(bytes) ?? (await refuse(bytes));
  // For most images: setting sharp up costs twenty times as much as reading the header.
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

/** Upright size of a JPEG; undefined for those that sharp reports an error for. */
function jpegSize(bytes: Uint8Array): Size | undefined {
  const { width, height } = jpegFrame(bytes) ?? { width: 0, height: 0 };
  if (width * height === 0 || width * height > MAX_IMAGE_PIXELS) return undefined;
  return jpegOrientation(bytes) < 5 ? { width, height } : { width: height, height: width };
}

const header = (bytes: Uint8Array): Promise<Metadata> =>
  sharp(bytes, { limitInputPixels: MAX_IMAGE_PIXELS }).metadata();

/** RGB pixels, in each direction of the given size or the image's own, whichever is smaller. */
function shrink(image: Sharp, size: Size, kernel: 'linear' | 'cubic' = 'linear', cut?: Region) {
  // Enlarging is left to enlarge(): libvips shifts an enlarged image by half a pixel right and down, and takes five times the CPU time for
  // a small JPEG from 125 to 224 px (3.9 ms against 0.75).
  // toBuffer, not toUint8Array: that leaks memory in sharp 0.35.5, 0.15 MB per image of 224 px.
  const resized = image.resize(size.width, size.height, { fit: 'fill', kernel, withoutEnlargement: true });
  return (cut === undefined ? resized : resized.extract(cut))
    .flatten({ background: '#ffffff' })
    .raw()
    .toBuffer({ resolveWithObject: true });
}

/** As `shrink`, by a placement: in each direction that is shrunk, only its window. */
function shrinkTo(source: Sharp, image: Size, placement: Placement, interpolation: Interpolation) {
  const { scaled, window } = placement;
  const to = { width: Math.min(scaled.width, image.width), height: Math.min(scaled.height, image.height) };
  const { width, height } = shrunkSize(image, placement);
  const cut = {
    left: image.width > scaled.width ? window.left : 0,
    top: image.height > scaled.height ? window.top : 0,
    width,
    height,
  };
  return shrink(source, to, interpolation === 'bicubic' ? 'cubic' : 'linear', cut);
}

/**
 * The result of `work`. Damage in the last strip of eight decoded lines is not detected. A JPEG that lacks only its last marker is
 * whole. One with damaged data inside is decoded as far as possible; a truncated one is refused.
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

/** @param failOn Whether libvips fails at errors only or at warnings of the decoder too. */
async function open(bytes: Uint8Array, format: ImageFormat, failOn: 'error' | 'warning'): Promise<Sharp> {
  const image = sharp(bytes, { autoOrient: true, failOn, limitInputPixels: MAX_IMAGE_PIXELS });
  // sharp converts 16-bit images with a color profile to Display P3; converted to 8-bit sRGB first, they are processed like all others.
  // Not for all images: it would disable decoding large JPEGs at a reduced size.
  return (await has16BitColor(bytes, format)) ? image.pipelineColourspace('srgb') : image;
}

async function has16BitColor(bytes: Uint8Array, format: ImageFormat): Promise<boolean> {
  if (format === 'png') return bytes[24] === 16 && (bytes[25]! & 2) !== 0; // IHDR: bit depth, then color type
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
 * The InputError for an error of libvips. Its text is not used: libvips has one buffer of texts for all threads, so images that fail
 * concurrently may get each other's texts, or none.
 */
async function readable(thrown: unknown, bytes: Uint8Array, format: ImageFormat): Promise<InputError> {
  if (thrown instanceof InputError) return thrown;
  // The exception: whichever image it is about, memory is short.
  if (/out of memory|insufficient memory/i.test(reasonOf(thrown))) throw resourceError('decoding an image', thrown);
  const { width, height } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => ({ width: 0, height: 0 }));
  if (width * height > MAX_IMAGE_PIXELS)
    return new InputError(`expected at most ${MAX_IMAGE_PIXELS / 1e6} million pixels, got ${width} x ${height}`);
  return new InputError(
    `expected a complete ${format}, got one that is truncated, damaged or of a variant unknown to libvips`,
    {
      cause: thrown,
    },
  );
}

/** Part of cache keys: changes when the same file may decode to other pixels (libvips' version, and our own counter). */
export const DECODER_VERSION = `libvips ${sharp.versions.vips}, 2`;
