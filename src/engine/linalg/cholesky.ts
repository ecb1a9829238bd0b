import { internal } from '../../base/errors.js';
import { matMul, transpose } from '../graph/build.js';
import { Graph } from '../graph/graph.js';
import { toOnnx } from '../graph/to-onnx.js';
import { createSession, type Session } from '../runtime/session.js';

// Rows of a panel. JavaScript only decomposes and inverts the blocks on the diagonal, n PANEL^2 / 3 products each; the engine does the
// other n^3 / 3. At n = 2,048 on two cores: 0.8 s with 64, 0.4 s with 128, 0.33 s with 192, 0.37 s with 256.
const PANEL = 192;

/** Decomposes symmetric positive definite matrices in float64, most of the work done by the engine. */
export interface CholeskyDecomposer {
  /**
   * The decomposition of `matrix + ridge * I`, or undefined where that is not positive definite in float64.
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
  const panel = matMul(below, transpose(inverse, [1, 0]));
  graph.output('panel', panel);
  graph.output('product', matMul(panel, transpose(panel, [1, 0])));
  const session = await createSession(toOnnx(graph), { handOver: true });
  return {
    async decompose(matrix, ridge) {
      const n = Math.sqrt(matrix.length);
      if (!Number.isInteger(n)) throw internal(`a square matrix of ${matrix.length} elements`);
      const lower = matrix.slice();
      for (let i = 0; i < n; i++) lower[i * n + i]! += ridge;
      if (!(await decompose(lower, n, session))) return undefined;
      return { solve: right => substitute(lower, n, right) };
    },
    close: () => session.close(),
  };
}

/** Turns the lower triangle of `a` `[n, n]` into L with `L L^T = a`; false where a pivot is not positive. */
async function decompose(a: Float64Array, n: number, session: Session): Promise<boolean> {
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
    const { panel, product } = await session.run(
      {
        below: { dtype: 'float64', shape: [rows, PANEL], data: below },
        inverse: { dtype: 'float64', shape: [PANEL, PANEL], data: invertBlock(a, n, start) },
      },
      { handOver: true },
    );
    const left = panel!.data as Float64Array;
    const update = product!.data as Float64Array;
    for (let row = 0; row < rows; row++) {
      const at = (end + row) * n;
      a.set(left.subarray(row * PANEL, (row + 1) * PANEL), at + start);
      for (let column = 0; column <= row; column++) a[at + end + column]! -= update[row * rows + column]!;
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
