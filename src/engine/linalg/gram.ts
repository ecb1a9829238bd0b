import { internal } from '../../base/errors.js';
import { matMul, transpose } from '../graph/build.js';
import type { Value } from '../graph/graph.js';

/** Adds the float32 numbers of `part` to `sum` in float64. */
export function addTo(sum: Float64Array, part: Float32Array): void {
  if (part.length !== sum.length) throw internal(`${part.length} elements added to ${sum.length}`);
  for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
}

/** The Gram matrix `z^T z` `[D, D]` of the rows z `[N, D]`, for a graph. Blocks of rows are added up with `addTo`. */
export const gram = (z: Value): Value => matMul(transpose(z, [1, 0]), z);
