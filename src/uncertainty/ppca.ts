import type { RunContext } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import { add, concat, matMul, maximum, mul, reduceSum, slice, sqrt, square, sub } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import {
  lowerFactor,
  orthonormalizeRows,
  rowProducts,
  timesInverseTransposed,
  transposed,
} from '../engine/linalg/dense.js';
import { lent } from '../engine/linalg/square-matrix.js';
import { createSession, createState } from '../engine/runtime/session.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { addRows, clearSums, noRows, type RowSums, turnToRest } from '../features/row-sums.js';
import { blocks, measureRows, type Standardization, standardize } from '../features/standardization.js';

/**
 * A Gaussian density of standardized features z `[D]`: free in a subspace of Q dimensions, with one variance in all others.
 *
 * Reference: Tipping, Bishop 1999, https://doi.org/10.1111/1467-9868.00196
 */
export interface Ppca {
  readonly standardization: Standardization;
  /** An orthonormal basis of the subspace, `[D, Q]`. */
  readonly basis: Float32Array;
  /** The map `[D, Q]` to the subspace with variance 1 in each direction. */
  readonly whitening: Float32Array;
  /** Of each dimension outside the subspace. */
  readonly variance: number;
}

const DIMENSIONS = 64;
// One dimension per ten rows: more would overfit.
const ROWS_A_DIMENSION = 10;
// The subspace needs to contain most of the variance only: 6 rounds separate eigenvalues a factor of two apart by sixty.
const ROUNDS = 6;
// Orthonormalization takes longer than a round, and columns converge slowly.
const ROUNDS_APART = 3;
// Least variance of a dimension as a share of the mean: features that are constant in training may vary later.
const LEAST_VARIANCE = 1e-3;

/**
 * The Gaussian of the rows behind `sums`. The subspace is that of the largest eigenvalues, at most 64, by orthogonal iteration; the distance
 * needs a Cholesky decomposition in it and no single eigenvector.
 *
 * Reference: Golub, Van Loan, Matrix Computations, 8.2.4 (orthogonal iteration)
 */
export async function fitPpca(
  { count, gram }: Pick<RowSums, 'count' | 'gram'>,
  standardization: Standardization,
): Promise<Ppca> {
  const width = gram.size;
  const size = Math.max(1, Math.min(DIMENSIONS, Math.floor(count / ROWS_A_DIMENSION), width));
  let trace = 0;
  for (let i = 0; i < width; i++) trace += gram.data[i * width + i]! / count;
  const floor = LEAST_VARIANCE * (trace / width || 1);

  const graph = new Graph();
  const matrix = graph.input('matrix', 'float64', [width, width]);
  // The basis is stored as rows; the matrix is symmetric.
  graph.output('product', matMul(graph.input('basis', 'float64', [size, width]), matrix));
  const session = await createSession(toOnnx(graph), { handOver: true, arena: false });
  const state = await createState({});
  try {
    return await lent(gram, state, iterate);
  } finally {
    await state.close();
    await session.close();
  }

  async function iterate(): Promise<Ppca> {
    const timesMatrix = async (basis: Float64Array) => {
      const feeds = { basis: { dtype: 'float64', shape: [size, width], data: basis } } as const;
      return (await session.run(feeds, { state })).product!.data as Float64Array;
    };
    // The start need not be orthonormal.
    const random = createRandom(0, 'ppca');
    let basis: Float64Array = Float64Array.from({ length: size * width }, () => random.normal());
    for (let round = 1; round <= ROUNDS; round++) {
      basis = await timesMatrix(basis);
      if (round % ROUNDS_APART === 0) orthonormalizeRows(basis, width);
    }
    const within = rowProducts(await timesMatrix(basis), basis, width).map(sum => sum / count);
    let inside = 0;
    for (let i = 0; i < size; i++) {
      inside += within[i * size + i]!;
      within[i * size + i]! += floor;
    }
    const variance = Math.max((trace - inside) / Math.max(1, width - size), floor);
    const columns = transposed(basis, width);
    const whitening = timesInverseTransposed(columns, lowerFactor(within, size), size);
    return {
      standardization,
      basis: Float32Array.from(columns),
      whitening: Float32Array.from(whitening),
      variance,
    };
  }
}

/**
 * Adds the distance `[N]` of features `[N, D]` from the Gaussian to their graph: the root of the squared Mahalanobis distance divided by D,
 * about 1 for the data it was fitted on.
 */
export function buildDistance(features: Value, { standardization, basis, whitening, variance }: Ppca): Value {
  const { graph } = features;
  const width = standardization.mean.length;
  const size = basis.length / width;
  const z = standardize(features, standardization);
  const matrix = (data: Float32Array) => graph.constant({ dtype: 'float32', shape: [width, size], data });
  const both = square(matMul(z, concat([matrix(basis), matrix(whitening)], 1))); // [N, 2 Q]
  const inside = reduceSum(slice(both, 1, 0, size), [1]);
  const white = reduceSum(slice(both, 1, size, 2 * size), [1]);
  // Rounding may make it slightly negative.
  const outside = maximum(sub(reduceSum(square(z), [1]), inside), 0);
  return sqrt(mul(add(white, mul(outside, 1 / variance)), 1 / width));
}

/** The distances of the rows `indices`, `[indices.length]`. */
export async function distancesOf(ppca: Ppca, rows: FeatureRows, indices: readonly number[]): Promise<Float32Array> {
  const graph = new Graph();
  graph.output('distance', buildDistance(graph.input('features', 'float32', ['N', rows.width]), ppca));
  const session = await createSession(toOnnx(graph), { handOver: true });
  const out = new Float32Array(indices.length);
  try {
    let at = 0;
    for (const block of blocks(indices)) {
      const shape = [block.length, rows.width];
      const feeds = { features: { dtype: 'float32', shape, data: rows.read(block) } } as const;
      out.set((await session.run(feeds, { handOver: true })).distance!.data as Float32Array, at);
      at += block.length;
    }
  } finally {
    await session.close();
  }
  return out;
}

/** Adds the activation of images, the L2 norm `[N]` of their features `[N, D]`, to the graph. */
export const buildActivation = (features: Value): Value => sqrt(reduceSum(square(features), [1]));

/** The activations of the rows `indices`, `[indices.length]`. */
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

/** Gaussians of all rows, and of the rows without a part. */
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
  // The sums need labels, the Gaussian does not.
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
