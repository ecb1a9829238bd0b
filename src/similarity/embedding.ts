import { throwIfAborted } from '../base/errors.js';
import { createRandom } from '../base/random.js';
import { div, matMul, reduceSum, sqrt, square } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { blocks, measureRows, type Standardization, standardize } from '../features/standardization.js';

/** A map from features to vectors whose distances measure the similarity of images. */
export interface Embedding {
  readonly standardization: Standardization;
  /** Dimensions; fewer than features with a random projection by `seed`. */
  readonly width: number;
  readonly seed: number;
}

/** The embedding for these features, with a projection where they are wider than `maxWidth`. */
export function embeddingOf(rows: FeatureRows, seed: number, maxWidth = Number.POSITIVE_INFINITY): Embedding {
  const all = Array.from({ length: rows.length }, (_, i) => i);
  return { standardization: measureRows(rows, all), width: Math.min(rows.width, maxWidth), seed };
}

/**
 * The features as unit vectors `[N, width]`: signed-square-root transformed, standardized, projected. Half the squared distance of two is
 * 1 minus their cosine similarity; a projection to 256 dimensions changes it by 0.06 on average.
 *
 * Reference: Johnson, Lindenstrauss 1984; random signs: Achlioptas 2003, https://doi.org/10.1016/S0022-0000(03)00025-4
 */
export async function embed(rows: FeatureRows, embedding: Embedding, signal?: AbortSignal): Promise<Float32Array> {
  const { standardization, width, seed } = embedding;
  const graph = new Graph();
  const features = graph.input('features', 'float32', ['N', rows.width]);
  const standard = standardize(features, standardization);
  const vectors = width < rows.width ? matMul(standard, graph.constant(signs(rows.width, width, seed))) : standard;
  graph.output('vectors', div(vectors, sqrt(reduceSum(square(vectors), [1], true))));
  const session = await createSession(toOnnx(graph), { handOver: true });
  try {
    const data = new Float32Array(rows.length * width);
    let at = 0;
    for (const block of blocks(Array.from({ length: rows.length }, (_, i) => i))) {
      throwIfAborted(signal);
      const shape = [block.length, rows.width];
      const run = await session.run(
        { features: { dtype: 'float32', shape, data: rows.read(block) } },
        { handOver: true },
      );
      data.set(run.vectors!.data as Float32Array, at);
      at += block.length * width;
    }
    // Features equal to the mean have no direction.
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) data[i] = 0;
    return data;
  } finally {
    await session.close();
  }
}

function signs(from: number, to: number, seed: number) {
  const random = createRandom(seed, 'projection');
  const data = Float32Array.from({ length: from * to }, () => (random.uniform() < 0.5 ? -1 : 1));
  return { dtype: 'float32', shape: [from, to], data } as const;
}
