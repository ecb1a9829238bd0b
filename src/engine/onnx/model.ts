import type { DType, Tensor } from '../tensor.js';

// The part of ONNX that eyeball reads and writes, as plain data.
// Reference: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3

/** A dimension: a number, or the name of one that is only known when the model runs (`N`). */
export type Dim = number | string;
/** The dimensions of a value, outermost first. */
export type Shape = readonly Dim[];

/** The name and type of an input or an output; `shape` is undefined where the file does not say it. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape | undefined;
}

/** What an attribute of a node may hold here. Whole numbers are `bigint`, so that they cannot be mistaken for floats. */
export type OnnxAttribute = number | bigint | string | readonly bigint[] | readonly number[] | Tensor;

/**
 * One operation. `attributes` are what eyeball writes; `rawAttributes` are AttributeProto messages kept as they were read,
 * so that what eyeball does not understand survives a round trip.
 */
export interface OnnxNode {
  readonly opType: string;
  /** Empty for the standard operators. */
  readonly domain: string;
  /** Names of values; an empty one is an optional input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  readonly rawAttributes: readonly Uint8Array[];
}

/** A whole model of one graph. */
export interface OnnxModel {
  readonly irVersion: number;
  /** Operator set version by domain; the standard operators have the domain ''. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

/** The number ONNX has for each element type (TensorProto.DataType). */
export const dataTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};
