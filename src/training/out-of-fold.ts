import { throwIfAborted } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { blocks } from '../features/standardization.js';
import { buildHead, type Head, type HeadData } from './head.js';

/** What a head says of rows. */
export interface HeadAnswers {
  /** `[N]`, in the target's unit. */
  readonly value: Float32Array;
  /** The last layer's outputs, `[N, 1]`, or a logit a bin, `[N, B]`. */
  readonly outputs: Float32Array;
}

/** What a head that never saw the rows `indices` says of them. */
export interface FoldAnswers extends HeadAnswers {
  readonly indices: readonly number[];
  readonly head: Head;
}

/**
 * For each fold, the answers of a head that is fitted on all other rows.
 *
 * @param folds Indices of rows, each in one fold.
 * @param fitOn Fits a head on the `train` rows of what it is given; there are no `validation` rows.
 * @throws AbortedError once `signal` is aborted.
 */
export async function* outOfFold(
  data: Pick<HeadData, 'rows' | 'mirrored' | 'labels'>,
  folds: readonly (readonly number[])[],
  fitOn: (data: HeadData, fold: number) => Promise<Head>,
  { signal }: RunContext = {},
): AsyncGenerator<FoldAnswers> {
  for (const [fold, indices] of folds.entries()) {
    throwIfAborted(signal);
    const train = folds.flatMap((other, at) => (at === fold ? [] : other)).sort((a, b) => a - b);
    const head = await fitOn({ ...data, train, validation: [] }, fold);
    yield { indices, head, ...(await answersOf(head, data.rows, indices)) };
  }
}

/** What `head` says of the rows `indices`, read in blocks. */
export async function answersOf(head: Head, rows: FeatureRows, indices: readonly number[]): Promise<HeadAnswers> {
  const graph = new Graph();
  const answers = buildHead(graph.input('features', 'float32', ['N', rows.width]), head);
  graph.output('outputs', answers.outputs);
  graph.output('value', answers.value);
  const each = head.layers.at(-1)!.bias.data.length;
  const value = new Float32Array(indices.length);
  const outputs = new Float32Array(indices.length * each);
  const session = await createSession(toOnnx(graph), { handOver: true });
  try {
    let at = 0;
    for (const block of blocks(indices)) {
      const shape = [block.length, rows.width];
      const run = await session.run(
        { features: { dtype: 'float32', shape, data: rows.read(block) } },
        { handOver: true },
      );
      value.set(run.value!.data as Float32Array, at);
      outputs.set(run.outputs!.data as Float32Array, at * each);
      at += block.length;
    }
  } finally {
    await session.close();
  }
  return { value, outputs };
}
