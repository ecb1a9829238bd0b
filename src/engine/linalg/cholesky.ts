import { internal } from '../../base/errors.js';
import { matMul, transpose } from '../graph/build.js';
import { Graph } from '../graph/graph.js';
import { toOnnx } from '../graph/to-onnx.js';
import { createSession, type Session } from '../runtime/session.js';

// Rows of a panel. JavaScript only decomposes and inverts the blocks on the diagonal, n PANEL^2 / 3 products each; the engine does the
// other n^3 / 3. At n = 2,048 on two cores: 0.8 s with 64, 0.4 s with 128, 0.33 s with 192, 0.37 s with 256.
const PANEL = 192;
// Rows of a product: what lies above the diagonal is not computed, and memory that is handed out is small enough to be used again.
const ROWS = 512;

/** Decomposes symmetric positive definite matrices in float64, most of the work done by the engine. */
export interface CholeskyDecomposer {
  /**
   * The decomposition of `matrix + ridge * I`, to be used before the next one is asked for, or undefined where that is not positive definite
   * in float64.
   *
   * @param matrix Symmetric, `[n, n]`; its lower triangle is read. Not changed.
   */
  decompose(matrix: Float64Array, ridge: number): Promise<CholeskyFactor | undefined>;
  close(): Promise<void>;
}

/** A decomposed matrix. */
export interface CholeskyFactor {
  /** x with `matrix x = right`, both `[n]`. */
  solve(right: Float64Array): Float64Array;
}

/**
 * A decomposer by blocked, right-looking Cholesky decomposition.
 *
 * Reference: Golub, Van Loan, Matrix Computations, 4.2.
 */
export async function createCholeskyDecomposer(): Promise<CholeskyDecomposer> {
  const graph = new Graph();
  const below = graph.input('below', 'float64', ['M', PANEL]);
  const inverse = graph.input('inverse', 'float64', [PANEL, PANEL]);
  graph.output('panel', matMul(below, transpose(inverse, [1, 0])));
  const panels = await createSession(toOnnx(graph), { handOver: true });
  const products = await createProducts();
  let lower: Float64Array | undefined;
  return {
    async decompose(matrix, ridge) {
      const n = Math.sqrt(matrix.length);
      if (!Number.isInteger(n)) throw internal(`a square matrix of ${matrix.length} elements`);
      // Fresh memory for 2,048 columns takes a third of the whole time.
      if (lower?.length !== matrix.length) lower = new Float64Array(matrix.length);
      lower.set(matrix);
      const factor = lower;
      for (let i = 0; i < n; i++) lower[i * n + i]! += ridge;
      if (!(await decompose(lower, n, panels, products))) return undefined;
      return { solve: right => substitute(factor, n, right) };
    },
    async close() {
      await panels.close();
      await products.close();
    },
  };
}

/** `left right^T`, for left `[M, PANEL]` and right `[K, PANEL]`. */
function createProducts(): Promise<Session> {
  const graph = new Graph();
  const left = graph.input('left', 'float64', ['M', PANEL]);
  const right = graph.input('right', 'float64', ['K', PANEL]);
  graph.output('product', matMul(left, transpose(right, [1, 0])));
  return createSession(toOnnx(graph), { handOver: true });
}

/** Turns the lower triangle of `a` `[n, n]` into L with `L L^T = a`; false where a pivot is not positive. */
async function decompose(a: Float64Array, n: number, panels: Session, products: Session): Promise<boolean> {
  for (let start = 0; start < n; start += PANEL) {
    const end = Math.min(start + PANEL, n);
    if (!decomposeBlock(a, n, start, end)) return false;
    if (end === n) break;
    // Below the block: A21 -> L21 = A21 L11^-T, and right of that: A22 -> A22 - L21 L21^T.
    const rows = n - end;
    const below = new Float64Array(rows * PANEL);
    for (let row = 0; row < rows; row++) {
      below.set(a.subarray((end + row) * n + start, (end + row) * n + end), row * PANEL);
    }
    const { panel } = await panels.run(
      {
        below: { dtype: 'float64', shape: [rows, PANEL], data: below },
        inverse: { dtype: 'float64', shape: [PANEL, PANEL], data: invertBlock(a, n, start) },
      },
      { handOver: true },
    );
    const left = panel!.data as Float64Array;
    for (let from = 0; from < rows; from += ROWS) {
      const to = Math.min(from + ROWS, rows);
      const { product } = await products.run({
        left: { dtype: 'float64', shape: [to - from, PANEL], data: left.slice(from * PANEL, to * PANEL) },
        right: { dtype: 'float64', shape: [to, PANEL], data: left.slice(0, to * PANEL) },
      });
      const update = product!.data as Float64Array;
      for (let row = from; row < to; row++) {
        const at = (end + row) * n;
        a.set(left.subarray(row * PANEL, (row + 1) * PANEL), at + start);
        for (let column = 0; column <= row; column++) a[at + end + column]! -= update[(row - from) * to + column]!;
      }
    }
  }
  return true;
}

/** Decomposes the block of rows and columns from `start` to `end` alone. */
function decomposeBlock(a: Float64Array, n: number, start: number, end: number): boolean {
  for (let row = start; row < end; row++) {
    for (let column = start; column <= row; column++) {
      let sum = a[row * n + column]!;
      for (let k = start; k < column; k++) sum -= a[row * n + k]! * a[column * n + k]!;
      if (row > column) {
        a[row * n + column] = sum / a[column * n + column]!;
      } else {
        if (!(sum > 0)) return false;
        a[row * n + row] = Math.sqrt(sum);
      }
    }
  }
  return true;
}

/** The inverse of the lower triangular block of PANEL rows and columns from `start` on, `[PANEL, PANEL]`. */
function invertBlock(a: Float64Array, n: number, start: number): Float64Array {
  const inverse = new Float64Array(PANEL * PANEL);
  for (let row = 0; row < PANEL; row++) {
    const at = (start + row) * n + start;
    // Row by row: sums of rows above it, so that all is read in the order of memory.
    for (let k = 0; k < row; k++) {
      const factor = a[at + k]!;
      for (let column = 0; column <= k; column++)
        inverse[row * PANEL + column]! -= factor * inverse[k * PANEL + column]!;
    }
    inverse[row * PANEL + row] = 1;
    for (let column = 0; column <= row; column++) inverse[row * PANEL + column]! /= a[at + row]!;
  }
  return inverse;
}

/** Solves `L L^T x = right`. */
function substitute(lower: Float64Array, n: number, right: Float64Array): Float64Array {
  const x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    let sum = x[i]!;
    for (let k = 0; k < i; k++) sum -= lower[i * n + k]! * x[k]!;
    x[i] = sum / lower[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    const value = x[i]! / lower[i * n + i]!;
    x[i] = value;
    for (let k = 0; k < i; k++) x[k]! -= lower[i * n + k]! * value;
  }
  return x;
}
