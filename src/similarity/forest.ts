import { cooperativeYield, mapAhead } from '../base/concurrency.js';
import { throwIfAborted } from '../base/errors.js';
import { createRandom, type Random } from '../base/random.js';
import { add, gemm } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession } from '../engine/runtime/session.js';
import { halfSquares, type NearestLists, squaredDistance } from './nearest-lists.js';

export interface ForestOptions {
  /** True where the queries are the base: a row is not its own neighbor, and neighbors of neighbors are compared too. */
  readonly own: boolean;
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
}

// The largest number of base rows in a leaf, all of which are compared; the smallest is half of it.
const LEAF = 256;
const TREES = 8;
// Queries outside the base are not explored, which more trees make up for.
const TREES_OF_OTHERS = 24;
const EXPLORATIONS = 2;
// Neighbors of a row whose neighbors are compared.
const EXPLORED = 14;
// Leaves submitted to the engine at a time.
const AHEAD = 4;

/**
 * Adds nearest rows of the base to the lists of the queries. Each tree splits the base at the median of random directions down to leaves of
 * at most 256 rows, and a query is compared with all rows of its leaf. Where the queries are the base, the neighbors of its 14 nearest are
 * then compared too, twice. Scores are half squared distances.
 *
 * Cost: n log n for the trees, n for the leaves and the exploration.
 *
 * Reference: Dasgupta and Freund, Random projection trees and low dimensional manifolds, STOC 2008; exploration: Tang, Liu, Zhang
 * and Mei, Visualizing large-scale and high-dimensional data (LargeVis), WWW 2016.
 */
export async function searchForest(
  lists: NearestLists,
  base: Float32Array,
  queries: Float32Array,
  width: number,
  { own, seed, signal }: ForestOptions,
): Promise<void> {
  const comparer = await createLeafComparer(base, queries, width);
  try {
    for (let tree = 0; tree < (own ? TREES : TREES_OF_OTHERS); tree++) {
      throwIfAborted(signal);
      const leaves = growTree(base, own ? undefined : queries, width, createRandom(seed, `tree ${tree}`));
      const compare = async (index: number) => ({
        leaf: leaves[index]!,
        scores: await comparer.compare(leaves[index]!),
      });
      for await (const { leaf, scores } of mapAhead(leaves.length, AHEAD, compare, signal))
        scanLeaf(lists, leaf, scores, own);
    }
  } finally {
    await comparer.close();
  }
  for (let round = 0; own && round < EXPLORATIONS; round++) await explore(lists, base, width, signal);
}

/** The rows in a leaf: at most LEAF of the base, and as many queries. */
interface Leaf {
  readonly base: Int32Array;
  readonly queries: Int32Array;
}

/** The leaves of one tree. Without `queries` the base rows are the queries. */
function growTree(base: Float32Array, queries: Float32Array | undefined, width: number, random: Random): Leaf[] {
  const leaves: Leaf[] = [];
  const positions = (rows: Float32Array) => Int32Array.from({ length: rows.length / width }, (_, i) => i);
  const rest: Leaf[] = [
    { base: positions(base), queries: queries === undefined ? new Int32Array(0) : positions(queries) },
  ];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if (node.base.length <= LEAF) {
      if (queries === undefined) leaves.push({ base: node.base, queries: node.base });
      // A leaf may have many queries, which are split to fit into memory.
      else
        for (let from = 0; from < node.queries.length; from += LEAF)
          leaves.push({ base: node.base, queries: node.queries.subarray(from, from + LEAF) });
      continue;
    }
    const direction = Float64Array.from({ length: width }, () => random.normal());
    const along = projections(base, node.base, direction);
    const order = along.toSorted();
    const middle = order.length >> 1;
    const threshold = order[middle]!;
    const [left, right] = partition(node.base, along, threshold, middle);
    const [qLeft, qRight] =
      queries === undefined
        ? [node.queries, node.queries]
        : partition(node.queries, projections(queries, node.queries, direction), threshold);
    rest.push({ base: right, queries: qRight }, { base: left, queries: qLeft });
  }
  return leaves;
}

function projections(rows: Float32Array, members: Int32Array, direction: Float64Array): Float64Array {
  const width = direction.length;
  const out = new Float64Array(members.length);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let d = 0, p = members[i]! * width; d < width; d++) sum += rows[p + d]! * direction[d]!;
    out[i] = sum;
  }
  return out;
}

/**
 * The members below the threshold, and the others. With `room`, exactly that many go left, filled up with members at the threshold, so that
 * equal rows are split too.
 */
function partition(
  members: Int32Array,
  along: Float64Array,
  threshold: number,
  room?: number,
): [Int32Array, Int32Array] {
  let equals = 0;
  if (room !== undefined) {
    equals = room;
    for (const value of along) if (value < threshold) equals--;
  }
  const [left, right] = [new Int32Array(members.length), new Int32Array(members.length)];
  let below = 0;
  members.forEach((row, i) => {
    const value = along[i]!;
    if (value < threshold || (value === threshold && equals-- > 0)) left[below++] = row;
    else right[i - below] = row;
  });
  return [left.slice(0, below), right.slice(0, members.length - below)];
}

/** Computes half the squared distances `[queries, base]` of the rows of a leaf. */
async function createLeafComparer(base: Float32Array, queries: Float32Array, width: number) {
  const graph = new Graph();
  const left = graph.input('queries', 'float32', ['N', width]);
  const right = graph.input('base', 'float32', ['M', width]);
  const down = graph.input('down', 'float32', ['N', 1]);
  const across = graph.input('across', 'float32', ['M']);
  graph.output('scores', add(gemm(left, right, { transB: true, alpha: -1, c: across }), down));
  const session = await createSession(toOnnx(graph), { handOver: true });
  return {
    async compare(leaf: Leaf): Promise<Float32Array> {
      // Relative to one of its rows the values of a leaf are small, so float32 loses few digits.
      const first = leaf.base[0]! * width;
      const origin = base.subarray(first, first + width);
      const [q, b] = [gather(queries, leaf.queries, origin), gather(base, leaf.base, origin)];
      const [n, m] = [leaf.queries.length, leaf.base.length];
      const fed = (shape: number[], data: Float32Array) => ({ dtype: 'float32', shape, data }) as const;
      const halves = { down: fed([n, 1], halfSquares(q, width)), across: fed([m], halfSquares(b, width)) };
      const rows = { queries: fed([n, width], q), base: fed([m, width], b) };
      const { scores } = await session.run({ ...halves, ...rows }, { handOver: true });
      return scores!.data as Float32Array;
    },
    close: () => session.close(),
  };
}

/** The rows `members` of `rows`, minus `origin`. */
function gather(rows: Float32Array, members: Int32Array, origin: Float32Array): Float32Array {
  const width = origin.length;
  const out = new Float32Array(members.length * width);
  for (let i = 0, q = 0; i < members.length; i++)
    for (let d = 0, p = members[i]! * width; d < width; d++, p++, q++) out[q] = rows[p]! - origin[d]!;
  return out;
}

function scanLeaf(lists: NearestLists, leaf: Leaf, scores: Float32Array, own: boolean): void {
  for (let r = 0, offset = 0; r < leaf.queries.length; r++, offset += leaf.base.length) {
    const row = leaf.queries[r]!;
    let bar = lists.bar(row);
    for (let c = 0; c < leaf.base.length; c++) {
      const score = scores[offset + c]!;
      if (score < bar && !(own && c === r)) bar = lists.insert(row, leaf.base[c]!, score);
    }
  }
}

/** Compares each row with the neighbors of its neighbors. */
async function explore(
  lists: NearestLists,
  rows: Float32Array,
  width: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { room } = lists;
  const explored = Math.min(EXPLORED, room);
  const before = lists.ids.slice();
  const seen = new Int32Array(lists.count).fill(-1);
  const breath = cooperativeYield(signal);
  for (let row = 0; row < lists.count; row++) {
    await breath();
    let bar = lists.bar(row);
    seen[row] = row;
    for (let i = 0; i < room; i++) if (before[row * room + i]! >= 0) seen[before[row * room + i]!] = row;
    for (let i = 0; i < explored; i++) {
      const near = before[row * room + i]!;
      for (let j = 0; near >= 0 && j < explored; j++) {
        const id = before[near * room + j]!;
        if (id < 0 || seen[id] === row) continue;
        seen[id] = row;
        const score = squaredDistance(rows, row, rows, id, width) / 2;
        if (score < bar) bar = lists.insert(row, id, score);
      }
    }
  }
}
