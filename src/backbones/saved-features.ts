import { expected, InputError } from '../base/errors.js';
import type { OnnxModel } from '../engine/onnx/model.js';
import { neededFor } from '../engine/onnx/needed.js';
import type { Backbone } from './backbone.js';
import { appendNodes, appendTrainable, measureValue, type OnnxNetwork } from './onnx-nodes.js';
import type { BackboneOutput } from './resnet.js';

/** The features of a saved model: its manifest's entry, and its network. */
export interface SavedFeatures
  extends Pick<Backbone, 'name' | 'source' | 'license' | 'sha256' | 'sizePx' | 'resize' | 'normalization' | 'width'>,
    Pick<Backbone, 'blocks' | 'parts'> {
  /** Of `model.onnx`. */
  readonly model: OnnxModel;
  /** Its file, for errors. */
  readonly path: string;
  /** The stage whose means the output `unlikeness` compares; null where it has none. */
  readonly middleStage: string | null;
}

/**
 * A backbone whose network is that of a saved model up to its features, so it needs neither names nor files of what the features were made
 * of. Its stages are not known.
 *
 * @throws InputError where the network has another form than those that eyeball writes.
 */
export async function loadSavedFeatures({ model, path, middleStage, ...about }: SavedFeatures): Promise<Backbone> {
  const network = afterNormalization(model, about.sizePx, path);
  const means = middleStage === null ? undefined : meansBefore('unlikeness', model);
  const shape = means === undefined ? undefined : await measureValue(network, means, about.sizePx);
  const middle = means === undefined ? undefined : { name: means, shape: ['N', ...shape!.slice(1)] };
  const features = { name: 'features', shape: ['N', about.width] };
  const wanted = middle === undefined ? [features] : [features, middle];
  const names = wanted.map(({ name }) => name);
  const output = ([found, map]: ReturnType<typeof appendNodes>): BackboneOutput => ({
    features: found!,
    stages: new Map(),
    ...(map && { maps: new Map([[middleStage!, map]]) }),
  });
  return {
    ...about,
    ...(middle && { middle: { stage: middleStage!, width: Number(middle.shape[1]) } }),
    build: x => output(appendNodes(x, network, wanted)),
    buildTrainable: x => output(appendTrainable(x, network, names)),
  };
}

/** The network without the operations that normalize its pixels. */
function afterNormalization(model: OnnxModel, sizePx: number, path: string): OnnxNetwork {
  const before = new Set(['pixels']);
  let input = 'pixels';
  for (const opType of ['Transpose', 'Cast', 'Mul', 'Add']) {
    const node = model.nodes.find(each => each.opType === opType && each.inputs[0] === input);
    if (node === undefined)
      throw new InputError(expected(path, 'pixels that are normalized first', `no ${opType} of "${input}"`));
    input = node.outputs[0]!;
    before.add(input);
  }
  const nodes = model.nodes.filter(({ outputs: [output] }) => !before.has(output!));
  const images = { name: input, dtype: 'float32', shape: ['N', 3, sizePx, sizePx] } as const;
  return { model: { ...model, nodes, inputs: [images] }, input, path };
}

/** The map whose means `output` is computed from; undefined where the model has no such output. */
function meansBefore(output: string, { nodes }: OnnxModel): string | undefined {
  return neededFor([output], nodes).nodes.findLast(({ opType }) => opType === 'ReduceMean')?.inputs[0];
}
