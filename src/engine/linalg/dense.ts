// Small matrices in plain JavaScript, row after row in one array: for up to a few hundred columns no engine is needed.

/** L `[n, n]`, lower triangular, with `L L^T = a` for symmetric positive definite a `[n, n]`, whose lower triangle is read. */
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

/** The columns of `x` `[rows, columns]` made orthonormal, first to last; one that depends on those before it becomes 0. */
export function orthonormalColumns(x: Float64Array, columns: number): Float64Array {
  const rows = x.length / columns;
  // A column a line, so that it lies together.
  const lines = Array.from({ length: columns }, (_, c) =>
    Float64Array.from({ length: rows }, (_, row) => x[row * columns + c]!),
  );
  lines.forEach((line, c) => {
    const before = Math.sqrt(dot(line, line));
    // Twice: once loses digits where columns are nearly alike.
    for (let pass = 0; pass < 2; pass++) {
      for (let other = 0; other < c; other++) {
        const part = dot(line, lines[other]!);
        for (let row = 0; row < rows; row++) line[row]! -= part * lines[other]![row]!;
      }
    }
    const length = Math.sqrt(dot(line, line));
    const scale = length > 1e-12 * before ? 1 / length : 0;
    for (let row = 0; row < rows; row++) line[row]! *= scale;
  });
  return Float64Array.from(x, (_, at) => lines[at % columns]![Math.floor(at / columns)]!);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
