/** For each of N rows the candidates with the smallest scores so far, at most `room`, without repetition. */
export class NearestLists {
  /** `[N, room]`, ascending by score; -1 where there are fewer. */
  readonly ids: Int32Array;
  readonly scores: Float32Array;

  constructor(
    readonly count: number,
    readonly room: number,
  ) {
    this.ids = new Int32Array(count * room).fill(-1);
    this.scores = new Float32Array(count * room).fill(Number.POSITIVE_INFINITY);
  }

  /** The score below which a candidate of `row` is inserted. */
  bar(row: number): number {
    return this.scores[(row + 1) * this.room - 1]!;
  }

  /** Inserts a candidate whose score is below the bar of `row`, unless it is present; returns the new bar. */
  insert(row: number, id: number, score: number): number {
    const { ids, scores, room } = this;
    const first = row * room;
    const last = first + room - 1;
    for (let at = first; at <= last; at++) if (ids[at] === id) return scores[last]!;
    let at = last;
    for (; at > first && scores[at - 1]! > score; at--) {
      scores[at] = scores[at - 1]!;
      ids[at] = ids[at - 1]!;
    }
    scores[at] = score;
    ids[at] = id;
    return scores[last]!;
  }
}

/** The squared distance of row i of `a` and row j of `b`, both `[., width]`. */
export function squaredDistance(a: Float32Array, i: number, b: Float32Array, j: number, width: number): number {
  let sum = 0;
  for (let d = 0, p = i * width, q = j * width; d < width; d++) {
    const difference = a[p + d]! - b[q + d]!;
    sum += difference * difference;
  }
  return sum;
}

/** Half the sum of squares of each row of `[N, width]`. */
export function halfSquares(rows: Float32Array, width: number): Float32Array {
  const out = new Float32Array(rows.length / width);
  for (let i = 0; i < rows.length; i++) out[Math.floor(i / width)]! += rows[i]! ** 2 / 2;
  return out;
}
