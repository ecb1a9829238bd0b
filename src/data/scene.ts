import { decodePicture, probePicture } from './picture.js';
import { sceneSize } from './scene-size.js';
import type { Raster } from './warp.js';

/**
 * The picture in its own size, upright by its EXIF orientation, or as large as `MAX_SCENE_PIXELS` allows.
 *
 * @throws InputError as decodePicture does.
 */
export async function decodeScene(bytes: Uint8Array): Promise<Raster & { readonly shrunk: number }> {
  const size = sceneSize(await probePicture(bytes));
  return { ...size, pixels: await decodePicture(bytes, size) };
}
