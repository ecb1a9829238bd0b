import { throwIfAborted } from '../base/errors.js';
import { matMul, transpose } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { addTo, gram } from '../engine/linalg/gram.js';
import type { SquareMatrix } from '../engine/linalg/square-matrix.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from './feature-cache.js';
import {
  blocks,
  measureRows,
  type Standardization,
  standardize,
  type TargetScale,
  targetScale,
} from './standardization.js';

/** The scale of the summed rows: standardized features z and labels y. */
export interface RowScale {
  readonly standardization: Standardization;
  readonly target: TargetScale;
}

/** The scale of the rows `indices`. */
export const scaleOf = (rows: FeatureRows, labels: Float64Array, indices: readonly number[]): RowScale => ({
  standardization: measureRows(rows, indices),
  target: targetScale(labels, indices),
});

/** The sums over rows that least squares and the Gaussian of the features need. */
export interface RowSums {
  count: number;
  /** Sum of `z^T z`, `[D, D]`. */
  readonly gram: SquareMatrix;
  /** Sum of z, `[D]`. */
  readonly features: Float64Array;
  /** Sum of `y z`, `[D]`. */
  readonly products: Float64Array;
  labels: number;
  labelSquares: number;
}

/** Sums over no rows. */
export const noRows = (width: number): RowSums => ({
  count: 0,
  gram: { size: width, data: new Float64Array(width ** 2) },
  features: new Float64Array(width),
  products: new Float64Array(width),
  labels: 0,
  labelSquares: 0,
});

/**
 * Adds the rows `indices` to `sums`, in float32 within blocks of 1,024 rows, which keeps six digits, and in float64 over blocks.
 *
 * @param tick Called with the number of rows after each block.
 */
export async function addRows(
  sums: RowSums,
  rows: FeatureRows,
  labels: Float64Array,
  indices: readonly number[],
  { standardization, target }: RowScale,
  {
    tick = () => {},
    signal,
  }: { readonly tick?: (count: number) => void; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { width } = rows;
  const graph = new Graph();
  const z = standardize(graph.input('features', 'float32', ['N', width]), standardization);
  graph.output('gram', gram(z));
  graph.output('sums', matMul(transpose(graph.input('ends', 'float32', ['N', 2]), [1, 0]), z));
  const session = await createSession(toOnnx(graph), { handOver: true, arena: false });
  try {
    for (const block of blocks(indices)) {
      throwIfAborted(signal);
      const y = block.map(i => (labels[i]! - target.mean) / target.std);
      const ends = Float32Array.from(y.flatMap(label => [1, label]));
      const n = block.length;
      const out = await session.run(
        {
          features: { dtype: 'float32', shape: [n, width], data: rows.read(block) },
          ends: { dtype: 'float32', shape: [n, 2], data: ends },
        },
        { handOver: true },
      );
      addTo(sums.gram.data, out.gram!.data as Float32Array);
      addTo(sums.features, (out.sums!.data as Float32Array).subarray(0, width));
      addTo(sums.products, (out.sums!.data as Float32Array).subarray(width));
      sums.count += n;
      sums.labels += y.reduce((sum, label) => sum + label, 0);
      sums.labelSquares += y.reduce((sum, label) => sum + label * label, 0);
      tick(n);
    }
  } finally {
    await session.close();
  }
}

/** Sets `sums` to 0. */
export function clearSums(sums: RowSums): void {
  for (const array of [sums.gram.data, sums.features, sums.products]) array.fill(0);
  sums.count = 0;
  sums.labels = 0;
  sums.labelSquares = 0;
}

/** Replaces the sums of a part of the rows by those of the others: `part = all - part`. */
export function turnToRest(part: RowSums, all: RowSums): void {
  takeFrom(all.gram.data, part.gram.data);
  takeFrom(all.features, part.features);
  takeFrom(all.products, part.products);
  part.count = all.count - part.count;
  part.labels = all.labels - part.labels;
  part.labelSquares = all.labelSquares - part.labelSquares;
}

function takeFrom(all: Float64Array, part: Float64Array): void {
  for (let i = 0; i < part.length; i++) part[i] = all[i]! - part[i]!;
}
