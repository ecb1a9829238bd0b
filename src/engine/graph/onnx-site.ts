import type { Dim, OnnxAttribute, OnnxNode } from '../onnx/model.js';
import type { Value } from './graph.js';

/** A tensor of whole numbers, or of names for numbers that are open. */
export interface Sizes {
  readonly shape: readonly number[];
  readonly data: readonly Dim[];
}

/** What is known of the values of a file, by their names there. */
export interface Known {
  /** The value in our graph; undefined for one that nothing has made. */
  value(name: string): Value | undefined;
  /** The numbers of a constant, or of sizes that the file computes; undefined for any other value. */
  numbers(name: string): Sizes | undefined;
}

/** One operation of somebody else's file, as the rule that reads it sees it. Attributes that no rule has asked for are counted. */
export class Site {
  constructor(
    readonly node: OnnxNode,
    private readonly known: Known,
    private readonly attributes: Map<string, OnnxAttribute | undefined>,
    /** The error for this operation as it stands; `what` says what of it cannot be read. */
    readonly refuse: (what: string) => Error,
  ) {}

  /** True where the operation has this input. */
  has(at: number): boolean {
    return (this.node.inputs[at] ?? '') !== '';
  }

  value(at: number): Value {
    const value = this.has(at) ? this.known.value(this.node.inputs[at]!) : undefined;
    if (value === undefined) throw this.refuse(`without a tensor as input ${at}`);
    return value;
  }

  /** All inputs that it has, which are tensors. */
  get values(): Value[] {
    return this.node.inputs.flatMap((_, at) => (this.has(at) ? [this.value(at)] : []));
  }

  /** The numbers of an input that is the same for all images; `fallback` where it is left out. */
  numbers(at: number, fallback?: readonly number[]): readonly Dim[] {
    const numbers = this.has(at) ? this.known.numbers(this.node.inputs[at]!)?.data : fallback;
    if (numbers === undefined) throw this.refuse(`with a computed input ${at}`);
    return numbers;
  }

  /** The one number of such an input. */
  number(at: number, fallback?: number): number {
    const [number, ...more] = this.numbers(at, fallback === undefined ? undefined : [fallback]);
    if (typeof number !== 'number' || more.length > 0) throw this.refuse(`with more than a number as input ${at}`);
    return number;
  }

  /** Such an input as axes of a value of this rank, negative ones counted from behind. */
  axes(at: number, rank: number): number[] {
    return this.numbers(at).map(axis => fromBehind(Number(axis), rank));
  }

  /** The attribute called `name`, of the same kind as `fallback`, which stands for one left out. */
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

  /** Refuses any `name` but this one, the default. */
  only(name: string, value: number): void {
    const got = this.integer(name, value);
    if (got !== value) throw this.refuse(`with ${name} ${got}`);
  }

  /** Drops attributes that say nothing of the result. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.attributes.delete(name);
  }

  /** Refuses attributes that nobody has asked for. */
  finish(): void {
    if (this.attributes.size > 0) throw this.refuse(`with ${[...this.attributes.keys()].join(' and ')}`);
  }
}

/** An axis or a place as ONNX counts it: from behind where negative. */
export const fromBehind = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
