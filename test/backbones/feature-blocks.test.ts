import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Backbone, pooledMiddle } from '../../src/backbones/backbone.js';
import {
  blockName,
  blockOfName,
  blocksOf,
  combineBlocks,
  parseBlocks,
  thumbnailBackbone,
} from '../../src/backbones/feature-blocks.js';
import { loadBackbone } from '../../src/backbones/registry.js';
import { reduceMean } from '../../src/engine/graph/build.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { expectNumbersClose } from '../close.js';
import { failureOf } from '../datasets/temp.js';

/** A backbone whose only map is the image itself. */
const plain: Backbone = {
  name: 'plain',
  source: 'a test',
  license: 'MIT',
  sha256: 'plain',
  sizePx: 4,
  normalization: { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
  width: 3,
  build: x => ({ features: reduceMean(x, [2, 3]), stages: new Map([['stage', x]]) }),
};
/** The same with another normalization: half of the pixels. */
const half: Backbone = {
  ...plain,
  name: 'half',
  sha256: 'half',
  normalization: { ...plain.normalization, scale: 0.5 },
};

async function featuresOf(backbone: Backbone, images: Float32Array): Promise<number[]> {
  const graph = new Graph();
  const { sizePx } = backbone;
  const x = graph.input('x', 'float32', ['N', 3, sizePx, sizePx]);
  graph.output('features', backbone.build(x).features);
  const session = await createSession(toOnnx(graph));
  const shape = [images.length / (3 * sizePx ** 2), 3, sizePx, sizePx];
  const { features } = await session.run({ x: { dtype: 'float32', shape, data: images } });
  await session.close();
  assert.deepEqual(features!.shape, [shape[0], backbone.width]);
  return Array.from(features!.data as Float32Array);
}

// Of one image: the channels are 0 to 15, ten times these, and a constant.
const ramp = Float32Array.from({ length: 48 }, (_, i) => (i < 16 ? i : i < 32 ? 10 * (i - 16) : 7));
const pool = (name: string) => combineBlocks([plain], parseBlocks(name, [plain]));
const std = Math.sqrt((16 ** 2 - 1) / 12);

describe('blocks of features', () => {
  it('are the means, standard deviations and means of regions of a map', async () => {
    expectNumbersClose(await featuresOf(pool('stage'), ramp), [7.5, 75, 7], { rtol: 1e-6, atol: 0 });
    // A constant channel has the root of the floor.
    expectNumbersClose(await featuresOf(pool('stage:std'), ramp), [std, 10 * std, 1e-3], { rtol: 1e-4, atol: 0 });
    const quarters = [2.5, 4.5, 10.5, 12.5];
    const grid = quarters.flatMap(value => [value, 10 * value, 7]);
    expectNumbersClose(await featuresOf(pool('stage:grid2'), ramp), grid, { rtol: 1e-6, atol: 0 });
    // Regions share the places on their borders: rows 0 and 1, 1 and 2, 2 and 3.
    const [first] = await featuresOf(pool('stage:grid3'), ramp);
    assert.equal(first, (0 + 1 + 4 + 5) / 4);
  });

  it('are joined in the order they are named, over backbones of their own normalization', async () => {
    const joined = combineBlocks([plain, half], parseBlocks('half.last+plain.stage+half.stage:std', [plain, half]));
    assert.equal(joined.name, 'plain+half');
    assert.deepEqual(joined.blocks?.map(blockName), ['half.last', 'plain.stage', 'half.stage:std']);
    expectNumbersClose(await featuresOf(joined, ramp), [3.75, 37.5, 3.5, 7.5, 75, 7, std / 2, 5 * std, 1e-3], {
      rtol: 1e-4,
      atol: 0,
    });
  });

  it('are found by their names again', () => {
    for (const name of ['half.last', 'timm/vit_tiny.augreg.stage3:std', 'net.v2.layer4:grid2'])
      assert.equal(blockName(blockOfName(name)), name);
    assert.deepEqual(blockOfName('net.v2.layer4:grid2'), { backbone: 'net.v2', map: 'layer4', pool: 'grid2' });
  });

  it('keep the patches of tokens as maps, whose means detect unlike images', async () => {
    const vit = await loadBackbone({ backbone: 'vit-tiny', weights: 'formula', sizePx: 32, cacheDir: '' });
    const joined = combineBlocks([vit], parseBlocks('stage4:std+last', [vit]));
    const x = new Graph().input('x', 'float32', ['N', 3, 32, 32]);
    assert.deepEqual(pooledMiddle(joined, joined.build(x))?.shape, ['N', 192]);
  });

  it('leave a backbone as it is where its own features are the only block', () => {
    assert.equal(combineBlocks([plain, half], parseBlocks('half.last', [plain, half])), half);
  });

  it('contain only the backbones and the layers that are needed', async () => {
    const resnet = await loadBackbone({ backbone: 'resnet18', weights: 'formula', sizePx: 32, cacheDir: '/nowhere' });
    const joined = combineBlocks([resnet, plain], parseBlocks('layer2', [resnet]));
    const graph = new Graph();
    graph.output('features', joined.build(graph.input('x', 'float32', ['N', 3, 32, 32])).features);
    const whole = new Graph();
    whole.output('features', resnet.build(whole.input('x', 'float32', ['N', 3, 32, 32])).features);
    assert.ok(toOnnx(graph).length < toOnnx(whole).length / 10);
  });

  it('have a backbone of another checksum for other blocks', () => {
    assert.notEqual(pool('stage').sha256, pool('stage:std').sha256);
    assert.equal(pool('stage').sha256, pool('stage').sha256);
  });

  it('of `stages` are the own features, and mean and standard deviation of each map', () => {
    assert.deepEqual(parseBlocks('stages', [plain]).map(blockName), ['plain.last', 'plain.stage', 'plain.stage:std']);
    assert.equal(blocksOf(plain).length, 5);
  });

  it('of an unknown or an ambiguous name are refused with the known ones', async () => {
    assert.equal(
      await failureOf(() => parseBlocks('stag', [plain])),
      'UsageError: `features`: expected last, stages, auto, or names such as plain.last, plain.stage, each with :std, :grid2 or :grid3 for another pooling, got "stag"',
    );
    assert.match(
      await failureOf(() => parseBlocks('stage', [plain, half])),
      /got "stage", which plain\.stage and half\.stage share$/,
    );
  });
});

describe('the thumbnail backbone', () => {
  it('has the means of 16 x 16 regions in 0 to 1', async () => {
    const images = new Float32Array(3 * 32 ** 2);
    images.fill(1, 0, 64);
    const features = await featuresOf(thumbnailBackbone(32), images);
    assert.equal(features.length, 768);
    // The first two rows of pixels are one row of regions.
    assert.deepEqual([...features.slice(0, 17)], [...new Array(16).fill(1), 0]);
  });
});
