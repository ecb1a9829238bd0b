import { type Backbone, buildFromPixels, pooledMiddle } from '../backbones/backbone.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import type { Tensor } from '../engine/tensor.js';
import { buildModelHead, type ModelHead } from '../training/head.js';
import type { Calibration } from '../uncertainty/calibration-set.js';
import { buildScale } from '../uncertainty/error-scale.js';
import { buildActivation, buildDistance } from '../uncertainty/ppca.js';

/**
 * The bytes of `model.onnx`: pixels, uint8 RGB `[N, H, W, 3]`, to `value` float32 `[N]` and `features` float32 `[N, D]`; cast,
 * normalization, backbone and head are inside. The same arguments give the same bytes.
 *
 * With a calibration there are further outputs, float32 `[N]`: `scale`, the expected size of the error; `distance`, of the features from
 * those of the training images; `unlikeness`, the same for the means of the middle stage, if the backbone has one; and `activation`, the
 * mean activation of the features. A head that clamps adds `unclamped`, the value before clamping.
 *
 * @param tuned Trained weights and running statistics of the backbone, by name.
 */
export function buildModel(
  backbone: Backbone,
  head: ModelHead,
  tuned: Readonly<Record<string, Tensor>> = {},
  calibration?: Pick<Calibration, 'ppca' | 'errorScale' | 'middle'>,
): Uint8Array {
  const { graph, ...made } = buildFromPixels(backbone);
  const { features } = made;
  for (const [name, tensor] of Object.entries(tuned)) if (graph.constants.has(name)) graph.constants.set(name, tensor);
  const output = buildModelHead(features, head);
  graph.output('value', output.value);
  if (head.range !== undefined) graph.output('unclamped', output.unclamped);
  graph.output('features', features);
  if (calibration !== undefined) {
    const distance = buildDistance(features, calibration.ppca);
    graph.output('scale', buildScale(output, distance, calibration.errorScale));
    graph.output('distance', distance);
    const means = calibration.middle && pooledMiddle(backbone, made);
    if (means !== undefined) graph.output('unlikeness', buildDistance(means, calibration.middle!));
    graph.output('activation', buildActivation(features));
  }
  return toOnnx(graph);
}
