import { type Tensor, tensor } from '../engine/tensor.js';

/**
 * A map of numbers `[H, W]` stretched to `[height, width]`: bilinear with half-pixel centres; beyond the edge is more of the edge.
 */
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

/** For each of `to` places along an axis of `from`: the two around it, and how near it is to the second. */
function taps(from: number, to: number): { low: number; high: number; share: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), share: at - low };
  });
}
