import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formulaHead, formulaParameters } from '../../src/backbones/formula.js';
import { buildResnet, resnetWidth } from '../../src/backbones/resnet.js';
import type { Progress } from '../../src/base/progress.js';
import { formulaUniform } from '../../src/base/random.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { adam, sgd } from '../../src/engine/optim/optimizer.js';
import { constant } from '../../src/engine/optim/schedule.js';
import { createSession } from '../../src/engine/runtime/session.js';
import type { Epoch } from '../../src/formats/events.js';
import { loadCheckpoint } from '../../src/training/checkpoint.js';
import { fit } from '../../src/training/fit.js';
import { classicSettings, fitClassicHead } from '../../src/training/fit-head.js';
import { linearHead, startLayer } from '../../src/training/head.js';
import type { Problem } from '../../src/training/problem.js';
import { expectAllClose, expectNumbersClose } from '../close.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { rowsOf } from '../features/rows.js';
import { expectSummary, goldenNames, readGolden } from '../golden.js';
import { float } from '../run-graph.js';
import { noisyProblem, plainOptions, slopeProblem, timeless } from './problems.js';

describe('fitClassicHead', () => {
  for (const name of goldenNames) {
    it(`takes the five steps on ${name} that PyTorch takes`, async () => {
      const { golden, plan } = readGolden(name);
      const width = resnetWidth(plan);
      const graph = new Graph();
      const x = graph.input('input', 'float32', [3, 3, 125, 125]);
      graph.output('features', buildResnet(x, plan, formulaParameters(plan)).features);
      const session = await createSession(toOnnx(graph));
      const input = float([3, 3, 125, 125], formulaUniform('input', 3 * 3 * 125 * 125));
      const { features } = await session.run({ input });
      await session.close();

      const rows = rowsOf(features!.data as Float32Array, width);
      const data = { rows, labels: Float64Array.from(golden.target), train: [0, 1, 2], validation: [] };
      const options = { epochs: 5, batch: 3, loss: 'mse', seed: 0, start: linearHead(formulaHead(width)) } as const;
      const { head, fit } = await fitClassicHead(data, options);
      const losses = fit.epochs.map(({ trainLoss }) => trainLoss);
      expectNumbersClose(losses, golden.head_adam.losses, { rtol: 1e-5, atol: 0 });
      assert.deepEqual(
        fit.epochs.map(({ trainMse }) => Math.fround(trainMse)),
        losses.map(Math.fround),
        'the loss is the mean squared error in the label’s unit',
      );
      const [{ weight, bias }] = head.layers as [(typeof head.layers)[0]];
      expectSummary(weight.data, golden.head_adam['fc.weight'], 1e-4);
      expectNumbersClose(bias.data, golden.head_adam['fc.bias'].first, { rtol: 1e-6, atol: 0 });
    });
  }

  const width = 4;
  const table = Float32Array.from(formulaUniform('table', 110 * width));
  const labels = Float64Array.from({ length: 110 }, (_, i) => 3 * table[i * width]! - 2);
  const rows = rowsOf(table, width);
  const train = Array.from({ length: 100 }, (_, i) => i);
  const validation = Array.from({ length: 10 }, (_, i) => 100 + i);
  const data = { rows, labels, train, validation };

  it('is five epochs of 25 images a step at 0.001, from where PyTorch’s Linear starts', async () => {
    assert.deepEqual(classicSettings({}), { epochs: 5, learningRate: 1e-3, batch: 25, patience: null });
    const { fit } = await fitClassicHead(data, { loss: 'mse', seed: 0 });
    assert.deepEqual(
      fit.epochs.map(({ learningRate }) => learningRate),
      Array(5).fill(1e-3),
    );
    // Adam's first step moves every parameter by the learning rate.
    const [one, start] = [
      await fitClassicHead({ ...data, train: train.slice(0, 25) }, { epochs: 1, loss: 'mse', seed: 3 }),
      startLayer(width, 1, 3, 'adam'),
    ];
    const moved = [...one.head.layers[0]!.weight.data].map((w, i) => Math.abs(w - start.weight.data[i]!));
    expectNumbersClose(moved, Array(width).fill(1e-3), { rtol: 1e-4, atol: 0 });
  });

  it('learns a linear rule and reports what validation says of it', async () => {
    const { fit } = await fitClassicHead(data, { epochs: 60, learningRate: 0.05, loss: 'mse', seed: 0 });
    const [first, last] = [fit.epochs[0]!, fit.epochs.at(-1)!];
    assert.ok(last.trainMse < 1e-3, `train ${last.trainMse}`);
    assert.ok(last.valMse! < 1e-3, `validation ${last.valMse}`);
    assert.ok(first.valMse! > 1, `first ${first.valMse}`);
    assert.deepEqual(fit.validation, { mse: last.valMse, mae: last.valMae });
    assert.equal(fit.epoch, 60);
  });

  it('ends with the last weights, and with the best ones where patience asks', async () => {
    // Validation turns away from what is learned.
    const turned = { ...data, labels: labels.map((label, i) => (i < 100 ? label : -label)) };
    const options = { epochs: 12, learningRate: 0.05, loss: 'mse', seed: 0 } as const;
    const last = await fitClassicHead(turned, options);
    assert.equal(last.fit.epoch, 12);
    const patient = await fitClassicHead(turned, { ...options, patience: 2 });
    assert.ok(patient.fit.epoch < 12 && patient.fit.epochs.length === patient.fit.epoch + 2);
    assert.ok(patient.fit.validation!.mse < last.fit.validation!.mse);
  });
});

describe('fit', () => {
  /** The parameters after `epochs` undisturbed epochs. */
  const after = async (problem: Problem, epochs: number, changes = {}) =>
    (await fit(problem, plainOptions({ ...changes, epochs, keep: 'last' }))).parameters;

  it('keeps the weights of the best validation', async () => {
    // Training goes to 1, validation is best at a half.
    const problem = slopeProblem({ heldSlope: 0.5 });
    const result = await fit(problem, plainOptions({ epochs: 8 }));
    const errors = result.epochs.map(({ valMse }) => valMse!);
    const best = errors.indexOf(Math.min(...errors));
    assert.ok(best > 0 && best < 7, `best is ${best + 1}`);
    assert.equal(result.epoch, best + 1);
    assert.deepEqual(result.validation, { mse: errors[best], mae: result.epochs[best]!.valMae });
    assert.deepEqual(result.parameters, await after(problem, best + 1));
    assert.notDeepEqual(result.parameters, await after(problem, 8));
  });

  it('keeps the start where everything after it is worse', async () => {
    const result = await fit(slopeProblem({ heldSlope: 0 }), plainOptions());
    assert.equal(result.epoch, 0);
    assert.deepEqual(result.parameters, { w: float([1, 1], [0]) });
    assert.deepEqual(result.validation, { mse: 0, mae: 0 });
    assert.equal(result.epochs.length, 4);
  });

  it('stops after as many epochs without a better validation as patience has, and says so', async () => {
    const messages: string[] = [];
    const options = plainOptions({ epochs: 20, patience: 3 });
    const result = await fit(slopeProblem({ heldSlope: 0.5 }), options, { onMessage: line => messages.push(line) });
    assert.equal(result.epochs.length, result.epoch + 3);
    assert.equal(messages.at(-1), 'test: stopped, no better validation for 3 epochs');
  });

  it('reports the mean of what each batch says before its step, and validation after the epoch', async () => {
    const problem = slopeProblem();
    const numbers = (indices: readonly number[]) => indices.map(i => problem.labels[i]!); // The slope is 1.
    const first = (await fit(problem, plainOptions({ epochs: 1, batch: 20 }))).epochs[0]!;
    const squares = numbers(problem.train).map(x => x * x);
    const mse = squares.reduce((a, b) => a + b, 0) / 20;
    expectNumbersClose([first.trainLoss, first.trainMse], [mse, mse], { rtol: 1e-5, atol: 0 });
    const w = Number((await after(problem, 1, { batch: 20 })).w!.data[0]);
    // One step of plain descent: the gradient at 0 is -2 mean(x²).
    expectNumbersClose([w], [0.01 * 2 * mse], { rtol: 1e-5, atol: 0 });
    const errors = numbers(problem.validation).map(x => Math.abs(x - w * x));
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expectNumbersClose([first.valMse!, first.valMae!], [mean(errors.map(e => e * e)), mean(errors)], {
      rtol: 1e-4,
      atol: 0,
    });
  });

  it('shows every sample once an epoch in another order each time, and drops the last, smaller batch', async () => {
    const seen: number[][] = [];
    const problem = slopeProblem({ train: 23, held: 7 });
    const spied: Problem = {
      ...problem,
      feeds: (indices, random) => {
        if (random !== undefined) seen.push([...indices]);
        return problem.feeds(indices, random);
      },
    };
    await fit(spied, plainOptions({ epochs: 2 }));
    assert.deepEqual(
      seen.map(batch => batch.length),
      Array(8).fill(5),
    );
    const [first, second] = [seen.slice(0, 4).flat(), seen.slice(4).flat()];
    assert.equal(new Set(first).size, 20);
    assert.equal(new Set(second).size, 20);
    assert.notDeepEqual(first, second);
    assert.ok(first.every(i => i < 23));
  });

  it('makes one batch of fewer samples than a batch has, of a single one too', async () => {
    for (const train of [3, 1]) {
      const result = await fit(
        slopeProblem({ train, held: 2 }),
        plainOptions({ epochs: 40, batch: 25, schedule: () => constant(0.05) }),
      );
      assert.equal(result.epochs.length, 40);
      expectNumbersClose([Number(result.parameters.w!.data[0])], [1], { rtol: 0.05, atol: 0 });
    }
  });

  it('ends with the last weights where nothing is held out', async () => {
    for (const keep of ['mse', 'last'] as const) {
      const problem = slopeProblem({ held: 0 });
      const result = await fit(problem, plainOptions({ keep, patience: 1 }));
      assert.deepEqual([result.epoch, result.validation, result.epochs.length], [4, null, 4]);
      assert.deepEqual(
        result.epochs.map(({ valMse, valMae }) => [valMse, valMae]),
        Array(4).fill([null, null]),
      );
      assert.deepEqual(result.parameters, await after(problem, 4));
    }
  });

  it('fails with a way out where the loss is no number any more', async () => {
    const text = await failureOf(() => fit(slopeProblem(), plainOptions({ schedule: () => constant(1e30) })));
    assert.equal(
      text,
      'InputError: test: epoch 1 of 4, step 2: expected a finite loss, got Infinity; ' +
        'try a lower `learningRate` than 1e+30, `clip: 1`, or `findRate`',
    );
  });

  it('names the highest rate so far, and not that of the moment', async () => {
    const falling = () => (step: number) => (step === 0 ? 1e30 : 1e-9);
    const text = await failureOf(() => fit(slopeProblem(), plainOptions({ schedule: falling })));
    assert.match(text, /step 2: expected a finite loss, got Infinity; try a lower `learningRate` than 1e\+30, /);
  });

  it('fails where the last step of an epoch has broken the weights, which validation alone sees', async () => {
    const options = plainOptions({ batch: 20, schedule: () => constant(1e38) });
    assert.equal(
      await failureOf(() => fit(slopeProblem(), options)),
      'InputError: test: epoch 1 of 4, validation: expected finite predictions, got others; ' +
        'try a lower `learningRate` than 1e+38, `clip: 1`, or `findRate`',
    );
  });

  it('warns once predictions are all nearly the same, and not before the first step', async () => {
    const messages: string[] = [];
    // Labels vary, what enters does not.
    const problem = slopeProblem({ held: 10 });
    const flat: Problem = {
      ...problem,
      feeds: async indices => ({ x: float([indices.length, 1], Array(indices.length).fill(1)) }),
    };
    await fit(flat, plainOptions({ epochs: 1 }), { onMessage: line => messages.push(line) });
    assert.match(
      messages[0]!,
      /^warning: all predictions are nearly the same \(standard deviation 0, of the labels 0\.\d+\); try a lower `learningRate`, more `epochs`, or `findRate`$/,
    );
    assert.equal(messages.length, 1);
    messages.length = 0;
    await fit(problem, plainOptions({ epochs: 1 }), { onMessage: line => messages.push(line) });
    assert.deepEqual(messages, []);
  });

  it('gives the same bytes for the same seed and others for another', async () => {
    const run = (seed: number) => fit(noisyProblem(), plainOptions({ seed, optimizer: adam(), averageDecay: 0.5 }));
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    assert.deepEqual(timeless(first), timeless(again));
    assert.notDeepEqual(first.parameters, other.parameters);
  });

  it('validates and keeps the averages where they are asked for', async () => {
    const problem = slopeProblem();
    // A step an epoch, so that the weights of every step can be had.
    const options = { batch: 20, optimizer: adam(), schedule: () => constant(0.1) };
    const decay = 0.8;
    const { parameters, epochs, epoch } = await fit(
      problem,
      plainOptions({ ...options, epochs: 5, averageDecay: decay }),
    );
    let average = 0;
    for (let step = 1; step <= 5; step++) {
      average = decay * average + (1 - decay) * Number((await after(problem, step, options)).w!.data[0]);
      const errors = problem.validation.map(i => problem.labels[i]! * (1 - average));
      const mse = errors.reduce((sum, error) => sum + error * error, 0) / errors.length;
      expectNumbersClose([epochs[step - 1]!.valMse!], [mse], { rtol: 1e-4, atol: 0 });
    }
    assert.equal(epoch, 5);
    expectAllClose(parameters.w!, float([1, 1], [average]), { rtol: 1e-5, atol: 0 });
  });

  it('averages running statistics too', async () => {
    const options = plainOptions({ epochs: 1, batch: 41, keep: 'last' });
    const [plain, averaged] = [
      await fit(noisyProblem(), options),
      await fit(noisyProblem(), { ...options, averageDecay: 0.75 }),
    ];
    const quarter = [...(plain.parameters.level!.data as Float32Array)].map(x => x / 4);
    expectAllClose(averaged.parameters.level!, float([3], quarter), { rtol: 1e-5, atol: 0 });
  });

  it('counts samples by their weights', async () => {
    const problem = slopeProblem({ train: 20, held: 0 });
    const half: Problem = {
      ...problem,
      labels: problem.labels.map((label, i) => (i % 2 === 0 ? label : -9 * label)),
      weights: Float32Array.from(problem.labels, (_, i) => (i % 2 === 0 ? 2 : 0)),
    };
    const { parameters } = await fit(half, plainOptions({ epochs: 60 }));
    expectNumbersClose([Number(parameters.w!.data[0])], [1], { rtol: 1e-3, atol: 0 });
  });

  it('decays weights alone, and scales the rate of each parameter by its name', async () => {
    const start = { w: float([3, 1], [0.1, -0.2, 0.3]), b: float([1], [0]) };
    const one = (changes: object) => after(noisyProblem(), 1, { batch: 41, ...changes });
    const [plain, decayed] = [await one({}), await one({ weightDecay: 0.5 })];
    const shrunk = [...(plain.w!.data as Float32Array)].map((w, i) => w - 0.01 * 0.5 * start.w.data[i]!);
    expectAllClose(decayed.w!, float([3, 1], shrunk), { rtol: 1e-5, atol: 1e-7 });
    assert.deepEqual(decayed.b, plain.b);
    const scaled = await one({ rateScale: (name: string) => (name === 'b' ? 0.5 : 0) });
    assert.deepEqual(scaled.w, start.w);
    expectNumbersClose([Number(scaled.b!.data[0])], [Number(plain.b!.data[0]) / 2], { rtol: 1e-5, atol: 0 });
  });

  it('clips the gradients together', async () => {
    const changes = { batch: 41, optimizer: sgd(), schedule: () => constant(1), clipNorm: 0.01 };
    const { w, b } = await after(noisyProblem(), 1, changes);
    const steps = [0.1, -0.2, 0.3].map((start, i) => Number(w!.data[i]) - start);
    expectNumbersClose([Math.hypot(...steps, Number(b!.data[0]))], [0.01], { rtol: 1e-3, atol: 0 });
  });

  it('tells of each epoch and of each step', async () => {
    const epochs: Epoch[] = [];
    const progress: Progress[] = [];
    const messages: string[] = [];
    const options = plainOptions({ epochs: 2, batch: 7, onEpoch: epoch => epochs.push(epoch), epochLines: true });
    const result = await fit(noisyProblem(), options, {
      onProgress: at => progress.push(at),
      onMessage: line => messages.push(line),
    });
    assert.deepEqual(epochs, result.epochs);
    assert.deepEqual(
      epochs.map(({ epoch }) => epoch),
      [1, 2],
    );
    assert.ok(epochs.every(({ seconds }) => seconds > 0));
    assert.deepEqual(
      progress.map(({ done, total, unit }) => [done, total, unit]),
      [7, 14, 21, 28, 35, 42, 49, 56, 63, 70].map(done => [done, 70, 'images']),
    );
    assert.deepEqual(
      progress.map(({ phase, detail }) => `${phase}, ${detail}`),
      [...Array(5).fill('test, epoch 1 of 2'), ...Array(5).fill('test, epoch 2 of 2')],
    );
    assert.match(messages[0]!, /^test: epoch 1 of 2: loss \d\S*, RMSE \d\S*, validation RMSE \d\S*, MAE \d\S*$/);
    assert.ok(result.computeShare > 0 && result.computeShare <= 1);
  });

  it('ends with AbortedError once it is aborted, after saving where it was', async t => {
    const path = join(tempFolder(t), 'run');
    const checkpoint = { path, everySeconds: 1e9, resume: false, identity: { seed: 1 } };
    const abortAt = (step: number, watched: 'onProgress' | 'onMessage') => {
      const controller = new AbortController();
      let seen = 0;
      return { signal: controller.signal, [watched]: () => ++seen === step && controller.abort() };
    };
    await assert.rejects(fit(slopeProblem(), plainOptions(), abortAt(6, 'onProgress')), { name: 'AbortedError' });
    assert.equal(existsSync(path), false);
    await assert.rejects(fit(slopeProblem(), plainOptions({ checkpoint }), abortAt(6, 'onProgress')), {
      name: 'AbortedError',
    });
    const { identity, position } = (await loadCheckpoint(path))!.state as {
      identity: unknown;
      position: { step: number; history: unknown[] };
    };
    assert.deepEqual(identity, { seed: 1 });
    assert.equal(position.history.length, 1);
    // Those in the engine's hands were finished.
    assert.ok(position.step >= 6 && position.step <= 8, `step ${position.step}`);
  });

  it('saves where it was when it is aborted while it validates', async t => {
    const path = join(tempFolder(t), 'run');
    const checkpoint = { path, everySeconds: 1e9, resume: false, identity: {} };
    const problem = slopeProblem();
    const controller = new AbortController();
    let trained = 0;
    const aborting: Problem = {
      ...problem,
      feeds: async (indices, random) => {
        if (random !== undefined) trained++;
        else if (trained > 4) controller.abort();
        return problem.feeds(indices, random);
      },
    };
    await assert.rejects(fit(aborting, plainOptions({ checkpoint }), { signal: controller.signal }), {
      name: 'AbortedError',
    });
    const { position } = (await loadCheckpoint(path))!.state as { position: { step: number } };
    assert.equal(position.step, 8);
  });
});
