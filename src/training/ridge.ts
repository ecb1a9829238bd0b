import { throwIfAborted } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import { createPositiveSolver, type PositiveSolver, type PositiveSystem } from '../engine/linalg/cholesky.js';
import { addRows, clearSums, noRows, type RowScale, type RowSums, turnToRest } from '../features/row-sums.js';
import { measureRows, targetScale } from '../features/standardization.js';
import { mean } from '../metrics/statistics.js';
import { type Head, type HeadData, linearHead } from './head.js';
import { predictRows, type Refit } from './out-of-fold.js';

/** A ridge head and how it was chosen. */
export interface RidgeFit {
  readonly head: Head;
  /** The head fitted on the training rows alone; equal to `head` where there are no validation rows. */
  readonly onTrain: Head;
  /** The chosen penalty, as a multiple of the number of images. */
  readonly strength: number;
  /** Mean squared error of `onTrain` on the validation rows; null where there are none. */
  readonly validationMse: number | null;
}

// Penalties per image.
const START = [0.01, 0.1, 1];
const [WEAKEST, STRONGEST] = [1e-6, 1e4];

/**
 * The exact minimum of `sum (z w + b - y)^2 + strength * n * |w|^2` over standardized features z. The strength is the one with the
 * best generalized cross-validation score on the training rows (decades, then half decades around the best): a held-out tenth of a
 * few hundred images is too small to choose by. That head is evaluated on the validation rows, and then fitted again on all rows.
 *
 * Reference: Hoerl, Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634; score: Golub, Heath, Wahba 1979,
 * https://doi.org/10.1080/00401706.1979.10489751
 */
export async function fitRidge(
  { rows, labels, train, validation, range }: HeadData,
  context: RunContext = {},
): Promise<RidgeFit> {
  const tick = rowCounter('fitting the head', 2 * train.length + validation.length, context);
  const scale = { standardization: measureRows(rows, train, tick), target: targetScale(labels, train) };
  const sums = noRows(rows.width);
  await addRows(sums, rows, labels, train, scale, { tick });
  const solver = await createPositiveSolver(rows.width);
  try {
    const [strength, { solution }] = await bestStrength(sums, solver, context.signal);
    const onTrain = headOf(solution, scale, range);
    if (validation.length === 0) return { head: onTrain, onTrain, strength, validationMse: null };
    const { value } = await predictRows(onTrain, rows, validation);
    const validationMse = mean(validation.map((row, i) => (value[i]! - labels[row]!) ** 2));
    await addRows(sums, rows, labels, validation, scale, { tick });
    return { head: await ridgeHead(sums, scale, strength, solver, range), onTrain, strength, validationMse };
  } finally {
    await solver.close();
  }
}

/** Ridge heads of a cross-validation. */
export interface CrossRidge {
  /** Fitted on all training rows. */
  readonly head: Head;
  readonly strength: number;
  /** One a fold, fitted without its rows. */
  readonly foldHeads: readonly Head[];
}

/**
 * The same minimum on all training rows, its strength chosen on them, and on those outside of each of the `folds`, at that strength.
 *
 * @param folds Training rows, each in one fold.
 */
export async function crossFitRidge(
  { rows, labels, train, range }: HeadData,
  folds: readonly (readonly number[])[],
  scale: RowScale,
  context: RunContext = {},
): Promise<CrossRidge> {
  const tick = rowCounter('fitting the ridge head', 2 * train.length, context);
  const sums = noRows(rows.width);
  await addRows(sums, rows, labels, train, scale, { tick });
  const solver = await createPositiveSolver(rows.width);
  try {
    const [strength, { solution }] = await bestStrength(sums, solver, context.signal);
    // One buffer for all folds: to allocate and touch a new one takes longer than to compute the sums.
    const others = noRows(rows.width);
    const foldHeads: Head[] = [];
    for (const fold of folds) {
      clearSums(others);
      await addRows(others, rows, labels, fold, scale, { tick });
      turnToRest(others, sums);
      foldHeads.push(await ridgeHead(others, scale, strength, solver, range));
    }
    return { head: headOf(solution, scale, range), strength, foldHeads };
  } finally {
    await solver.close();
  }
}

/** Fits the same minimum for a given strength. */
export function refitRidge(strength: number): Refit {
  let solver: PositiveSolver | undefined;
  return {
    async fit({ data, sums, scale }) {
      solver ??= await createPositiveSolver(sums.gram.size);
      return await ridgeHead(sums, scale, strength, solver, data.range);
    },
    close: async () => await solver?.close(),
  };
}

async function ridgeHead(
  sums: RowSums,
  scale: RowScale,
  strength: number,
  solver: PositiveSolver,
  range: HeadData['range'],
): Promise<Head> {
  const right = centeredProducts(sums);
  const system = { minus: offsetOf(sums), ridge: strength * sums.count, right, columns: 1 };
  const weights = await solver.on(sums.gram, solve => solve(system));
  return headOf(withBias(weights ?? new Float64Array(right.length), sums), scale, range);
}

/** A head from `[w, b]`. */
function headOf(solution: Float64Array, { standardization, target }: RowScale, range: HeadData['range']): Head {
  const layer = { weight: Float32Array.from(solution.subarray(0, -1)), bias: solution.at(-1)! };
  return linearHead(layer, { standardization, target, range });
}

/** Reports rows as progress of a phase of `total` rows, each time that it is called with a number of further ones. */
function rowCounter(phase: string, total: number, { onProgress, signal }: RunContext): (count: number) => void {
  let done = 0;
  return count => {
    throwIfAborted(signal);
    done += count;
    onProgress?.({ phase, done, total, unit: 'rows' });
  };
}

type ScoredStrength = readonly [strength: number, fit: ScoredFit];

/** The strength whose fit to the sums has the best score, and that fit. */
const bestStrength = (sums: RowSums, solver: PositiveSolver, signal: AbortSignal | undefined) =>
  solver.on(sums.gram, solve =>
    searchStrength(async strength => {
      throwIfAborted(signal);
      return await scoredFit(sums, strength, solve);
    }),
  );

async function searchStrength(fit: (strength: number) => Promise<ScoredFit>): Promise<ScoredStrength> {
  const fits = new Map<number, ScoredFit>();
  const tryOut = async (strength: number) => {
    fits.set(strength, await fit(strength));
  };
  // The range grows as long as the best strength lies at one of its ends.
  for (const strength of START) await tryOut(strength);
  let [low, high] = [START[0]!, START.at(-1)!];
  for (;;) {
    const [leader, { score }] = best(fits);
    // With few rows weak penalties have no score: only stronger ones are left.
    if ((leader === high || score === Number.POSITIVE_INFINITY) && high < STRONGEST) {
      high *= 10;
      await tryOut(high);
    } else if (leader === low && low > WEAKEST) {
      low /= 10;
      await tryOut(low);
    } else break;
  }
  const [around] = best(fits);
  for (const strength of [around / Math.sqrt(10), around * Math.sqrt(10)]) await tryOut(strength);
  return best(fits);
}

/** The strength with the best score; of equal scores, the strongest. */
const best = (fits: ReadonlyMap<number, ScoredFit>) =>
  [...fits].reduce((a, b) => (b[1].score < a[1].score || (b[1].score === a[1].score && b[0] > a[0]) ? b : a));

// Features and labels are centered, so that the bias has no penalty; for the Gram matrix that subtracts `offset offset^T`.
const offsetOf = ({ features, count }: RowSums) => features.map(sum => sum / Math.sqrt(count));
const centeredProducts = ({ products, features, labels, count }: RowSums) =>
  products.map((sum, i) => sum - (features[i]! * labels) / count);
const withBias = (weights: Float64Array, { features, labels, count }: RowSums) =>
  Float64Array.from([...weights, (labels - dot(weights, features)) / count]);

interface ScoredFit {
  /** `[w, b]`, `[D + 1]`. */
  readonly solution: Float64Array;
  /** The generalized cross-validation score, an estimate of the squared error on new rows; infinite where it is undefined. */
  readonly score: number;
}

// Random sign vectors for the estimate of the degrees of freedom; 16 give it to about 1 %.
const PROBES = 16;
// Closer to one degree of freedom per row, the error of the estimate dominates the score.
const MOST_FREEDOM = 0.8;

async function scoredFit(
  sums: RowSums,
  strength: number,
  solve: (system: PositiveSystem) => Promise<Float64Array | undefined>,
): Promise<ScoredFit> {
  const { count, features, labels, labelSquares } = sums;
  const width = features.length;
  const penalty = strength * count;
  const products = centeredProducts(sums);
  const random = createRandom(0, 'ridge');
  const columns = PROBES + 1;
  const right = new Float64Array(width * columns);
  // The first column is the right side of the system, the others are probes.
  for (let i = 0; i < width; i++) {
    right[i * columns] = products[i]!;
    for (let probe = 1; probe < columns; probe++) right[i * columns + probe] = random.uniform() < 0.5 ? -1 : 1;
  }
  const found = await solve({ minus: offsetOf(sums), ridge: penalty, right, columns });
  if (found === undefined) return { solution: new Float64Array(width + 1), score: Number.POSITIVE_INFINITY };
  const weights = products.map((_, i) => found[i * columns]!);
  // |z w - y|^2 = |y|^2 - w (right + penalty w), since (matrix + penalty I) w = right.
  const residual = labelSquares - labels ** 2 / count - dot(weights, products) - penalty * dot(weights, weights);
  // Degrees of freedom: the trace of matrix (matrix + penalty I)^-1 = D - penalty tr (matrix + penalty I)^-1, by Hutchinson's estimator.
  let trace = 0;
  for (let i = 0; i < right.length; i++) if (i % columns !== 0) trace += (right[i]! * found[i]!) / PROBES;
  const freedom = (width - penalty * trace + 1) / count;
  const score = freedom < MOST_FREEDOM ? residual / count / (1 - freedom) ** 2 : Number.POSITIVE_INFINITY;
  return { solution: withBias(weights, sums), score };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
