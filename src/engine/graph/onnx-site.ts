import type { Dim, OnnxAttribute, OnnxNode } from '../onnx/model.js';
import type { Value } from './graph.js';

/** A tensor of integers or names of unknown dimensions. */
export interface Sizes {
  readonly shape: readonly number[];
  readonly data: readonly Dim[];
}

/** Known values of a file by name. */
export interface Known {
  /** The value in our graph; undefined if it was not built. */
  value(name: string): Value | undefined;
  /** The elements of a constant or of computed sizes; undefined for other values. */
  numbers(name: string): Sizes | undefined;
}

/** A foreign operation for its conversion rule. Attributes that the rule does not read are tracked. */
export class Site {
  constructor(
    readonly node: OnnxNode,
    private readonly known: Known,
    private readonly attributes: Map<string, OnnxAttribute | undefined>,
    /** The error for this operation; `what` names the unsupported part. */
    readonly refuse: (what: string) => Error,
  ) {}

  /** True if the operation has this input. */
  has(at: number): boolean {
    return (this.node.inputs[at] ?? '') !== '';
  }

  value(at: number): Value {
    const value = this.has(at) ? this.known.value(this.node.inputs[at]!) : undefined;
    if (value === undefined) throw this.refuse(`without a tensor as input ${at}`);
    return value;
  }

  /** All present inputs, as values. */
  get values(): Value[] {
    return this.node.inputs.flatMap((_, at) => (this.has(at) ? [this.value(at)] : []));
  }

  /** The elements of a constant input; `fallback` if it is omitted. */
  numbers(at: number, fallback?: readonly number[]): readonly Dim[] {
    const numbers = this.has(at) ? this.known.numbers(this.node.inputs[at]!)?.data : fallback;
    if (numbers === undefined) throw this.refuse(`with a computed input ${at}`);
    return numbers;
  }

  /** The only element of a constant input. */
  number(at: number, fallback?: number): number {
    const [number, ...more] = this.numbers(at, fallback === undefined ? undefined : [fallback]);
    if (typeof number !== 'number' || more.length > 0) throw this.refuse(`with more than a number as input ${at}`);
    return number;
  }

  /** A constant input as axes of a value of this rank; negative ones count from the end. */
  axes(at: number, rank: number): number[] {
    return this.numbers(at).map(axis => fromBehind(Number(axis), rank));
  }

  /** The attribute `name`, of the same type as `fallback`, its default. */
  attribute<T extends OnnxAttribute>(name: string, fallback: T): T {
    if (!this.attributes.has(name)) return fallback;
    const value = this.attributes.get(name);
    this.attributes.delete(name);
    if (typeof value !== typeof fallback || Array.isArray(value) !== Array.isArray(fallback))
      throw this.refuse(`with another kind of ${name}`);
    return value as T;
  }

  integer(name: string, fallback: number): number {
    return Number(this.attribute(name, BigInt(fallback)));
  }

  integers(name: string, fallback: readonly number[]): number[] {
    return this.attribute(name, fallback.map(BigInt) as readonly bigint[]).map(Number);
  }

  /** The attribute `name` as an axis of a value of this rank. */
  axis(name: string, fallback: number, rank: number): number {
    return fromBehind(this.integer(name, fallback), rank);
  }

  /** Refuses an attribute value other than this default. */
  only(name: string, value: number): void {
    const got = this.integer(name, value);
    if (got !== value) throw this.refuse(`with ${name} ${got}`);
  }

  /** Ignores attributes without an effect on the result. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.attributes.delete(name);
  }

  /** Refuses attributes that the rule did not read. */
  finish(): void {
    if (this.attributes.size > 0) throw this.refuse(`with ${[...this.attributes.keys()].join(' and ')}`);
  }
}

/** An axis or position as in ONNX: negative values count from the end. */
export const fromBehind = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
