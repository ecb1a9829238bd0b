import type { RunContext } from '../base/progress.js';
import { reduceSum, sqrt, square } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { addRows, clearSums, noRows, turnToRest } from '../features/row-sums.js';
import { blocks, measureRows } from '../features/standardization.js';
import { fitPpca, type Ppca } from './ppca.js';

/** Adds how strongly images excite the backbone to the graph of its features `[N, D]`: their L2 norm, `[N]`. */
export const buildActivation = (features: Value): Value => sqrt(reduceSum(square(features), [1]));

/** The same of the rows `indices`, `[indices.length]`. */
export function activationsOf(rows: FeatureRows, indices: readonly number[]): Float64Array {
  const { width } = rows;
  const out = new Float64Array(indices.length);
  let at = 0;
  for (const block of blocks(indices)) {
    const data = rows.read(block);
    for (let row = 0; row < block.length; row++) {
      let sum = 0;
      for (let i = row * width; i < (row + 1) * width; i++) sum += data[i]! ** 2;
      out[at++] = Math.sqrt(sum);
    }
  }
  return out;
}

/** Gaussians of rows, as `fitPpca` has them: of all, and of those without a part. */
export interface Gaussians {
  readonly all: Ppca;
  without(part: readonly number[]): Promise<Ppca>;
}

/** The Gaussians of the rows `indices`. */
export async function gaussiansOf(
  rows: FeatureRows,
  indices: readonly number[],
  context: RunContext,
): Promise<Gaussians> {
  // Labels have no part in it.
  const labels = new Float64Array(rows.length);
  const standardization = measureRows(rows, indices);
  const scale = { standardization, target: { mean: 0, std: 1 } };
  const sums = noRows(rows.width);
  await addRows(sums, rows, labels, indices, scale, context);
  const others = noRows(rows.width);
  return {
    all: await fitPpca(sums, standardization),
    async without(part) {
      clearSums(others);
      await addRows(others, rows, labels, part, scale, context);
      turnToRest(others, sums);
      return await fitPpca(others, standardization);
    },
  };
}
