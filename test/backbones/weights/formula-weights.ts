import { buildFromPixels, imagenetNormalization } from '../../../src/backbones/backbone.js';
import { formulaParameters } from '../../../src/backbones/formula.js';
import { type ResnetEntry, resnetCommon, resnets } from '../../../src/backbones/registry.js';
import { buildResnet, resnetWidth } from '../../../src/backbones/resnet.js';
import { writeSafetensors } from '../../../src/backbones/weights/safetensors.js';
import type { Tensor } from '../../../src/engine/tensor.js';

/** The weights of a ResNet by formula, as the safetensors file that a hub would have. */
export function formulaWeights(name: keyof typeof resnets): Buffer {
  const { plan }: ResnetEntry = resnets[name];
  const parameters = formulaParameters(plan);
  const tensors = new Map<string, Tensor>();
  const recorded: typeof parameters = (key, shape) => {
    const tensor = parameters(key, shape);
    tensors.set(key, tensor);
    return tensor;
  };
  buildFromPixels({
    name,
    ...resnetCommon,
    normalization: imagenetNormalization,
    sha256: '',
    width: resnetWidth(plan),
    build: x => buildResnet(x, plan, recorded),
  });
  return Buffer.from(writeSafetensors(tensors, {}));
}
