import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import type { Backbone } from '../../src/backbones/backbone.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { extractStage } from '../../src/features/extract.js';
import { decodeImage } from '../../src/images/image.js';
import { readSource } from '../../src/images/read-source.js';
import { buildModel } from '../../src/model/build-model.js';
import { findLearningRate } from '../../src/training/find-rate.js';
import {
  type FineTuneOptions,
  fineTune,
  fineTuneFitOptions,
  fineTuneProblem,
  fineTuneRecipe,
  type TunedInput,
} from '../../src/training/fine-tune.js';
import type { Fit } from '../../src/training/fit.js';
import type { Head } from '../../src/training/head.js';
import { stageWidth, tunedPart } from '../../src/training/tuned-network.js';
import { expectNumbersClose } from '../close.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { image } from '../features/images.js';
import { stagedBackbone } from '../features/staged-backbone.js';
import { float } from '../run-graph.js';

const COUNT = 24;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
let files: Record<string, Buffer>;
before(async () => {
  const images = await Promise.all(range(0, COUNT).map(i => image(i)));
  files = Object.fromEntries(images.map((bytes, i) => [`${i}.png`, bytes]));
});

/** A head of one layer on four features. */
const head: Head = {
  layers: [{ weight: float([4, 1], [0.5, -0.25, 0.75, 0.1]), bias: float([1], [0]) }],
  target: { mean: 10, std: 3 },
};

/** What tunes `staged` from `lowest` on. */
function setUp(
  t: TestContext,
  lowest: string,
  { batchNorm = 'frozen', ...changes }: Partial<FineTuneOptions> & { batchNorm?: 'frozen' | 'batch' } = {},
): FineTuneOptions & { readonly paths: readonly string[]; readonly root: string } {
  const root = tempFolder(t, files);
  const paths = range(0, COUNT).map(i => join(root, `${i}.png`));
  const backbone = stagedBackbone();
  return {
    root,
    paths,
    backbone,
    part: tunedPart(backbone, lowest, batchNorm),
    input: { kind: 'images', paths, augment: 'none' },
    head,
    loss: 'mse',
    labels: Float64Array.from(range(0, COUNT), i => 5 + ((i * 7) % 11)),
    train: range(0, 16),
    validation: range(16, COUNT),
    balance: false,
    rateDecay: 0.5,
    seed: 1,
    checkpoint: { path: join(root, 'run'), everySeconds: 1e9, resume: false, identity: {} },
    epochs: 2,
    batch: 4,
    learningRate: 0.01,
    ...changes,
  };
}

/** The values that the artefact of this training gives for the images at these paths. */
async function modelValues(backbone: Backbone, result: { head: Head; fit: Fit }, paths: readonly string[]) {
  const session = await createSession(buildModel(backbone, result.head, result.fit.parameters));
  const size = { width: 32, height: 32 };
  const pixels = await Promise.all(paths.map(async path => decodeImage(await readSource(path), size)));
  const data = new Uint8Array(Buffer.concat(pixels));
  const { value } = await session.run({ pixels: { dtype: 'uint8', shape: [paths.length, 32, 32, 3], data } });
  await session.close();
  return value!.data as Float32Array;
}

/** All constants of a backbone, by name. */
function constantsOf(backbone: Backbone) {
  const graph = new Graph();
  backbone.build(graph.input('x', 'float32', [1, 3, 32, 32]));
  return graph.constants;
}

const leaves = ['conv.weight', 'bn.weight', 'bn.bias'];
const statistics = ['bn.running_mean', 'bn.running_var'];
const named = (stages: readonly string[], parts: readonly string[]) =>
  stages.flatMap(stage => parts.map(part => `${stage}.${part}`));

describe('fineTune', () => {
  it('moves what lies from the stage on, and the head, and nothing else', async t => {
    const cases = [
      ['high', 'frozen', named(['high'], leaves)],
      ['middle', 'frozen', named(['middle', 'high'], leaves)],
      ['middle', 'batch', named(['middle', 'high'], [...leaves, ...statistics])],
      ['all', 'frozen', named(['low', 'middle', 'high'], leaves)],
    ] as const;
    for (const [lowest, batchNorm, names] of cases) {
      const options = setUp(t, lowest, { batchNorm, validation: [] });
      const result = await fineTune(options);
      assert.deepEqual(
        new Set(Object.keys(result.fit.parameters)),
        new Set([...names, 'head.0.weight', 'head.0.bias']),
      );
      const start = constantsOf(options.backbone);
      for (const name of names) {
        assert.deepEqual(result.fit.parameters[name]!.shape, start.get(name)!.shape, name);
        assert.notDeepEqual(
          result.fit.parameters[name]!.data,
          start.get(name)!.data,
          `${name} of ${lowest}, ${batchNorm}`,
        );
      }
      assert.notDeepEqual(result.head.layers, head.layers);
      assert.equal(result.head.target, head.target);
    }
  });

  for (const batchNorm of ['frozen', 'batch'] as const) {
    for (const ema of [null, 0.7]) {
      it(`ends in an artefact that gives the values that were validated, ${batchNorm}, average ${ema}`, async t => {
        const options = setUp(t, 'middle', { batchNorm, ema });
        const result = await fineTune(options);
        assert.ok(result.fit.epoch > 0, 'training helped');
        const values = await modelValues(options.backbone, result, options.paths.slice(16));
        const errors = [...values].map((value, i) => value - options.labels[16 + i]!);
        const mse = errors.reduce((sum, error) => sum + error * error, 0) / errors.length;
        expectNumbersClose([mse], [result.fit.validation!.mse], { rtol: 1e-4, atol: 0 });
      });
    }
  }

  it('on the cached stage below is the same training as on the images, to the precision of a half', async t => {
    const options = setUp(t, 'high', { batchNorm: 'batch' });
    const samples = range(0, COUNT).map(i => ({ file: `${i}.png`, label: 0 }));
    const dataset = { root: options.root, target: 'x', samples, skipped: [] };
    const cacheDir = tempFolder(t);
    const width = stageWidth(options.backbone, 'middle');
    const stage = await extractStage(dataset, options.backbone, { stage: 'middle', width }, cacheDir);
    const input: TunedInput = { kind: 'stage', rows: stage.rows };
    const [cached, decoded] = [await fineTune({ ...options, input }), await fineTune(options)];
    await stage.close();
    assert.deepEqual(readdirSync(join(cacheDir, 'features')).length, 1);
    assert.deepEqual(Object.keys(cached.fit.parameters), Object.keys(decoded.fit.parameters));
    for (const [name, tensor] of Object.entries(decoded.fit.parameters)) {
      const start = constantsOf(options.backbone).get(name)?.data ?? [];
      const moved = (x: ArrayLike<unknown>) => Array.from(x, (value, i) => Number(value) - Number(start[i] ?? 0));
      // Adam turns the sign of a gradient near 0 into a step: a hundredth of what eight steps of 0.01 can move.
      expectNumbersClose(moved(cached.fit.parameters[name]!.data), moved(tensor.data), { rtol: 0.02, atol: 2e-3 });
    }
  });

  it('changes images in training where it is asked to, and never those that it validates', async t => {
    const inputsOf = (augment: 'none' | 'face') => {
      const options = setUp(t, 'high');
      const problem = fineTuneProblem({ ...options, input: { kind: 'images', paths: options.paths, augment } });
      return [true, false].map(training => {
        const graph = new Graph();
        problem.forward(graph, 4, training);
        return [...graph.inputs.map(({ name }) => name)].sort();
      });
    };
    const changes = ['brightness', 'contrast', 'erase', 'place', 'saturation'].map(name => `augment.${name}`);
    assert.deepEqual(inputsOf('none'), [['pixels'], ['pixels']]);
    assert.deepEqual(inputsOf('face'), [[...changes, 'pixels'], ['pixels']]);
    const options = setUp(t, 'high');
    const augmented = { ...options, input: { kind: 'images', paths: options.paths, augment: 'face' } } as const;
    const [plain, face, again] = [await fineTune(options), await fineTune(augmented), await fineTune(augmented)];
    assert.notDeepEqual(face.fit.parameters, plain.fit.parameters);
    assert.deepEqual(face.fit.parameters, again.fit.parameters);
  });

  it('has a learning rate that falls from stage to stage', t => {
    const { rateScale } = fineTuneFitOptions(setUp(t, 'all'));
    assert.deepEqual(
      ['head.0.weight', 'high.bn.bias', 'middle.conv.weight', 'low.conv.weight'].map(rateScale),
      [1, 0.5, 0.25, 0.125],
    );
  });

  it('moves stages by their rates', async t => {
    // The first step of Adam moves every parameter by its learning rate.
    const options = setUp(t, 'all', { epochs: 1, batch: 16, optimizer: 'adam', schedule: 'constant', weightDecay: 0 });
    const { fit } = await fineTune({ ...options, validation: [], learningRate: 1e-3 });
    for (const [name, rate] of [
      ['high', 5e-4],
      ['middle', 2.5e-4],
      ['low', 1.25e-4],
    ] as const) {
      const start = constantsOf(options.backbone).get(`${name}.bn.bias`)!.data;
      const after = fit.parameters[`${name}.bn.bias`]!.data as Float32Array;
      const moved = Array.from(after, (x, i) => Math.abs(x - Number(start[i])));
      expectNumbersClose([Math.max(...moved)], [rate], { rtol: 1e-3, atol: 0 });
    }
  });

  it('keeps the frozen start where training makes it worse', async t => {
    const { fit, head: kept } = await fineTune(setUp(t, 'high', { learningRate: 50 }));
    assert.equal(fit.epoch, 0);
    assert.deepEqual(kept, head);
  });

  it('names an image that has gone', async t => {
    const options = setUp(t, 'high');
    const paths = options.paths.with(3, join(options.root, 'gone.png'));
    const input = { kind: 'images', paths, augment: 'none' } as const;
    assert.match(
      await failureOf(() => fineTune({ ...options, input })),
      /^InputError: .*gone\.png: expected an image, got no such file$/,
    );
  });

  it('refuses batch statistics of a single value a channel', async t => {
    const options = setUp(t, 'last', { batchNorm: 'batch', batch: 1 });
    const small = { ...options.backbone, sizePx: 8 };
    assert.equal(
      await failureOf(() => fineTune({ ...options, backbone: small })),
      'UsageError: `batchNorm`: expected frozen, or more images a step, got batch and a step of 1; raise `batch`, or leave it out',
    );
  });

  it('takes ten epochs of 25 images where nobody says otherwise', () => {
    assert.deepEqual(fineTuneRecipe({}), {
      epochs: 10,
      learningRate: 1e-3,
      batch: 25,
      optimizer: 'adamw',
      schedule: 'one-cycle',
      warmUp: 0,
      weightDecay: 0.01,
      clip: null,
      ema: null,
      patience: null,
    });
  });

  it('finds a learning rate that it can use', async t => {
    const options = setUp(t, 'middle');
    const found = await findLearningRate(fineTuneProblem(options), fineTuneFitOptions(options));
    assert.ok(found.suggestion > 1e-5 && found.suggestion < 0.5, `${found.suggestion}`);
  });
});
