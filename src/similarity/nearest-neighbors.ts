import { cooperativeYield } from '../base/concurrency.js';
import { internal, throwIfAborted } from '../base/errors.js';
import { gemm } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession, createState } from '../engine/runtime/session.js';
import { searchForest } from './forest.js';
import { halfSquares, NearestLists, squaredDistance } from './nearest-lists.js';

export interface NeighborOptions {
  /** Rows `[N, D]` whose neighbors are searched. Default: the base itself; a row is then not its own neighbor. */
  readonly queries?: Float32Array | undefined;
  /** Seed of the random trees of large bases. Default: 0. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Neighbors {
  /** Positions in the base `[N, k]`, nearest first; -1 where there are fewer than k. */
  readonly indices: Int32Array;
  /** Euclidean distances `[N, k]`, ascending; infinite where there are fewer. */
  readonly distances: Float32Array;
}

/** Up to this many rows, or the square of it in pairs, all pairs are compared; beyond, an index is built. */
export const MAX_EXACT_ROWS = 20_000;

const BASE_BLOCK = 4096;
const QUERY_BLOCK = 512;
// Rounding in float32 may swap nearly equal distances: more candidates than needed are kept and ranked again in float64.
const SLACK = 4;

/**
 * The k nearest rows of the base for each query by Euclidean distance; ties in the order of the base.
 *
 * Exact up to MAX_EXACT_ROWS rows or the square of that in pairs; beyond, a forest of random projection trees, which costs n log n and
 * finds nearly all (see `searchForest`).
 *
 * @param base Finite, `[M, D]`.
 * @param width D.
 * @param k Neighbors per row, at least 1.
 * @throws AbortedError once the signal is aborted.
 */
export async function nearestNeighbors(
  base: Float32Array,
  width: number,
  k: number,
  options: NeighborOptions = {},
): Promise<Neighbors> {
  const { queries = base, seed = 0, signal } = options;
  if (!(Number.isInteger(k) && k >= 1)) throw internal(`${k} neighbors`);
  if (!(width >= 1) || base.length % width !== 0 || queries.length % width !== 0)
    throw internal(`${base.length} and ${queries.length} numbers in rows of ${width}`);
  const rows = { base: base.length / width, queries: queries.length / width };
  const own = options.queries === undefined;
  const lists = new NearestLists(rows.queries, Math.min(k + SLACK, Math.max(rows.base, 1)));
  const isSmall = rows.base <= MAX_EXACT_ROWS || rows.base * rows.queries <= MAX_EXACT_ROWS ** 2;
  if (rows.base > 0 && rows.queries > 0) {
    if (isSmall) await compareAll(lists, base, queries, width, own, signal);
    else await searchForest(lists, base, queries, width, { own, seed, signal });
  }
  return await measured(lists, base, queries, width, k, signal);
}

/** Fills the lists with the nearest of all rows. The score of a pair is half its squared distance minus half the square of the query. */
async function compareAll(
  lists: NearestLists,
  base: Float32Array,
  queries: Float32Array,
  width: number,
  own: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  const graph = new Graph();
  const left = graph.input('queries', 'float32', ['N', width]);
  const right = graph.input('base', 'float32', ['M', width]);
  const half = graph.input('half', 'float32', ['M']);
  graph.output('scores', gemm(left, right, { transB: true, alpha: -1, c: half }));
  const session = await createSession(toOnnx(graph), { handOver: true });
  // Squares of centered rows are small, so float32 loses few digits.
  const middle = meanRow(base, width);
  const [count, total] = [queries.length / width, base.length / width];
  try {
    for (let from = 0; from < total; from += BASE_BLOCK) {
      const block = shifted(base, middle, from, Math.min(BASE_BLOCK, total - from));
      const m = block.length / width;
      const state = await createState({
        base: { dtype: 'float32', shape: [m, width], data: block },
        half: { dtype: 'float32', shape: [m], data: halfSquares(block, width) },
      });
      const run = async (start: number) => {
        const data = shifted(queries, middle, start, Math.min(QUERY_BLOCK, count - start));
        const feed = { dtype: 'float32', shape: [data.length / width, width], data } as const;
        const { scores } = await session.run({ queries: feed }, { state, handOver: true });
        return scores!.data as Float32Array;
      };
      try {
        // The engine computes the next block while this one is scanned.
        let next = run(0);
        for (let start = 0; start < count; start += QUERY_BLOCK) {
          const scores = await next;
          throwIfAborted(signal);
          if (start + QUERY_BLOCK < count) next = run(start + QUERY_BLOCK);
          scan(lists, scores, { row: start, first: from, columns: m, own });
        }
      } finally {
        await state.close();
      }
    }
  } finally {
    await session.close();
  }
}

function scan(
  lists: NearestLists,
  scores: Float32Array,
  { row, first, columns, own }: { row: number; first: number; columns: number; own: boolean },
): void {
  for (let r = 0; r * columns < scores.length; r++) {
    let bar = lists.bar(row + r);
    const offset = r * columns;
    for (let c = 0; c < columns; c++) {
      const score = scores[offset + c]!;
      if (score < bar && !(own && first + c === row + r)) bar = lists.insert(row + r, first + c, score);
    }
  }
}

/** The k nearest candidates of each row, ranked by distances in float64. */
async function measured(
  lists: NearestLists,
  base: Float32Array,
  queries: Float32Array,
  width: number,
  k: number,
  signal: AbortSignal | undefined,
): Promise<Neighbors> {
  const { count, room } = lists;
  const indices = new Int32Array(count * k).fill(-1);
  const distances = new Float32Array(count * k).fill(Number.POSITIVE_INFINITY);
  const breath = cooperativeYield(signal);
  for (let row = 0; row < count; row++) {
    await breath();
    const found = [...lists.ids.subarray(row * room, (row + 1) * room)].filter(id => id >= 0);
    const ranked = found.map(id => ({ id, distance: Math.sqrt(squaredDistance(queries, row, base, id, width)) }));
    ranked.sort((a, b) => a.distance - b.distance || a.id - b.id);
    for (const [place, { id, distance }] of ranked.slice(0, k).entries()) {
      indices[row * k + place] = id;
      distances[row * k + place] = distance;
    }
  }
  return { indices, distances };
}

function meanRow(rows: Float32Array, width: number): Float64Array {
  const sum = new Float64Array(width);
  for (let i = 0; i < rows.length; i++) sum[i % width]! += rows[i]!;
  return sum.map(total => (total * width) / rows.length);
}

/** `count` rows from `from` on, minus `middle`. */
function shifted(rows: Float32Array, middle: Float64Array, from: number, count: number): Float32Array {
  const width = middle.length;
  const out = rows.slice(from * width, (from + count) * width);
  for (let i = 0; i < out.length; i++) out[i]! -= middle[i % width]!;
  return out;
}
