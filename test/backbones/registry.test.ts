import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { shortNames } from '../../src/backbones/architectures.js';
import { buildFromPixels } from '../../src/backbones/backbone.js';
import { type BackboneOptions, backboneNames, loadBackbone, resnets } from '../../src/backbones/registry.js';
import { InputError } from '../../src/base/errors.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

const load = (options: Partial<BackboneOptions>) => loadBackbone({ cacheDir: '/nowhere', ...options });
const failure = (options: Partial<BackboneOptions>) => failureOf(() => load(options));

describe('loadBackbone', () => {
  it('knows face, objects, the ResNets and the short names of other networks', () => {
    assert.deepEqual(backboneNames.slice(0, 3), ['auto', 'face', 'objects']);
    assert.deepEqual(backboneNames.slice(3), [...Object.keys(resnets), ...Object.keys(shortNames)]);
  });

  it('refuses an unknown name with the nearest one', async () => {
    assert.equal(
      await failure({ backbone: 'resnet20' }),
      'UsageError: `backbone`: expected auto, face, objects, a network that "npx eyeball-ml backbones" lists, timm/NAME, an ONNX file or hf:OWNER/NAME, got "resnet20"; the nearest name is resnet50',
    );
    assert.match(await failure({ backbone: 'dinov2-smal' }), /; the nearest name is dinov2-small$/);
    assert.equal(
      await failure({ backbone: 'timm/vit_tinny_patch16_224', weights: 'formula' }),
      'InputError: `backbone`: expected an architecture that eyeball builds, got "timm/vit_tinny_patch16_224"; the nearest one is timm/vit_tiny_patch16_224; export others as ONNX and give that file',
    );
    for (const backbone of ['toString', ''])
      assert.match(await failure({ backbone }), /^UsageError: `backbone`: expected auto, face, /);
  });

  it('refuses options that a backbone has no use for', async () => {
    const std = [1, 1, 1] as const;
    const cases: [Partial<BackboneOptions>, string][] = [
      [{ sizePx: 125 }, '`sizePx` has no effect on the backbone "face", which takes images of 224 px; remove it'],
      [
        { backbone: 'face', weights: 'formula' },
        '`weights` has no effect on the backbone "face", which has its own weights; remove it',
      ],
      [
        { backbone: 'net.onnx', weights: 'w.pth' },
        '`weights` has no effect on the backbone "net.onnx", which has its own weights; remove it',
      ],
      [{ mean: std }, '`mean` has no effect on the backbone "face", which has its own normalization; remove it'],
      [
        { backbone: 'resnet18', mean: std },
        '`mean` has no effect on the backbone "resnet18", which has its own normalization; remove it',
      ],
      [
        { backbone: 'resnet50', std, weights: 'formula' },
        '`std` has no effect on the backbone "resnet50", which has its own normalization; remove it',
      ],
      [{ backbone: 'resnet18', sizePx: 31, weights: 'formula' }, '`sizePx`: expected at least 32 px, got 31'],
    ];
    for (const [options, text] of cases) assert.equal(await failure(options), `UsageError: ${text}`);
  });

  it('takes the one size that face has', async () => {
    const { name, sizePx } = await load({ sizePx: 224 });
    assert.deepEqual([name, sizePx], ['face', 224]);
  });

  it('says of an ONNX file that is not there that it cannot be read', async () => {
    assert.match(
      await failure({ backbone: '/nowhere/net.onnx' }),
      /^InputError: \/nowhere\/net\.onnx: expected an ONNX file, got "ENOENT/,
    );
  });

  it('fills a ResNet from a formula, the same each time', async () => {
    const options = { backbone: 'resnet18', weights: 'formula', sizePx: 64 };
    const [first, again] = [await load(options), await load(options)];
    assert.deepEqual(
      [first.name, first.sizePx, first.width, first.sha256, first.license],
      ['resnet18', 64, 512, 'formula-resnet18', 'MIT'],
    );
    assert.equal(first.head?.bias, 40);
    assert.equal(first.head?.weight.length, 512);
    const bytes = [first, again].map(backbone => {
      const { graph, features } = buildFromPixels(backbone);
      graph.output('features', features);
      return Buffer.from(toOnnx(graph));
    });
    assert.ok(bytes[0]!.equals(bytes[1]!));
    assert.equal((await load({ backbone: 'resnet18', weights: 'formula' })).sizePx, 224);
  });

  it('says in one line that the hub cannot be reached, and what to do', async t => {
    // A port that was free a moment ago: nobody listens there.
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise(resolve => server.close(resolve));
    const before = process.env.HF_ENDPOINT;
    process.env.HF_ENDPOINT = `http://127.0.0.1:${port}`;
    t.after(() => {
      if (before === undefined) delete process.env.HF_ENDPOINT;
      else process.env.HF_ENDPOINT = before;
    });
    const unreachable = load({ backbone: 'resnet18', cacheDir: tempFolder(t) });
    await assert.rejects(unreachable, InputError);
    const text = await failureOf(() => unreachable);
    assert.match(
      text,
      /^\w+: timm\/resnet18\.tv_in1k: [^\n]*ECONNREFUSED[^\n]*; give a file with `weights: FILE`, or use `backbone: face`$/,
    );
  });

  it('says of a weight file that is not there that it cannot be read, and asks no hub for it', async () => {
    for (const weights of ['./none.pth', 'weights/none.safetensors']) {
      assert.match(await failure({ backbone: 'resnet18', weights }), new RegExp(`^InputError: ${weights}: [^\n]*$`));
    }
  });

  it('has a checksum and a hub name for each ResNet', () => {
    for (const [name, { hub, checksum }] of Object.entries(resnets)) {
      assert.equal(hub, `timm/${name}.tv_in1k`);
      assert.match(checksum, /^[0-9a-f]{8}$/);
    }
  });
});
