import type { Size } from './enlarge.js';

/** Pixels that a scene is held with; one of more is shrunk. A photo of 16 million pixels takes 48 MB, and its smaller versions 16 MB. */
export const MAX_SCENE_PIXELS = 16_000_000;

/** The size that an image of this size is searched for faces at, and the factor that it is shrunk by: 1 up to `MAX_SCENE_PIXELS`. */
export function sceneSize({ width, height }: Size): Size & { readonly shrunk: number } {
  const shrunk = Math.min(1, Math.sqrt(MAX_SCENE_PIXELS / (width * height)));
  return {
    width: Math.max(1, Math.round(width * shrunk)),
    height: Math.max(1, Math.round(height * shrunk)),
    shrunk,
  };
}
