import { decodeImage, probeImage } from './image.js';
import { sceneSize } from './scene-size.js';
import type { Raster } from './warp.js';

/**
 * The image in its own size, upright by its EXIF orientation, or as large as `MAX_SCENE_PIXELS` allows.
 *
 * @throws InputError as decodeImage does.
 */
export async function decodeScene(bytes: Uint8Array): Promise<Raster & { readonly shrunk: number }> {
  const size = sceneSize(await probeImage(bytes));
  return { ...size, pixels: await decodeImage(bytes, size) };
}
