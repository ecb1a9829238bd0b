import { abs, add, div, sqrt, sub } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { mean, standardDeviation } from '../metrics/statistics.js';
import type { FeatureRows } from './feature-cache.js';

/** The standardization of features before a head: `(root(x) - mean) / std`, with mean and std `[D]`. */
export interface Standardization {
  readonly mean: Float32Array;
  readonly std: Float32Array;
}

// Keeps the slope of the root finite at 0, where many features after a ReLU are; others are of order 0.1 to 10.
const ROOT_FLOOR = 1e-3;

/** The signed square root of a feature, `x / sqrt(|x| + 0.001)`, which makes skewed features nearly normal. */
const signedRoot = (x: number): number => x / Math.sqrt(Math.abs(x) + ROOT_FLOOR);

/**
 * Features `[N, D]`, signed-square-root transformed and standardized.
 *
 * @param names Names of the two constants in the graph. Default: generated.
 */
export function standardize(
  features: Value,
  { mean, std }: Standardization,
  names?: { readonly mean: string; readonly std: string },
): Value {
  const { graph } = features;
  const roots = div(features, sqrt(add(abs(features), ROOT_FLOOR)));
  return div(sub(roots, graph.float(mean, names?.mean)), graph.float(std, names?.std));
}

// 1,024 rows of 2,048 features are 8 MB.
const BLOCK = 1024;

/** `indices` in blocks of 1,024. */
export function* blocks(indices: readonly number[]): Generator<readonly number[]> {
  for (let at = 0; at < indices.length; at += BLOCK) yield indices.slice(at, at + BLOCK);
}

/**
 * A feature that is the same in nearly all rows, such as one behind a ReLU that is 0 but once, would become large in any other image: its
 * standard deviation counts as at least this share of the median over the features that vary.
 */
const STD_FLOOR = 0.1;

/**
 * Mean and standard deviation of the signed roots of each feature over the rows `indices`; a constant feature has std 1.
 *
 * @param tick Called with the number of rows after each block.
 */
export function measureRows(
  rows: FeatureRows,
  indices: readonly number[],
  tick: (count: number) => void = () => {},
): Standardization {
  const { width } = rows;
  const sum = new Float64Array(width);
  const squares = new Float64Array(width);
  for (const block of blocks(indices)) {
    const data = rows.read(block);
    for (let i = 0, feature = 0; i < data.length; i++, feature = feature + 1 === width ? 0 : feature + 1) {
      const root = signedRoot(data[i]!);
      sum[feature]! += root;
      squares[feature]! += root * root;
    }
    tick(block.length);
  }
  const mean = Float32Array.from(sum, s => s / indices.length);
  const std = Float32Array.from(squares, (s, feature) =>
    Math.sqrt(Math.max(s / indices.length - (sum[feature]! / indices.length) ** 2, 0)),
  );
  const varying = std.filter(isVarying).sort();
  const floor = STD_FLOOR * (varying[Math.floor(varying.length / 2)] ?? 0);
  return { mean, std: std.map(value => (isVarying(value) ? Math.max(value, floor) : 1)) };
}

/** True where a standard deviation is more than rounding. */
const isVarying = (std: number): boolean => std > 1e-5;

/** Location and scale of the labels; heads work in standard deviations. */
export interface TargetScale {
  readonly mean: number;
  /** 1 where all labels are equal. */
  readonly std: number;
}

/** Mean and standard deviation of the labels of `indices`. */
export function targetScale(labels: Float64Array, indices: readonly number[]): TargetScale {
  const own = Float64Array.from(indices, i => labels[i]!);
  return { mean: mean(own), std: standardDeviation(own) || 1 };
}
