import { throwIfAborted } from '../base/errors.js';
import { createRandom } from '../base/random.js';
import { div, matMul, reduceSum, sqrt, square } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from '../training/feature-cache.js';
import { blocks, measureRows, standardize } from '../training/standardization.js';
import { MOST_EXACT_ROWS } from './neighbours.js';

/** Vectors of length 1, one a sample: half of the squared distance of two is 1 - the cosine of their angle. */
export interface FeatureVectors {
  /** `[N, width]`. */
  readonly data: Float32Array;
  readonly width: number;
}

// Angles between random projections to so many numbers are off by 0.06 on average; 200,000 of them are 200 MB.
const PROJECTED = 256;

/**
 * The cached features as vectors whose distances say how alike two pictures look: signed roots, standardised, of length 1. Beyond 20,000
 * pictures they are projected at random to 256 numbers, so that all of them can lie in memory.
 *
 * Reference: Johnson, Lindenstrauss 1984; signs in the place of normal numbers: Achlioptas 2003, https://doi.org/10.1016/S0022-0000(03)00025-4
 */
export async function featureVectors(rows: FeatureRows, seed: number, signal?: AbortSignal): Promise<FeatureVectors> {
  const indices = Array.from({ length: rows.length }, (_, i) => i);
  const isProjected = rows.length > MOST_EXACT_ROWS && rows.width > PROJECTED;
  const width = isProjected ? PROJECTED : rows.width;
  const graph = new Graph();
  const features = graph.input('features', 'float32', ['N', rows.width]);
  const standard = standardize(features, measureRows(rows, indices));
  const vectors = isProjected ? matMul(standard, graph.constant(signs(rows.width, width, seed))) : standard;
  // A picture that is the mean in all features has no direction.
  const length = sqrt(reduceSum(square(vectors), [1], true));
  graph.output('vectors', div(vectors, length));
  const session = await createSession(toOnnx(graph));
  try {
    const data = new Float32Array(rows.length * width);
    let at = 0;
    for (const block of blocks(indices)) {
      throwIfAborted(signal);
      const shape = [block.length, rows.width];
      const run = await session.run(
        { features: { dtype: 'float32', shape, data: rows.read(block) } },
        { handOver: true },
      );
      data.set(run.vectors!.data as Float32Array, at);
      at += block.length * width;
    }
    return { data: data.map(value => (Number.isFinite(value) ? value : 0)), width };
  } finally {
    await session.close();
  }
}

function signs(from: number, to: number, seed: number) {
  const random = createRandom(seed, 'projection');
  const data = Float32Array.from({ length: from * to }, () => (random.uniform() < 0.5 ? -1 : 1));
  return { dtype: 'float32', shape: [from, to], data } as const;
}
