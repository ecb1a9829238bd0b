import type { RunContext } from '../../src/base/progress.js';
import { formulaUniform } from '../../src/base/random.js';
import { add, matMul, mul, reduceMean, reshape, square, sub } from '../../src/engine/graph/build.js';
import { adamW, sgd } from '../../src/engine/optim/optimizer.js';
import { constant, oneCycle } from '../../src/engine/optim/schedule.js';
import { type Fit, type FitOptions, fit } from '../../src/training/fit.js';
import type { CheckpointOptions } from '../../src/training/fit-state.js';
import type { Problem } from '../../src/training/problem.js';
import { float } from '../run-graph.js';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** A number times a parameter `w` of shape [1, 1], which starts at 0: the label is the number, times `heldSlope`
 * where it is held out. */
export function slopeProblem({ train = 20, held = 10, heldSlope = 1 } = {}): Problem {
  const numbers = Array.from(formulaUniform('slope', train + held), x => x + 2);
  const labels = Float64Array.from(numbers, (x, i) => x * (i < train ? 1 : heldSlope));
  return {
    labels,
    train: range(0, train),
    validation: range(train, train + held),
    forward(graph, count) {
      const x = graph.input('x', 'float32', [count, 1]);
      const value = reshape(matMul(x, graph.parameter(float([1, 1], [0]), 'w')), [0]);
      return { value, loss: (target, weight) => reduceMean(mul(square(sub(value, target)), weight), [0]) };
    },
    async feeds(indices) {
      return {
        x: float(
          [indices.length, 1],
          indices.map(i => numbers[i]!),
        ),
      };
    },
  };
}

/**
 * All that a run may have to go on with: weights `w` `[3, 1]` and a bias `b` `[1]`, a running mean `level` `[3]` of what enters, noise
 * that is drawn anew each step.
 */
export function noisyProblem({ train = 41, held = 10 } = {}): Problem {
  const width = 3;
  const table = formulaUniform('noisy', (train + held) * width);
  const row = (i: number) => [...table.subarray(i * width, (i + 1) * width)];
  const labels = Float64Array.from(range(0, train + held), i => {
    const [a, b, c] = row(i) as [number, number, number];
    return 4 + 3 * a - 2 * b + c * c;
  });
  return {
    labels,
    train: range(0, train),
    validation: range(train, train + held),
    weights: Float32Array.from(labels, (_, i) => (i % 2 === 0 ? 1.5 : 0.5)),
    forward(graph, count, training) {
      const x = graph.input('x', 'float32', [count, width]);
      const level = graph.constant(float([width], [0, 0, 0]), 'level');
      const mean = training ? reduceMean(x, [0]) : level;
      const clean = sub(x, mean);
      const entering = training ? add(clean, graph.input('noise', 'float32', [count, width])) : clean;
      const product = matMul(entering, graph.parameter(float([width, 1], [0.1, -0.2, 0.3]), 'w'));
      const value = reshape(add(product, graph.parameter(float([1], [0]), 'b')), [0]);
      return {
        value,
        loss: (target, weight) => reduceMean(mul(square(sub(value, target)), weight), [0]),
        updates: training ? [{ name: 'level', next: add(mul(level, 0.9), mul(mean, 0.1)) }] : [],
      };
    },
    async feeds(indices, random) {
      const shape = [indices.length, width];
      const x = float(shape, indices.flatMap(row));
      if (random === undefined) return { x };
      const noise = Float32Array.from({ length: indices.length * width }, () => 0.1 * random.normal());
      return { x, noise: float(shape, noise) };
    },
  };
}

/** Plain descent, without anything that users may add. */
export const plainOptions = (changes: Partial<FitOptions> = {}): FitOptions => ({
  epochs: 4,
  batch: 5,
  optimizer: sgd(),
  schedule: () => constant(0.01),
  weightDecay: 0,
  keep: 'mse',
  seed: 1,
  name: 'test',
  ...changes,
});

/** A fit without what depends on the clock, as plain values. */
export const timeless = ({ parameters, epochs, epoch, validation }: Fit) => ({
  parameters,
  epochs: epochs.map(({ seconds: _, ...rest }) => rest),
  epoch,
  validation,
});

/** The fit of `noisyProblem` with all that a checkpoint has to hold; it resumes where it can. */
export const resumableFit = (
  checkpoint: Partial<CheckpointOptions> | undefined,
  watch: RunContext = {},
): Promise<Fit> =>
  fit(
    noisyProblem(),
    plainOptions({
      epochs: 12,
      optimizer: adamW(),
      schedule: steps => oneCycle({ peak: 0.2, steps }),
      weightDecay: 0.01,
      averageDecay: 0.8,
      ...(checkpoint === undefined
        ? {}
        : { checkpoint: { path: '', everySeconds: 1e9, resume: true, identity: { seed: 1 }, ...checkpoint } }),
    }),
    watch,
  );
