import { throwIfAborted } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import { concat } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { type CholeskyDecomposer, createCholeskyDecomposer } from '../engine/linalg/cholesky.js';
import { addTo, gram } from '../engine/linalg/gram.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from './feature-cache.js';

import { type Head, type HeadData, linearHead } from './head.js';
import {
  blocks,
  measureRows,
  type Standardization,
  standardize,
  type TargetScale,
  targetScale,
} from './standardization.js';

/** A ridge head, with what was learned on the way. */
export interface RidgeFit {
  readonly head: Head;
  /** The head that was fitted on the training rows alone; the same where there are no validation rows. */
  readonly onTrain: Head;
  /** The chosen penalty, as a multiple of the number of pictures. */
  readonly strength: number;
  /** Mean squared error on the validation rows, of the head fitted on the training rows alone; null where there are none. */
  readonly validationMse: number | null;
}

// Penalties a picture.
const START = [0.01, 0.1, 1];
const [WEAKEST, STRONGEST] = [1e-6, 1e4];

/**
 * The exact minimum of `sum (z w + b - y)^2 + strength * n * |w|^2` over standardised features z. The strength is the one with the
 * best generalised cross-validation score on the training rows (decades, then half decades around the best): a held-out tenth of a
 * few hundred pictures is too few to choose by. The validation rows then judge that head, and the head is fitted again on all rows.
 *
 * @param options.strength Where it is known. Default: it is looked for.
 *
 * All the data enters as two Gram matrices, of the training and of the validation rows, summed in float64 over blocks of rows: float32
 * sums of 1,024 products keep six digits.
 *
 * Reference: Hoerl, Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634; score: Golub, Heath, Wahba 1979,
 * https://doi.org/10.1080/00401706.1979.10489751
 */
export async function fitRidge(
  { rows, labels, train, validation }: HeadData,
  { onProgress, signal }: Watch = {},
  { strength: given }: { readonly strength?: number | undefined } = {},
): Promise<RidgeFit> {
  const total = 2 * train.length + validation.length;
  let done = 0;
  const tick = (count: number) => {
    throwIfAborted(signal);
    done += count;
    onProgress?.({ phase: 'fitting the head', done, total, unit: 'rows' });
  };
  const standardization = measureRows(rows, train, tick);
  const scale = targetScale(labels, train);
  const sums = await createGramSums(rows, labels, standardization, scale);
  const decomposer = await createCholeskyDecomposer();
  try {
    const onTrain = await sums.of(train, tick);
    const onValidation = await sums.of(validation, tick);
    const centred = centre(onTrain, rows.width);
    const solve = (strength: number, scored: boolean) => {
      throwIfAborted(signal);
      return solveRidge(centred, strength, decomposer, { scored });
    };
    const [strength, { solution }] =
      given === undefined ? await bestStrength(strength => solve(strength, true)) : [given, await solve(given, false)];
    const validationMse = validation.length === 0 ? null : squaredError(onValidation, solution) * scale.std ** 2;

    const all = () =>
      centre(
        onTrain.map((sum, i) => sum + onValidation[i]!),
        rows.width,
      );
    const { solution: final } =
      validation.length === 0 ? { solution } : await solveRidge(all(), strength, decomposer, { scored: false });
    const headOf = (found: Float64Array) => {
      const layer = { weight: Float32Array.from(found.subarray(0, rows.width)), bias: found[rows.width]! };
      return linearHead(layer, { standardization, target: scale });
    };
    return { head: headOf(final), onTrain: headOf(solution), strength, validationMse };
  } finally {
    await sums.close();
    await decomposer.close();
  }
}

/** The strength whose fit has the best score, and that fit. */
async function bestStrength(solve: (strength: number) => Promise<ScoredFit>): Promise<readonly [number, ScoredFit]> {
  const fits = new Map<number, ScoredFit>();
  const tryOut = async (strength: number) => {
    fits.set(strength, await solve(strength));
  };
  // From the middle outwards, as long as the best lies at an end of what was tried.
  for (const strength of START) await tryOut(strength);
  let [low, high] = [START[0]!, START.at(-1)!];
  for (;;) {
    const [leader, { score }] = best(fits);
    // With few rows the weaker ones have no score: what is left is to go up.
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

/** The strength with the best score; of equals, the strongest. */
const best = (fits: ReadonlyMap<number, ScoredFit>) =>
  [...fits].reduce((a, b) => (b[1].score < a[1].score || (b[1].score === a[1].score && b[0] > a[0]) ? b : a));

/** Sums of `[z, 1, y]^T [z, 1, y]`, `[D + 2, D + 2]`, with z standardised features and y standardised labels. */
async function createGramSums(
  rows: FeatureRows,
  labels: Float64Array,
  standardization: Standardization,
  scale: TargetScale,
) {
  const { width } = rows;
  const graph = new Graph();
  const features = graph.input('features', 'float32', ['N', width]);
  const tail = graph.input('tail', 'float32', ['N', 2]);
  graph.output('gram', gram(concat([standardize(features, standardization), tail], 1)));
  const session = await createSession(toOnnx(graph), { handOver: true });
  return {
    async of(indices: readonly number[], tick: (count: number) => void): Promise<Float64Array> {
      const sum = new Float64Array((width + 2) ** 2);
      for (const block of blocks(indices)) {
        const data = rows.read(block);
        const ends = Float32Array.from(block.flatMap(i => [1, (labels[i]! - scale.mean) / scale.std]));
        const n = block.length;
        const { gram } = await session.run(
          {
            features: { dtype: 'float32', shape: [n, width], data },
            tail: { dtype: 'float32', shape: [n, 2], data: ends },
          },
          { handOver: true },
        );
        addTo(sum, gram!.data as Float32Array);
        tick(n);
      }
      return sum;
    },
    close: () => session.close(),
  };
}

/** Sums over features and labels with their means taken out, which frees the bias from the penalty. */
interface CentredSums {
  readonly count: number;
  /** Means of features and label, `[D]` and a number. */
  readonly featureMeans: Float64Array;
  readonly labelMean: number;
  /** `[D, D]`, its lower triangle. */
  readonly matrix: Float64Array;
  /** `[D]`. */
  readonly right: Float64Array;
  readonly labelSquares: number;
}

function centre(sums: Float64Array, width: number): CentredSums {
  const side = width + 2;
  const [ones, label] = [width, width + 1];
  const count = sums[ones * side + ones]!;
  const means = sums.subarray(ones * side, ones * side + side).map(sum => sum / count);
  const matrix = new Float64Array(width * width);
  const right = new Float64Array(width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) matrix[i * width + j] = sums[i * side + j]! - means[i]! * means[j]! * count;
    right[i] = sums[i * side + label]! - means[i]! * means[label]! * count;
  }
  const labelSquares = sums[label * side + label]! - means[label]! ** 2 * count;
  return { count, featureMeans: means.subarray(0, width), labelMean: means[label]!, matrix, right, labelSquares };
}

interface ScoredFit {
  /** `[w, b]`, `[D + 1]`. */
  readonly solution: Float64Array;
  /** The generalised cross-validation score, an estimate of the squared error on new rows; infinite where it says nothing. */
  readonly score: number;
}

// Random signs that the degrees of freedom are estimated with; 16 give them to about one in a hundred.
const PROBES = 16;
// Nearer to one degree of freedom a row, the estimate's own error decides the score.
const MOST_FREEDOM = 0.8;

async function solveRidge(
  sums: CentredSums,
  strength: number,
  decomposer: CholeskyDecomposer,
  { scored }: { readonly scored: boolean },
): Promise<ScoredFit> {
  const { count, featureMeans, labelMean, matrix, right, labelSquares } = sums;
  const width = right.length;
  const penalty = strength * count;
  const factor = await decomposer.decompose(matrix, penalty);
  if (factor === undefined) return { solution: new Float64Array(width + 1), score: Number.POSITIVE_INFINITY };
  const weights = factor.solve(right);
  const bias = labelMean - dot(weights, featureMeans);
  const solution = Float64Array.from([...weights, bias]);
  if (!scored) return { solution, score: Number.POSITIVE_INFINITY };
  // |z w - y|^2 = |y|^2 - w (right + penalty w), since (matrix + penalty I) w = right.
  const residual = labelSquares - dot(weights, right) - penalty * dot(weights, weights);

  // Degrees of freedom: the trace of matrix (matrix + penalty I)^-1 = D - penalty tr (matrix + penalty I)^-1, by Hutchinson's estimator.
  const random = createRandom(0, 'ridge');
  let trace = 0;
  for (let probe = 0; probe < PROBES; probe++) {
    const signs = Float64Array.from({ length: width }, () => (random.uniform() < 0.5 ? -1 : 1));
    trace += dot(signs, factor.solve(signs)) / PROBES;
  }
  const freedom = (width - penalty * trace + 1) / count;
  const score = freedom < MOST_FREEDOM ? residual / count / (1 - freedom) ** 2 : Number.POSITIVE_INFINITY;
  return { solution, score };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Mean of `(z w + b - y)^2` over the rows behind `sums`: a quadratic form in `[w, b, -1]`. */
function squaredError(sums: Float64Array, solution: Float64Array): number {
  const side = solution.length + 1;
  const vector = Float64Array.from([...solution, -1]);
  let total = 0;
  for (let i = 0; i < side; i++) {
    let row = 0;
    for (let j = 0; j < side; j++) row += sums[i * side + j]! * vector[j]!;
    total += row * vector[i]!;
  }
  return Math.max(total, 0) / sums[(side - 2) * side + side - 2]!;
}
