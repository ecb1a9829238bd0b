import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { formulaHead, networkFormula } from '../../../src/backbones/formula.js';
import type { BackboneOutput, ParameterSource } from '../../../src/backbones/resnet.js';
import { formulaUniform } from '../../../src/base/random.js';
import { backward } from '../../../src/engine/autodiff/backward.js';
import { foldBatchNorm } from '../../../src/engine/autodiff/batch-norm.js';
import { gemm, mul, reduceMean, sub } from '../../../src/engine/graph/build.js';
import { copyGraph, rewriteGraph } from '../../../src/engine/graph/copy.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { asOneImage } from '../../../src/engine/graph/one-image.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { adamW } from '../../../src/engine/optim/optimizer.js';
import { trainingStep } from '../../../src/engine/optim/training-step.js';
import { createSession, createState } from '../../../src/engine/runtime/session.js';
import type { Tensor } from '../../../src/engine/tensor.js';
import { expectNumbersClose } from '../../close.js';
import { expectSummary, type Summary } from '../../golden.js';
import { float } from '../../run-graph.js';
import { trainingForm } from '../../training-form.js';

type Build = (x: Value, parameters: ParameterSource) => BackboneOutput;

/** What timm computes: see test/golden/make_networks.py. */
interface Golden {
  readonly sizePx: number;
  readonly parameters: number;
  readonly target: readonly number[];
  readonly features: Summary;
  readonly stages: readonly Summary[];
  readonly loss: number;
  readonly gradients: Readonly<Record<string, Summary>>;
  readonly adamw: { readonly losses: readonly number[]; readonly after: Readonly<Record<string, Summary>> };
}

const read = (name: string): Golden => JSON.parse(readFileSync(`test/golden/${name}.json`, 'utf8'));
const images = ({ sizePx }: Golden) => [2, 3, sizePx, sizePx];
const input = (golden: Golden): Tensor<'float32'> =>
  float(images(golden), formulaUniform('input', 2 * 3 * golden.sizePx ** 2));

/** Compares features, the spatial mean of each stage but the stem, and the number of parameters with timm's, to 1e-4 of the scale. */
export async function expectForward(name: string, build: Build): Promise<void> {
  const golden = read(name);
  const graph = new Graph();
  const { features, stages, maps } = build(
    graph.input('x', 'float32', ['N', 3, golden.sizePx, golden.sizePx]),
    networkFormula(),
  );
  const count = [...graph.parameters.values()].reduce(
    (sum, { shape }) => sum + shape.reduce<number>((a, b) => a * Number(b), 1),
    0,
  );
  assert.equal(count, golden.parameters);
  graph.output('features', features);
  const above = [...stages.keys()].slice(1);
  for (const stage of above) graph.output(stage, reduceMean(maps?.get(stage) ?? stages.get(stage)!, [2, 3]));
  const session = await createSession(toOnnx(graph));
  const results = await session.run({ x: input(golden) });
  await session.close();
  expectSummary(results.features!.data as Float32Array, golden.features, 1e-4);
  assert.equal(above.length, golden.stages.length);
  for (const [i, stage] of above.entries())
    expectSummary(results[stage]!.data as Float32Array, golden.stages[i]!, 1e-4);
}

/** The mean squared error of a linear layer on the features, with frozen batch norms, in a graph of its own. */
function lossOf(golden: Golden, build: Build): Value {
  const graph = new Graph();
  const { features } = build(graph.input('x', 'float32', images(golden)), networkFormula());
  const width = Number(features.shape[1]);
  const { weight, bias } = formulaHead(width);
  const fc = graph.parameter(float([1, width], weight), 'fc.weight');
  const prediction = gemm(features, fc, { c: graph.parameter(float([1], [bias]), 'fc.bias'), transB: true });
  const error = sub(prediction, graph.constant(float([2, 1], golden.target)));
  const trained = new Graph();
  const x = trained.input('x', 'float32', images(golden));
  return trainingForm(
    copyGraph([reduceMean(mul(error, error), [0, 1])], trained, new Map([['x', x]]), foldBatchNorm)[0]!,
  );
}

/** Compares gradients with PyTorch's: length and sum to 1e-3 of the length, first elements to 2e-3 of the largest. */
export async function expectGradients(name: string, build: Build): Promise<void> {
  const golden = read(name);
  const loss = lossOf(golden, build);
  const { graph } = loss;
  const parameters = [...graph.parameters.values()];
  graph.output('loss', loss);
  for (const [i, gradient] of backward(loss, parameters).entries()) {
    assert.deepEqual(gradient.shape, parameters[i]!.shape);
    graph.output(`gradient of ${parameters[i]!.name}`, gradient);
  }
  const session = await createSession(toOnnx(rewriteGraph(graph, asOneImage)));
  const results = await session.run({ x: input(golden) });
  await session.close();
  expectNumbersClose(results.loss!.data as Float32Array, [golden.loss], { rtol: 1e-5, atol: 0 });
  for (const [parameter, { first, sum, l2 }] of Object.entries(golden.gradients)) {
    const data = results[`gradient of ${parameter}`]!.data as Float32Array;
    const length = Math.sqrt(data.reduce((total, x) => total + x * x, 0));
    const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const close = (actual: number, expected: number, atol: number, what: string) =>
      assert.ok(
        Math.abs(actual - expected) <= atol,
        `${parameter}: ${what} ${actual}, expected ${expected} within ${atol}`,
      );
    close(length, l2, 1e-3 * l2, 'length');
    close(
      data.reduce((total, x) => total + x, 0),
      sum,
      1e-3 * l2 * Math.sqrt(data.length),
      'sum',
    );
    for (const [i, expected] of first.entries()) close(data[i]!, expected, 2e-3 * largest, `element ${i}`);
  }
}

/** Compares three steps of AdamW with PyTorch's. */
export async function expectAdamW(name: string, build: Build): Promise<void> {
  const golden = read(name);
  const loss = lossOf(golden, build);
  const group = { learningRateScale: 1, weightDecay: 0.05, parameters: [...loss.graph.parameters.keys()] };
  const step = trainingStep({ loss, groups: [group], optimizer: adamW() });
  const state = await createState(step.state);
  const session = await createSession(step.model);
  const losses: number[] = [];
  for (let i = 1; i <= 3; i++) {
    const results = await session.run({ x: input(golden), ...step.scalars(i, 1e-4) }, { state });
    losses.push(Number(results.loss!.data[0]));
  }
  const after = await state.read(Object.keys(golden.adamw.after));
  await session.close();
  await state.close();
  expectNumbersClose(losses, golden.adamw.losses, { rtol: 1e-4, atol: 0 });
  for (const [parameter, { first, l2 }] of Object.entries(golden.adamw.after)) {
    const data = after[parameter]!.data as Float32Array;
    expectNumbersClose([Math.sqrt(data.reduce((sum, x) => sum + x * x, 0)) / l2], [1], { rtol: 2e-4, atol: 0 });
    // A bias of all keys changes no attention: its gradient is rounding, and so is the direction of its steps.
    if (parameter.endsWith('kv.bias')) continue;
    // An element moves by at most 3e-4; where its gradient is near 0, its direction is a matter of rounding.
    expectNumbersClose(data.subarray(0, first.length), first, { rtol: 0, atol: 1e-4 });
  }
}
