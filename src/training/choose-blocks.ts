import type { FeatureBlock } from '../backbones/backbone.js';
import { LAST } from '../backbones/feature-blocks.js';
import { throwIfAborted } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { matMul, slice, transpose } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createPositiveSolver, type PositiveSolver } from '../engine/linalg/cholesky.js';
import type { SquareMatrix } from '../engine/linalg/square-matrix.js';
import { createSession } from '../engine/runtime/session.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { measureRows, standardize, targetScale } from '../features/standardization.js';
import { mean, standardDeviation } from '../metrics/statistics.js';

/** The blocks of features that a model takes, and the errors they were chosen by. */
export interface BlockChoice {
  /** In the order in which they were added. */
  readonly blocks: readonly FeatureBlock[];
  /** Cross-validated root mean squared error of a ridge on `blocks`, in the target's unit. */
  readonly rmse: number;
  /** That of each block alone, ascending. */
  readonly alone: readonly { readonly block: FeatureBlock; readonly rmse: number }[];
  /** That of always predicting the mean. */
  readonly baselineRmse: number;
}

/** Penalties as multiples of the mean diagonal of the kernel. */
const STRENGTHS = [0.1, 1];
/** Rows that a first ranking is made on, and the blocks that are compared further on all rows. */
const RANKING_ROWS = 500;
const TRIED = 12;
const MOST_BLOCKS = 6;
const PANEL = 64;
/** Standard errors that a further block has to win: of a backbone that is taken already, and of another, which costs time. */
const OF_KNOWN = 0.25;
const OF_OTHER = 2;

/**
 * Chooses blocks of features by the cross-validated error of a ridge: greedy forward selection among the blocks that are best alone. A block
 * of a backbone that is taken already costs no time, so a quarter of a standard error (paired by sample) is enough; another backbone has to
 * win two.
 *
 * A ridge on standardized features Z is a kernel ridge with K = Z Z^T, and kernels of blocks add up; so each block is multiplied once,
 * and each trial is a decomposition of an n x n matrix per fold.
 *
 * @param rows `[n, D]`: the blocks' features one after the other; n of up to about 1,000.
 * @param folds Indices of rows, each in one fold.
 * @param mostFeatures Limit on the number of features taken.
 */
export async function chooseBlocks(
  rows: FeatureRows,
  blocks: readonly FeatureBlock[],
  labels: Float64Array,
  folds: readonly (readonly number[])[],
  { mostFeatures }: { readonly mostFeatures: number },
  context: RunContext = {},
): Promise<BlockChoice> {
  const target = targetScale(labels, [...labels.keys()]);
  const y = labels.map(label => (label - target.mean) / target.std);
  const kernels = await kernelsOf(rows, blocks);
  let done = 0;
  let total = blocks.length + TRIED;
  const tick = () => {
    throwIfAborted(context.signal);
    context.onProgress?.({ phase: 'comparing features', done: ++done, total, unit: 'blocks' });
  };
  const few = await createTrial(y, thinned(folds, RANKING_ROWS / y.length));
  const ranked: Selection[] = [];
  try {
    for (const at of blocks.keys()) {
      tick();
      ranked.push(await few.best([at], kernels[at]!, STRENGTHS));
    }
  } finally {
    await few.close();
  }
  // The own features of each backbone are compared on all rows too, for the report.
  const isFirst = (at: number) => blocks[at]!.map === LAST;
  const ranks = ranked.toSorted(byError).map(({ taken }) => taken[0]!);
  const tried = ranks.filter((at, rank) => rank < TRIED || isFirst(at));
  total = blocks.length + tried.length;
  const trial = await createTrial(y, folds);
  try {
    const alone: Selection[] = [];
    for (const at of tried) {
      tick();
      alone.push(await trial.best([at], kernels[at]!, STRENGTHS));
    }
    alone.sort(byError);
    const widthOf = (taken: readonly number[]) => taken.reduce((sum, at) => sum + blocks[at]!.width, 0);
    let chosen = alone.find(({ taken }) => widthOf(taken) <= mostFeatures) ?? alone[0]!;
    while (chosen.taken.length < MOST_BLOCKS) {
      const { taken, strength } = chosen;
      const kernel = sumOf(taken.map(at => kernels[at]!));
      const known = new Set(taken.map(at => blocks[at]!.backbone));
      const next: Selection[] = [];
      for (const at of tried) {
        if (taken.includes(at) || widthOf([...taken, at]) > mostFeatures) continue;
        throwIfAborted(context.signal);
        const together = sumOf([kernel, kernels[at]!]);
        const found = await trial.best([...taken, at], together, [strength / Math.sqrt(10), strength]);
        if (isBetter(found, chosen, known.has(blocks[at]!.backbone) ? OF_KNOWN : OF_OTHER)) next.push(found);
      }
      if (next.length === 0) break;
      chosen = next.toSorted(byError)[0]!;
    }
    const rmse = ({ error }: Selection) => Math.sqrt(error) * target.std;
    return {
      blocks: chosen.taken.map(at => blocks[at]!),
      rmse: rmse(chosen),
      alone: alone.map(selection => ({ block: blocks[selection.taken[0]!]!, rmse: rmse(selection) })),
      baselineRmse: target.std,
    };
  } finally {
    await trial.close();
  }
}

/** Blocks taken together, the best penalty for them, and the error. */
interface Selection {
  readonly taken: readonly number[];
  readonly strength: number;
  /** Mean of `squares`. */
  readonly error: number;
  /** Squared residuals of rows that are left out with their fold, in standard deviations of the labels. */
  readonly squares: Float64Array;
}

const byError = (a: Selection, b: Selection) => a.error - b.error;

/** True where the mean squared residual of `a` is smaller by more than this many standard errors of the difference. */
function isBetter(a: Selection, b: Selection, errors: number): boolean {
  const differences = b.squares.map((square, i) => square - a.squares[i]!);
  const difference = mean(differences);
  return difference > (errors * standardDeviation(differences)) / Math.sqrt(differences.length);
}

/** The same share of each fold. */
const thinned = (folds: readonly (readonly number[])[], share: number) =>
  folds.map(fold => fold.slice(0, Math.max(1, Math.ceil(Math.min(share, 1) * fold.length))));

interface Trial {
  /** The selection with the best of these penalties. */
  best(taken: readonly number[], kernel: Float32Array, strengths: readonly number[]): Promise<Selection>;
  close(): Promise<void>;
}

/** Kernel ridge regression without each of the folds. */
async function createTrial(y: Float64Array, folds: readonly (readonly number[])[]): Promise<Trial> {
  const n = y.length;
  const rows = folds.flat();
  const parts: {
    readonly fold: readonly number[];
    readonly others: readonly number[];
    readonly solver: PositiveSolver;
  }[] = [];
  for (const fold of folds) {
    const held = new Set(fold);
    const others = rows.filter(row => !held.has(row));
    parts.push({ fold, others, solver: await createPositiveSolver(others.length, PANEL) });
  }
  const squaresOf = async (kernel: Float32Array, ridges: readonly number[]) => {
    const squares = ridges.map(() => new Float64Array(n));
    for (const { fold, others, solver } of parts) {
      const center = mean(others.map(row => y[row]!));
      const size = others.length;
      const matrix: SquareMatrix = { size, data: new Float64Array(size * size) };
      others.forEach((row, i) => {
        for (let j = 0; j < size; j++) matrix.data[i * size + j] = kernel[row * n + others[j]!]!;
      });
      await solver.on(matrix, async solve => {
        for (const [at, ridge] of ridges.entries()) {
          const right = Float64Array.from(others, row => y[row]! - center);
          const weights = await solve({ ridge, right, columns: 1 });
          for (const row of fold) {
            let value = center;
            for (let i = 0; i < size; i++) value += kernel[row * n + others[i]!]! * (weights?.[i] ?? 0);
            squares[at]![row] = (y[row]! - value) ** 2;
          }
        }
      });
    }
    return squares.map(all => Float64Array.from(rows, row => all[row]!));
  };
  return {
    async best(taken, kernel, strengths) {
      let diagonal = 0;
      for (let i = 0; i < n; i++) diagonal += kernel[i * n + i]! / n;
      const squares = await squaresOf(
        kernel,
        strengths.map(strength => strength * diagonal),
      );
      return strengths
        .map((strength, at) => ({ taken, strength, error: mean(squares[at]!), squares: squares[at]! }))
        .reduce((best, other) => (other.error < best.error ? other : best));
    },
    async close() {
      for (const { solver } of parts) await solver.close();
    },
  };
}

function sumOf(kernels: readonly Float32Array[]): Float32Array {
  const [first, ...others] = kernels as [Float32Array, ...Float32Array[]];
  if (others.length === 0) return first;
  const sum = first.slice();
  for (const kernel of others) for (let i = 0; i < sum.length; i++) sum[i]! += kernel[i]!;
  return sum;
}

/** `Z Z^T` `[n, n]` of the standardized features of each block. */
async function kernelsOf(rows: FeatureRows, blocks: readonly FeatureBlock[]): Promise<Float32Array[]> {
  const all = Array.from({ length: rows.length }, (_, i) => i);
  const { mean: means, std } = measureRows(rows, all);
  const graph = new Graph();
  const x = graph.input('features', 'float32', [rows.length, rows.width]);
  let from = 0;
  for (const [i, { width }] of blocks.entries()) {
    const to = from + width;
    const z = standardize(slice(x, 1, from, to), { mean: means.slice(from, to), std: std.slice(from, to) });
    graph.output(`kernel${i}`, matMul(z, transpose(z, [1, 0])));
    from = to;
  }
  const session = await createSession(toOnnx(graph), { handOver: true, arena: false });
  try {
    const features = { dtype: 'float32', shape: [rows.length, rows.width], data: rows.read(all) } as const;
    const out = await session.run({ features }, { handOver: true });
    return blocks.map((_, i) => out[`kernel${i}`]!.data as Float32Array);
  } finally {
    await session.close();
  }
}
