import type { RunContext } from '../base/progress.js';
import type { RowScale, RowSums } from '../features/row-sums.js';
import type { Head, HeadData } from './head.js';

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
