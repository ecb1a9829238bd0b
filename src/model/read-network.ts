import { expected, internal, UnsupportedOpError } from '../base/errors.js';
import { cast, transpose } from '../engine/graph/build.js';
import { fromOnnx } from '../engine/graph/from-onnx.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { liftConstants } from '../engine/onnx/constants.js';
import { decodeModel } from '../engine/onnx/decode.js';
import type { OnnxModel, OnnxNode } from '../engine/onnx/model.js';

/** A model's network as a graph of our operations. */
export interface Network {
  /** The input images, float32 `[N, 3, H, W]`, 0 to 255. */
  readonly images: Value;
  /** The predictions, `[N]`, before clamping. */
  readonly value: Value;
}

/**
 * The network of a `model.onnx` written by `buildModel` as a graph of our operations, all with a gradient. The graph's input is
 * `pixels`, uint8 RGB `[N, H, W, 3]`.
 *
 * @param count N, the number of images.
 * @param where The file's path, with which errors start.
 * @throws UnsupportedOpError that names the operation of a foreign backbone that has no gradient or cannot be expressed.
 */
export function readNetwork(bytes: Uint8Array, count: number, sizePx: number, where: string): Network {
  const model = liftConstants(decodeModel(bytes, where), where);
  // Cast and transpose of bytes have no gradient, so the graph starts after them.
  const [turned] = following(model, 'Transpose', 'pixels');
  const [planes] = following(model, 'Cast', turned);
  const graph = new Graph();
  const pixels = graph.input('pixels', 'uint8', [count, sizePx, sizePx, 3]);
  // [N, H, W, 3] -> [N, 3, H, W]
  const images = cast(transpose(pixels, [0, 3, 1, 2]), 'float32');
  const [value] = fromOnnx(images, {
    nodes: model.nodes.filter(({ outputs: [output] }) => output !== turned && output !== planes),
    initializers: model.initializers,
    input: planes,
    outputs: [model.outputs.some(({ name }) => name === 'unclamped') ? 'unclamped' : 'value'],
    where,
    // Constants without a name of their own are numbered in both graphs.
    rename: name => `model/${name}`,
    refuse: (got, options) => new UnsupportedOpError(expected(where, 'operations with a gradient', got), options),
  });
  return { images, value: value! };
}

/** The output of the operation `opType` on the value `input`. */
function following({ nodes }: OnnxModel, opType: string, input: string): [output: string] {
  const takes = (node: OnnxNode) => node.domain === '' && node.opType === opType && node.inputs[0] === input;
  const output = nodes.find(takes)?.outputs[0];
  if (output === undefined) throw internal(`a model without a ${opType} of ${input}`);
  return [output];
}
