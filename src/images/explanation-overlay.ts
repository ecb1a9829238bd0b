import { type Tensor, tensor } from '../engine/tensor.js';

// Vermilion and blue of a palette for all kinds of color blindness.
// Reference: Okabe and Ito, https://jfly.uni-koeln.de/color/
/** Color of parts that increase the prediction. */
export const WARM = '#d55e00';
/** Color of parts that decrease it. */
export const COOL = '#0072b2';

// Of the strongest part; the image stays visible below it.
const STRONGEST_ALPHA = 0.8;

/** RGBA pixels `[height, width, 4]` of an attribution map `[H, W]`: color by sign, alpha by magnitude. */
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

/** A map `[H, W]` resized to `[height, width]`: bilinear with half-pixel centers and replicated edges. */
export function stretchMap({ shape, data }: Tensor<'float32'>, height: number, width: number): Tensor<'float32'> {
  const [rows, columns] = shape as [number, number];
  const [down, across] = [taps(rows, height), taps(columns, width)];
  const out = new Float32Array(height * width);
  down.forEach((y, row) => {
    across.forEach((x, column) => {
      const along = (line: number) => mix(data[line * columns + x.low]!, data[line * columns + x.high]!, x.share);
      out[row * width + column] = mix(along(y.low), along(y.high), y.share);
    });
  });
  return tensor('float32', [height, width], out);
}

const mix = (a: number, b: number, share: number): number => a + share * (b - a);

/** For each of `to` positions along an axis of length `from`: its two neighbors, and the weight of the second. */
function taps(from: number, to: number): { low: number; high: number; share: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), share: at - low };
  });
}
