import { lowerFactor } from '../engine/linalg/dense.js';
import { blur, halve, mirrorGray } from '../images/gray.js';

/** A square gray image at several sizes, each half the one before, with the fine structure of the largest. */
export interface ImagePyramid {
  /** The largest first. */
  readonly templates: readonly Template[];
  /** `[px, px]` of the largest: a fine blur minus a coarse one. Computed on the first call. */
  structure(): Float32Array;
}

/** One level of a pyramid, which other images can be registered to. */
export interface Template {
  readonly px: number;
  /** `[px, px]`. */
  readonly gray: Float32Array;
  /** Computed on the first call, since many images are only ever registered to others. */
  gradients(): Gradients;
}

/** The gradients of a template, and the normal equations of the registration to it. */
export interface Gradients {
  /** Per half the image side, in x and y, `[px, px]`. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** The Cholesky factor `[6, 6]` of the normal equations; undefined where the image has too little structure. */
  readonly factor: Float64Array | undefined;
}

const COARSEST_PX = 16;
// Registration uses this central share of the template: the other image still shows all of it where up to a tenth is cropped.
const WINDOW = 0.8;
// Standard deviations of the two blurs, in pixels.
const [FINE, COARSE] = [0.8, 2.5];
/** Unknowns of the registration: scale and shift in x and y, gain and offset of the gray values. */
export const UNKNOWNS = 6;

/**
 * The pyramid of a gray image, down to 16 x 16 pixels.
 *
 * @param gray `[px, px]`, px a power of two, at least 16.
 */
export function pyramidOf(gray: Float32Array, px: number): ImagePyramid {
  const fine = blur(gray, px, FINE);
  const templates = [templateOf(fine, px)];
  for (let last = templates[0]!; last.px > COARSEST_PX; templates.push(last))
    last = templateOf(blur(halve(last.gray, last.px), last.px / 2, FINE), last.px / 2);
  const structure = () => {
    const out = blur(gray, px, COARSE);
    for (let i = 0; i < out.length; i++) out[i] = fine[i]! - out[i]!;
    return out;
  };
  return { templates, structure: once(structure) };
}

const mirrored = new WeakMap<ImagePyramid, ImagePyramid>();

/** The pyramid of the mirrored image, cached for the lifetime of `pyramid`. */
export function mirrorPyramid(pyramid: ImagePyramid): ImagePyramid {
  const known = mirrored.get(pyramid);
  if (known !== undefined) return known;
  const { templates, structure } = pyramid;
  const made = {
    templates: templates.map(({ px, gray }) => templateOf(mirrorGray(gray, px), px)),
    structure: once(() => mirrorGray(structure(), templates[0]!.px)),
  };
  mirrored.set(pyramid, made);
  return made;
}

/** The range of pixels, of `px`, in the registration window: `[from, to)`. */
export function windowOf(px: number): [from: number, to: number] {
  const cut = Math.round(((1 - WINDOW) / 2) * px);
  return [cut, px - cut];
}

const templateOf = (gray: Float32Array, px: number): Template => ({
  px,
  gray,
  gradients: once(() => gradientsOf(gray, px)),
});

function gradientsOf(gray: Float32Array, px: number): Gradients {
  const [from, to] = windowOf(px);
  const half = px / 2;
  const gradients = { x: new Float32Array(px * px), y: new Float32Array(px * px) };
  // The design matrix has a row [dx, dx u, dy, dy v, gray, 1] per pixel at (u, v); this is the lower triangle of its Gram matrix.
  const gram = new Float64Array(UNKNOWNS ** 2);
  const row = new Float64Array(UNKNOWNS).fill(1);
  for (let y = from; y < to; y++) {
    const v = (y + 0.5) / half - 1;
    for (let x = from; x < to; x++) {
      const at = y * px + x;
      const dx = ((gray[at + 1]! - gray[at - 1]!) / 2) * half;
      const dy = ((gray[at + px]! - gray[at - px]!) / 2) * half;
      gradients.x[at] = dx;
      gradients.y[at] = dy;
      row[0] = dx;
      row[1] = dx * ((x + 0.5) / half - 1);
      row[2] = dy;
      row[3] = dy * v;
      row[4] = gray[at]!;
      for (let i = 0; i < UNKNOWNS; i++)
        for (let j = 0, k = i * UNKNOWNS; j <= i; j++, k++) gram[k]! += row[i]! * row[j]!;
    }
  }
  const factor = lowerFactor(gram, UNKNOWNS);
  const isRegular = row.every((_, i) => factor[i * UNKNOWNS + i]! ** 2 > 1e-9 * gram[i * UNKNOWNS + i]!);
  return { ...gradients, factor: isRegular ? factor : undefined };
}

/** A function that calls `make` once and returns its result each time. */
function once<T>(make: () => T): () => T {
  let get = () => {
    const made = make();
    // Frees what `make` refers to.
    get = () => made;
    return made;
  };
  return () => get();
}
