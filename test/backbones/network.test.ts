import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { architectureNamed, architectures, shortNames } from '../../src/backbones/architectures.js';
import { type Backbone, buildFromPixels } from '../../src/backbones/backbone.js';
import { buildVit } from '../../src/backbones/families/vit.js';
import { networkFormula } from '../../src/backbones/formula.js';
import { loadBackbone } from '../../src/backbones/registry.js';
import { loadSavedBackbone } from '../../src/backbones/saved.js';
import { writeSafetensors } from '../../src/backbones/weights/safetensors.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { sizeOf, type Tensor } from '../../src/engine/tensor.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { FakeHub } from './weights/fake-hub.js';

const environment = { ...process.env };
let hub: FakeHub;

beforeEach(async () => {
  hub = await FakeHub.start();
  process.env.HF_ENDPOINT = hub.endpoint;
  delete process.env.HF_TOKEN;
});
afterEach(() => hub.stop());
after(() => {
  process.env = environment;
});

/** Weights of an architecture by the formula, as the file that the hub would have. */
function weightsOf(name: string, sizePx: number): Buffer {
  const graph = new Graph();
  architectures.get(name)!.build(graph.input('x', 'float32', ['N', 3, sizePx, sizePx]), networkFormula());
  return Buffer.from(
    writeSafetensors(new Map([...graph.constants].filter(([key]) => !key.startsWith('constant_'))), {}),
  );
}

const REPO = 'timm/vit_tiny_patch16_224.augreg_in21k';
/** What timm writes beside those weights. */
const config = (changes: object = {}, cfg: object = {}) =>
  Buffer.from(
    JSON.stringify({
      architecture: 'vit_tiny_patch16_224',
      num_classes: 21843,
      num_features: 192,
      global_pool: 'token',
      pretrained_cfg: {
        tag: 'augreg_in21k',
        custom_load: false,
        input_size: [3, 32, 32],
        fixed_input_size: true,
        interpolation: 'bicubic',
        crop_pct: 0.9,
        crop_mode: 'center',
        mean: [0.5, 0.4, 0.3],
        std: [0.5, 0.6, 0.7],
        num_classes: 21843,
        pool_size: null,
        license: 'apache-2.0',
        ...cfg,
      },
      ...changes,
    }),
  );

async function featuresOf(backbone: Backbone): Promise<Tensor> {
  const { graph, features } = buildFromPixels(backbone);
  graph.output('features', features);
  const session = await createSession(toOnnx(graph));
  const shape = [1, backbone.sizePx, backbone.sizePx, 3];
  const data = Uint8Array.from({ length: sizeOf(shape) }, (_, i) => (i * 37) % 251);
  const { features: out } = await session.run({ pixels: { dtype: 'uint8', shape, data } });
  await session.close();
  return out!;
}

describe('a network of the hub', () => {
  it('has the size, normalization and license of its configuration', async t => {
    hub.files.set('config.json', config());
    hub.files.set('model.safetensors', weightsOf('vit_tiny_patch16_224', 32));
    const backbone = await loadBackbone({ backbone: REPO, cacheDir: tempFolder(t) });
    assert.deepEqual(
      hub.seen.filter(({ at }) => at === 'hub').map(({ url }) => url),
      [`/${REPO}/resolve/main/config.json`, `/${REPO}/resolve/main/model.safetensors`],
    );
    const { name, source, license, sizePx, resize, width, middle, normalization } = backbone;
    assert.deepEqual(
      { name, source, license, sizePx, resize, width, middle, normalization },
      {
        name: REPO,
        source: `${REPO} on ${hub.endpoint}`,
        license: 'apache-2.0',
        sizePx: 32,
        resize: { fit: 'crop', interpolation: 'bicubic', cropShare: 0.9 },
        width: 192,
        middle: { stage: 'stage3', width: 192 },
        normalization: { scale: 1 / 255, mean: [0.5, 0.4, 0.3], std: [0.5, 0.6, 0.7] },
      },
    );
    const formula = await loadBackbone({ backbone: 'vit-tiny', weights: 'formula', sizePx: 32, cacheDir: '/nowhere' });
    assert.deepEqual(await featuresOf(backbone), await featuresOf({ ...formula, normalization }));

    // A short name with these weights, at another size: position embeddings are resized.
    const larger = await loadBackbone({ backbone: 'vit-tiny', weights: REPO, sizePx: 48, cacheDir: tempFolder(t) });
    assert.deepEqual([larger.name, larger.sizePx], ['vit-tiny', 48]);
    assert.deepEqual((await featuresOf(larger)).shape, [1, 192]);
  });

  it('is named by its architecture, where the repository has another name', async t => {
    hub.files.set('config.json', config());
    hub.files.set('model.safetensors', weightsOf('vit_tiny_patch16_224', 32));
    const backbone = await loadBackbone({ backbone: 'someone/my-model', cacheDir: tempFolder(t) });
    assert.deepEqual(
      [backbone.name, backbone.source],
      ['timm/vit_tiny_patch16_224', `someone/my-model on ${hub.endpoint}`],
    );
  });

  it('is refused with a reason', async t => {
    const failure = async (backbone: string, weights?: string) =>
      await failureOf(() => loadBackbone({ backbone, weights, cacheDir: tempFolder(t) }));
    hub.files.set('model.safetensors', weightsOf('vit_tiny_patch16_224', 32));

    hub.files.set('config.json', config({ architecture: 'vit_tini_patch16_224' }));
    assert.equal(
      await failure('someone/other'),
      'InputError: someone/other: config.json: expected an architecture that eyeball builds, got "vit_tini_patch16_224"; the nearest one is timm/vit_tiny_patch16_224; export others as ONNX and give that file',
    );
    const seen = hub.seen.length;
    assert.equal(
      await failure('timm/convnext_tinny.fb_in1k'),
      'InputError: `backbone`: expected an architecture that eyeball builds, got "timm/convnext_tinny.fb_in1k"; the nearest one is timm/convnext_tiny; export others as ONNX and give that file',
    );
    assert.equal(hub.seen.length, seen, 'asked the hub for a network that it cannot build');
    hub.files.set('config.json', config({ architecture: 'vit_small_patch16_224' }));
    assert.equal(
      await failure('vit-tiny', 'someone/other'),
      'InputError: someone/other: config.json: expected the architecture vit_tiny_patch16_224, got vit_small_patch16_224; give other weights',
    );
    assert.match(
      await failure('someone/other'),
      /^InputError: .*model\.safetensors: "[\w.]+": expected shape \[384,.*, got \[192,.*; the file may belong to another network$/,
    );
    hub.files.set('config.json', config({ model_args: { img_size: 32, embed_dim: 96 } }));
    assert.match(
      await failure(REPO),
      /config\.json: "model_args": expected vit_tiny_patch16_224 without changes, got embed_dim 96; export the network as ONNX and give that file$/,
    );
    hub.files.set('config.json', config({}, { input_size: [3, 32, 48] }));
    assert.match(await failure(REPO), /config\.json: "input_size": expected square images, got 48 x 32$/);
    hub.files.set('config.json', Buffer.from('{"model_type": "vit"}'));
    assert.match(await failure(REPO), /config\.json: expected "architecture" as timm writes it, got /);
    hub.files.set('config.json', Buffer.from('<html>'));
    assert.match(await failure(REPO), /config\.json: expected timm's configuration as JSON, got /);
  });

  it('that is gated says how to get it', async t => {
    for (const [status, reason] of [
      [401, /config|status 401 .*check the name, or set HF_TOKEN$/],
      [403, /status 403 .*accept its terms at .* and set HF_TOKEN/],
    ] as const) {
      hub.hubAnswers.push((_, response) => response.writeHead(status).end());
      assert.match(await failureOf(() => loadBackbone({ backbone: REPO, cacheDir: tempFolder(t) })), reason);
    }
  });
});

describe('a network', () => {
  it('is refused sizes that its patches do not fill', async () => {
    const failure = (backbone: string, sizePx: number) =>
      failureOf(() => loadBackbone({ backbone, weights: 'formula', sizePx, cacheDir: '/nowhere' }));
    assert.equal(
      await failure('dinov2-small', 100),
      'UsageError: `sizePx`: expected a multiple of 14 px for vit_small_patch14_dinov2, got 100',
    );
    assert.equal(await failure('convnext-tiny', 31), 'UsageError: `sizePx`: expected at least 32 px, got 31');
  });

  it('takes weights from a file of timm', async t => {
    const path = join(tempFolder(t), 'weights.safetensors');
    writeFileSync(path, weightsOf('vit_tiny_patch16_224', 32));
    const backbone = await loadBackbone({
      backbone: 'timm/vit_tiny_patch16_224',
      weights: path,
      sizePx: 32,
      cacheDir: '',
    });
    assert.deepEqual(
      [backbone.name, backbone.source, backbone.license],
      ['timm/vit_tiny_patch16_224', 'the file weights.safetensors', 'unknown'],
    );
  });

  it('is rebuilt from the constants of a saved model', async t => {
    for (const name of ['vit-tiny', 'timm/vit_tiny_patch16_224.augreg_in21k']) {
      const backbone = await loadBackbone({ backbone: name, weights: 'formula', sizePx: 32, cacheDir: '' });
      const { constants } = buildFromPixels(backbone).graph;
      const { source, license, sha256, sizePx, normalization } = backbone;
      const about = { name, source, license, sha256, sizePx, normalization };
      const saved = await loadSavedBackbone({ ...about, constants, path: 'model.onnx' });
      assert.deepEqual(await featuresOf(saved), await featuresOf(backbone));
    }
    assert.ok(t);
  });
});

describe('names of networks', () => {
  it('stand for architectures, with and without tag', () => {
    const named = (name: string) => architectureNamed(name)?.name;
    assert.equal(named('vit-tiny'), 'vit_tiny_patch16_224');
    assert.equal(named('timm/vit_tiny_patch16_224'), 'vit_tiny_patch16_224');
    assert.equal(named('timm/vit_tiny_patch16_224.augreg_in21k'), 'vit_tiny_patch16_224');
    assert.equal(named('vit_base_patch16_clip_224.openai'), 'vit_base_patch16_clip_quickgelu_224');
    assert.equal(named('vit_base_patch16_clip_quickgelu_224.openai'), 'vit_base_patch16_clip_quickgelu_224');
    assert.equal(named('vit_base_patch16_clip_224.laion2b'), 'vit_base_patch16_clip_224');
    assert.equal(named('vit_tiny'), undefined);
    assert.equal(named('toString'), undefined);
  });

  it('stand for transformers of other image sizes', () => {
    const other = architectureNamed('timm/vit_base_patch16_siglip_384.v2_webli');
    assert.deepEqual([other?.name, other?.sizePx, other?.width], ['vit_base_patch16_siglip_384', 384, 768]);
    assert.equal(architectureNamed('vit_tiny_patch16_384')?.sizePx, 384);
    assert.equal(architectureNamed('vit_tiny_patch8_224'), undefined);
  });

  it('are each those of an architecture', () => {
    for (const name of Object.values(shortNames)) assert.ok(architectures.has(name), name);
  });
});

describe('buildVit', () => {
  it('has a stage for each quarter of the blocks, and maps of patches without other tokens', () => {
    const plan = { patch: 8, width: 16, depth: 5, heads: 2, pool: 'class', registers: 3 } as const;
    const graph = new Graph();
    const { stages, maps } = buildVit(graph.input('x', 'float32', ['N', 3, 32, 32]), plan, networkFormula());
    assert.deepEqual([...stages.keys()], ['stem', 'stage1', 'stage2', 'stage3', 'stage4']);
    assert.deepEqual(stages.get('stage2')?.shape, ['N', 16 + 4, 16]);
    assert.deepEqual(maps?.get('stage2')?.shape, ['N', 16, 4, 4]);
    assert.ok(graph.parameters.has('blocks.4.mlp.fc2.weight'));
  });
});
