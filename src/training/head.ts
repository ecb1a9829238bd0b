import type { LinearHead } from '../backbones/backbone.js';
import { abs, add, div, matMul, mul, reshape, sign, sqrt, sub } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import type { FeatureRows } from './feature-cache.js';

/** What a head is fitted on: features, labels, and which rows are for training and for validation. */
export interface HeadData {
  readonly rows: FeatureRows;
  /** One a row. */
  readonly labels: Float64Array;
  /** Indices of rows, ascending. */
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** How features are brought to one scale before a head: `(sign(x) sqrt|x| - mean) / std`, with mean and std `[D]`. */
export interface Standardization {
  readonly mean: Float32Array;
  readonly std: Float32Array;
}

/** A linear layer on the features, standardised first if it says so. */
export interface Head extends LinearHead {
  readonly standardization?: Standardization;
}

/** Features `[N, D]` on one scale: `[N, D]`. */
export function standardize(features: Value, { mean, std }: Standardization): Value {
  const { graph } = features;
  const roots = mul(sign(features), sqrt(abs(features)));
  return div(sub(roots, graph.float(mean)), graph.float(std));
}

/** What the head makes of features `[N, D]`: `[N]`. */
export function buildHead(features: Value, { weight, bias, standardization }: Head): Value {
  const { graph } = features;
  const scaled = standardization === undefined ? features : standardize(features, standardization);
  const column = graph.constant({ dtype: 'float32', shape: [weight.length, 1], data: weight }, 'head.weight');
  return reshape(add(matMul(scaled, column), bias), [0]); // [N, 1] -> [N]
}
