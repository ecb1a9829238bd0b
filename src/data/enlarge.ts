/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

// Weights are whole numbers of 2^-11, as in OpenCV: two of them and a byte fit in 30 bits, so that all arithmetic is on integers, which
// is faster and the same on every machine; the result is within half a level of the exact one.
const BITS = 11;
const ONE = 1 << BITS;
const HALF = 1 << (2 * BITS - 1);

/**
 * RGB pixels `[H, W, 3]` stretched to a size that is no smaller in width or height, uint8 `[H', W', 3]`.
 *
 * Bilinear with half-pixel centres: output i lies at (i + 0.5) W / W' - 0.5 of the input, and beyond the edge is more of the edge.
 *
 * Reference: torch.nn.functional.interpolate(mode='bilinear', align_corners=False), to within one level
 */
export function enlarge(pixels: Uint8Array, from: Size, to: Size): Uint8Array {
  const across = taps(from.width, to.width);
  const down = taps(from.height, to.height);
  const out = new Uint8Array(to.height * to.width * 3);
  // The two input rows around an output row, stretched in width; going down, the lower one soon becomes the upper one.
  let upper = { row: -1, values: new Int32Array(to.width * 3) };
  let lower = { row: -1, values: new Int32Array(to.width * 3) };
  const fill = (line: typeof upper, row: number) => {
    if (line.row === row) return;
    line.row = row;
    stretchRow(pixels.subarray(row * from.width * 3, (row + 1) * from.width * 3), across, line.values);
  };
  for (let y = 0; y < to.height; y++) {
    const first = down.first[y]!;
    if (upper.row !== first) [upper, lower] = [lower, upper];
    fill(upper, first);
    fill(lower, Math.min(first + 1, from.height - 1));
    blendRows(upper.values, lower.values, down.weight[y]!, out, y * to.width * 3);
  }
  return out;
}

interface Taps {
  /** For each output position the input position before it; the other one is the next. */
  readonly first: Int32Array;
  /** How far it is from the first to the next, 0 to ONE; 0 where there is no next. */
  readonly weight: Int32Array;
}

function taps(from: number, to: number): Taps {
  const first = new Int32Array(to);
  const weight = new Int32Array(to);
  for (let i = 0; i < to; i++) {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    first[i] = Math.floor(at);
    weight[i] = Math.round((at - first[i]!) * ONE);
  }
  return { first, weight };
}

/** One row `[W, 3]` to `[W', 3]`, in units of 2^-BITS. */
function stretchRow(row: Uint8Array, { first, weight }: Taps, into: Int32Array): void {
  const last = row.length - 3;
  for (let x = 0, o = 0; x < first.length; x++, o += 3) {
    const a = first[x]! * 3;
    const b = a < last ? a + 3 : a;
    const w = weight[x]!;
    const v = ONE - w;
    into[o] = row[a]! * v + row[b]! * w;
    into[o + 1] = row[a + 1]! * v + row[b + 1]! * w;
    into[o + 2] = row[a + 2]! * v + row[b + 2]! * w;
  }
}

function blendRows(upper: Int32Array, lower: Int32Array, weight: number, out: Uint8Array, start: number): void {
  const other = ONE - weight;
  for (let i = 0; i < upper.length; i++) {
    out[start + i] = (upper[i]! * other + lower[i]! * weight + HALF) >> (2 * BITS);
  }
}
