import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { add, matMul, mul, reduceMean, relu, reshape, square, sub } from '../../../src/engine/graph/build.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { weightedSum } from '../../../src/engine/optim/flat.js';
import { adamW, sgd } from '../../../src/engine/optim/optimizer.js';
import { type TrainingStepOptions, trainingStep } from '../../../src/engine/optim/training-step.js';
import { createSession, createState } from '../../../src/engine/runtime/session.js';
import type { Tensor } from '../../../src/engine/tensor.js';
import { expectNumbersClose } from '../../close.js';
import { float } from '../../run-graph.js';

// From PyTorch 1.13, with weights and data by one formula:
//   def formula(shape, scale, seed):  # sin(seed + i) * scale for element i
//   w1, b1 = Parameter(formula([3, 4], 0.8, 1)), Parameter(formula([4], 0.1, 2))
//   w2, b2 = Parameter(formula([4, 1], 0.9, 3)), Parameter(formula([1], 0.5, 4))
//   for t in range(10):
//       x, y = formula([5, 3], 1, 10 + t), formula([5, 1], 2, 20 + t)
//       loss = ((torch.relu(x @ w1 + b1) @ w2 + b2 - y) ** 2).mean()
//       optimizer.zero_grad(); loss.backward(); ...; optimizer.step()
function formula(shape: readonly number[], scale: number, seed: number): Tensor<'float32'> {
  const count = shape.reduce((product, n) => product * n, 1);
  return float(
    shape,
    Array.from({ length: count }, (_, i) => Math.sin(seed + i) * scale),
  );
}
const b1Start = formula([4], 0.1, 2);

function network(): { x: Value; hidden: Value; prediction: Value; loss: Value } {
  const graph = new Graph();
  const [x, y] = [graph.input('x', 'float32', [5, 3]), graph.input('y', 'float32', [5, 1])];
  const hidden = relu(add(matMul(x, graph.parameter(formula([3, 4], 0.8, 1), 'w1')), graph.parameter(b1Start, 'b1')));
  const product = matMul(hidden, graph.parameter(formula([4, 1], 0.9, 3), 'w2'));
  const prediction = add(product, graph.parameter(formula([1], 0.5, 4), 'b2'));
  const error = sub(prediction, y);
  return { x, hidden, prediction, loss: reduceMean(mul(error, error), [0, 1]) };
}

/** Ten steps at one learning rate: the outputs of each, and the state afterwards; `isInPlace`: with one copy of what allows it. */
async function tenSteps(options: TrainingStepOptions, learningRate: number, isInPlace = false) {
  const step = trainingStep(options);
  const session = await createSession(step.model, { threads: 1 });
  const state = await createState(step.state, isInPlace ? { inPlace: step.inPlace } : {});
  const outputs: Record<string, Tensor>[] = [];
  for (let t = 0; t < 10; t++) {
    const data = { x: formula([5, 3], 1, 10 + t), y: formula([5, 1], 2, 20 + t) };
    outputs.push(await session.run({ ...data, ...step.scalars(t + 1, learningRate) }, { state }));
  }
  const after = await state.read();
  await state.close();
  await session.close();
  return { outputs, losses: outputs.map(({ loss }) => loss!.data[0] as number), after, start: step.state };
}

const numbers = (tensor: Tensor | undefined) => tensor!.data as Float32Array;
const plain = { learningRateScale: 1, weightDecay: 0 };
const tolerance = { rtol: 1e-5, atol: 1e-6 };

describe('trainingStep', () => {
  it('trains as SGD with Nesterov momentum in PyTorch', async () => {
    // torch.optim.SGD([w1, b1, w2, b2], 0.05, momentum=0.9, nesterov=True, weight_decay=0.01)
    const groups = [{ learningRateScale: 1, weightDecay: 0.01, parameters: ['w1', 'b1', 'w2', 'b2'] }];
    const optimizer = sgd({ momentum: 0.9, nesterov: true });
    const { losses, after } = await tenSteps({ loss: network().loss, groups, optimizer }, 0.05);
    expectNumbersClose(
      losses,
      [
        2.4040236473083496, 1.6148288249969482, 1.38790762424469, 2.6752049922943115, 1.9335041046142578,
        1.6743800640106201, 2.2698967456817627, 2.7920479774475098, 2.0370311737060547, 2.5359292030334473,
      ],
      tolerance,
    );
    expectNumbersClose(
      numbers(after.w1),
      [
        0.6464006900787354, 0.6243937611579895, -0.13635873794555664, -0.5753323435783386, -0.7636112570762634,
        -0.22209778428077698, 0.22513295710086823, 0.7522473335266113, 0.3172786831855774, -0.3431534767150879,
        -0.8459481596946716, -0.4574005901813507,
      ],
      tolerance,
    );
    expectNumbersClose(
      numbers(after.b1),
      [0.05462261289358139, -0.30505162477493286, -0.19065764546394348, -0.16243377327919006],
      tolerance,
    );
    expectNumbersClose(
      numbers(after.w2),
      [0.15784744918346405, -0.4520515203475952, -0.6741054654121399, -0.2245633751153946],
      tolerance,
    );
    expectNumbersClose(numbers(after.b2), [0.22239118814468384], tolerance);
  });

  it('trains groups at their own rates with clipping and averages, and leaves the rest alone', async () => {
    // torch.optim.AdamW([dict(params=[w1, w2], lr=0.02, weight_decay=0.1), dict(params=[b2], lr=0.05, weight_decay=0)]);
    // before each step clip_grad_norm_([w1, w2, b2], 2), whose norms are 0.33 to 3.47; after it, as ModelEmaV2,
    // average = 0.8 * average + (1 - 0.8) * p
    const options: TrainingStepOptions = {
      loss: network().loss,
      groups: [
        { learningRateScale: 1, weightDecay: 0.1, parameters: ['w1', 'w2'] },
        { learningRateScale: 2.5, weightDecay: 0, parameters: ['b2'] },
      ],
      optimizer: adamW(),
      clipNorm: 2,
      averageDecay: 0.8,
    };
    const { losses, after } = await tenSteps(options, 0.02);
    expectNumbersClose(
      losses,
      [
        2.4040236473083496, 1.636749029159546, 1.446587324142456, 2.7632038593292236, 2.3251144886016846,
        2.6321299076080322, 2.227221965789795, 2.0442447662353516, 1.141101360321045, 2.3662099838256836,
      ],
      tolerance,
    );
    const w1 = [
      0.7069875001907349, 0.6826832294464111, -0.02930915728211403, -0.6058101058006287, -0.802203357219696,
      -0.15752308070659637, 0.44171246886253357, 0.6663908958435059, 0.16951775550842285, -0.26810407638549805,
      -0.7363548278808594, -0.5725645422935486,
    ];
    const w1Average = [
      0.6895256042480469, 0.7074900269508362, 0.012610884383320808, -0.6136298179626465, -0.7957338690757751,
      -0.1741783618927002, 0.45772403478622437, 0.7086448669433594, 0.21545915305614471, -0.3214681148529053,
      -0.7707762718200684, -0.524802565574646,
    ];
    expectNumbersClose(numbers(after.w1), w1, tolerance);
    assert.deepEqual(after.w1!.shape, [3, 4]);
    expectNumbersClose(numbers(after['w1/average']), w1Average, tolerance);
    expectNumbersClose(
      numbers(after.w2),
      [0.27605336904525757, -0.560492753982544, -0.7452175617218018, -0.1419719010591507],
      tolerance,
    );
    expectNumbersClose(numbers(after.b2), [0.050474613904953], tolerance);
    expectNumbersClose(numbers(after['b2/average']), [-0.08755771070718765], tolerance);
    const kept = ['w1', 'w2', 'b2'].flatMap(name => [name, `${name}/mean`, `${name}/square`, `${name}/average`]);
    assert.deepEqual(Object.keys(after).sort(), kept.sort());
  });

  it('computes with a parameter in no group as it was', async () => {
    const { loss, hidden } = network();
    const groups = [{ ...plain, parameters: ['w2'] }];
    const { outputs, losses } = await tenSteps({ loss, groups, optimizer: sgd(), outputs: { hidden } }, 0.1);
    const w1 = formula([3, 4], 0.8, 1).data;
    const x = formula([5, 3], 1, 19).data;
    const row = [0, 1, 2, 3].map(j =>
      Math.max(0, b1Start.data[j]! + [0, 1, 2].reduce((sum, k) => sum + x[k]! * w1[4 * k + j]!, 0)),
    );
    expectNumbersClose(numbers(outputs[9]!.hidden).slice(0, 4), row, tolerance);
    assert.notEqual(losses[0], losses[1]);
  });

  it('applies updates of other constants, and averages them too', async () => {
    const { x, loss, prediction } = network();
    const { graph } = loss;
    const running = graph.constant(float([3], [0, 0, 0]), 'running');
    const copied = graph.constant(float([5, 3], new Array(15).fill(0)), 'copied');
    const next = add(mul(running, 0.5), mul(reduceMean(x, [0]), 0.5));
    const { outputs, after } = await tenSteps(
      {
        loss,
        groups: [{ ...plain, parameters: ['w1'] }],
        optimizer: sgd(),
        averageDecay: 0.5,
        updates: [
          { name: 'running', next },
          { name: 'copied', next: x },
        ],
        outputs: { prediction, before: add(copied, 0) },
      },
      0.1,
    );
    let [mean, average] = [
      [0, 0, 0],
      [0, 0, 0],
    ];
    for (let t = 0; t < 10; t++) {
      const { data } = formula([5, 3], 1, 10 + t);
      mean = mean.map((m, j) => 0.5 * m + [0, 1, 2, 3, 4].reduce((sum, i) => sum + data[3 * i + j]!, 0) / 10);
      average = average.map((a, j) => 0.5 * a + 0.5 * mean[j]!);
    }
    expectNumbersClose(numbers(after.running), mean, tolerance);
    expectNumbersClose(numbers(after['running/average']), average, tolerance);
    assert.deepEqual(after.copied, formula([5, 3], 1, 19), 'an input that becomes a state is copied');
    assert.deepEqual(outputs[9]!.before, formula([5, 3], 1, 18));
    assert.deepEqual(Object.keys(outputs[0]!).sort(), ['before', 'loss', 'prediction']);
  });

  it('lists the trained parameters by name', () => {
    const graph = new Graph();
    const product = mul(graph.parameter(float([2], [1, 2]), 'conv1/kernel'), graph.input('x', 'float32', [2]));
    const running = graph.constant(float([2], [3, 4]), 'norm/mean');
    const step = trainingStep({
      loss: reduceMean(product, [0]),
      groups: [{ ...plain, parameters: ['conv1/kernel'] }],
      optimizer: adamW(),
      averageDecay: 0.9,
      updates: [{ name: running.name, next: add(running, 1) }],
    });
    assert.deepEqual(step.moved, ['conv1/kernel', 'norm/mean']);
  });

  for (const [title, optimizer] of [
    ['AdamW', adamW()],
    ['SGD with Nesterov momentum', sgd({ momentum: 0.9, nesterov: true })],
  ] as const) {
    it(`has the same values with optimizer state and averages written in place: ${title}`, async () => {
      const groups = [{ learningRateScale: 1, weightDecay: 0.01, parameters: ['w1', 'b1', 'w2', 'b2'] }];
      const options = () => ({ loss: network().loss, groups, optimizer, averageDecay: 0.9, clipNorm: 1 });
      const { inPlace, moved, state } = trainingStep(options());
      assert.deepEqual(
        inPlace,
        Object.keys(state).filter(name => !moved.includes(name)),
      );
      const [once, twice] = [await tenSteps(options(), 0.05, true), await tenSteps(options(), 0.05)];
      assert.deepEqual(once.after, twice.after);
      assert.deepEqual(once.losses, twice.losses);
    });
  }

  it('stores a value twice that another operation reads', () => {
    const graph = new Graph();
    const weight = graph.parameter(float([2], [1, 2]), 'weight');
    const running = graph.constant(float([1, 2], [3, 4]), 'running');
    const next = weightedSum(0.5, reshape(weight, [1, 2]), 0.5, running);
    const step = (loss: Value) =>
      trainingStep({
        loss,
        groups: [{ ...plain, parameters: ['weight'] }],
        optimizer: sgd(),
        updates: [{ name: 'running', next }],
      });
    assert.deepEqual(step(reduceMean(square(weight), [0])).inPlace, ['running']);
    assert.deepEqual(step(reduceMean(mul(weight, reshape(running, [2])), [0])).inPlace, []);
  });

  it('starts with states that share no memory', () => {
    const groups = [{ ...plain, parameters: ['w1'] }];
    const { state } = trainingStep({ loss: network().loss, groups, optimizer: adamW(), averageDecay: 0.9 });
    const buffers = Object.values(state).map(({ data }) => data.buffer);
    assert.equal(new Set(buffers).size, 4);
    assert.deepEqual(state['w1/average']!.data, state.w1!.data);
    assert.deepEqual(state['w1/mean'], float([1, 12], new Array(12).fill(0)));
  });

  it('fails if a name is not a parameter, or is updated twice', () => {
    const step = (options: Pick<TrainingStepOptions, 'groups' | 'updates'>) => () =>
      trainingStep({ loss: network().loss, optimizer: sgd(), ...options });
    const group = (...parameters: string[]) => ({ ...plain, parameters });
    assert.throws(step({ groups: [group('w1', 'w3')] }), { message: 'internal: no parameter called w3' });
    assert.throws(step({ groups: [group('w1'), group('w2', 'w1')] }), { message: 'internal: no constant called w1' });
  });
});
