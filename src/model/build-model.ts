import { type Backbone, buildFromPixels } from '../backbones/backbone.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import type { Tensor } from '../engine/tensor.js';
import { buildHead, type Head } from '../training/head.js';

/**
 * The bytes of `model.onnx`: pixels, uint8 RGB `[N, H, W, 3]`, to `value` float32 `[N]` and `features` float32 `[N, D]`; cast,
 * normalisation, backbone and head are inside. The same backbone and head give the same bytes.
 *
 * @param tuned What training has moved of the backbone, by name: weights and running statistics.
 */
export function buildModel(backbone: Backbone, head: Head, tuned: Readonly<Record<string, Tensor>> = {}): Uint8Array {
  const { graph, features } = buildFromPixels(backbone);
  for (const [name, tensor] of Object.entries(tuned)) if (graph.constants.has(name)) graph.constants.set(name, tensor);
  graph.output('value', buildHead(features, head).value);
  graph.output('features', features);
  return toOnnx(graph);
}
