import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { buildFromPixels, imagenetNormalization } from '../../src/backbones/backbone.js';
import { loadForeign } from '../../src/backbones/foreign.js';
import { formulaUniform } from '../../src/base/random.js';
import { backward } from '../../src/engine/autodiff/backward.js';
import { reduceMean, square } from '../../src/engine/graph/build.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { encodeModel } from '../../src/engine/onnx/encode.js';
import type { OnnxAttribute, OnnxModel, OnnxNode, Shape } from '../../src/engine/onnx/model.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { sizeOf, type Tensor } from '../../src/engine/tensor.js';
import { buildModel } from '../../src/model/build-model.js';
import { linearHead } from '../../src/training/head.js';
import { expectNumbersClose } from '../close.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { float } from '../run-graph.js';

type Names = Readonly<Record<'x' | 'kernel' | 'conv' | 'relu' | 'pool' | 'flat' | 'weight' | 'out', string>>;
const plainNames: Names = {
  x: 'x',
  kernel: 'kernel',
  conv: 'conv',
  relu: 'relu',
  pool: 'pool',
  flat: 'flat',
  weight: 'weight',
  out: 'out',
};

const node = (
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, OnnxAttribute> = {},
): OnnxNode => ({
  opType,
  domain: '',
  inputs,
  outputs,
  attributes,
  rawAttributes: [],
});
const random = (name: string, shape: readonly number[]) => float(shape, formulaUniform(name, sizeOf(shape)));

/** A classifier of five classes: convolution, ReLU, pooling, flatten, Gemm. */
function classifier(
  { x, kernel, conv, relu, pool, flat, weight, out }: Names = plainNames,
  shape: Shape = ['N', 3, 16, 16],
): OnnxModel {
  return {
    irVersion: 8,
    opsets: new Map([['', 14]]),
    name: 'classifier',
    nodes: [
      node('Conv', [x, kernel], [conv], { pads: [1n, 1n, 1n, 1n], strides: [2n, 2n] }),
      node('Relu', [conv], [relu]),
      node('GlobalAveragePool', [relu], [pool]),
      node('Flatten', [pool], [flat], { axis: 1n }),
      node('Gemm', [flat, weight], [out]),
    ],
    initializers: new Map<string, Tensor>([
      [kernel, random('kernel', [4, 3, 3, 3])],
      [weight, random('weight', [4, 5])],
    ]),
    inputs: [{ name: x, dtype: 'float32', shape }],
    outputs: [
      { name: out, dtype: 'float32', shape: undefined },
      // The value that eyeball must find, for comparison.
      { name: flat, dtype: 'float32', shape: undefined },
    ],
  };
}

/** Cuts a model off behind one of its values. */
const endingIn = (model: OnnxModel, name: string): OnnxModel => ({
  ...model,
  nodes: model.nodes.slice(0, model.nodes.findIndex(each => each.outputs.includes(name)) + 1),
  outputs: [{ name, dtype: 'float32', shape: undefined }],
});

function save(t: TestContext, model: OnnxModel): string {
  return join(tempFolder(t, { 'net.onnx': encodeModel(model) }), 'net.onnx');
}

interface Way {
  readonly sizePx: number;
  /** The file's output that the features are. */
  readonly output: string;
  /** The name of its input. Default: x. */
  readonly input?: string;
  /** The size asked for. Default: none. */
  readonly asked?: number;
}

/** The features and value that an artefact around the file gives, and what the file itself gives for the same images. */
async function bothWays(path: string, { sizePx, output, input = 'x', asked }: Way) {
  const backbone = await loadForeign({ path, sizePx: asked });
  const head = { weight: Float32Array.from(formulaUniform('head', backbone.width)), bias: 3 };
  const count = 2;
  const data = Uint8Array.from(formulaUniform('pixels', count * sizePx * sizePx * 3), u => 128 * (u + 1));

  const { mean, std, scale } = imagenetNormalization;
  const area = sizePx * sizePx;
  const planes = Float32Array.from({ length: data.length }, (_, i) => {
    const [n, c, at] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3, i % area];
    return (data[(n * area + at) * 3 + c]! * scale - mean[c]!) / std[c]!;
  });
  const theirs = await createSession(path);
  const feed = { dtype: 'float32', shape: [count, 3, sizePx, sizePx], data: planes } as const;
  const expected = (await theirs.run({ [input]: feed }, { outputs: [output] }))[output]!.data as Float32Array;
  await theirs.close();

  const ours = await createSession(buildModel(backbone, linearHead(head)));
  const out = await ours.run({ pixels: { dtype: 'uint8', shape: [count, sizePx, sizePx, 3], data } });
  await ours.close();
  return { backbone, head, expected, features: out.features!, value: out.value! };
}

async function expectSame(path: string, way: Way) {
  const { backbone, head, expected, features, value } = await bothWays(path, way);
  const { width } = backbone;
  assert.deepEqual(features.shape, [2, width]);
  expectNumbersClose(features.data as Float32Array, expected, { rtol: 1e-5, atol: 1e-5 });
  assert.ok(expected.some(x => Math.abs(x) > 0.05));
  const values = [0, 1].map(n => head.weight.reduce((sum, w, k) => sum + w * expected[n * width + k]!, head.bias));
  expectNumbersClose(value.data as Float32Array, values, { rtol: 1e-4, atol: 1e-4 });
  return backbone;
}

describe('a foreign ONNX file', () => {
  it('gives what enters its last Gemm, as the file itself computes it', async t => {
    const path = save(t, classifier());
    const backbone = await expectSame(path, { sizePx: 16, output: 'flat' });
    const { name, source, license, sha256, sizePx, width, normalization } = backbone;
    assert.deepEqual(
      { name, source, license, sizePx, width },
      { name: 'net', source: 'the file net.onnx', license: 'unknown', sizePx: 16, width: 4 },
    );
    assert.equal(sha256, createHash('sha256').update(readFileSync(path)).digest('hex'));
    assert.equal(normalization, imagenetNormalization);
  });

  it('gives what enters its last MatMul', async t => {
    const model = classifier();
    const gemm = model.nodes.at(-1)!;
    const nodes = [
      ...model.nodes.slice(0, -1),
      { ...gemm, opType: 'MatMul', outputs: ['product'] },
      node('Softmax', ['product'], ['out']),
    ];
    await expectSame(save(t, { ...model, nodes }), { sizePx: 16, output: 'flat' });
  });

  it('gives its first output, flattened, where it has no linear layer', async t => {
    const backbone = await expectSame(save(t, endingIn(classifier(), 'relu')), { sizePx: 16, output: 'relu' });
    assert.equal(backbone.width, 4 * 8 * 8);
    assert.equal((await expectSame(save(t, endingIn(classifier(), 'pool')), { sizePx: 16, output: 'pool' })).width, 4);
  });

  it('takes the size that is asked for where the file leaves it open', async t => {
    const path = save(t, endingIn(classifier(plainNames, ['N', 3, 'H', 'W']), 'relu'));
    assert.equal((await expectSame(path, { sizePx: 12, output: 'relu', asked: 12 })).width, 4 * 6 * 6);
    assert.equal((await loadForeign({ path, sizePx: 20 })).width, 4 * 10 * 10);
    assert.equal((await loadForeign({ path: save(t, classifier(plainNames, ['N', 3, 16, 'W'])) })).sizePx, 16);
    assert.equal(
      await failureOf(() => loadForeign({ path })),
      `UsageError: ${path} does not fix the image size; set it with \`sizePx\``,
    );
  });

  it('is freed from a batch size fixed at its input', async t => {
    const model = classifier(plainNames, [1, 3, 16, 16]);
    const backbone = await loadForeign({ path: save(t, model) });
    const session = await createSession(buildModel(backbone, linearHead({ weight: new Float32Array(4), bias: 1 })));
    const { value } = await session.run({
      pixels: { dtype: 'uint8', shape: [3, 16, 16, 3], data: new Uint8Array(3 * 768) },
    });
    await session.close();
    assert.deepEqual([...value!.data], [1, 1, 1]);
  });

  it('is refused where it is made for one image at a time inside', async t => {
    const model = endingIn(classifier(plainNames, [1, 3, 16, 16]), 'pool');
    const initializers = new Map(model.initializers).set('one', {
      dtype: 'int64',
      shape: [2],
      data: BigInt64Array.of(1n, -1n),
    });
    const nodes = [...model.nodes, node('Reshape', ['pool', 'one'], ['row'])];
    const path = save(t, {
      ...model,
      initializers,
      nodes,
      outputs: [{ name: 'row', dtype: 'float32', shape: undefined }],
    });
    const wide = 'features [2, ...] for two images in "row"';
    assert.equal(await failureOf(() => loadForeign({ path })), `InputError: ${path}: expected ${wide}, got [1,8]`);
  });

  it('may call its values what eyeball calls its own', async t => {
    // What the builders, the artefact and the head name their values.
    const names: Names = {
      x: 'pixels',
      kernel: 'head.weight',
      conv: 'features',
      relu: 'Transpose_1',
      pool: 'value',
      flat: 'Cast_2',
      weight: 'constant_3',
      out: 'Reshape_10',
    };
    await expectSame(save(t, classifier(names)), { sizePx: 16, output: 'Cast_2', input: 'pixels' });
  });

  it('keeps operators of newer versions and other domains', async t => {
    const model = classifier();
    const nodes = model.nodes.map(each =>
      each.opType === 'Relu' ? { ...each, opType: 'Gelu', domain: 'com.microsoft' } : each,
    );
    const opsets = new Map([
      ['', 18],
      ['com.microsoft', 1],
    ]);
    await expectSame(save(t, { ...model, irVersion: 9, nodes, opsets }), { sizePx: 16, output: 'flat' });
  });

  it('leaves out what the features do not need', async t => {
    const model = classifier();
    const broken = { ...model, nodes: [...model.nodes, node('NoSuchOperator', ['flat'], ['other'])] };
    assert.equal((await loadForeign({ path: save(t, broken) })).width, 4);
  });

  it('can be trained as operations of ours, with its weights under the names that the artefact has', async t => {
    const model = classifier();
    const biased = model.nodes.with(0, { ...model.nodes[0]!, inputs: ['x', 'kernel', 'bias'] });
    const initializers = new Map(model.initializers).set('bias', random('bias', [4]));
    const backbone = await loadForeign({ path: save(t, { ...model, nodes: biased, initializers }) });
    const graph = new Graph();
    const { features, stages } = backbone.buildTrainable!(graph.input('x', 'float32', ['N', 3, 16, 16]));
    assert.deepEqual([...graph.parameters.keys()], ['backbone/kernel', 'backbone/bias']);
    assert.deepEqual(features.shape, ['N', 4]);
    assert.equal(stages.size, 0);
    assert.ok(graph.nodes.every(node => node.kind === 'op'));

    // ReLU and mean of twice the convolution are twice as large.
    const twice = [...graph.parameters.keys()].map(name => {
      const { shape, data } = graph.constants.get(name)!;
      return [
        name,
        float(
          shape,
          Float32Array.from(data as Float32Array, x => 2 * x),
        ),
      ] as const;
    });
    const head = linearHead({ weight: new Float32Array(4), bias: 0 });
    const pixels = Uint8Array.from(formulaUniform('pixels', 768), u => 128 * (u + 1));
    const [before, after] = await Promise.all(
      [{}, Object.fromEntries(twice)].map(async tuned => {
        const session = await createSession(buildModel(backbone, head, tuned));
        const { features } = await session.run({ pixels: { dtype: 'uint8', shape: [1, 16, 16, 3], data: pixels } });
        await session.close();
        return features!.data as Float32Array;
      }),
    );
    expectNumbersClose(
      after!,
      before!.map(x => 2 * x),
      { rtol: 1e-6, atol: 0 },
    );
    assert.ok(before!.some(x => x > 0.05));
  });

  it('has a weight of its own for each that is written once and copied, or made by a node', async t => {
    const model = classifier();
    const nodes = [
      node('Constant', [], ['factor'], { value: random('factor', [4, 1, 1]) }),
      node('Identity', ['factor'], ['summand']),
      ...model.nodes.slice(0, 1),
      node('Mul', ['conv', 'factor'], ['scaled']),
      node('Add', ['scaled', 'summand'], ['shifted']),
      node('Relu', ['shifted'], ['relu']),
      ...model.nodes.slice(2),
    ];
    const backbone = await expectSame(save(t, { ...model, nodes }), { sizePx: 16, output: 'flat' });
    const names = ['kernel', 'factor', 'summand'].map(name => `backbone/${name}`);
    const graph = new Graph();
    backbone.buildTrainable!(graph.input('x', 'float32', ['N', 3, 16, 16]));
    assert.deepEqual([...graph.parameters.keys()], names);
    const { graph: frozen } = buildFromPixels(backbone);
    assert.ok(names.every(name => frozen.constants.has(name)));
  });

  it('gives the features and gradients of PyTorch, out of a file that PyTorch wrote', async () => {
    const folder = 'test/backbones/fixtures';
    const facts = JSON.parse(readFileSync(join(folder, 'pytorch.json'), 'utf8')) as {
      features: number[][];
      gradients: Record<string, number[]>;
    };
    const backbone = await loadForeign({ path: join(folder, 'pytorch.onnx'), sizePx: 16 });
    const graph = new Graph();
    const { features } = backbone.buildTrainable!(graph.input('x', 'float32', [2, 3, 16, 16]));
    const names = [...graph.parameters.keys()];
    assert.deepEqual(
      names.toSorted(),
      Object.keys(facts.gradients)
        .map(name => `backbone/${name}`)
        .toSorted(),
    );
    const gradients = backward(reduceMean(square(features), [0, 1]), [...graph.parameters.values()]);
    graph.output('features', features);
    names.forEach((name, i) => {
      graph.output(name.replace('backbone/', 'gradient/'), gradients[i]!);
    });
    const session = await createSession(toOnnx(graph));
    const data = Float32Array.from({ length: 1536 }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
    const out = await session.run({ x: { dtype: 'float32', shape: [2, 3, 16, 16], data } });
    await session.close();
    expectNumbersClose(out.features!.data as Float32Array, facts.features.flat(), { rtol: 1e-5, atol: 1e-6 });
    for (const [name, numbers] of Object.entries(facts.gradients)) {
      const scale = Math.max(...numbers.map(Math.abs));
      expectNumbersClose(out[`gradient/${name}`]!.data as Float32Array, numbers, { rtol: 1e-3, atol: 1e-4 * scale });
    }
  });

  it('cannot be trained through an operation without a gradient, which is named', async t => {
    const model = classifier();
    const trained = async (changes: Partial<OnnxModel>) => {
      const path = save(t, { ...model, ...changes });
      const backbone = await loadForeign({ path });
      const build = () => backbone.buildTrainable!(new Graph().input('x', 'float32', ['N', 3, 16, 16]));
      return (await failureOf(async () => build())).replace(path, 'net.onnx');
    };
    assert.equal(
      await trained({ nodes: model.nodes.map(each => (each.opType === 'Relu' ? { ...each, opType: 'Sin' } : each)) }),
      'UnsupportedOpError: net.onnx: expected operations with a gradient for `tune: all`, got Sin (output "relu"); ' +
        'keep the backbone frozen with `tune: head`',
    );
    assert.equal(
      await trained({ nodes: [node('GlobalAveragePool', ['x'], ['pool']), ...model.nodes.slice(3)] }),
      'UnsupportedOpError: net.onnx: expected weights for `tune: all`, got none; ' +
        'keep the backbone frozen with `tune: head`',
    );
  });

  it('is refused where its form does not fit, by name', async t => {
    const model = classifier();
    const input = (dtype: 'float32' | 'uint8' | 'float16', shape: Shape | undefined, name = 'x') => ({
      name,
      dtype,
      shape,
    });
    const cases: [Partial<OnnxModel>, string, number?][] = [
      [
        { opsets: new Map([['', 12]]) },
        'InputError: PATH: expected operator set 13 or newer, got 12; export it with opset 13 or newer',
      ],
      [
        { inputs: [input('uint8', ['N', 3, 16, 16])] },
        'InputError: PATH: "x": expected float32 [N, 3, H, W], got uint8 [N, 3, 16, 16]',
      ],
      [
        { inputs: [input('float16', ['N', 3, 16, 16])] },
        'InputError: PATH: "x": expected float32 [N, 3, H, W], got float16 [N, 3, 16, 16]',
      ],
      [
        { inputs: [input('float32', ['N', 16, 16, 3])] },
        'InputError: PATH: "x": expected float32 [N, 3, H, W], got float32 [N, 16, 16, 3]',
      ],
      [
        { inputs: [input('float32', undefined)] },
        'InputError: PATH: "x": expected float32 [N, 3, H, W], got float32 [unknown]',
      ],
      [
        { inputs: [input('float32', ['N', 3, 16, 16]), input('float32', ['N', 3, 8, 8], 'y')] },
        'InputError: PATH: expected one input of images, got 2 ("x", "y")',
      ],
      [{ inputs: [] }, 'InputError: PATH: expected one input of images, got none'],
      [{ inputs: [input('float32', ['N', 3, 16, 24])] }, 'InputError: PATH: "x": expected square images, got 24 x 16'],
      [{}, 'UsageError: `sizePx`: expected 16, the size in PATH, got 24', 24],
      [{ nodes: [], outputs: [] }, 'InputError: PATH: expected an output, got none'],
    ];
    for (const [change, text, sizePx] of cases) {
      const path = save(t, { ...model, ...change });
      assert.equal(await failureOf(() => loadForeign({ path, sizePx })), text.replace('PATH', path));
    }
  });

  it('is refused where the runtime cannot run it, with its reason in one line', async t => {
    const model = classifier();
    for (const nodes of [
      model.nodes.with(1, node('NoSuchOperator', ['conv'], ['relu'])),
      model.nodes.with(0, node('Conv', ['x', 'lost'], ['conv'])),
    ]) {
      const path = save(t, { ...model, nodes });
      const text = await failureOf(() => loadForeign({ path }));
      const start = `InputError: ${path}: expected a model that runs on two images of 16 x 16 px, got "`;
      assert.ok(text.startsWith(start), text);
      assert.match(text.slice(start.length), /^[^\n]*(NoSuchOperator|lost)[^\n]*"$/);
    }
  });

  it('is refused where it is no ONNX file or missing', async t => {
    const root = tempFolder(t, { 'text.onnx': 'hello, I am no model', 'empty.onnx': '' });
    const failure = (name: string) => failureOf(() => loadForeign({ path: join(root, name) }));
    assert.match(
      await failure('text.onnx'),
      /^InputError: .*text\.onnx: expected an ONNX model, got .*; the file is damaged$/,
    );
    assert.match(
      await failure('empty.onnx'),
      /^InputError: .*empty\.onnx: expected an ONNX model, got a file without a graph$/,
    );
    assert.match(await failure('none.onnx'), /^InputError: .*none\.onnx: expected an ONNX file, got "ENOENT[^\n]*"$/);
    assert.match(await failure(''), /^InputError: .*: expected an ONNX file, got "EISDIR[^\n]*"$/);
  });
});
