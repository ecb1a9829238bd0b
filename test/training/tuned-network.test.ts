import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { architectures } from '../../src/backbones/architectures.js';
import type { Backbone } from '../../src/backbones/backbone.js';
import { loadFace } from '../../src/backbones/face.js';
import { formulaParameters, networkFormula } from '../../src/backbones/formula.js';
import { resnets } from '../../src/backbones/registry.js';
import { buildResnet } from '../../src/backbones/resnet.js';
import { formulaUniform } from '../../src/base/random.js';
import { backward } from '../../src/engine/autodiff/backward.js';
import { reduceSum, square } from '../../src/engine/graph/build.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { type Tensor, toFloat32 } from '../../src/engine/tensor.js';
import {
  buildTuned,
  depthOfParameters,
  stageNames,
  stageShape,
  stageWidth,
  type TunedPart,
  tunedPart,
} from '../../src/training/tuned-network.js';
import { expectAllClose, expectNumbersClose } from '../close.js';
import { failureOf } from '../datasets/temp.js';
import { stagedBackbone } from '../features/staged-backbone.js';
import { tinyBackbone } from '../features/tiny-backbone.js';
import { float } from '../run-graph.js';

const parameters = formulaParameters(resnets.resnet18.plan);
const resnet: Backbone = {
  ...tinyBackbone({ name: 'resnet18', width: 512 }),
  build: x => buildResnet(x, resnets.resnet18.plan, parameters),
};
const images = float([3, 3, 32, 32], formulaUniform('images', 3 * 3 * 32 * 32));

async function run(graph: Graph, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await createSession(toOnnx(graph));
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** Features and stages of the whole network. */
async function whole(backbone: Backbone, x: Tensor): Promise<Record<string, Tensor>> {
  const graph = new Graph();
  const { features, stages } = backbone.build(graph.input('x', 'float32', x.shape));
  graph.output('features', features);
  for (const [name, value] of stages) graph.output(name, value);
  return await run(graph, { x });
}

/** The features of the trained part on its input. */
async function cut(backbone: Backbone, part: TunedPart, x: Tensor, how: Parameters<typeof buildTuned>[3]) {
  const graph = new Graph();
  const { features, updates } = buildTuned(graph.input('x', 'float32', x.shape), backbone, part, how);
  graph.output('features', features);
  const trained = new Set(graph.parameters.keys());
  for (const { name, next } of updates) graph.output(`next/${name}`, next);
  return { out: await run(graph, { x }), trained, updates };
}

describe('buildTuned', () => {
  // Folded batch norms round in another order.
  const near = { rtol: 1e-4, atol: 1e-5 };
  const cuts: readonly [Backbone, string][] = [
    [stagedBackbone(), 'low'],
    [stagedBackbone(), 'middle'],
    [stagedBackbone(), 'high'],
    [resnet, 'layer3'],
  ];
  for (const [backbone, lowest] of cuts) {
    it(`from ${lowest} on is all of ${backbone.name}, on what the stage below it says and on images`, async () => {
      const { features, ...stages } = await whole(backbone, images);
      const part = tunedPart(backbone, lowest, 'frozen');
      const below = part.below === undefined ? images : stages[part.below]!;
      for (const training of [false, true]) {
        const fromStage = await cut(backbone, part, below, { training, fromImages: false });
        expectAllClose(fromStage.out.features!, features!, near);
        const fromImages = await cut(backbone, part, images, { training, fromImages: true });
        expectAllClose(fromImages.out.features!, features!, near);
        assert.deepEqual(fromImages.trained, fromStage.trained);
        assert.deepEqual(fromStage.updates, []);
      }
    });
  }

  it('holds the parameters of the trained stages alone', async () => {
    const stages = ['stem', 'layer1', 'layer2', 'layer3', 'layer4'];
    const all = new Graph();
    resnet.build(all.input('x', 'float32', images.shape));
    for (const [at, lowest] of stages.entries()) {
      const graph = new Graph();
      const input = graph.input('x', 'float32', images.shape);
      buildTuned(input, resnet, tunedPart(resnet, lowest, 'frozen'), { training: true, fromImages: true });
      const kept = stages.slice(at).flatMap(stage => (stage === 'stem' ? ['conv1.', 'bn1.'] : [`${stage}.`]));
      const expected = [...all.parameters.keys()].filter(name => kept.some(prefix => name.startsWith(prefix)));
      assert.deepEqual(new Set(graph.parameters.keys()), new Set(expected), lowest);
    }
  });

  it('of the face is the whole network', async () => {
    const face = await loadFace();
    const one = float(
      [1, 3, 224, 224],
      Array.from(formulaUniform('face', 3 * 224 * 224), u => 100 * u),
    );
    const { features, ...stages } = await whole(face, one);
    const part = tunedPart(face, 'last', 'frozen');
    assert.deepEqual(part, { lowest: 'stage5', below: 'stage4', batchNorm: 'frozen' });
    const fromStage = await cut(face, part, stages.stage4!, { training: true, fromImages: false });
    expectAllClose(fromStage.out.features!, features!, near);
    assert.ok(fromStage.trained.size > 4);
  });

  it('by batch uses and moves the statistics of trained stages, and leaves those below alone', async () => {
    const part = tunedPart(resnet, 'layer4', 'batch');
    const { features } = await whole(resnet, images);
    const tuned = await cut(resnet, part, images, { training: true, fromImages: true });
    assert.ok(tuned.updates.length > 0 && tuned.updates.every(({ name }) => name.startsWith('layer4.')));
    const difference = toFloat32(tuned.out.features!).data.reduce(
      (sum, value, i) => sum + Math.abs(value - Number(features!.data[i])),
      0,
    );
    assert.ok(difference > 1, `${difference}`);
    // The running mean of the first convolution moves a tenth of the way to its mean over the batch.
    const graph = new Graph();
    const { stages } = resnet.build(graph.input('x', 'float32', images.shape));
    const normed = graph.nodes.find(
      node =>
        node.kind === 'op' && node.op === 'BatchNormalization' && node.inputs[3]!.name === 'layer4.0.bn1.running_mean',
    );
    assert.ok(stages.size === 5 && normed?.kind === 'op');
    graph.output('entering', normed.inputs[0]!);
    const { entering } = await run(graph, { x: images });
    const [count, channels, height, width] = entering!.shape as [number, number, number, number];
    const start = parameters('layer4.0.bn1.running_mean', [channels]).data;
    const moved = Array.from({ length: channels }, (_, channel) => {
      let sum = 0;
      for (let n = 0; n < count; n++) {
        for (let i = 0; i < height * width; i++) {
          sum += Number(entering!.data[(n * channels + channel) * height * width + i]);
        }
      }
      return 0.9 * start[channel]! + (0.1 * sum) / (count * height * width);
    });
    expectAllClose(tuned.out['next/layer4.0.bn1.running_mean']!, float([channels], moved), near);
    // Where nothing is trained they are the running ones.
    const judged = await cut(resnet, part, images, { training: false, fromImages: true });
    expectAllClose(judged.out.features!, features!, near);
    assert.deepEqual(judged.updates, []);
  });

  it('lets a gradient through that reaches every parameter it holds', async () => {
    for (const batchNorm of ['frozen', 'batch'] as const) {
      const graph = new Graph();
      const staged = stagedBackbone();
      const part = tunedPart(staged, 'middle', batchNorm);
      const { features } = buildTuned(graph.input('x', 'float32', images.shape), staged, part, {
        training: true,
        fromImages: true,
      });
      const names = [...graph.parameters.keys()];
      const gradients = backward(reduceSum(square(features), [0, 1]), [...graph.parameters.values()]);
      for (const [i, gradient] of gradients.entries()) graph.output(`gradient/${names[i]}`, gradient);
      const out = await run(graph, { x: images });
      assert.equal(names.length, 6);
      for (const name of names) {
        const largest = Math.max(...Array.from(out[`gradient/${name}`]!.data as Float32Array, Math.abs));
        assert.ok(largest > 1e-4, `${name} ${batchNorm}: ${largest}`);
      }
    }
  });
});

describe('the stages of a backbone', () => {
  it('have names and shapes', () => {
    assert.deepEqual(stageNames(resnet), ['stem', 'layer1', 'layer2', 'layer3', 'layer4']);
    assert.deepEqual(stageShape(resnet, 'layer3'), [256, 2, 2]);
    assert.equal(stageWidth(resnet, 'layer3'), 1024);
  });

  it('are fractions from block to block of a transformer', () => {
    const vit = architectures.get('vit_tiny_patch16_224')!;
    const { width, middle, normalization } = vit;
    const parameters = networkFormula();
    const about = { name: 'vit', source: '', license: '', sha256: '', sizePx: 32, width, middle, normalization };
    const depths = depthOfParameters({ ...about, build: x => vit.build(x, parameters) });
    const found = [
      'patch_embed.proj.weight',
      'cls_token',
      'blocks.0.norm1.weight',
      'blocks.5.attn.qkv.bias',
      'blocks.11.mlp.fc2.weight',
    ];
    expectNumbersClose(
      found.map(name => depths.get(name)!),
      [4, 4, 11 / 3, 2, 0],
      { rtol: 1e-12, atol: 0 },
    );
    assert.equal(depths.get('norm.weight'), undefined);
  });

  it('are counted from above for each parameter', () => {
    const depths = depthOfParameters(stagedBackbone());
    const leaves = ['conv.weight', 'bn.weight', 'bn.bias'];
    const expected = ['high', 'middle', 'low'].flatMap((stage, depth) =>
      leaves.map((leaf): [string, number] => [`${stage}.${leaf}`, depth]),
    );
    assert.deepEqual(new Map(depths), new Map(expected));
    const ofResnet = depthOfParameters(resnet);
    assert.equal(ofResnet.get('conv1.weight'), 4);
    assert.equal(ofResnet.get('layer1.0.bn1.bias'), 3);
    assert.equal(ofResnet.get('layer4.1.conv2.weight'), 0);
  });
});

describe('tunedPart', () => {
  it('knows a stage by its name, and the last and the first by theirs', () => {
    const part = (tune: string) => tunedPart(resnet, tune, 'frozen');
    assert.deepEqual(part('last'), { lowest: 'layer4', below: 'layer3', batchNorm: 'frozen' });
    assert.deepEqual(part('layer2'), { lowest: 'layer2', below: 'layer1', batchNorm: 'frozen' });
    assert.deepEqual(part('all'), { lowest: 'stem', below: undefined, batchNorm: 'frozen' });
  });

  it('refuses a stage that is not there, and batch norms where there are none', async () => {
    assert.equal(
      await failureOf(() => tunedPart(resnet, 'layer5', 'frozen')),
      'UsageError: `unfreeze`: expected stem, layer1, layer2, layer3, layer4, got "layer5"',
    );
    const face = await loadFace();
    assert.equal(
      await failureOf(() => tunedPart(face, 'last', 'batch')),
      'UsageError: `batchNorm`: expected frozen, got batch, but face has no batch norm; leave it out',
    );
  });
});
