import { expected, InputError } from '../base/errors.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import { significant } from '../base/text.js';
import type { Manifest } from '../formats/manifest.js';
import { meanAbsoluteError, regressionLine, rootMeanSquaredError } from '../metrics/regression.js';
import { type HeadData, type HeadMember, isAverage, type ModelHead } from '../training/head.js';
import { predictRows } from '../training/out-of-fold.js';

/** The regression line of predictions on targets: `value = intercept + slope * target`. */
export interface BiasLine {
  readonly intercept: number;
  readonly slope: number;
}

// Dividing by a smaller slope would multiply the errors of single images by more than ten.
const LEAST_SLOPE = 0.1;

/**
 * The bias of predictions for rows that their heads were not fitted on, with the errors before and after its correction.
 *
 * @param folds Rows with a head each that was fitted without them.
 * @throws InputError where the line rises by less than 0.1.
 */
export async function measureBias(
  { rows, labels }: Pick<HeadData, 'rows' | 'labels'>,
  folds: readonly { readonly rows: readonly number[]; readonly head: ModelHead }[],
  { onMessage }: RunContext = {},
): Promise<NonNullable<Manifest['biasCorrection']>> {
  const yTrue = Float64Array.from(folds.flatMap(fold => fold.rows.map(row => labels[row]!)));
  const predict = async (change: (head: ModelHead) => ModelHead) => {
    const out = new Float64Array(yTrue.length);
    let at = 0;
    for (const fold of folds) {
      out.set((await predictRows(change(fold.head), rows, fold.rows)).value, at);
      at += fold.rows.length;
    }
    return out;
  };
  // The line applies to values before they are clamped.
  const line = fitBiasLine(yTrue, await predict(head => ({ ...head, range: undefined })));
  const which = `${yTrue.length} images that the head was not fitted on`;
  if (line === undefined) {
    const what = `predictions that rise by 0.1 or more per 1 of the target on ${which}`;
    throw new InputError(
      expected(option('correctBias'), what, 'a flatter line', 'remove it, and check the data first'),
    );
  }
  const errors = (value: Float64Array) => ({
    rmse: rootMeanSquaredError(yTrue, value),
    mae: meanAbsoluteError(yTrue, value),
  });
  const before = errors(await predict(head => head));
  const after = errors(await predict(head => correctHead(head, line)));
  onMessage?.(
    `corrected the bias: predictions rose by ${significant(line.slope, 3)} per 1 of the target; on ${which} ` +
      `RMSE changes from ${significant(before.rmse, 3)} to ${significant(after.rmse, 3)} and MAE from ${significant(before.mae, 3)} to ${significant(after.mae, 3)}`,
  );
  return { ...line, images: yTrue.length, before, after };
}

/**
 * The regression line of predictions on targets; undefined where its slope is below 0.1.
 *
 * @param yTrue `[N]`, N at least 2.
 */
export function fitBiasLine(yTrue: ArrayLike<number>, yPred: ArrayLike<number>): BiasLine | undefined {
  const { intercept, slope } = regressionLine(yTrue, yPred);
  return slope >= LEAST_SLOPE ? { intercept, slope } : undefined;
}

/** The head whose value is `(value - intercept) / slope`: its bins or target scale change, so the graph has no operation more. */
export function correctHead<H extends ModelHead>(head: H, line: BiasLine): H {
  if (!isAverage(head)) return { ...head, ...correctMember(head, line) };
  return {
    ...head,
    members: head.members.map(({ share, head }) => ({ share, head: correctMember(head, line) })),
  };
}

function correctMember<H extends HeadMember>(head: H, { intercept, slope }: BiasLine): H {
  const correct = (value: number) => (value - intercept) / slope;
  if (head.bins !== undefined) return { ...head, bins: head.bins.map(correct) };
  const { mean, std } = head.target ?? { mean: 0, std: 1 };
  return { ...head, target: { mean: correct(mean), std: std / slope } };
}
