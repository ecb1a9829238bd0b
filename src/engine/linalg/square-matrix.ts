import type { State } from '../runtime/session.js';

/** A square matrix whose memory is with the engine while that works on it. */
export interface SquareMatrix {
  readonly size: number;
  /** Row by row; empty while the matrix is lent. */
  data: Float64Array;
}

/** What `use` gives while `state` has the matrix as `matrix`. The matrix is back afterwards, unchanged, without having been copied. */
export async function lent<T>(matrix: SquareMatrix, state: State, use: () => Promise<T>): Promise<T> {
  await state.put('matrix', { dtype: 'float64', shape: [matrix.size, matrix.size], data: matrix.data });
  try {
    return await use();
  } finally {
    matrix.data = (await state.take('matrix')).data as Float64Array;
  }
}
