import type { RunContext } from '../base/progress.js';
import type { RowScale, RowSums } from '../features/row-sums.js';
import type { Head, HeadData } from './head.js';

/** What a head is fitted on without a fold: the training rows of `data`, or what they sum up to. */
export interface FoldData {
  readonly data: HeadData;
  readonly sums: RowSums;
  /** Of all rows: what shifts or scales all labels alike changes no prediction of least squares. */
  readonly scale: RowScale;
}

/** Fits heads on all rows but a fold. */
export interface Refit {
  fit(fold: FoldData, context: RunContext): Promise<Head>;
  /** Frees what fitting took. */
  close?(): Promise<void>;
}
