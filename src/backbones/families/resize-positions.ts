import type { Tensor } from '../../engine/tensor.js';

/** The position embeddings of a square grid of patches, and the size of another one. */
export interface PositionGrids {
  /** Number of rows before those of the grid, which stay as they are. */
  readonly fixed: number;
  /** Patches along an edge of the grid, and of the new one. */
  readonly from: number;
  readonly to: number;
}

/**
 * Position embeddings `[1, fixed + from^2, D]` resized to `[1, fixed + to^2, D]`: bicubic with a = -0.5, averaging where it shrinks.
 *
 * Reference: numbers as resample_abs_pos_embed of timm 1.0.29, torch.nn.functional.interpolate with antialias.
 */
export function resizePositions(
  { shape, data }: Tensor<'float32'>,
  { fixed, from, to }: PositionGrids,
): Tensor<'float32'> {
  const width = shape[2]!;
  const weights = cubicWeights(from, to);
  const out = new Float32Array((fixed + to * to) * width);
  out.set(data.subarray(0, fixed * width));
  // Rows first, [from, from, D] -> [to, from, D], then columns, [to, from, D] -> [to, to, D].
  const between = new Float64Array(to * from * width);
  for (const [row, taps] of weights.entries())
    for (const [at, weight] of taps)
      for (let i = 0, source = (fixed + at * from) * width; i < from * width; i++)
        between[row * from * width + i]! += weight * data[source + i]!;
  const sum = new Float64Array(width);
  for (let row = 0; row < to; row++) {
    for (const [column, taps] of weights.entries()) {
      sum.fill(0);
      for (const [at, weight] of taps)
        for (let i = 0, source = (row * from + at) * width; i < width; i++) sum[i]! += weight * between[source + i]!;
      out.set(sum, (fixed + row * to + column) * width);
    }
  }
  return { dtype: 'float32', shape: [1, fixed + to * to, width], data: out };
}

/** For each of `to` pixels the pixels of `from` that it is made of, with their weights, which sum to 1. */
function cubicWeights(from: number, to: number): [at: number, weight: number][][] {
  const scale = from / to;
  // Shrinking widens the kernel, so that no pixel is left out.
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - 2 * stretch + 0.5), 0);
    const last = Math.min(Math.trunc(center + 2 * stretch + 0.5), from);
    const taps = Array.from({ length: last - first }, (_, k): [number, number] => [
      first + k,
      cubic((first + k + 0.5 - center) / stretch),
    ]);
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
    return taps.map(([at, weight]): [number, number] => [at, weight / total]);
  });
}

/** Keys' cubic kernel with a = -0.5. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}
