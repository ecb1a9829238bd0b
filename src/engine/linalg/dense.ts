// Small row-major matrices in plain JavaScript, for up to a few hundred columns.

/** L `[n, n]`, lower triangular, with `L L^T = a` for symmetric positive definite a `[n, n]`, whose lower triangle is read. Otherwise its diagonal has 0 or NaN. */
export function lowerFactor(a: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= lower[i * n + k]! * lower[j * n + k]!;
      lower[i * n + j] = i === j ? Math.sqrt(sum) : sum / lower[j * n + j]!;
    }
  }
  return lower;
}

/** `x L^-T` for x `[rows, n]` and a lower triangular L `[n, n]`. */
export function timesInverseTransposed(x: Float64Array, lower: Float64Array, n: number): Float64Array {
  const out = Float64Array.from(x);
  for (let at = 0; at < out.length; at += n) {
    for (let i = 0; i < n; i++) {
      let sum = out[at + i]!;
      for (let k = 0; k < i; k++) sum -= lower[i * n + k]! * out[at + k]!;
      out[at + i] = sum / lower[i * n + i]!;
    }
  }
  return out;
}

/** x `[n]` with `a x = right` for symmetric positive definite a `[n, n]`, whose lower triangle is read. */
export function solvePositive(a: Float64Array, right: Float64Array): Float64Array {
  const n = right.length;
  const lower = lowerFactor(a, n);
  const x = timesInverseTransposed(right, lower, n);
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= lower[k * n + i]! * x[k]!;
    x[i]! /= lower[i * n + i]!;
  }
  return x;
}

/** The rows of `x` `[rows, columns]` orthonormalized in place (Gram-Schmidt); dependent rows become 0. */
export function orthonormalizeRows(x: Float64Array, columns: number): void {
  const rows: Float64Array[] = [];
  for (let at = 0; at < x.length; at += columns) {
    const row = x.subarray(at, at + columns);
    const before = Math.sqrt(dot(row, row));
    // Twice: a single pass loses precision for nearly parallel rows.
    for (let pass = 0; pass < 2; pass++) for (const other of rows) addMultiple(row, other, -dot(row, other));
    const length = Math.sqrt(dot(row, row));
    scale(row, length > 1e-12 * before ? 1 / length : 0);
    rows.push(row);
  }
}

/** The lower triangle of `a b^T` `[n, n]` for `a` and `b` `[n, columns]`. */
export function rowProducts(a: Float64Array, b: Float64Array, columns: number): Float64Array {
  const n = a.length / columns;
  const rowOf = (x: Float64Array, i: number) => x.subarray(i * columns, (i + 1) * columns);
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) out[i * n + j] = dot(rowOf(a, i), rowOf(b, j));
  return out;
}

/** The transpose of `x` `[rows, columns]`. */
export function transposed(x: Float64Array, columns: number): Float64Array {
  const rows = x.length / columns;
  const out = new Float64Array(x.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = x[i * columns + j]!;
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Adds `factor x` to `sum`. */
function addMultiple(sum: Float64Array, x: Float64Array, factor: number): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += factor * x[i]!;
}

function scale(x: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i]! *= factor;
}
