import { throwIfAborted } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import { concat } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createCholeskySolver } from '../engine/linalg/cholesky.js';
import { addTo, gram } from '../engine/linalg/gram.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from './feature-cache.js';
import { type Head, type Standardization, standardize } from './head.js';

/** What a head is fitted on: features, labels, and which rows are for training and for validation. */
export interface HeadData {
  readonly rows: FeatureRows;
  /** One a row. */
  readonly labels: Float64Array;
  /** Indices of rows, ascending. */
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** A ridge head, with what was learned on the way. */
export interface RidgeFit {
  readonly head: Head;
  /** The chosen penalty, as a multiple of the number of pictures. */
  readonly strength: number;
  /** Mean squared error on the validation rows, of the head fitted on the training rows alone. */
  readonly validationMse: number;
}

// Rows of a block: 1,024 rows of 2,048 features are 8 MB, and float32 sums of that many products keep six digits.
const BLOCK = 1024;
const DECADES = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100];

/**
 * The exact minimum of `sum (z w + b - y)^2 + strength * n * |w|^2` over standardised features z, for the strength that is best on
 * the validation rows (decades, then half decades around the best); then fitted again on all rows with that strength.
 *
 * All the data enters as two Gram matrices, of the training and of the validation rows, summed in float64 over blocks of rows.
 *
 * Reference: Hoerl, Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634
 */
export async function fitRidge(
  { rows, labels, train, validation }: HeadData,
  { onProgress, signal }: Watch = {},
): Promise<RidgeFit> {
  const total = 2 * train.length + validation.length;
  let done = 0;
  const tick = (count: number) => {
    throwIfAborted(signal);
    done += count;
    onProgress?.({ phase: 'fitting the head', done, total, unit: 'rows' });
  };
  const standardization = measureRows(rows, train, tick);
  const scale = labelScale(labels, train);
  const sums = await createGramSums(rows, labels, standardization, scale);
  const solver = await createCholeskySolver();
  try {
    const onTrain = await sums.of(train, tick);
    const onValidation = await sums.of(validation, tick);
    const mse = async (strength: number) => {
      const solution = await solveRidge(onTrain, strength, rows.width, solver);
      return solution === undefined ? Number.POSITIVE_INFINITY : squaredError(onValidation, solution) * scale.std ** 2;
    };
    const errors = new Map<number, number>();
    for (const strength of DECADES) errors.set(strength, await mse(strength));
    const center = best(errors)[0];
    for (const strength of [center / Math.sqrt(10), center * Math.sqrt(10)]) errors.set(strength, await mse(strength));
    const [strength, validationMse] = best(errors);

    const onAll = onTrain.map((sum, i) => sum + onValidation[i]!);
    const solution = (await solveRidge(onAll, strength, rows.width, solver))!;
    const weight = Float32Array.from(solution.subarray(0, rows.width), w => w * scale.std);
    const bias = solution[rows.width]! * scale.std + scale.mean;
    return { head: { weight, bias, standardization }, strength, validationMse };
  } finally {
    await sums.close();
    await solver.close();
  }
}

const best = (errors: ReadonlyMap<number, number>) => [...errors].reduce((a, b) => (b[1] < a[1] ? b : a));

function* blocks(indices: readonly number[]): Generator<readonly number[]> {
  for (let at = 0; at < indices.length; at += BLOCK) yield indices.slice(at, at + BLOCK);
}

/** Mean and standard deviation of the signed roots of each feature over the rows `indices`; a constant feature has std 1. */
function measureRows(rows: FeatureRows, indices: readonly number[], tick: (count: number) => void): Standardization {
  const { width } = rows;
  const sum = new Float64Array(width);
  const squares = new Float64Array(width);
  for (const block of blocks(indices)) {
    const data = rows.read(block);
    for (let i = 0, feature = 0; i < data.length; i++, feature = feature + 1 === width ? 0 : feature + 1) {
      const root = Math.sign(data[i]!) * Math.sqrt(Math.abs(data[i]!));
      sum[feature]! += root;
      squares[feature]! += Math.abs(data[i]!);
    }
    tick(block.length);
  }
  const mean = Float32Array.from(sum, s => s / indices.length);
  const std = Float32Array.from(squares, (s, feature) => {
    const variance = s / indices.length - (sum[feature]! / indices.length) ** 2;
    return variance > 1e-10 ? Math.sqrt(variance) : 1;
  });
  return { mean, std };
}

interface Scale {
  readonly mean: number;
  readonly std: number;
}

function labelScale(labels: Float64Array, indices: readonly number[]): Scale {
  const mean = indices.reduce((sum, i) => sum + labels[i]!, 0) / indices.length;
  const variance = indices.reduce((sum, i) => sum + (labels[i]! - mean) ** 2, 0) / indices.length;
  return { mean, std: Math.sqrt(variance) || 1 };
}

/** Sums of `[z, 1, y]^T [z, 1, y]`, `[D + 2, D + 2]`, with z standardised features and y standardised labels. */
async function createGramSums(rows: FeatureRows, labels: Float64Array, standardization: Standardization, scale: Scale) {
  const { width } = rows;
  const graph = new Graph();
  const features = graph.input('features', 'float32', ['N', width]);
  const tail = graph.input('tail', 'float32', ['N', 2]);
  graph.output('gram', gram(concat([standardize(features, standardization), tail], 1)));
  const session = await createSession(toOnnx(graph));
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

/** `[w, b]`, `[D + 1]`, from the sums over the data; undefined where the penalised matrix is not positive definite. */
async function solveRidge(
  sums: Float64Array,
  strength: number,
  width: number,
  solver: Awaited<ReturnType<typeof createCholeskySolver>>,
): Promise<Float64Array | undefined> {
  // The bias is not penalised: features and labels are centred on their means over these rows, which gives it afterwards.
  const side = width + 2;
  const n = sums[width * side + width]!;
  const means = sums.subarray(width * side, width * side + side);
  const matrix = new Float64Array(width * width);
  const right = new Float64Array(width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) matrix[i * width + j] = sums[i * side + j]! - (means[i]! * means[j]!) / n;
    right[i] = sums[i * side + width + 1]! - (means[i]! * means[width + 1]!) / n;
  }
  const weights = await solver.solve(matrix, strength * n, right);
  if (weights === undefined) return undefined;
  const bias = (means[width + 1]! - weights.reduce((sum, w, i) => sum + w * means[i]!, 0)) / n;
  return Float64Array.from([...weights, bias]);
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
