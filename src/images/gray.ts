import type { Size } from './enlarge.js';

/**
 * A buffer that is reused by the next call: the first touch of new memory takes longer than most of the arithmetic on a small image.
 *
 * @returns A function that gives `length` elements with undefined content.
 */
export function reusedBuffer<T extends Float32Array | Float64Array>(
  type: new (length: number) => T,
): (length: number) => T {
  let kept = new type(0);
  return length => {
    if (kept.length < length) kept = new type(length);
    return kept.subarray(0, length) as T;
  };
}

/**
 * The luma of RGB pixels `[H, W, 3]`, 0 to 255, `[H, W]`.
 *
 * @param out Receives the result. Default: a new array.
 * Reference: ITU-R BT.601
 */
export function luma(pixels: Uint8Array, out: Float32Array = new Float32Array(pixels.length / 3)): Float32Array {
  for (let i = 0, p = 0; i < out.length; i++, p += 3)
    out[i] = 0.299 * pixels[p]! + 0.587 * pixels[p + 1]! + 0.114 * pixels[p + 2]!;
  return out;
}

const shrunkOf = reusedBuffer(Float32Array);

/** A gray image `[H, W]` resized to `[px, px]` by area averaging. */
export function stretch(gray: Float32Array, { width, height }: Size, px: number): Float32Array {
  const down = shrunkOf(width * px);
  stretchColumns(gray, width, areas(height, px), down);
  const out = new Float32Array(px * px);
  stretchColumns(down, px, areas(width, px), out);
  return out;
}

/** Resizes the columns of `from` `[H, width]` into the rows of `to` `[width, px]`. */
function stretchColumns(from: Float32Array, width: number, { first, starts, weights }: Areas, to: Float32Array): void {
  const px = first.length;
  for (let y = 0; y < px; y++) {
    const begin = starts[y]!;
    const end = starts[y + 1]!;
    // Three rows at a time: halving never needs more.
    for (let i = begin; i < end; i += 3) {
      const a = (first[y]! + i - begin) * width;
      const b = i + 1 < end ? a + width : a;
      const c = i + 2 < end ? b + width : a;
      const one = weights[i]!;
      const two = i + 1 < end ? weights[i + 1]! : 0;
      const three = i + 2 < end ? weights[i + 2]! : 0;
      // The content of the reused buffer is finite and is multiplied by 0.
      const before = i === begin ? 0 : 1;
      for (let x = 0, o = y; x < width; x++, o += px)
        to[o] = before * to[o]! + one * from[a + x]! + two * from[b + x]! + three * from[c + x]!;
    }
  }
}

/** The input pixels that each output pixel covers. */
interface Areas {
  /** First input pixel of each output pixel. */
  readonly first: Int32Array;
  /** Offsets of each output pixel's weights, `[to + 1]`. */
  readonly starts: Int32Array;
  /** Weights of the covered pixels, of one output pixel after another. */
  readonly weights: Float64Array;
}

function areas(from: number, to: number): Areas {
  const name = `${from} ${to}`;
  const known = knownAreas.get(name);
  if (known !== undefined) return known;
  const first = new Int32Array(to);
  const starts = new Int32Array(to + 1);
  const weights: number[] = [];
  for (let i = 0; i < to; i++) {
    const [begin, end] = [(i * from) / to, ((i + 1) * from) / to];
    first[i] = Math.floor(begin);
    // A share of a millionth is a rounding error.
    const last = Math.min(Math.max(Math.ceil(end - 1e-6), first[i]! + 1), from);
    for (let at = first[i]!; at < last; at++)
      weights.push((Math.min(at + 1, end) - Math.max(at, begin)) / (end - begin));
    starts[i + 1] = weights.length;
  }
  const made = { first, starts, weights: Float64Array.from(weights) };
  knownAreas.set(name, made);
  return made;
}

// The images of a data set have few different sizes.
const knownAreas = new Map<string, Areas>();

/** `[px, px]` at half the size by averaging 2 x 2 pixels. */
export function halve(gray: Float32Array, px: number): Float32Array {
  const half = px / 2;
  const out = new Float32Array(half * half);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const at = 2 * y * px + 2 * x;
      out[y * half + x] = (gray[at]! + gray[at + 1]! + gray[at + px]! + gray[at + px + 1]!) / 4;
    }
  }
  return out;
}

const blurredOf = reusedBuffer(Float64Array);
const lineOf = reusedBuffer(Float64Array);

/** `[px, px]` blurred by a Gaussian, with replicated edges. */
export function blur(gray: Float32Array, px: number, sigma: number): Float32Array {
  const kernel = halfKernelOf(sigma);
  const columns = blurredOf(px * px);
  blurAlong(gray, columns, px, kernel);
  const out = new Float32Array(px * px);
  blurAlong(columns, out, px, kernel);
  return out;
}

/** Blurs the rows of `from` `[px, px]` into the columns of `to`. */
function blurAlong(
  from: Float32Array | Float64Array,
  to: Float32Array | Float64Array,
  px: number,
  kernel: Float64Array,
): void {
  const reach = kernel.length - 1;
  const line = lineOf(px + 2 * reach);
  const middle = kernel[0]!;
  for (let y = 0; y < px; y++) {
    const at = y * px;
    const first = from[at]!;
    const last = from[at + px - 1]!;
    for (let i = 0; i < reach; i++) {
      line[i] = first;
      line[reach + px + i] = last;
    }
    for (let x = 0; x < px; x++) line[reach + x] = from[at + x]!;
    for (let x = 0, o = y; x < px; x++, o += px) {
      const center = x + reach;
      let sum = middle * line[center]!;
      for (let k = 1; k <= reach; k++) sum += kernel[k]! * (line[center - k]! + line[center + k]!);
      to[o] = sum;
    }
  }
}

/** The weights of a Gaussian from its center outwards. */
function halfKernelOf(sigma: number): Float64Array {
  const known = knownKernels.get(sigma);
  if (known !== undefined) return known;
  const bell = Float64Array.from({ length: Math.ceil(2.5 * sigma) + 1 }, (_, i) =>
    Math.exp(-(i ** 2) / (2 * sigma ** 2)),
  );
  const total = 2 * bell.reduce((sum, value) => sum + value, 0) - bell[0]!;
  const made = bell.map(value => value / total);
  knownKernels.set(sigma, made);
  return made;
}

const knownKernels = new Map<number, Float64Array>();

/** Horizontal mirror image of `[px, px]`. */
export function mirrorGray(gray: Float32Array, px: number): Float32Array {
  const out = new Float32Array(gray.length);
  for (let row = 0; row < gray.length; row += px) for (let x = 0; x < px; x++) out[row + x] = gray[row + px - 1 - x]!;
  return out;
}
