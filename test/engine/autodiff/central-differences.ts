import assert from 'node:assert/strict';
import { createRandom, type Random } from '../../../src/base/random.js';
import { backward } from '../../../src/engine/autodiff/backward.js';
import * as build from '../../../src/engine/graph/build.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { sizeOf, type Tensor } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

const STEP = 1e-2;

/** Random numbers in [-2, 2). */
export const uniform = (count: number, random: Random): number[] =>
  Array.from({ length: count }, () => 4 * random.uniform() - 2);

/** The sum of `y` times `weights`, which differ from element to element: a loss that no two gradients may be confused in. */
const weigh = (y: Value, weights: Tensor): Value =>
  build.reduceSum(build.mul(y, y.graph.constant(weights)), [...y.shape.keys()]);

/**
 * Compares the gradients of the weighted sum of what `make` builds with central differences, element by element.
 *
 * @param wanted The numbers of the feeds that the gradient is asked for.
 */
export async function expectGradients(
  make: (...inputs: Value[]) => Value,
  feeds: readonly Tensor<'float32'>[],
  wanted: readonly number[],
): Promise<void> {
  const named = (replaced = -1, data = new Float32Array()) =>
    Object.fromEntries(feeds.map((feed, i) => [`in_${i}`, i === replaced ? { ...feed, data } : feed]));
  const forward = new Graph();
  const out = make(...feeds.map(({ dtype, shape }, i) => forward.input(`in_${i}`, dtype, shape)));
  forward.output('out', out);
  const shape = out.shape.map(Number);
  const weights = float(shape, uniform(sizeOf(shape), createRandom(0, 'weights')));

  const graph = new Graph();
  const inputs = feeds.map(({ dtype, shape }, i) => graph.input(`in_${i}`, dtype, shape));
  const parameters = wanted.map(i => inputs[i]!);
  const gradients = backward(weigh(make(...inputs), weights), parameters);
  gradients.forEach((gradient, i) => {
    assert.deepEqual(gradient.shape, parameters[i]!.shape);
    graph.output(parameters[i]!.name.replace('in', 'gradient'), gradient);
  });
  const ours = await createSession(toOnnx(graph), { threads: 1 });
  const actual = await ours.run(named());
  await ours.close();

  const session = await createSession(toOnnx(forward), { threads: 1 });
  for (const i of wanted) {
    const { shape, data } = feeds[i]!;
    const slopes = await Promise.all(
      Array.from(data, async (x, at) => {
        const [left, right] = [data.with(at, x - STEP), data.with(at, x + STEP)];
        const [below, above] = await Promise.all([session.run(named(i, left)), session.run(named(i, right))]);
        const difference = weights.data.reduce(
          (sum, weight, k) => sum + weight * (Number(above.out!.data[k]) - Number(below.out!.data[k])),
          0,
        );
        return difference / (right[at]! - left[at]!);
      }),
    );
    // 1e-3 of the tensor's scale: the step of 1e-2 costs up to 1e-4 of it by curvature, float32 about as much.
    const scale = Math.max(...slopes.map(Math.abs));
    expectAllClose(actual[`gradient_${i}`]!, float(shape, slopes), { rtol: 1e-3, atol: 1e-3 * scale });
  }
  await session.close();
}
