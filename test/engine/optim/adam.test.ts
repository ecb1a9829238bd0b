import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Graph } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { type AdamOptions, adamCorrections, adamStep } from '../../../src/engine/optim/adam.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { expectNumbersClose } from '../../close.js';
import { float } from '../../run-graph.js';

// From PyTorch 1.13:
//   p = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5, 0.0]))
//   adam = torch.optim.Adam([p], **options)
//   for t in range(10):
//       p.grad = torch.tensor([math.sin(1 + 4 * t + i) * 10 ** (i - 2) for i in range(4)])
//       adam.step()
const START = [1, -2, 0.5, 0];
const byPyTorch: { readonly options: AdamOptions; readonly parameters: readonly number[] }[] = [
  { options: {}, parameters: [0.9986323714256287, -2.0021846294403076, 0.4977855086326599, 0.001211270922794938] },
  {
    options: { learningRate: 0.1, beta1: 0.8, beta2: 0.99, epsilon: 1e-2 },
    parameters: [0.9470072984695435, -2.1694788932800293, 0.2972506582736969, 0.10593986511230469],
  },
];

describe('adamStep', () => {
  for (const { options, parameters } of byPyTorch) {
    it(`takes PyTorch's ten steps with ${JSON.stringify(options)}`, async () => {
      const graph = new Graph();
      const [parameter, mean, square, gradient] = ['parameter', 'mean', 'square', 'gradient'].map(name =>
        graph.input(name, 'float32', [4]),
      );
      const corrections = [graph.input('first', 'float32', []), graph.input('second', 'float32', [])] as const;
      const state = { parameter: parameter!, mean: mean!, square: square! };
      const next = adamStep(state, gradient!, corrections, options);
      for (const [name, value] of Object.entries(next)) graph.output(`next.${name}`, value);
      const session = await createSession(toOnnx(graph));

      let now = { parameter: float([4], START), mean: float([4], [0, 0, 0, 0]), square: float([4], [0, 0, 0, 0]) };
      for (let t = 0; t < 10; t++) {
        const [first, second] = adamCorrections(t + 1, options);
        const out = await session.run({
          ...now,
          gradient: float(
            [4],
            [0, 1, 2, 3].map(i => Math.sin(1 + 4 * t + i) * 10 ** (i - 2)),
          ),
          first: float([], [first]),
          second: float([], [second]),
        });
        now = Object.fromEntries(
          Object.entries(out).map(([name, value]) => [name.slice('next.'.length), value]),
        ) as typeof now;
      }
      await session.close();
      expectNumbersClose(now.parameter.data, parameters, { rtol: 1e-6, atol: 1e-7 });
      // Far more than the tolerance: the parameters have moved.
      assert.ok(now.parameter.data.every((p, i) => Math.abs(p - START[i]!) > 1e-3));
    });
  }
});

describe('adamCorrections', () => {
  it('are 1 - beta^t', () => {
    expectNumbersClose(adamCorrections(1), [0.1, 0.001], { rtol: 1e-12, atol: 0 });
    expectNumbersClose(adamCorrections(3, { beta1: 0.5, beta2: 0.2 }), [0.875, 0.992], { rtol: 1e-12, atol: 0 });
    assert.deepEqual(adamCorrections(100_000), [1, 1 - 0.999 ** 100_000]);
  });
});
