import { Graph, type Value } from '../src/engine/graph/graph.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { createSession } from '../src/engine/runtime/session.js';
import type { Tensor } from '../src/engine/tensor.js';

/** Runs what `build` makes of one input a feed, whose shapes are fixed; returns its output. */
export async function runGraph(build: (...inputs: Value[]) => Value, feeds: readonly Tensor[]): Promise<Tensor> {
  const graph = new Graph();
  graph.output('out', build(...feeds.map(({ dtype, shape }, i) => graph.input(`in_${i}`, dtype, shape))));
  const session = await createSession(toOnnx(graph), { threads: 1 });
  try {
    const { out } = await session.run(Object.fromEntries(feeds.map((feed, i) => [`in_${i}`, feed])));
    return out!;
  } finally {
    await session.close();
  }
}

/** The float32 tensor of these numbers. */
export function float(shape: readonly number[], numbers: ArrayLike<number>): Tensor<'float32'> {
  return { dtype: 'float32', shape, data: Float32Array.from(numbers) };
}
