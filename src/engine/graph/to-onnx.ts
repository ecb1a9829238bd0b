import { encodeModel } from '../onnx/encode.js';
import { dataTypes, type OnnxAttribute, type OnnxNode } from '../onnx/model.js';
import type { Tensor } from '../tensor.js';
import { checkGraph } from './check.js';
import { type Graph, type Node, namesOf, type OpNode } from './graph.js';
import type { OpAttributes, OpName, Window } from './ops.js';

/** How an operation is spelt in ONNX: attributes by name, and inputs that follow its values as constants. */
interface Spelling {
  readonly attributes?: Record<string, OnnxAttribute>;
  readonly inputs?: readonly Tensor[];
  /** Default: the standard operators. */
  readonly domain?: string;
}

const integers = (numbers: readonly number[]): readonly bigint[] => numbers.map(BigInt);
const integerTensor = (numbers: readonly number[]): Tensor<'int64'> => ({
  dtype: 'int64',
  shape: [numbers.length],
  data: BigInt64Array.from(integers(numbers)),
});
// AveragePool has no dilations before operator set 19; without any the attribute is left out.
const poolWindow = (window: Window) => ({
  kernel_shape: integers(window.kernel),
  strides: integers(window.strides),
  pads: integers(window.pads),
});
const spellWindow = (window: Window) => ({ ...poolWindow(window), dilations: integers(window.dilations) });
const plain = (): Spelling => ({});

/** `opset` is the version of the operator set that the graph is written for; a few operations are spelt anew in later ones. */
const spellings: { readonly [K in OpName]: (attributes: OpAttributes[K], opset: number) => Spelling } = {
  Conv: attributes => ({ attributes: { ...spellWindow(attributes), group: BigInt(attributes.group) } }),
  ConvTranspose: attributes => ({
    attributes: {
      ...spellWindow(attributes),
      group: BigInt(attributes.group),
      output_padding: integers(attributes.outputPads),
    },
  }),
  BatchNormalization: ({ epsilon }) => ({ attributes: { epsilon } }),
  MaxPool: attributes => ({ attributes: spellWindow(attributes) }),
  AveragePool: attributes => ({
    attributes: {
      ...poolWindow(attributes),
      count_include_pad: attributes.countIncludePad ? 1n : 0n,
    },
  }),
  GlobalAveragePool: plain,
  Relu: plain,
  Sigmoid: plain,
  HardSigmoid: attributes => ({ attributes: { ...attributes } }),
  HardSwish: plain,
  Softmax: ({ axis }) => ({ attributes: { axis: BigInt(axis) } }),
  LogSoftmax: ({ axis }) => ({ attributes: { axis: BigInt(axis) } }),
  Clip: plain,
  Exp: plain,
  Log: plain,
  Sqrt: plain,
  Pow: ({ exponent }) => ({ inputs: [{ dtype: 'float32', shape: [], data: Float32Array.of(exponent) }] }),
  Abs: plain,
  Sign: plain,
  Add: plain,
  Sub: plain,
  Mul: plain,
  Div: plain,
  Greater: plain,
  Less: plain,
  And: plain,
  Where: plain,
  MatMul: plain,
  Gemm: ({ alpha, beta, transA, transB }) => ({
    attributes: { alpha, beta, transA: transA ? 1n : 0n, transB: transB ? 1n : 0n },
  }),
  Transpose: ({ permutation }) => ({ attributes: { perm: integers(permutation) } }),
  Reshape: ({ shape }) => ({ inputs: [integerTensor(shape)] }),
  Concat: ({ axis }) => ({ attributes: { axis: BigInt(axis) } }),
  Expand: ({ shape }) => ({ inputs: [integerTensor(shape)] }),
  Slice: ({ axes, starts, ends, steps }) => ({
    // An end of -1 counts from behind in ONNX; the smallest number is before the first element in every version.
    inputs: [starts, ends.map(end => (end === -1 ? -(2 ** 31) : end)), axes, steps].map(integerTensor),
  }),
  Pad: ({ pads }) => ({ inputs: [integerTensor(pads)] }),
  ScatterElements: () => ({ attributes: { axis: 0n, reduction: 'add' } }),
  GridSample: (_, opset) => ({
    attributes: { mode: opset < 20 ? 'bilinear' : 'linear', padding_mode: 'border', align_corners: 0n },
  }),
  ReduceMean: ({ axes, keepDims }, opset) => {
    const keepdims = keepDims ? 1n : 0n;
    return opset < 18
      ? { attributes: { keepdims, axes: integers(axes) } }
      : { attributes: { keepdims }, inputs: [integerTensor(axes)] };
  },
  ReduceSum: ({ axes, keepDims }) => ({ attributes: { keepdims: keepDims ? 1n : 0n }, inputs: [integerTensor(axes)] }),
  Cast: ({ to }) => ({ attributes: { to: BigInt(dataTypes[to]) } }),
  Identity: plain,
  QuantizeLinear: plain,
  DequantizeLinear: plain,
  QLinearConv: attributes => ({ attributes: { ...spellWindow(attributes), group: BigInt(attributes.group) } }),
  QLinearAdd: () => ({ domain: RUNTIME_DOMAIN }),
};

// The runtime's own operations, all of version 1.
const RUNTIME_DOMAIN = 'com.microsoft';

/**
 * The bytes of `graph` as an ONNX model: what its outputs need, and nothing else. The same graph gives the same bytes.
 *
 * @example
 * ```ts
 * import { writeFileSync } from 'node:fs';
 * import { Graph, relu, toOnnx } from 'eyeball-ml/engine';
 *
 * const graph = new Graph();
 * graph.output('y', relu(graph.input('x', 'float32', ['N', 4])));
 * writeFileSync('relu.onnx', toOnnx(graph));
 * ```
 */
export function toOnnx(graph: Graph, name = 'eyeball'): Uint8Array {
  checkGraph(graph);
  const { live, needed } = liveness(graph);
  const initializers = new Map([...graph.constants].filter(([constant]) => needed.has(constant)));
  const opset = graph.opsets.get('')!;
  const nodes = live.map(node => (node.kind === 'op' ? spell(node, opset, needed, initializers) : node.node));
  // A value takes the name of the output that it is. Inputs, constants, and what is two outputs go through an Identity, which copies.
  const renamed = new Map<string, string>();
  for (const [output, value] of graph.outputs) {
    if (graph.producerOf(value)?.kind === 'op' && !renamed.has(value.name)) {
      renamed.set(value.name, output);
      continue;
    }
    nodes.push({
      opType: 'Identity',
      domain: '',
      inputs: [value.name],
      outputs: [output],
      attributes: {},
      rawAttributes: [],
    });
  }
  const opsets = new Map(graph.opsets);
  if (nodes.some(({ domain }) => domain === RUNTIME_DOMAIN) && !opsets.has(RUNTIME_DOMAIN))
    opsets.set(RUNTIME_DOMAIN, 1);
  return encodeModel({
    irVersion: graph.irVersion,
    opsets,
    name,
    nodes: nodes.map(node => ({
      ...node,
      inputs: node.inputs.map(input => renamed.get(input) ?? input),
      outputs: node.outputs.map(made => renamed.get(made) ?? made),
    })),
    initializers,
    inputs: graph.inputs,
    outputs: [...graph.outputs].map(([output, { dtype, shape }]) => ({ name: output, dtype, shape })),
  });
}

/** The nodes that the outputs need, and the names of all values that those use. */
function liveness(graph: Graph): { live: Node[]; needed: Set<string> } {
  const needed = new Set([...graph.outputs.values()].map(value => value.name));
  const live = graph.nodes.toReversed().filter(node => {
    const { inputs, outputs } = namesOf(node);
    if (!outputs.some(output => needed.has(output))) return false;
    for (const input of inputs) needed.add(input);
    return true;
  });
  return { live: live.reverse(), needed };
}

function spell(node: OpNode, opset: number, needed: ReadonlySet<string>, initializers: Map<string, Tensor>): OnnxNode {
  const rule = spellings[node.op] as (attributes: object, opset: number) => Spelling;
  const { attributes = {}, inputs = [], domain = '' } = rule(node.attributes, opset);
  // An output behind the first that nobody uses is left out: MaxPool is faster where it need not say where its maxima were.
  const outputs = node.outputs.filter((value, i) => i === 0 || needed.has(value.name)).map(value => value.name);
  const extra = inputs.map((tensor, i) => {
    const name = `${outputs[0]}/argument_${i}`;
    initializers.set(name, tensor);
    return name;
  });
  return {
    opType: node.op,
    domain,
    inputs: [...node.inputs.map(value => value.name), ...extra],
    outputs,
    attributes,
    rawAttributes: [],
  };
}
