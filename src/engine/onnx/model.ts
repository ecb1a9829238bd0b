import type { DType, Tensor } from '../tensor.js';

// The part of ONNX that eyeball reads and writes, as plain data.
// Reference: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3

/** A dimension: a number, or the name of one that is known only at run time (`N`). */
export type Dim = number | string;
/** The dimensions of a value, outermost first. */
export type Shape = readonly Dim[];

/** The name and type of an input or an output; `shape` is undefined if the file does not declare it. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape | undefined;
}

/** Attribute values. Integers are `bigint`, to distinguish them from floats. */
export type OnnxAttribute = number | bigint | string | readonly bigint[] | readonly number[] | Tensor;

/**
 * One operation. `attributes` are those that eyeball writes; `rawAttributes` are unparsed AttributeProto messages, so that unknown ones
 * survive a round trip.
 */
export interface OnnxNode {
  readonly opType: string;
  /** Empty for the standard operators. */
  readonly domain: string;
  /** Names of values; an empty name is an omitted optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  readonly rawAttributes: readonly Uint8Array[];
}

/** A model with one graph. */
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

/** TensorProto.DataType of each element type. */
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
