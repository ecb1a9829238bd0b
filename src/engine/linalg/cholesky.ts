import { internal } from '../../base/errors.js';
import { matMul, transpose } from '../graph/build.js';
import { Graph } from '../graph/graph.js';
import { toOnnx } from '../graph/to-onnx.js';
import { createSession, type Session } from '../runtime/session.js';

// Rows of a panel. The update behind a panel is one matrix product by the engine; what is left for JavaScript grows with the
// panel: at n = 2,048 panels of 64 were the fastest of 32, 64, 96, 128.
const PANEL = 64;

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
  const panel = graph.input('panel', 'float64', ['M', PANEL]);
  graph.output('product', matMul(panel, transpose(panel, [1, 0])));
  const session = await createSession(toOnnx(graph));
  return {
    async decompose(matrix, ridge) {
      const n = Math.sqrt(matrix.length);
      if (!Number.isInteger(n)) throw internal(`a square matrix of ${matrix.length} elements`);
      const lower = Float64Array.from(matrix);
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
    // The panel's columns, from its diagonal block down to the last row.
    for (let row = start; row < n; row++) {
      for (let column = start; column < Math.min(end, row + 1); column++) {
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
    if (end === n) break;
    // What is right of the panel, less the panel times itself: [M, PANEL] -> [M, M].
    const rows = n - end;
    const below = new Float64Array(rows * PANEL);
    for (let row = 0; row < rows; row++) {
      below.set(a.subarray((end + row) * n + start, (end + row) * n + end), row * PANEL);
    }
    const feed = { dtype: 'float64', shape: [rows, PANEL], data: below } as const;
    const { product } = await session.run({ panel: feed }, { handOver: true });
    const update = product!.data as Float64Array;
    for (let row = 0; row < rows; row++) {
      const to = (end + row) * n + end;
      for (let column = 0; column <= row; column++) a[to + column]! -= update[row * rows + column]!;
    }
  }
  return true;
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
