import { internal } from '../../base/errors.js';
import type { OnnxNode, Shape } from '../onnx/model.js';
import type { DType, Tensor } from '../tensor.js';
import { type OpAttributes, type OpName, shapeRules, type ValueType } from './ops.js';

/** A value of a graph: name, type, shape, and the graph it belongs to. */
export interface Value {
  readonly graph: Graph;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** One of our operations, with the output types by its shape rule. */
export interface OpNode<K extends OpName = OpName> {
  readonly kind: 'op';
  readonly op: K;
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** An operation of a foreign file, kept unchanged. */
export interface ForeignNode {
  readonly kind: 'foreign';
  readonly node: OnnxNode;
}

export type Node = { [K in OpName]: OpNode<K> }[OpName] | ForeignNode;

/** Names of a node's input and output values. */
export function namesOf(node: Node): { readonly inputs: readonly string[]; readonly outputs: readonly string[] } {
  if (node.kind === 'op')
    return { inputs: node.inputs.map(({ name }) => name), outputs: node.outputs.map(({ name }) => name) };
  const given = (names: readonly string[]) => names.filter(name => name !== '');
  return { inputs: given(node.node.inputs), outputs: given(node.node.outputs) };
}

/**
 * A computation as a list of operations in execution order. Values are made by `input`, `constant` and the builders of
 * `build.ts`; shapes are checked as each operation is added.
 */
export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs: Value[] = [];
  readonly constants = new Map<string, Tensor>();
  /** Trainable constants (weights) by name. */
  readonly parameters = new Map<string, Value>();
  readonly outputs = new Map<string, Value>();
  /** Results of a Gemm that `backward` computes again instead of keeping them in memory, by name. */
  readonly recomputed = new Set<string>();
  /**
   * Operator set version by domain. 17 runs everywhere; the builders use only forms that are the same from 13 on, so that a
   * graph can take over the version of a foreign one that it contains.
   */
  readonly opsets = new Map<string, number>([['', 17]]);
  /** The oldest ONNX IR version for this graph; a foreign part can raise it. */
  irVersion = 8;
  /** Known types of the outputs of foreign operations. */
  readonly foreignTypes = new Map<string, ValueType>();
  private readonly names = new Set<string>();
  private readonly producers = new Map<string, Node>();

  /** An input; dimensions may be names, such as `N`. */
  input(name: string, dtype: DType, shape: Shape): Value {
    const value = this.value(name, { dtype, shape });
    this.inputs.push(value);
    return value;
  }

  /** A constant of the model: a weight (with a `name`) or plain numbers. */
  constant(tensor: Tensor, name = this.freshName('constant')): Value {
    this.constants.set(name, tensor);
    return this.value(name, tensor);
  }

  /** A trainable constant. */
  parameter(tensor: Tensor<'float32'>, name: string): Value {
    const value = this.constant(tensor, name);
    this.parameters.set(name, value);
    return value;
  }

  /** A float32 constant of the shape of `numbers`: a scalar for a number, `[n]` for a list. */
  float(numbers: number | ArrayLike<number>, name?: string): Value {
    const scalar = typeof numbers === 'number';
    const data = Float32Array.from(scalar ? [numbers] : numbers);
    return this.constant({ dtype: 'float32', shape: scalar ? [] : [data.length], data }, name);
  }

  /** Makes `value` an output called `name`. */
  output(name: string, value: Value): void {
    if (this.outputs.has(name)) throw internal(`two outputs called ${name}`);
    this.outputs.set(name, value);
  }

  /**
   * Adds one operation and returns its outputs.
   *
   * @throws ShapeError that names the operation and the shapes if they do not fit.
   */
  add<K extends OpName>(op: K, inputs: readonly Value[], attributes: OpAttributes[K]): Value[] {
    for (const input of inputs) {
      if (input.graph !== this) throw internal(`${op} takes ${input.name} of another graph`);
    }
    const outputs = shapeRules[op](inputs, attributes).map(type => this.value(this.freshName(op), type));
    this.push({ kind: 'op', op, attributes, inputs, outputs } as unknown as Node);
    return outputs;
  }

  /** Adds an operation of another file; the names of its outputs must be new here. */
  addForeign(node: OnnxNode): void {
    for (const output of node.outputs) if (output !== '') this.reserve(output);
    this.push({ kind: 'foreign', node });
  }

  /** True if no value has this name. */
  isFree(name: string): boolean {
    return !this.names.has(name);
  }

  /** The operation that made `value`; undefined for inputs and constants. */
  producerOf(value: Value): Node | undefined {
    return this.producers.get(value.name);
  }

  /** Replaces a constant by an input of the same name, and returns its tensor. */
  feed(name: string): Tensor {
    const tensor = this.constants.get(name);
    if (tensor === undefined) throw internal(`no constant called ${name}`);
    this.constants.delete(name);
    this.parameters.delete(name);
    this.inputs.push({ graph: this, name, dtype: tensor.dtype, shape: tensor.shape });
    return tensor;
  }

  /** An output of a foreign operation, with its known type. */
  foreignValue(name: string, { dtype, shape }: ValueType): Value {
    if (!this.names.has(name)) throw internal(`no value called ${name}`);
    this.foreignTypes.set(name, { dtype, shape });
    return { graph: this, name, dtype, shape };
  }

  private push(node: Node): void {
    this.nodes.push(node);
    for (const name of namesOf(node).outputs) this.producers.set(name, node);
  }

  private value(name: string, { dtype, shape }: ValueType): Value {
    this.reserve(name);
    return { graph: this, name, dtype, shape };
  }

  private reserve(name: string): void {
    if (this.names.has(name)) throw internal(`two values called ${name}`);
    this.names.add(name);
  }

  /** A name that no value has yet, starting with `stem`. */
  freshName(stem: string): string {
    let count = this.names.size;
    while (this.names.has(`${stem}_${count}`)) count++;
    return `${stem}_${count}`;
  }
}
