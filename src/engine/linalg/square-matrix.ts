import type { State } from '../runtime/session.js';

/** A square matrix whose buffer is transferred to the engine while it is used there. */
export interface SquareMatrix {
  readonly size: number;
  /** Row-major; empty while the buffer is transferred. */
  data: Float64Array;
}

/** Runs `use` while `state` holds the matrix as `matrix`; the buffer is transferred there and back without a copy. */
export async function lent<T>(matrix: SquareMatrix, state: State, use: () => Promise<T>): Promise<T> {
  await state.put('matrix', { dtype: 'float64', shape: [matrix.size, matrix.size], data: matrix.data });
  try {
    return await use();
  } finally {
    matrix.data = (await state.take('matrix')).data as Float64Array;
  }
}
