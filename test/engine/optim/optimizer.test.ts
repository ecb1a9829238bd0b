import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Graph } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { adam, adamW, type Optimizer, type ParameterGroup, sgd } from '../../../src/engine/optim/optimizer.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import type { Tensor } from '../../../src/engine/tensor.js';
import { expectNumbersClose } from '../../close.js';
import { float } from '../../run-graph.js';

// From PyTorch 1.13:
//   p = torch.nn.Parameter(torch.tensor([[1.0, -2.0], [0.5, 0.0]]))
//   optimizer = torch.optim.SGD([p], 0.1, ...)
//   for t in range(10):
//       p.grad = torch.tensor([math.sin(1 + 4 * t + i) * 10 ** (i - 2) for i in range(4)]).reshape(2, 2)
//       optimizer.step()
const START = [1, -2, 0.5, 0];
const gradientAt = (t: number) => [0, 1, 2, 3].map(i => Math.sin(1 + 4 * t + i) * 10 ** (i - 2));

interface Case {
  readonly name: string;
  readonly optimizer: Optimizer;
  readonly learningRate?: number;
  readonly group?: Partial<ParameterGroup>;
  readonly parameters: readonly number[];
}
const unusual = { beta1: 0.8, beta2: 0.99, epsilon: 1e-2 };
const byPyTorch: readonly Case[] = [
  {
    name: 'SGD',
    optimizer: sgd(),
    parameters: [0.9998493790626526, -2.0091660022735596, 0.41599878668785095, 0.008886695839464664],
  },
  {
    name: 'SGD with weight decay, at a tenth of ten times the rate',
    optimizer: sgd(),
    learningRate: 1,
    group: { learningRateScale: 0.1, weightDecay: 0.05 },
    parameters: [0.9509749412536621, -1.9111350774765015, 0.3927389979362488, -0.003432785626500845],
  },
  {
    name: 'SGD with momentum and weight decay',
    optimizer: sgd({ momentum: 0.9 }),
    group: { weightDecay: 0.05 },
    parameters: [0.8000979423522949, -1.6403191089630127, 0.19528640806674957, 1.414754867553711],
  },
  {
    name: 'SGD with Nesterov momentum and weight decay',
    optimizer: sgd({ momentum: 0.9, nesterov: true }),
    group: { weightDecay: 0.05 },
    parameters: [0.7762055993080139, -1.5961029529571533, 0.12830114364624023, 1.2045810222625732],
  },
  {
    name: 'Adam',
    optimizer: adam(),
    learningRate: 1e-3,
    parameters: [0.9986323714256287, -2.0021846294403076, 0.4977855086326599, 0.001211270922794938],
  },
  {
    name: 'Adam with other decays, epsilon and weight decay, at half of twice the rate',
    optimizer: adam(unusual),
    learningRate: 0.2,
    group: { learningRateScale: 0.5, weightDecay: 0.1 },
    parameters: [0.20113538205623627, -1.1295907497406006, 0.25486549735069275, 0.1049712672829628],
  },
  {
    name: 'AdamW without weight decay',
    optimizer: adamW(),
    parameters: [0.8632359504699707, -2.2184581756591797, 0.27854517102241516, 0.12112708389759064],
  },
  {
    name: 'AdamW with other decays, epsilon and weight decay, at half of twice the rate',
    optimizer: adamW(unusual),
    learningRate: 0.2,
    group: { learningRateScale: 0.5, weightDecay: 0.1 },
    parameters: [0.8555189967155457, -1.9664230346679688, 0.2644217312335968, 0.09740419685840607],
  },
];

/** The parameter after ten steps. */
async function tenSteps({ optimizer, learningRate = 0.1, group }: Case): Promise<ArrayLike<number>> {
  const graph = new Graph();
  const rows = optimizer.slots.map(name => [name, graph.input(name, 'float32', [1, 4])] as const);
  const scalars = Object.keys(optimizer.scalars(1, 1)).map(name => [name, graph.input(name, 'float32', [])] as const);
  const next = optimizer.update({
    parameter: graph.input('parameter', 'float32', [2, 2]),
    gradient: graph.input('gradient', 'float32', [2, 2]),
    slots: Object.fromEntries(rows),
    scalars: Object.fromEntries(scalars),
    group: { learningRateScale: 1, weightDecay: 0, ...group },
  });
  assert.deepEqual(Object.keys(next.slots), optimizer.slots);
  graph.output('next/parameter', next.parameter);
  for (const [name, value] of Object.entries(next.slots)) graph.output(`next/${name}`, value);
  const session = await createSession(toOnnx(graph), { threads: 1 });

  let state: Record<string, Tensor> = { parameter: float([2, 2], START) };
  for (const name of optimizer.slots) state[name] = float([1, 4], [0, 0, 0, 0]);
  for (let t = 0; t < 10; t++) {
    const numbers = Object.entries(optimizer.scalars(t + 1, learningRate));
    const fed = Object.fromEntries(numbers.map(([name, x]) => [name, float([], [x])]));
    const out = await session.run({ ...state, ...fed, gradient: float([2, 2], gradientAt(t)) });
    state = Object.fromEntries(Object.entries(out).map(([name, value]) => [name.slice('next/'.length), value]));
  }
  await session.close();
  assert.deepEqual(state.parameter!.shape, [2, 2]);
  return state.parameter!.data as Float32Array;
}

describe('an optimizer takes the ten steps of PyTorch', () => {
  for (const example of byPyTorch) {
    it(example.name, async () => {
      // Steps as large as 1 leave roundings of 1e-7 in what ends near 0.
      expectNumbersClose(await tenSteps(example), example.parameters, { rtol: 1e-6, atol: 3e-7 });
    });
  }

  it('with a learning rate that changes on the way', () => {
    assert.deepEqual(sgd().scalars(7, 0.25), { rate: 0.25 });
    const { rate, epsilon } = adam({ beta1: 0.5, beta2: 0.36, epsilon: 0.1 }).scalars(1, 0.25);
    expectNumbersClose([rate!, epsilon!], [(0.25 * 0.8) / 0.5, 0.08], { rtol: 1e-12, atol: 0 });
  });
});

describe('sgd', () => {
  it('refuses Nesterov momentum without momentum', () => {
    assert.throws(() => sgd({ nesterov: true }), {
      name: 'UsageError',
      message: 'sgd: expected a momentum above 0 with nesterov, got 0; give a momentum or leave it out',
    });
  });
});
