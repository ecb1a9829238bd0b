import { expected, InputError, reasonOf, UnsupportedOpError } from '../base/errors.js';
import { option } from '../base/options.js';
import { fromOnnx } from '../engine/graph/from-onnx.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import type { OnnxModel, Shape } from '../engine/onnx/model.js';
import { neededFor } from '../engine/onnx/needed.js';
import { createSession } from '../engine/runtime/session.js';
import { sizeOf } from '../engine/tensor.js';

/** The network of an ONNX file. */
export interface OnnxNetwork {
  readonly model: OnnxModel;
  /** The name of its input of normalized images, float32 `[N, 3, H, W]`. */
  readonly input: string;
  /** The file, for errors. */
  readonly path: string;
}

const PREFIX = 'backbone/';

/**
 * The shape of a value for two images of `sizePx`, measured by running the network.
 *
 * @throws InputError where it does not run.
 */
export async function measureValue(network: OnnxNetwork, value: string, sizePx: number): Promise<Shape> {
  const { path } = network;
  const graph = new Graph();
  const images = [2, 3, sizePx, sizePx];
  const x = graph.input('x', 'float32', images);
  graph.output('value', appendNodes(x, network, [{ name: value, shape: images }])[0]!);
  let shape: readonly number[];
  try {
    const session = await createSession(toOnnx(graph), { handOver: true });
    const data = new Float32Array(sizeOf(images));
    shape = (await session.run({ x: { dtype: 'float32', shape: images, data } })).value!.shape;
    await session.close();
  } catch (cause) {
    const what = `a model that runs on two images of ${sizePx} x ${sizePx} px`;
    throw new InputError(expected(path, what, `"${reasonOf(cause)}"`), { cause });
  }
  if (shape[0] !== 2 || shape.length < 2) {
    throw new InputError(expected(path, `features [2, ...] for two images in "${value}"`, `[${shape}]`));
  }
  return shape;
}

/** Adds the nodes that the values `wanted` depend on to x's graph, unchanged except for prefixed names, and returns these values. */
export function appendNodes(
  x: Value,
  { model, input }: OnnxNetwork,
  wanted: readonly { readonly name: string; readonly shape: Shape }[],
): Value[] {
  const { graph } = x;
  for (const [domain, version] of model.opsets) graph.opsets.set(domain, version);
  graph.irVersion = Math.max(graph.irVersion, model.irVersion);

  const { nodes, names } = neededFor(
    wanted.map(({ name }) => name),
    model.nodes,
  );
  const other = model.inputs.find(({ name }) => name !== input && names.has(name));
  if (other !== undefined) {
    const what = 'a value that depends on images alone';
    throw new InputError(expected(`features "${wanted[0]!.name}"`, what, `"${other.name}"`));
  }
  const rename = (name: string) => (name === '' ? '' : name === input ? x.name : PREFIX + name);
  for (const [name, tensor] of model.initializers) if (names.has(name)) graph.constant(tensor, rename(name));
  for (const node of nodes) {
    graph.addForeign({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) });
  }
  return wanted.map(({ name, shape }) => graph.foreignValue(rename(name), { dtype: 'float32', shape }));
}

/**
 * As `appendNodes`, with eyeball's operations, and the weights as parameters of the same names.
 *
 * @throws UnsupportedOpError, naming the operation, where one has no counterpart.
 */
export function appendTrainable(x: Value, { model, input, path }: OnnxNetwork, wanted: readonly string[]): Value[] {
  const error = (what: string, got: string, options?: ErrorOptions) =>
    new UnsupportedOpError(
      expected(
        path,
        `${what} for ${option('tune', 'all')}`,
        got,
        `keep the backbone frozen with ${option('tune', 'head')}`,
      ),
      options,
    );
  const { parameters } = x.graph;
  const before = parameters.size;
  const values = fromOnnx(x, {
    nodes: model.nodes,
    initializers: model.initializers,
    input,
    outputs: wanted,
    where: path,
    rename: name => PREFIX + name,
    refuse: (got, options) => error('operations with a gradient', got, options),
  });
  if (parameters.size === before) throw error('weights', 'none');
  return values;
}
