import { throwIfAborted } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from '../features/feature-cache.js';
import type { RowScale, RowSums } from '../features/row-sums.js';
import { blocks } from '../features/standardization.js';
import {
  buildHead,
  buildModelHead,
  type HeadData,
  type HeadOutput,
  isAverage,
  type ModelHead,
  type Prediction,
} from './head.js';

/** The predictions of a head for N rows. */
export interface HeadPredictions {
  /** `[N]`, in the target's unit. */
  readonly value: Float32Array;
  /** The standard deviation of the distribution over bins, `[N]`; undefined for heads without bins. */
  readonly spread: Float32Array | undefined;
  /** The last layer's outputs, `[N, 1]`, or one logit per bin, `[N, B]`; undefined for an average. */
  readonly outputs: Float32Array | undefined;
}

/** The predictions for the rows `indices` by a head that was fitted without them. */
export interface FoldPredictions<H extends ModelHead> extends HeadPredictions {
  readonly indices: readonly number[];
  readonly head: H;
}

/**
 * Out-of-fold predictions: for each fold, those of a head that is fitted on all other rows.
 *
 * @param folds Indices of rows, each in one fold.
 * @param fitOn Fits a head on the `train` rows of its argument, which has no `validation` rows.
 * @throws AbortedError once `signal` is aborted.
 */
export async function* outOfFold<H extends ModelHead>(
  data: Pick<HeadData, 'rows' | 'mirrored' | 'labels'>,
  folds: readonly (readonly number[])[],
  fitOn: (data: HeadData, fold: number) => Promise<H>,
  { signal }: RunContext = {},
): AsyncGenerator<FoldPredictions<H>> {
  for (const [fold, indices] of folds.entries()) {
    throwIfAborted(signal);
    const train = folds.flatMap((other, at) => (at === fold ? [] : other)).sort((a, b) => a - b);
    const head = await fitOn({ ...data, train, validation: [] }, fold);
    yield { indices, head, ...(await predictRows(head, data.rows, indices)) };
  }
}

/** The predictions of `head` for the rows `indices`, which are read in blocks. */
export async function predictRows(
  head: ModelHead,
  rows: FeatureRows,
  indices: readonly number[],
): Promise<HeadPredictions> {
  const graph = new Graph();
  const features = graph.input('features', 'float32', ['N', rows.width]);
  const built: Prediction & Partial<HeadOutput> = isAverage(head)
    ? buildModelHead(features, head)
    : buildHead(features, head);
  const wanted = { value: built.value, spread: built.spread, outputs: built.outputs };
  const found = Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  const parts = found.map(({ name, value }) => {
    graph.output(name, value);
    const width = value.shape.length === 1 ? 1 : Number(value.shape[1]);
    return { name, width, data: new Float32Array(indices.length * width) };
  });
  const session = await createSession(toOnnx(graph), { handOver: true });
  try {
    let at = 0;
    for (const block of blocks(indices)) {
      const shape = [block.length, rows.width];
      const run = await session.run(
        { features: { dtype: 'float32', shape, data: rows.read(block) } },
        { handOver: true },
      );
      for (const { name, width, data } of parts) data.set(run[name]!.data as Float32Array, at * width);
      at += block.length;
    }
  } finally {
    await session.close();
  }
  const dataOf = (wanted: string) => parts.find(({ name }) => name === wanted)?.data;
  return { value: dataOf('value')!, spread: dataOf('spread'), outputs: dataOf('outputs') };
}

/** A head, and the rows that it was fitted without. */
export interface FoldHead {
  readonly rows: readonly number[];
  readonly head: ModelHead;
}

/** The rows of all folds but one, as rows (`data`, its training rows) and as sums. */
export interface FoldData {
  /** The number of the fold that is left out, from 0. */
  readonly fold: number;
  readonly data: HeadData;
  readonly sums: RowSums;
  /** Of all rows: a shift or scale of all labels changes no prediction of least squares. */
  readonly scale: RowScale;
}

/** Gives heads that were fitted on the rows of all folds but one. */
export interface Refit {
  /** The folds, together all rows. Default: any. */
  readonly folds?: readonly (readonly number[])[] | undefined;
  fit(fold: FoldData, context: RunContext): Promise<ModelHead>;
  /** Frees the buffers of the fits. */
  close?(): Promise<void>;
}
