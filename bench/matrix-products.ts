import { matMul, reduceSum } from '../src/engine/graph/build.js';
import { Graph } from '../src/engine/graph/graph.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { createSession } from '../src/engine/runtime/session.js';
import type { Tensor } from '../src/engine/tensor.js';

/** Width of the matrices of `matrixProducts`. */
export const N = 1024;
/** Products in one run, one after another. */
export const CHAINED = 8;

/** Operations (a product and a sum are two) a second of a graph, the best of four runs each time. */
export async function rate(
  graph: Graph,
  feeds: Record<string, Tensor>,
  operations: number,
): Promise<() => Promise<number>> {
  const session = await createSession(toOnnx(graph), { handOver: true, spin: true });
  await session.run(feeds);
  return async () => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 4; i++) {
      const before = session.computeMs;
      await session.run(feeds);
      least = Math.min(least, session.computeMs - before);
    }
    return (operations / least) * 1000;
  };
}

/** Chained products of 1,024 x 1,024 matrices; the output is the sum of the last, since copying a matrix out takes time. */
export function matrixProducts() {
  const graph = new Graph();
  let y = graph.input('a', 'float32', [N, N]);
  const b = graph.constant({ dtype: 'float32', shape: [N, N], data: new Float32Array(N * N).fill(1 / N) });
  for (let i = 0; i < CHAINED; i++) y = matMul(y, b);
  graph.output('y', reduceSum(y, [0, 1]));
  const feeds = { a: { dtype: 'float32', shape: [N, N], data: new Float32Array(N * N).fill(0.5) } } as const;
  return rate(graph, feeds, CHAINED * 2 * N ** 3);
}
