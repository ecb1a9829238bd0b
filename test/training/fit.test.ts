import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mul, reduceMean, reshape, square, sub } from '../../src/engine/graph/build.js';
import { sgd } from '../../src/engine/optim/optimizer.js';
import { fit, type Problem } from '../../src/training/fit.js';
import { expectNumbersClose } from '../close.js';
import { float } from '../run-graph.js';

/** y = 3 x, by one weight of this name that starts as 1. */
function line(name: string): Problem {
  const xs = Float32Array.from({ length: 20 }, (_, i) => i / 10 - 1);
  return {
    labels: Float64Array.from(xs, x => 3 * x),
    train: [...xs.keys()].filter(i => i % 5 !== 0),
    validation: [...xs.keys()].filter(i => i % 5 === 0),
    forward(graph, count) {
      const x = graph.input('x', 'float32', [count, 1]);
      const value = reshape(mul(x, graph.parameter(float([1, 1], [1]), name)), [count === 'N' ? 0 : count]);
      return { value, loss: target => reduceMean(square(sub(value, target)), [0]) };
    },
    async feeds(indices) {
      return {
        x: float(
          [indices.length, 1],
          indices.map(i => xs[i]!),
        ),
      };
    },
  };
}

describe('fit', () => {
  it('measures and returns the trained weights, whatever their names', async () => {
    for (const name of ['conv1.weight', 'backbone/conv1/weight']) {
      const { parameters, validation, epochs } = await fit(line(name), {
        epochs: 20,
        batch: 8,
        optimizer: sgd({ momentum: 0 }),
        schedule: () => () => 0.5,
        weightDecay: 0,
        keep: 'mse',
        seed: 1,
        name: 'line',
      });
      assert.deepEqual(Object.keys(parameters), [name]);
      expectNumbersClose(parameters[name]!.data as Float32Array, [3], { rtol: 1e-3, atol: 0 });
      assert.ok(validation!.mse < 1e-5 && epochs[0]!.valMse! > validation!.mse);
    }
  });
});
