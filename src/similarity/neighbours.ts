import { cooperativeYield } from '../base/concurrency.js';
import { internal, throwIfAborted } from '../base/errors.js';
import { gemm } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession, createState } from '../engine/runtime/session.js';
import { searchForest } from './forest.js';
import { halfSquares, NearestLists, squaredDistance } from './nearest-lists.js';

/** How neighbours are searched. */
export interface NeighbourOptions {
  /** Rows `[N, D]` to find neighbours of. Default: the base itself, and a row is then not its own neighbour. */
  readonly queries?: Float32Array | undefined;
  /** Start of the random trees of large bases, a whole number. Default 0. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The nearest rows of some rows. */
export interface Neighbours {
  /** Positions in the base `[N, k]`, the nearest first; -1 where there are fewer than k. */
  readonly indices: Int32Array;
  /** Euclidean distances `[N, k]`, ascending; infinite where there are fewer. */
  readonly distances: Float32Array;
}

/** All pairs are compared up to this many rows, or as many pairs; beyond, an index is made. */
export const MOST_EXACT_ROWS = 20_000;

const BASE_BLOCK = 4096;
const QUERY_BLOCK = 512;
// Products of float32 rank near equals by chance: a few more than asked for are kept and measured again.
const SLACK = 4;

/**
 * The k nearest rows of the base for each query, by Euclidean distance; of equal distances, the first row.
 *
 * Exact, with all products by the engine, up to MOST_EXACT_ROWS rows or the square of that in pairs; beyond, a forest of random
 * projection trees, whose cost grows as n log n and which finds nearly all (see `searchForest`).
 *
 * @param base finite numbers `[M, D]`
 * @param width D
 * @param k neighbours a row, 1 or more
 * @throws AbortedError once the signal is aborted
 */
export async function nearestNeighbours(
  base: Float32Array,
  width: number,
  k: number,
  options: NeighbourOptions = {},
): Promise<Neighbours> {
  const { queries = base, seed = 0, signal } = options;
  if (!(Number.isInteger(k) && k >= 1)) throw internal(`${k} neighbours`);
  if (!(width >= 1) || base.length % width !== 0 || queries.length % width !== 0)
    throw internal(`${base.length} and ${queries.length} numbers in rows of ${width}`);
  const rows = { base: base.length / width, queries: queries.length / width };
  const own = options.queries === undefined;
  const lists = new NearestLists(rows.queries, Math.min(k + SLACK, Math.max(rows.base, 1)));
  const isSmall = rows.base <= MOST_EXACT_ROWS || rows.base * rows.queries <= MOST_EXACT_ROWS ** 2;
  if (rows.base > 0 && rows.queries > 0) {
    if (isSmall) await compareAll(lists, base, queries, width, own, signal);
    else await searchForest(lists, base, queries, width, { own, seed, signal });
  }
  return await measured(lists, base, queries, width, k, signal);
}

/** Fills the lists with the nearest of all rows. The score of a pair is half its squared distance, without the query's own part. */
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
  // Around their middle the squares are smallest, and float32 loses least.
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
        // One block is scanned here while the engine computes the next.
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

/** The candidates with their distances in float64, the k nearest of each row. */
async function measured(
  lists: NearestLists,
  base: Float32Array,
  queries: Float32Array,
  width: number,
  k: number,
  signal: AbortSignal | undefined,
): Promise<Neighbours> {
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

/** `count` rows from `from` on, with `middle` taken from each. */
function shifted(rows: Float32Array, middle: Float64Array, from: number, count: number): Float32Array {
  const width = middle.length;
  const out = rows.slice(from * width, (from + count) * width);
  for (let i = 0; i < out.length; i++) out[i]! -= middle[i % width]!;
  return out;
}
