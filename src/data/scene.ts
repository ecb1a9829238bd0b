import { decodePicture, probePicture } from './picture.js';
import type { Raster } from './warp.js';

/** Pixels that a scene is held with; one of more is shrunk. A photo of 16 million pixels takes 48 MB, and its smaller versions 16 MB. */
export const MAX_SCENE_PIXELS = 16_000_000;

/**
 * The picture in its own size, upright by its EXIF orientation, or as large as `MAX_SCENE_PIXELS` allows.
 *
 * @throws InputError as decodePicture does.
 */
export async function decodeScene(bytes: Uint8Array): Promise<Raster & { readonly shrunk: number }> {
  const { width, height } = await probePicture(bytes);
  const shrunk = Math.min(1, Math.sqrt(MAX_SCENE_PIXELS / (width * height)));
  const size = {
    width: Math.max(1, Math.round(width * shrunk)),
    height: Math.max(1, Math.round(height * shrunk)),
  };
  return { ...size, pixels: await decodePicture(bytes, size), shrunk };
}
