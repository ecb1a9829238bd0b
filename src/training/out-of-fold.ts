import { throwIfAborted } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from '../features/feature-cache.js';
import type { RowScale, RowSums } from '../features/row-sums.js';
import { blocks } from '../features/standardization.js';
import { buildHead, type Head, type HeadData } from './head.js';

/** The predictions of a head for N rows. */
export interface HeadPredictions {
  /** `[N]`, in the target's unit. */
  readonly value: Float32Array;
  /** The last layer's outputs: `[N, 1]`, or one logit per bin, `[N, B]`. */
  readonly outputs: Float32Array;
}

/** The predictions for the rows `indices` by a head that was fitted without them. */
export interface FoldPredictions extends HeadPredictions {
  readonly indices: readonly number[];
  readonly head: Head;
}

/**
 * Out-of-fold predictions: for each fold, those of a head that is fitted on all other rows.
 *
 * @param folds Indices of rows, each in one fold.
 * @param fitOn Fits a head on the `train` rows of its argument, which has no `validation` rows.
 * @throws AbortedError once `signal` is aborted.
 */
export async function* outOfFold(
  data: Pick<HeadData, 'rows' | 'mirrored' | 'labels'>,
  folds: readonly (readonly number[])[],
  fitOn: (data: HeadData, fold: number) => Promise<Head>,
  { signal }: RunContext = {},
): AsyncGenerator<FoldPredictions> {
  for (const [fold, indices] of folds.entries()) {
    throwIfAborted(signal);
    const train = folds.flatMap((other, at) => (at === fold ? [] : other)).sort((a, b) => a - b);
    const head = await fitOn({ ...data, train, validation: [] }, fold);
    yield { indices, head, ...(await predictRows(head, data.rows, indices)) };
  }
}

/** The predictions of `head` for the rows `indices`, which are read in blocks. */
export async function predictRows(head: Head, rows: FeatureRows, indices: readonly number[]): Promise<HeadPredictions> {
  const graph = new Graph();
  const output = buildHead(graph.input('features', 'float32', ['N', rows.width]), head);
  graph.output('outputs', output.outputs);
  graph.output('value', output.value);
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

/** The rows of all folds but one, as rows (`data`, its training rows) and as sums. */
export interface FoldData {
  readonly data: HeadData;
  readonly sums: RowSums;
  /** Of all rows: a shift or scale of all labels changes no prediction of least squares. */
  readonly scale: RowScale;
}

/** Fits heads on the rows of all folds but one. */
export interface Refit {
  fit(fold: FoldData, context: RunContext): Promise<Head>;
  /** Frees the buffers of the fits. */
  close?(): Promise<void>;
}
