import { type Backbone, buildFromPixels } from '../backbones/backbone.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { buildHead, type Head } from '../training/head.js';

/**
 * The bytes of `model.onnx`: pixels, uint8 RGB `[N, H, W, 3]`, to `value` float32 `[N]` and `features` float32 `[N, D]`; cast,
 * normalisation, backbone and head are inside. The same backbone and head give the same bytes.
 */
export function buildModel(backbone: Backbone, head: Head): Uint8Array {
  const { graph, features } = buildFromPixels(backbone);
  graph.output('value', buildHead(features, head));
  graph.output('features', features);
  return toOnnx(graph);
}
