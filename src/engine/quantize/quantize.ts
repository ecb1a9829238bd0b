import { dequantizeLinear, qLinearAdd, qLinearConv, quantizeLinear, type Step } from '../graph/build.js';
import { copyGraph, type Rewrite } from '../graph/copy.js';
import { Graph, namesOf, type OpNode, type Value } from '../graph/graph.js';
import type { OpAttributes } from '../graph/ops.js';
import type { Tensor } from '../tensor.js';
import { foldConstants, numbersOf } from './fold.js';
import type { Range } from './ranges.js';
import { addsPairs, fromSumOrder, inSumOrder, MOST, MOST_OF_PAIR } from './sums.js';

/** A float32 network with folded convolutions, and which of its operations can be computed in 8 bits. */
export interface Quantizable {
  /** The graph from `input` to `outputs`. */
  readonly graph: Graph;
  readonly input: Value;
  readonly outputs: readonly Value[];
  /** The values whose ranges are needed. */
  readonly ranged: readonly Value[];
  /** Names of the values that only a ReLU uses: the ReLU's range is used for both. */
  readonly fused: ReadonlySet<string>;
  /** Names of the results of convolutions that can be computed in 8 bits, in order. */
  readonly convolutions: readonly string[];
  /** The number of operations that must be computed in float32, by name. */
  readonly kept: ReadonlyMap<string, number>;
}

/**
 * Folds and analyzes the network from `input` to `outputs`.
 *
 * @param outputs Values of one graph.
 */
export function prepare(outputs: readonly Value[], input: Value): Quantizable {
  const folded = new Graph();
  const x = folded.input(input.name, input.dtype, input.shape);
  const ends = copyGraph(outputs, folded, new Map([[input.name, x]]), foldConstants);
  // A second copy leaves out the operations that folding replaced.
  const graph = new Graph();
  const start = graph.input(input.name, input.dtype, input.shape);
  const wanted = copyGraph(ends, graph, new Map([[input.name, start]]));
  const consumers = consumersOf(graph, wanted);
  const ranged = new Map<string, Value>();
  const fused = new Set<string>();
  const convolutions: string[] = [];
  const kept = new Map<string, number>();
  for (const node of graph.nodes) {
    if (node.kind === 'foreign' || !isQuantized(node)) {
      const name = node.kind === 'foreign' ? node.node.opType : node.op;
      kept.set(name, (kept.get(name) ?? 0) + 1);
      continue;
    }
    const out = node.outputs[0]!;
    if (node.op === 'Conv') convolutions.push(out.name);
    if (consumers.get(out.name)!.every(next => next !== 'output' && isFused(next))) fused.add(out.name);
    const inputs = isFused(node) ? [] : node.op === 'Add' ? node.inputs : [node.inputs[0]!];
    for (const value of [...inputs, out]) if (!fused.has(value.name)) ranged.set(value.name, value);
  }
  return { graph, input: start, outputs: wanted, ranged: [...ranged.values()], fused, convolutions, kept };
}

/** The users of each value: our nodes, foreign nodes, and the outputs. */
function consumersOf(graph: Graph, outputs: readonly Value[]): ReadonlyMap<string, readonly (OpNode | 'output')[]> {
  const consumers = new Map<string, (OpNode | 'output')[]>();
  const add = (name: string, consumer: OpNode | 'output') => {
    const list = consumers.get(name);
    if (list === undefined) consumers.set(name, [consumer]);
    else list.push(consumer);
  };
  for (const node of graph.nodes)
    for (const name of namesOf(node).inputs) add(name, node.kind === 'op' ? node : 'output');
  for (const { name } of outputs) add(name, 'output');
  return consumers;
}

/** Whether a node only limits the range of its input, as a ReLU does. */
const isFused = (node: OpNode) => (node.op === 'Relu' || node.op === 'Clip') && isQuantized(node);

/** Whether a node has an 8-bit form. */
function isQuantized(node: OpNode): boolean {
  const [x, other] = node.inputs;
  switch (node.op) {
    case 'Conv':
      return node.inputs.slice(1).every(weight => numbersOf(weight) !== undefined);
    case 'Add':
      // Residual sums of images, not the bias of a layer.
      return x!.shape.length === 4 && x!.shape.join() === other!.shape.join() && node.inputs.every(isMade);
    case 'Relu':
    case 'Clip': {
      const before = x!.graph.producerOf(x!);
      const low = node.inputs[1] && numbersOf(node.inputs[1])?.data[0];
      const starts = node.op === 'Relu' || (low === 0 && node.inputs.length === 3);
      return starts && before?.kind === 'op' && (before.op === 'Conv' || before.op === 'Add') && isQuantized(before);
    }
    case 'MaxPool': {
      const before = x!.graph.producerOf(x!);
      return before?.kind === 'op' && isQuantized(before);
    }
    default:
      return false;
  }
}

const isMade = (value: Value) => value.graph.producerOf(value)?.kind === 'op';

/** How weights and values are quantized. */
export interface QuantizeOptions {
  /** The range of each value of `ranged`, by name. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Names of convolutions that stay in float32. */
  readonly keep?: ReadonlySet<string>;
}

interface Quantized extends Step {
  readonly value: Value;
}

/**
 * Adds the network to x's graph with convolutions, residual sums and pooling in 8 bits: values are uint8 with one scale each, weights int8
 * with a scale per filter, biases int32. A ReLU after a convolution or a sum becomes the lower end of its range. Other operations stay float32.
 *
 * @returns The values of `outputs`, float32.
 * Reference: Jacob et al., https://arxiv.org/abs/1712.05877; QLinearConv of ONNX, QLinearAdd of ONNX Runtime.
 */
export function quantize(network: Quantizable, x: Value, options: QuantizeOptions): Value[] {
  const { ranges, keep = new Set() } = options;
  const target = x.graph;
  const quantized = new Map<string, Quantized>();
  const scalar = (dtype: 'float32' | 'uint8', number: number): Value => {
    const data = dtype === 'float32' ? Float32Array.of(number) : Uint8Array.of(number);
    return target.constant({ dtype, shape: [], data } as Tensor);
  };
  const stepOf = (name: string) => {
    const { min, max } = ranges.get(name)!;
    // For values that are always 0, any scale works.
    const scale = max > min ? Math.fround((max - min) / 255) : 1;
    return { scale: scalar('float32', scale), zero: scalar('uint8', Math.round(-min / scale)) };
  };
  /** The 8-bit form of the value `copy`, whose name in the network is `name`. */
  const inBytes = (copy: Value, name: string): Quantized => {
    const known = quantized.get(copy.name);
    if (known !== undefined) return known;
    const step = stepOf(name);
    const made = { value: quantizeLinear(copy, step), ...step };
    quantized.set(copy.name, made);
    return made;
  };
  const numberOf = (value: Value): number => target.constants.get(value.name)!.data[0] as number;
  const result = (value: Value, { scale, zero }: Step): Value[] => {
    const float = dequantizeLinear(value, { scale, zero });
    quantized.set(float.name, { value, scale, zero });
    return [float];
  };

  const convolve = (node: OpNode<'Conv'>, input: Quantized, out: string): Value[] => {
    const weight = numbersOf(node.inputs[1]!)!;
    const bias = node.inputs[2] && numbersOf(node.inputs[2])!.data;
    const { bytes, scales } = bytesOf(weight, node.attributes.group);
    const sums = Int32Array.from(scales, (scale, filter) =>
      clampInt32(Math.round((bias?.[filter] ?? 0) / (numberOf(input.scale) * scale))),
    );
    const shape = [scales.length];
    const parameters = {
      weight: target.constant({ dtype: 'int8', shape: weight.shape, data: bytes }),
      scales: target.constant({ dtype: 'float32', shape, data: scales }),
      bias: target.constant({ dtype: 'int32', shape, data: sums }),
    };
    const step = stepOf(out);
    return result(qLinearConv(input.value, input, parameters, step, node.attributes), step);
  };
  const sum = ([a, b]: readonly Quantized[], out: string): Value[] => {
    const step = stepOf(out);
    return result(qLinearAdd(a!.value, a!, b!.value, b!, step), step);
  };

  const copies = new Map<string, Value>();
  const rewrite: Rewrite = (node, inputs) => {
    for (const [i, { name }] of node.inputs.entries()) copies.set(name, inputs[i]!);
    const out = node.outputs[0]!.name;
    // A fused convolution is copied too, but nothing uses the copy, so it is not written.
    if (!isQuantized(node) || keep.has(out) || network.fused.has(out)) return undefined;
    const bytes = (value: Value) => inBytes(copies.get(value.name)!, value.name);
    if (node.op === 'Conv') return convolve(node as OpNode<'Conv'>, bytes(node.inputs[0]!), out);
    if (node.op === 'Add') return sum(node.inputs.map(bytes), out);
    if (node.op === 'MaxPool') {
      const { value, ...step } = bytes(node.inputs[0]!);
      return result(target.add('MaxPool', [value], node.attributes as OpAttributes['MaxPool'])[0]!, step);
    }
    // A ReLU: its input, with a range that starts at 0.
    const before = node.inputs[0]!.graph.producerOf(node.inputs[0]!) as OpNode;
    if (keep.has(before.outputs[0]!.name)) return undefined;
    return before.op === 'Conv'
      ? convolve(before as OpNode<'Conv'>, bytes(before.inputs[0]!), out)
      : sum(before.inputs.map(bytes), out);
  };
  return copyGraph(network.outputs, target, new Map([[network.input.name, x]]), rewrite);
}

// Weights do not depend on ranges, so all calibrations share them.
const known = new WeakMap<Float32Array, ReturnType<typeof weightBytes>>();

function bytesOf(weight: Tensor<'float32'>, group: number): ReturnType<typeof weightBytes> {
  const made = known.get(weight.data) ?? weightBytes(weight, group);
  known.set(weight.data, made);
  return made;
}

const clampInt32 = (number: number) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, number));

/** The weight `[M, C / group, kH, kW]` as int8, symmetric, with a scale per filter such that `sumsFit`. */
export function weightBytes(
  { shape, data }: Tensor<'float32'>,
  group: number,
): { readonly bytes: Int8Array; readonly scales: Float32Array } {
  const each = data.length / shape[0]!;
  const bytes = new Int8Array(data.length);
  const scales = new Float32Array(shape[0]!);
  const pairs = addsPairs(shape, group);
  const ordered = new Float32Array(each);
  const rounded = new Int8Array(each);
  for (let filter = 0, at = 0; filter < scales.length; filter++, at += each) {
    inSumOrder(data.subarray(at, at + each), shape, ordered);
    let edge = Math.abs(ordered[0]!);
    let pair = 0;
    for (let i = 1, last = edge; i < each; i++) {
      const size = Math.abs(ordered[i]!);
      edge = Math.max(edge, size);
      pair = Math.max(pair, last + size);
      last = size;
    }
    const scale = Math.fround(Math.max(edge / MOST, pairs ? pair / MOST_OF_PAIR : 0) || 1);
    for (let i = 0, last = 0; i < each; i++) {
      // Rounding the scale to float32 can make it too small, but by far less than half a step in 127.
      const nearest = Math.floor(ordered[i]! / scale + 0.5);
      const size = Math.abs(nearest);
      // Rounding up both weights of a pair can exceed the limit by one.
      const tooMany = pairs && last + size > MOST_OF_PAIR;
      rounded[i] = tooMany ? nearest - Math.sign(nearest) : nearest;
      last = tooMany ? size - 1 : size;
    }
    fromSumOrder(rounded, shape, bytes.subarray(at, at + each));
    scales[filter] = scale;
  }
  return { bytes, scales };
}
