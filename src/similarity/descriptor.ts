import { internal } from '../base/errors.js';

/** Side of the gray image that a descriptor is computed from. */
export const GRAY_PX = 64;
/** Cosines per direction, including the constant. */
const COSINES = 12;
/** Width of a descriptor: the products of these cosines without the constant. */
export const DESCRIPTOR_WIDTH = COSINES ** 2 - 1;
// Added to the contrast, in levels of 255, so that the noise of a blank image is not amplified.
const LEAST_CONTRAST = 4;

/** Orthonormal cosines `[count, size]` at the centers of `size` pixels. */
function cosines(size: number, count = COSINES): Float64Array {
  const out = new Float64Array(count * size);
  for (let u = 0; u < count; u++) {
    const norm = Math.sqrt((u === 0 ? 1 : 2) / size);
    for (let x = 0; x < size; x++) out[u * size + x] = norm * Math.cos((Math.PI * u * (x + 0.5)) / size);
  }
  return out;
}

const basis = cosines(GRAY_PX);
const HALF = GRAY_PX / 2;
// Buffers, reused.
const ofRows = new Float64Array(COSINES * GRAY_PX);
const ofBoth = new Float64Array(COSINES ** 2);
const [same, opposite] = [new Float64Array(HALF), new Float64Array(HALF)];

/**
 * The descriptor of an image: the 12 x 12 lowest frequencies of its discrete cosine transform (DCT-II, orthonormal) without the
 * constant, after the image is brought to mean 0 and standard deviation 1. Brightness and contrast do not enter.
 *
 * @param gray levels 0 to 255 of the whole image stretched to `[64, 64]`
 * @returns `[143]`, row by row: vertical frequency, then horizontal
 */
export function describe(gray: Float32Array): Float32Array {
  if (gray.length !== GRAY_PX ** 2) throw internal(`a descriptor of ${gray.length} pixels`);
  let total = 0;
  for (let i = 0; i < gray.length; i++) total += gray[i]!;
  const mean = total / gray.length;
  let squares = 0;
  for (let i = 0; i < gray.length; i++) squares += (gray[i]! - mean) ** 2;
  const gain = 1 / (Math.sqrt(squares / gray.length) + LEAST_CONTRAST);
  for (let y = 0; y < GRAY_PX; y++) lowest(gray, y * GRAY_PX, mean, ofRows, y, GRAY_PX);
  for (let u = 0; u < COSINES; u++) lowest(ofRows, u * GRAY_PX, 0, ofBoth, u, COSINES);
  return Float32Array.from(ofBoth.subarray(1), value => value * gain);
}

/** Writes the products of the line `[64]` that starts at `at`, less its `mean`, with each of the cosines to `out`, from `to` on, `next` apart. */
function lowest(
  line: Float32Array | Float64Array,
  at: number,
  mean: number,
  out: Float64Array,
  to: number,
  next: number,
): void {
  // Cosines are symmetric or antisymmetric, so half the products suffice.
  for (let x = 0; x < HALF; x++) {
    const a = line[at + x]!;
    const b = line[at + GRAY_PX - 1 - x]!;
    same[x] = a - mean + b - mean;
    opposite[x] = a - b;
  }
  for (let u = 0; u < COSINES; u += 4) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let x = 0, i = u * GRAY_PX; x < HALF; x++, i++) {
      a += same[x]! * basis[i]!;
      b += opposite[x]! * basis[i + GRAY_PX]!;
      c += same[x]! * basis[i + 2 * GRAY_PX]!;
      d += opposite[x]! * basis[i + 3 * GRAY_PX]!;
    }
    const o = to + u * next;
    out[o] = a;
    out[o + next] = b;
    out[o + 2 * next] = c;
    out[o + 3 * next] = d;
  }
}

/** Descriptors by position, which may be on disk. */
export interface Descriptors {
  readonly length: number;
  /** `[143]`. */
  row(index: number): Float32Array;
}

/** The rows of `[N, 143]`. */
export const descriptorsOf = (rows: Float32Array): Descriptors => ({
  length: rows.length / DESCRIPTOR_WIDTH,
  row: index => rows.subarray(index * DESCRIPTOR_WIDTH, (index + 1) * DESCRIPTOR_WIDTH),
});

/** The descriptors of the mirror images. */
export const mirrorImages = ({ length, row }: Descriptors): Descriptors => ({
  length,
  row: index => mirrored(row(index)),
});

/** The descriptors `[N, 143]` of the mirror images: odd horizontal frequencies change their sign. */
export function mirrored(descriptors: Float32Array): Float32Array {
  return descriptors.map((value, i) => ((((i % DESCRIPTOR_WIDTH) + 1) % COSINES) % 2 === 1 ? -value : value));
}

/**
 * The gray image `[size, size]` that a descriptor encodes, in standard deviations around 0.
 *
 * @param size at least 12
 */
export function imageOf(descriptor: Float32Array, size: number): Float32Array {
  const waves = sizedBasis(size);
  const rows = new Float64Array(COSINES * size);
  for (let v = 0; v < COSINES; v++) {
    for (let u = v === 0 ? 1 : 0; u < COSINES; u++) {
      const value = descriptor[v * COSINES + u - 1]!;
      for (let x = 0; x < size; x++) rows[v * size + x]! += value * waves[u * size + x]!;
    }
  }
  const out = new Float32Array(size * size);
  // An orthonormal transform of fewer pixels has smaller coefficients.
  const gain = size / GRAY_PX;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (let v = 0; v < COSINES; v++) sum += rows[v * size + x]! * waves[v * size + y]!;
      out[y * size + x] = sum * gain;
    }
  }
  return out;
}

const bases = new Map<number, Float64Array>();
function sizedBasis(size: number): Float64Array {
  const known = bases.get(size);
  if (known !== undefined) return known;
  const made = cosines(size);
  bases.set(size, made);
  return made;
}

/**
 * The linear map `[D', D]` from descriptors (D = 143) to the `kept` x `kept` lowest frequencies, without the constant, of a crop.
 *
 * @param crop The part of the image kept: its start, `[0, 1)`, and its size, `(0, 1]`, in each direction.
 */
export function cropMap(
  kept: number,
  crop: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
): Float64Array {
  const across = cropCosines(kept, crop.left, crop.width);
  const down = cropCosines(kept, crop.top, crop.height);
  const out = new Float64Array((kept * kept - 1) * DESCRIPTOR_WIDTH);
  for (let to = 1; to < kept * kept; to++) {
    const [v, u] = [Math.floor(to / kept), to % kept];
    for (let from = 1; from <= DESCRIPTOR_WIDTH; from++) {
      const value = down[v * COSINES + Math.floor(from / COSINES)]! * across[u * COSINES + (from % COSINES)]!;
      out[(to - 1) * DESCRIPTOR_WIDTH + from - 1] = value;
    }
  }
  return out;
}

/** The inner products `[kept, COSINES]` of the first `kept` cosines of the crop with each cosine of the image. */
function cropCosines(kept: number, start: number, share: number): Float64Array {
  const out = new Float64Array(kept * COSINES);
  const own = cosines(GRAY_PX, kept);
  for (let u = 0; u < COSINES; u++) {
    const norm = Math.sqrt((u === 0 ? 1 : 2) / GRAY_PX);
    for (let x = 0; x < GRAY_PX; x++) {
      const value = norm * Math.cos(Math.PI * u * (start + (share * (x + 0.5)) / GRAY_PX));
      for (let k = 0; k < kept; k++) out[k * COSINES + u]! += own[k * GRAY_PX + x]! * value;
    }
  }
  return out;
}
