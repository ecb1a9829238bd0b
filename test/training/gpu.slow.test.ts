// Slow: builds the training graphs of every family, and a software GPU computes training steps.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { type Backbone, onDevice } from '../../src/backbones/backbone.js';
import { networkFormula } from '../../src/backbones/formula.js';
import type { Device } from '../../src/base/device.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { augmentNames } from '../../src/images/augment.js';
import { type FineTuneOptions, fineTune, fineTuneFitOptions, fineTuneProblem } from '../../src/training/fine-tune.js';
import type { Head } from '../../src/training/head.js';
import { lossNames } from '../../src/training/loss.js';
import { buildStep } from '../../src/training/problem.js';
import { optimizerNames } from '../../src/training/recipe.js';
import { stageNames, tunedPart } from '../../src/training/tuned-network.js';
import { cases } from '../backbones/families/cases.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { expectNumbersClose } from '../close.js';
import { image } from '../features/images.js';
import { stagedBackbone } from '../features/staged-backbone.js';
import { nodesOnCpu } from '../gpu-placement.js';
import { float } from '../run-graph.js';
import { softwareGpu } from '../software-gpu.js';

const skip = softwareGpu();
const COUNT = 12;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** A head on features of this width: linear for squared errors, else with a hidden layer; with bins for distributions. */
function headOf(width: number, loss: FineTuneOptions['loss']): Head {
  const layer = (from: number, to: number) => ({
    weight: float(
      [from, to],
      range(0, from * to).map(i => 0.3 * Math.sin(i)),
    ),
    bias: float([to], new Array<number>(to).fill(0)),
  });
  if (loss === 'mse') return { layers: [layer(width, 1)], target: { mean: 10, std: 3 } };
  if (loss !== 'distribution') return { layers: [layer(width, 6), layer(6, 1)], target: { mean: 10, std: 3 } };
  return { layers: [layer(width, 6), layer(6, 8)], bins: Float32Array.from(range(0, 8), i => 3 + 2 * i) };
}

function optionsOf(
  backbone: Backbone,
  changes: Partial<FineTuneOptions> = {},
  batchNorm: 'frozen' | 'batch' = 'frozen',
): FineTuneOptions {
  const { loss = 'mse' } = changes;
  return {
    backbone,
    part: tunedPart(backbone, stageNames(backbone)[0]!, batchNorm),
    input: { kind: 'images', paths: [], augment: 'none' },
    head: headOf(backbone.width, loss),
    loss,
    labels: Float64Array.from(range(0, COUNT), i => 5 + ((i * 7) % 11)),
    train: range(0, 8),
    validation: range(8, COUNT),
    balance: false,
    rateDecay: 0.5,
    seed: 1,
    epochs: 2,
    batch: 4,
    learningRate: 0.01,
    ...changes,
  };
}

const stepOf = (options: FineTuneOptions): Uint8Array =>
  buildStep(fineTuneProblem(options), fineTuneFitOptions(options)).step.model;

describe('the training graph for a GPU', { skip }, () => {
  const images = (augment: (typeof augmentNames)[number]) => ({ kind: 'images', paths: [], augment }) as const;

  for (const [name, build] of Object.entries(cases)) {
    it(`of ${name} has no operation that the CPU computes`, () => {
      const sizePx = name === 'dinov2' ? 56 : 64;
      const family = (device: Device) => {
        const plain: Backbone = { ...stagedBackbone(), name, sizePx, build: x => build(x, networkFormula()) };
        const { features } = widthOf(plain);
        return onDevice([{ ...plain, width: features }], device)[0];
      };
      const model = stepOf(optionsOf(family('webgpu'), { input: images('none') }));
      assert.deepEqual(nodesOnCpu({ [name]: model }), { [name]: [] });
    });
  }

  it('with an augmentation has none but a transpose', () => {
    const [backbone] = onDevice([stagedBackbone()], 'webgpu');
    const models = augmentNames.map(
      augment => [augment, stepOf(optionsOf(backbone, { input: images(augment) }))] as const,
    );
    const found = Object.values(nodesOnCpu(Object.fromEntries(models))).flat();
    assert.deepEqual(
      found.filter(name => !name.startsWith('Transpose ')),
      [],
    );
    assert.ok(found.length < augmentNames.length, found.join());
  });

  it('has none with any loss, optimizer and batch norm', () => {
    const [backbone] = onDevice([stagedBackbone()], 'webgpu');
    const models: Record<string, Uint8Array> = {};
    for (const loss of lossNames) models[loss] = stepOf(optionsOf(backbone, { loss }));
    for (const optimizer of optimizerNames)
      models[optimizer] = stepOf(optionsOf(backbone, { optimizer, clip: 1, ema: 0.99, balance: true }, 'batch'));
    const none = Object.fromEntries(Object.keys(models).map(name => [name, []]));
    assert.deepEqual(nodesOnCpu(models), none);
  });
});

describe('training on a GPU', { skip }, () => {
  let root: string;
  let paths: string[];
  before(async () => {
    root = temporaryFolder();
    paths = range(0, COUNT).map(i => join(root, `${i}.png`));
    for (const [i, path] of paths.entries()) writeFileSync(path, await image(i));
  });

  /** What training ends with on these devices, one epoch on each, each going on from the checkpoint of the one before. */
  async function trainedOn(devices: readonly [Device, Device], name: string) {
    const path = join(root, `${name}.checkpoint`);
    const on = (device: Device, resume: boolean) => ({
      ...optionsOf(
        onDevice([stagedBackbone()], device)[0],
        { input: { kind: 'images', paths, augment: 'flip' } },
        'batch',
      ),
      checkpoint: { path, everySeconds: 1e9, resume, identity: {} },
    });
    const controller = new AbortController();
    const first = fineTune(
      { ...on(devices[0], false), onEpoch: () => controller.abort() },
      { signal: controller.signal },
    );
    await assert.rejects(first, { code: 'aborted' });
    const said: string[] = [];
    const { fit } = await fineTune(on(devices[1], true), { onMessage: line => said.push(line) });
    assert.match(said[0]!, /^tuning: resumed after step 3$/);
    return fit;
  }

  it('goes on from a checkpoint, on the same device or another one, and says where each epoch ran', async () => {
    const reference = await trainedOn(['cpu', 'cpu'], 'cpu');
    assert.deepEqual(
      reference.epochs.map(({ device }) => device),
      [undefined, undefined],
    );
    for (const devices of [
      ['webgpu', 'webgpu'],
      ['cpu', 'webgpu'],
      ['webgpu', 'cpu'],
    ] as const) {
      const { epochs, parameters } = await trainedOn(devices, devices.join('-'));
      assert.deepEqual(
        epochs.map(({ device = 'cpu' }) => device),
        devices,
      );
      for (const [i, { trainLoss, valMse }] of epochs.entries())
        expectNumbersClose([trainLoss, valMse!], [reference.epochs[i]!.trainLoss, reference.epochs[i]!.valMse!], {
          rtol: 2e-3,
          atol: 0,
        });
      for (const [name, { data }] of Object.entries(reference.parameters))
        expectNumbersClose(parameters[name]!.data as Float32Array, data as Float32Array, { rtol: 2e-3, atol: 2e-4 });
    }
  });
});

/** The number of features of a backbone whose width is not known. */
function widthOf(backbone: Backbone): { readonly features: number } {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [1, 3, backbone.sizePx, backbone.sizePx]);
  return { features: Number(backbone.build(x).features.shape[1]) };
}
