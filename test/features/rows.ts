import type { FeatureRows } from '../../src/features/feature-cache.js';

/** Feature rows `[length, width]` in memory. */
export function rowsOf(data: Float32Array, width: number): FeatureRows {
  return {
    length: data.length / width,
    width,
    read(indices) {
      const out = new Float32Array(indices.length * width);
      Array.from(indices, (index, i) => out.set(data.subarray(index * width, (index + 1) * width), i * width));
      return out;
    },
  };
}
