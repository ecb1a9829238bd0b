import { formulaHead, formulaParameters } from '../src/backbones/formula.js';
import { loadBackbone, resnetNamed, resnets } from '../src/backbones/registry.js';
import { buildResnet } from '../src/backbones/resnet.js';
import type { Device } from '../src/base/device.js';
import { formulaUniform } from '../src/base/random.js';
import { batchNormByBatch, foldBatchNorm, type StatisticUpdate } from '../src/engine/autodiff/batch-norm.js';
import { gemm, reduceMean, square, sub } from '../src/engine/graph/build.js';
import { copyGraph } from '../src/engine/graph/copy.js';
import { Graph, type Value } from '../src/engine/graph/graph.js';
import { adam } from '../src/engine/optim/optimizer.js';
import { type TrainingStep, trainingStep } from '../src/engine/optim/training-step.js';
import { type Tensor, tensor } from '../src/engine/tensor.js';

/** What a training step of a benchmark computes. */
export interface NetworkOptions {
  /** A ResNet of the registry, or a network of timm by its name in "eyeball backbones". */
  readonly name: string;
  /** `all`: every layer from images; `last`, of a ResNet: layer4 and the head from the output of layer3. */
  readonly tune: string;
  /** `batch`: statistics of the batch; `frozen`: running statistics. */
  readonly norms: string;
  readonly batch: number;
  /** Width and height of the images. */
  readonly size: number;
  /** Where it is computed. Default: `cpu`. */
  readonly device?: Device;
}

/** A step of Adam on a network with one output and weights of the formula, and the batch that it takes. */
export async function networkStep(
  options: NetworkOptions,
): Promise<{ step: TrainingStep; feeds: Record<string, Tensor> }> {
  const { name, tune, norms, batch, size, device } = options;
  const network = new Graph();
  const images = network.input('images', 'float32', [batch, 3, size, size]);
  const { features, stages } = await addNetwork(name, images, size);
  const head = formulaHead(Number(features.shape[1]));
  const weight = network.parameter(tensor('float32', [1, head.weight.length], head.weight), 'fc.weight');
  const bias = network.parameter(tensor('float32', [1], Float32Array.of(head.bias)), 'fc.bias');
  const prediction = gemm(features, weight, { c: bias, transB: true });
  const from = tune === 'last' ? stages.get('layer3')! : images;
  const shape = from.shape.map(Number);
  const count = shape.reduce((product, dim) => product * dim, 1);
  // The output of a ReLU is never negative.
  const data = Float32Array.from(formulaUniform('input', count), u => (tune === 'last' ? Math.max(u, 0) : u));

  const graph = new Graph();
  const x = graph.input('x', 'float32', shape);
  const y = graph.input('y', 'float32', [batch, 1]);
  const updates: StatisticUpdate[] = [];
  const rewrite = norms === 'frozen' ? foldBatchNorm : batchNormByBatch(updates);
  const [output] = copyGraph([prediction], graph, new Map([[from.name, x]]), rewrite);
  const step = trainingStep({
    loss: reduceMean(square(sub(output!, y)), [0, 1]),
    groups: [{ learningRateScale: 1, weightDecay: 0, parameters: [...graph.parameters.keys()] }],
    optimizer: adam(),
    updates,
    device,
  });
  const targets = Float32Array.from(formulaUniform('target', batch), u => 40 + 20 * u);
  return { step, feeds: { x: tensor('float32', shape, data), y: tensor('float32', [batch, 1], targets) } };
}

async function addNetwork(name: string, images: Value, sizePx: number) {
  if (resnetNamed(name) !== undefined) {
    const { plan } = resnets[name as keyof typeof resnets];
    return buildResnet(images, plan, formulaParameters(plan));
  }
  const backbone = await loadBackbone({ backbone: name, weights: 'formula', sizePx, cacheDir: '' });
  return (backbone.buildTrainable ?? backbone.build)(images);
}
