import { encodeModel } from '../onnx/encode.js';
import { dataTypes, type OnnxAttribute, type OnnxNode } from '../onnx/model.js';
import type { Tensor } from '../tensor.js';
import { checkGraph } from './check.js';
import type { Graph, OpNode } from './graph.js';
import type { OpAttributes, OpName, Window } from './ops.js';

/** How an operation is spelt in ONNX: attributes by name, and inputs that follow its values as constants. */
interface Spelling {
  readonly attributes?: Record<string, OnnxAttribute>;
  readonly inputs?: readonly Tensor[];
}

const integers = (numbers: readonly number[]): readonly bigint[] => numbers.map(BigInt);
const integerTensor = (numbers: readonly number[]): Tensor<'int64'> => ({
  dtype: 'int64',
  shape: [numbers.length],
  data: BigInt64Array.from(integers(numbers)),
});
const spellWindow = (window: Window) => ({
  kernel_shape: integers(window.kernel),
  strides: integers(window.strides),
  pads: integers(window.pads),
  dilations: integers(window.dilations),
});
const plain = (): Spelling => ({});

const spellings: { readonly [K in OpName]: (attributes: OpAttributes[K]) => Spelling } = {
  Conv: attributes => ({ attributes: { ...spellWindow(attributes), group: BigInt(attributes.group) } }),
  BatchNormalization: ({ epsilon }) => ({ attributes: { epsilon } }),
  MaxPool: attributes => ({ attributes: spellWindow(attributes) }),
  GlobalAveragePool: plain,
  Relu: plain,
  Sigmoid: plain,
  Softmax: ({ axis }) => ({ attributes: { axis: BigInt(axis) } }),
  Clip: plain,
  Sqrt: plain,
  Abs: plain,
  Sign: plain,
  Add: plain,
  Sub: plain,
  Mul: plain,
  Div: plain,
  MatMul: plain,
  Transpose: ({ permutation }) => ({ attributes: { perm: integers(permutation) } }),
  Reshape: ({ shape }) => ({ inputs: [integerTensor(shape)] }),
  Concat: ({ axis }) => ({ attributes: { axis: BigInt(axis) } }),
  ReduceSum: ({ axes, keepDims }) => ({ attributes: { keepdims: keepDims ? 1n : 0n }, inputs: [integerTensor(axes)] }),
  Cast: ({ to }) => ({ attributes: { to: BigInt(dataTypes[to]) } }),
  Identity: plain,
};

/** The bytes of `graph` as an ONNX model. The same graph gives the same bytes. */
export function toOnnx(graph: Graph, name = 'eyeball'): Uint8Array {
  checkGraph(graph);
  const initializers = new Map(graph.constants);
  const nodes = graph.nodes.map(node => (node.kind === 'op' ? spell(node, initializers) : node.node));
  // An output keeps its own name through an Identity that the runtime removes.
  for (const [output, value] of graph.outputs) {
    nodes.push({
      opType: 'Identity',
      domain: '',
      inputs: [value.name],
      outputs: [output],
      attributes: {},
      rawAttributes: [],
    });
  }
  return encodeModel({
    irVersion: graph.irVersion,
    opsets: graph.opsets,
    name,
    nodes,
    initializers,
    inputs: graph.inputs,
    outputs: [...graph.outputs].map(([output, { dtype, shape }]) => ({ name: output, dtype, shape })),
  });
}

function spell(node: OpNode, initializers: Map<string, Tensor>): OnnxNode {
  const { attributes = {}, inputs = [] } = (spellings[node.op] as (attributes: object) => Spelling)(node.attributes);
  const outputs = node.outputs.map(value => value.name);
  const extra = inputs.map((tensor, i) => {
    const name = `${outputs[0]}/argument_${i}`;
    initializers.set(name, tensor);
    return name;
  });
  return {
    opType: node.op,
    domain: '',
    inputs: [...node.inputs.map(value => value.name), ...extra],
    outputs,
    attributes,
    rawAttributes: [],
  };
}
