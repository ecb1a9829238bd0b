import type { Tensor } from '../engine/tensor.js';
import { stretchMap } from './stretch-map.js';

// Vermilion and blue of a palette that people with any colour blindness tell apart.
// Reference: Okabe and Ito, https://jfly.uni-koeln.de/color/
/** The colour of what pushes a number up. */
export const WARM = '#d55e00';
/** The colour of what pushes it down. */
export const COOL = '#0072b2';

// Of the strongest part; below it, the image still shows.
const STRONGEST_ALPHA = 0.8;

/** RGBA pixels `[height, width, 4]` of an attribution map `[H, W]`: the colour says the sign, the alpha the size. */
export function overlayPixels(map: Tensor<'float32'>, height: number, width: number): Uint8Array<ArrayBuffer> {
  const { data } = stretchMap(map, height, width);
  const most = data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  const [warm, cool] = [WARM, COOL].map(hex => [1, 3, 5].map(at => Number.parseInt(hex.slice(at, at + 2), 16)));
  const out = new Uint8Array(height * width * 4);
  data.forEach((value, i) => {
    out.set(value > 0 ? warm! : cool!, 4 * i);
    out[4 * i + 3] = Math.round((255 * STRONGEST_ALPHA * Math.abs(value)) / most);
  });
  return out;
}
