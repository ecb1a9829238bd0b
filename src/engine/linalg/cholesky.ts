import { concat, matMul, slice, sub, transpose } from '../graph/build.js';
import { Graph, type Value } from '../graph/graph.js';
import { toOnnx } from '../graph/to-onnx.js';
import { createSession, createState, type Session } from '../runtime/session.js';
import type { Tensor } from '../tensor.js';
import { lowerFactor } from './dense.js';
import { lent, type SquareMatrix } from './square-matrix.js';

// Columns of a panel. JavaScript only decomposes and inverts the blocks on the diagonal, n PANEL^2 / 3 products each; the engine does the
// other n^3 / 3. At n = 2,048 on two cores: 0.1 s with 128 and 192, 0.16 s with 256; with 192 there are fewer sessions to make.
const PANEL = 192;

/** What is to be solved: `(matrix - minus minus^T + ridge I) X = right`. */
export interface PositiveSystem {
  /** `[n]`; left out, nothing is taken off. */
  readonly minus?: Float64Array | undefined;
  readonly ridge: number;
  /** `[n, columns]`. */
  readonly right: Float64Array;
  readonly columns: number;
}

/** Solves symmetric positive definite systems of n equations in float64, most of the work done by the engine. */
export interface PositiveSolver {
  /**
   * Works on `matrix`, `[n, n]` and symmetric, of which the lower triangle is read; while `use` runs, the engine has it.
   *
   * @param use Given a function that solves a system to X `[n, columns]`, or to undefined where it is not positive definite in float64.
   */
  on<T>(
    matrix: SquareMatrix,
    use: (solve: (system: PositiveSystem) => Promise<Float64Array | undefined>) => Promise<T>,
  ): Promise<T>;
  close(): Promise<void>;
}

/** A panel of the matrix: these columns, from the row on that is their first. */
interface Panel {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/**
 * A solver by blocked, left-looking Cholesky decomposition. The panels stay with the engine; only the blocks on the diagonal come out, to
 * be decomposed, and go back inverted.
 *
 * @param panel Columns of a panel: fewer for many systems of a few hundred equations, since JavaScript works on the diagonal. Default: 192.
 * Reference: Golub, Van Loan, Matrix Computations, 4.2.
 */
export async function createPositiveSolver(n: number, panel: number = PANEL): Promise<PositiveSolver> {
  const panels: Panel[] = [];
  for (let start = 0; start < n; start += panel)
    panels.push({ name: `panel${panels.length}`, start, end: Math.min(start + panel, n) });
  const widthOf = ({ start, end }: Panel) => end - start;
  const shapeOf = (panel: Panel) => [n - panel.start, widthOf(panel)] as const;
  const state = await createState(
    Object.fromEntries(
      panels.map(panel => {
        const [rows, columns] = shapeOf(panel);
        return [panel.name, float64([rows, columns], new Float64Array(rows * columns))];
      }),
    ),
    { handOver: true },
  );
  // Each is run once a decomposition, and they share memory.
  const session = (graph: Graph) => createSession(toOnnx(graph), { handOver: true, prepare: false, arena: false });
  const steps: Session[] = [];
  for (const at of panels.keys()) steps.push(await session(stepGraph(panels, at, n)));
  const substitution = await session(substitutionGraph(panels, n));

  const solve = async ({ minus, ridge, right, columns }: PositiveSystem) => {
    const offset = float64([n, 1], minus ?? new Float64Array(n));
    const inverses: Record<string, Tensor> = {};
    let last: Tensor | undefined;
    for (const [at, panel] of panels.entries()) {
      const feeds = last === undefined ? { minus: offset } : { minus: offset, inverse: last };
      const { block } = await steps[at]!.run(feeds, { state, outputs: ['block'] });
      const width = widthOf(panel);
      const square = block!.data as Float64Array;
      for (let i = 0; i < width; i++) square[i * width + i]! += ridge;
      const lower = lowerFactor(square, width);
      for (let i = 0; i < width; i++) if (!(lower[i * width + i]! > 0)) return undefined;
      last = float64([width, width], invertBlock(lower, width));
      inverses[`inverse/${panel.name}`] = last;
    }
    const feeds = { right: float64([n, columns], right), ...inverses };
    return (await substitution.run(feeds, { state })).solution!.data as Float64Array;
  };
  return {
    on: (matrix, use) => lent(matrix, state, () => use(solve)),
    async close() {
      for (const step of [...steps, substitution]) await step.close();
      await state.close();
    },
  };
}

const float64 = (shape: readonly number[], data: Float64Array): Tensor<'float64'> => ({
  dtype: 'float64',
  shape,
  data,
});

const rowsOf = (x: Value, from: number, to: number) => slice(x, 0, from, to);

/**
 * A step of the decomposition: finishes the panel before, whose block on the diagonal has been inverted, and takes from panel `at` of the
 * matrix what all panels before contribute to it. Finished panels are L, but for their first block: L of that is never needed.
 */
function stepGraph(panels: readonly Panel[], at: number, n: number): Graph {
  const graph = new Graph();
  const { name, start, end } = panels[at]!;
  const products: [Value, Value][] = [];
  const take = (panel: Value, offset: number) =>
    products.push([rowsOf(panel, start - offset, n - offset), rowsOf(panel, start - offset, end - offset)]);
  take(graph.input('minus', 'float64', [n, 1]), 0);
  for (const [i, before] of panels.slice(0, at).entries()) {
    const width = before.end - before.start;
    const known = graph.input(before.name, 'float64', [n - before.start, width]);
    if (i < at - 1) {
      take(known, before.start);
      continue;
    }
    const finished = matMul(known, transpose(graph.input('inverse', 'float64', [width, width]), [1, 0]));
    graph.output(`next/${before.name}`, finished);
    take(finished, before.start);
  }
  const columns = slice(graph.input('matrix', 'float64', [n, n]), 1, start, end);
  const panel = products.reduce(
    (rest, [below, beside]) => sub(rest, matMul(below, transpose(beside, [1, 0]))),
    rowsOf(columns, start, n),
  );
  graph.output(`next/${name}`, panel);
  graph.output('block', rowsOf(panel, 0, end - start));
  return graph;
}

/** Solves `L L^T X = right` by substitution forth and back, with the inverses of L's blocks on the diagonal. */
function substitutionGraph(panels: readonly Panel[], n: number): Graph {
  const graph = new Graph();
  let rest = graph.input('right', 'float64', [n, 'columns']);
  const forth = panels.map(({ name, start, end }) => {
    const width = end - start;
    const inverse = graph.input(`inverse/${name}`, 'float64', [width, width]);
    const y = matMul(inverse, rowsOf(rest, 0, width));
    if (end === n) return { inverse, y };
    const below = rowsOf(graph.input(name, 'float64', [n - start, width]), width, n - start);
    rest = sub(rowsOf(rest, width, n - start), matMul(below, y));
    return { inverse, y, below };
  });
  const solution = forth.reduceRight<Value | undefined>((later, { inverse, y, below }) => {
    const turned = (value: Value) => transpose(value, [1, 0]);
    const left = later === undefined ? y : sub(y, turned(matMul(turned(later), below!)));
    const x = matMul(turned(inverse), left);
    return later === undefined ? x : concat([x, later], 0);
  }, undefined);
  graph.output('solution', solution!);
  return graph;
}

/** The inverse of the lower triangle of `a` `[n, n]`, with zeros above. */
function invertBlock(a: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    // Row by row: sums of rows above it, so that all is read in the order of memory.
    for (let k = 0; k < row; k++) {
      const factor = a[row * n + k]!;
      for (let column = 0; column <= k; column++) inverse[row * n + column]! -= factor * inverse[k * n + column]!;
    }
    inverse[row * n + row] = 1;
    for (let column = 0; column <= row; column++) inverse[row * n + column]! /= a[row * n + row]!;
  }
  return inverse;
}
