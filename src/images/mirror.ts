import type { Tensor } from '../engine/tensor.js';

/** The mirror images, left and right exchanged, of images as uint8 RGB `[N, H, W, 3]`. */
export function mirror({ shape, data }: Tensor<'uint8'>): Tensor<'uint8'> {
  const width = shape[2]!;
  const out = new Uint8Array(data.length);
  for (let row = 0; row < data.length; row += 3 * width) {
    for (let from = row, to = row + 3 * (width - 1); to >= row; from += 3, to -= 3) {
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { dtype: 'uint8', shape, data: out };
}
