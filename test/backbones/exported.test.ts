import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Backbone } from '../../src/backbones/backbone.js';
import { type ForeignOptions, loadForeign } from '../../src/backbones/foreign.js';
import { parsePreprocessor } from '../../src/backbones/preprocessor.js';
import { loadBackbone } from '../../src/backbones/registry.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { expectNumbersClose } from '../close.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

const FOLDER = 'test/backbones/fixtures/exported';
const facts = JSON.parse(readFileSync(`${FOLDER}.json`, 'utf8')) as Record<string, number[]>;

/** The features of the two images of make_exported.py. */
async function featuresOf(backbone: Backbone): Promise<Float32Array> {
  const graph = new Graph();
  graph.output('features', backbone.build(graph.input('x', 'float32', ['N', 3, 32, 32])).features);
  const session = await createSession(toOnnx(graph));
  const data = Float32Array.from({ length: 6144 }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
  const { features } = await session.run({ x: { dtype: 'float32', shape: [2, 3, 32, 32], data } });
  await session.close();
  assert.deepEqual(features!.shape, [2, backbone.width]);
  return features!.data as Float32Array;
}

/** Loads a file, with what was said of it. */
async function loaded(path: string, options: Partial<ForeignOptions> = {}) {
  const messages: string[] = [];
  const backbone = await loadForeign({ path, ...options }, { onMessage: message => messages.push(message) });
  return { backbone, said: messages.join('\n') };
}

const files = readdirSync(FOLDER).filter(name => name.endsWith('.onnx'));
const imagenet = 'normalized as for ImageNet, since there is no preprocessor_config.json (otherwise: `mean`, `std`)';

describe('image towers that PyTorch exported', () => {
  it('are all of those that PyTorch computed', () => {
    const names = new Set(files.map(name => name.replace(/-(dynamo|legacy)\.onnx$/, '')));
    assert.deepEqual([...names].sort(), Object.keys(facts).sort());
  });

  for (const file of files) {
    it(`give the features of PyTorch: ${file}`, async () => {
      const { backbone } = await loaded(join(FOLDER, file));
      const wanted = facts[file.replace(/-(dynamo|legacy)\.onnx$/, '')]!;
      assert.equal(2 * backbone.width, wanted.length);
      const scale = Math.max(...wanted.map(Math.abs));
      expectNumbersClose(await featuresOf(backbone), wanted, { rtol: 1e-5, atol: 1e-5 * scale });
    });
  }

  it('say which features were taken', async () => {
    const said = async (name: string) => (await loaded(join(FOLDER, `${name}-dynamo.onnx`))).said;
    assert.equal(await said('dinov2'), `dinov2-dynamo: 16 features, the output "pooler_output"; ${imagenet}`);
    assert.equal(await said('clip'), `clip-dynamo: 12 features, the output "image_embeds"; ${imagenet}`);
    const tokens = 'the class token and the mean of the patch tokens';
    assert.equal(
      await said('dinov2-tokens'),
      `dinov2-tokens-dynamo: 32 features, ${tokens} of the output "last_hidden_state"; ${imagenet}`,
    );
    assert.equal(
      await said('dinov2-registers'),
      `dinov2-registers-dynamo: 32 features, ${tokens}, without 3 registers of the output "last_hidden_state"; ${imagenet}`,
    );
    assert.match(await said('timm-vit'), /^timm-vit-dynamo: 16 features, the value "[^"]+"; /);
    assert.equal(
      await said('timm-vit-features'),
      `timm-vit-features-dynamo: 16 features, the output "features"; ${imagenet}`,
    );
  });

  it('give the value that is named', async () => {
    const path = join(FOLDER, 'dinov2-dynamo.onnx');
    const width = async (features: string) => (await loaded(path, { features })).backbone;
    const both = await width('last_hidden_state');
    const [cls, mean] = [await width('last_hidden_state:cls'), await width('last_hidden_state:mean')];
    assert.deepEqual([both.width, cls.width, mean.width], [32, 16, 16]);
    assert.deepEqual([both.output, cls.output], ['last_hidden_state', 'last_hidden_state:cls']);
    const [all, first, rest] = await Promise.all([both, cls, mean].map(featuresOf));
    expectNumbersClose(
      [...all!.subarray(0, 16), ...all!.subarray(16, 32)],
      [...first!.subarray(0, 16), ...rest!.subarray(0, 16)],
      {
        rtol: 0,
        atol: 0,
      },
    );
    // The pooled output of DINOv2 is its class token.
    expectNumbersClose(first!, facts.dinov2!, { rtol: 1e-5, atol: 1e-5 });
    assert.equal(
      await failureOf(() => loadForeign({ path, features: 'pooled' })),
      `UsageError: \`features\`: expected a value of ${path}, perhaps with :cls or :mean, got pooled; its outputs are last_hidden_state, pooler_output`,
    );
    assert.equal(
      await failureOf(() => loadForeign({ path, features: 'pooler_output:cls' })),
      `UsageError: \`features: pooler_output:cls\`: expected tokens [N, T, D] in ${path}, got "pooler_output" [2,16]`,
    );
  });

  it('read weights beside the file, and refuse those that are not there', async t => {
    const copy = (name = 'clip-dynamo.onnx_data') => {
      const folder = tempFolder(t, {});
      copyFileSync(join(FOLDER, 'clip-dynamo.onnx'), join(folder, 'net.onnx'));
      copyFileSync(join(FOLDER, 'clip-dynamo.onnx_data'), join(folder, name));
      return join(folder, 'net.onnx');
    };
    const whole = copy();
    const { sha256 } = await loadForeign({ path: whole });
    const data = join(whole, '..', 'clip-dynamo.onnx_data');
    const bytes = readFileSync(data);
    writeFileSync(
      data,
      bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte)),
    );
    assert.notEqual((await loadForeign({ path: whole })).sha256, sha256);
    writeFileSync(data, bytes.subarray(0, 500));
    assert.match(
      await failureOf(() => loadForeign({ path: whole })),
      /^InputError: .*net\.onnx: "[^"]+": expected bytes \d+ to \d+ of clip-dynamo\.onnx_data, got 500 bytes$/,
    );
    const lost = copy('other');
    assert.match(
      await failureOf(() => loadForeign({ path: lost })),
      /^InputError: .*clip-dynamo\.onnx_data: expected the weights of net\.onnx, got "ENOENT/,
    );
    // The same number of bytes, so that the file stays whole.
    const away = copy();
    writeFileSync(
      away,
      readFileSync(away).toString('latin1').replaceAll('clip-dynamo.onnx_data', '../../../../etc/secret'.slice(0, 21)),
      'latin1',
    );
    assert.match(
      await failureOf(() => loadForeign({ path: away })),
      /^InputError: .*net\.onnx: expected the name of a file beside it for its weights, got "\.\.\/\.\.\/\.\.\/\.\.\/etc\/secre"$/,
    );
  });
});

describe('preprocessor_config.json', () => {
  const siglip = (t: TestContext, config: string, inside = '.') => {
    const folder = tempFolder(t, { 'preprocessor_config.json': config });
    mkdirSync(join(folder, inside), { recursive: true });
    copyFileSync(join(FOLDER, 'siglip-dynamo.onnx'), join(folder, inside, 'model.onnx'));
    return join(folder, inside, 'model.onnx');
  };
  const clip = JSON.stringify({
    ...{ do_resize: true, size: { shortest_edge: 40 }, resample: 3, do_center_crop: true },
    ...{ crop_size: { height: 32, width: 32 }, do_rescale: true, rescale_factor: 0.00392156862745098 },
    ...{ do_normalize: true, image_mean: [0.48, 0.45, 0.4], image_std: [0.26, 0.25, 0.27], do_convert_rgb: true },
  });

  it('gives normalization, size, crop and interpolation, beside the file and above the folder onnx', async t => {
    for (const inside of ['.', 'onnx']) {
      const { backbone, said } = await loaded(siglip(t, clip, inside));
      assert.deepEqual(backbone.normalization, {
        scale: 0.00392156862745098,
        mean: [0.48, 0.45, 0.4],
        std: [0.26, 0.25, 0.27],
      });
      assert.deepEqual(backbone.resize, { fit: 'crop', interpolation: 'bicubic', cropShare: 0.8 });
      assert.match(said, /; normalized and resized by preprocessor_config\.json$/);
    }
    const elsewhere = siglip(t, clip, 'weights');
    assert.equal((await loadForeign({ path: elsewhere })).resize, undefined);
    const { backbone, said } = await loaded(siglip(t, clip), { mean: [0, 0, 0] });
    assert.deepEqual(
      [backbone.normalization.mean, backbone.normalization.std],
      [
        [0, 0, 0],
        [0.26, 0.25, 0.27],
      ],
    );
    assert.match(said, /normalized by `mean`$/);
  });

  it('is read in the forms of the transformers library', () => {
    const parsed = (config: object) => parsePreprocessor(JSON.stringify(config), 'config');
    const siglip = {
      size: { height: 384, width: 384 },
      resample: 2,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
    };
    assert.deepEqual(parsed(siglip), {
      sizePx: 384,
      resize: { fit: 'stretch', interpolation: 'bilinear', cropShare: 1 },
      normalization: { scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    });
    const dino = parsed({ size: { shortest_edge: 256 }, crop_size: { height: 224, width: 224 }, do_center_crop: true });
    assert.deepEqual([dino.sizePx, dino.resize.fit, dino.resize.cropShare], [224, 'crop', 0.875]);
    const older = parsed({ size: 224, do_normalize: false, do_rescale: false });
    assert.deepEqual([older.sizePx, older.resize.fit, older.normalization.scale], [224, 'stretch', 1]);
    assert.deepEqual(older.normalization.mean, [0, 0, 0]);
  });

  it('is refused in another form', async t => {
    const failure = (config: string) => failureOf(() => loadForeign({ path: siglip(t, config) }));
    assert.match(
      await failure('{'),
      /preprocessor_config\.json: expected a configuration of an image processor, got no JSON$/,
    );
    assert.match(
      await failure('{"size": {"height": 32, "width": 64}}'),
      /preprocessor_config\.json: expected square images, got 64 x 32$/,
    );
    assert.match(
      await failure('{"image_mean": [1]}'),
      /expected a configuration of an image processor, got image_mean/,
    );
  });
});

describe('an ONNX file of the hub', () => {
  /** A server that speaks the hub's paths; `gated` asks for a token. */
  async function hub(t: TestContext, served: Readonly<Record<string, Buffer>>, { gated = false } = {}) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const path = request.url!.replace(/^\/(.*)\/resolve\/main\//, '$1 ');
      asked.push(path);
      if (gated && request.headers.authorization !== 'Bearer good')
        response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end();
      else if (served[path] === undefined) response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
      else response.writeHead(200, { 'content-length': served[path].length }).end(served[path]);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    process.env.HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    t.after(() => {
      server.close();
      delete process.env.HF_ENDPOINT;
      delete process.env.HF_TOKEN;
    });
    return asked;
  }
  const clip = readFileSync(join(FOLDER, 'clip-dynamo.onnx'));
  const data = readFileSync(join(FOLDER, 'clip-dynamo.onnx_data'));

  it('comes with its weights and its preprocessing', async t => {
    const asked = await hub(t, {
      'acme/clip onnx/model.onnx': clip,
      'acme/clip onnx/clip-dynamo.onnx_data': data,
      'acme/clip preprocessor_config.json': Buffer.from('{"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 1]}'),
    });
    const cacheDir = tempFolder(t, {});
    const backbone = await loadBackbone({ backbone: 'hf:acme/clip', cacheDir });
    assert.deepEqual([backbone.name, backbone.width, backbone.normalization.mean], ['clip', 12, [0.1, 0.2, 0.3]]);
    assert.match(backbone.source, /^acme\/clip\/onnx\/model\.onnx on http/);
    expectNumbersClose(await featuresOf(backbone), facts.clip!, { rtol: 1e-5, atol: 1e-5 });
    assert.deepEqual(asked, [
      'acme/clip onnx/model.onnx',
      'acme/clip onnx/clip-dynamo.onnx_data',
      'acme/clip preprocessor_config.json',
    ]);
  });

  it('may be another file, without preprocessing', async t => {
    const tower = readFileSync(join(FOLDER, 'timm-vit-features-dynamo.onnx'));
    await hub(t, { 'acme/vit small.onnx': tower });
    const backbone = await loadBackbone({ backbone: 'hf:acme/vit/small.onnx', cacheDir: tempFolder(t, {}) });
    assert.deepEqual([backbone.name, backbone.resize], ['vit', undefined]);
  });

  it('is refused where it is gated, missing or misspelled', async t => {
    await hub(t, { 'acme/clip onnx/model.onnx': clip, 'acme/clip onnx/clip-dynamo.onnx_data': data }, { gated: true });
    const cacheDir = tempFolder(t, {});
    const at = process.env.HF_ENDPOINT;
    const failure = (backbone: string) => failureOf(() => loadBackbone({ backbone, cacheDir }));
    assert.equal(
      await failure('hf:acme/clip'),
      `DownloadError: acme/clip: expected weights from ${at}, got status 401 (its terms have to be accepted first); accept its terms at ${at}/acme/clip and set HF_TOKEN to a token that may read it`,
    );
    process.env.HF_TOKEN = 'good';
    assert.equal((await loadBackbone({ backbone: 'hf:acme/clip', cacheDir })).width, 12);
    assert.match(
      await failure('hf:acme/none'),
      /^DownloadError: acme\/none: expected weights from \S+, got status 404 \(no such file\)/,
    );
    for (const wrong of ['hf:acme', 'hf:acme/clip/model.bin', 'hf:'])
      assert.equal(
        await failure(wrong),
        `UsageError: \`backbone\`: expected hf:OWNER/NAME or hf:OWNER/NAME/path.onnx, got "${wrong}"`,
      );
  });
});
