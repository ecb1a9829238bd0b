import { median } from '../metrics/statistics.js';
import { roundUp, scoreAt, scoreTable } from './conformal.js';

/**
 * How an image is out of distribution. `kind`: it shows another subject, or nothing. `source`: it may show the same subject, but by another
 * camera, site or crop.
 */
export type UnusualGrade = 'kind' | 'source';

/** The distance of an image from the training images, and its activation: the L2 norm of its features. */
export interface UnusualSignals {
  readonly unlikeness: number;
  readonly activation: number;
}

/**
 * An image is unusual where its distance is above `distance` or its activation below `faint`. It is then of another kind where its distance
 * is above `far` or its activation below `activation`, and else from another source.
 */
export interface UnusualLimits {
  readonly distance: number;
  readonly far: number;
  readonly activation: number;
  /** At most `activation`. */
  readonly faint: number;
  /** The largest share of images like the training images that are unusual. */
  readonly share: number;
}

// The share of images like the training images beyond the limits.
const SHARE = 0.01;
// With a middle stage, which detects blank images, activation alone decides only far below its limit: the lowest activation of few images is a
// poor estimate of the lowest to come.
const FAINT = 0.5;
// `far` is twice as far from the median as `distance`: no other data tried on a model of faces was closer.
const FAR = 2;

/**
 * The limits beyond which 1 % of images like these are; with fewer than 99 images, the furthest of them are the limits.
 *
 * @param unlikeness `[N]`, of images that the Gaussian was fitted without; N at least 1.
 * @param activation `[N]`
 * @param sides 1: the distance is of a middle stage and decides alone. 2: it is of the features, where blank images are near the mean, so half
 * of the share is for low activation.
 */
export function unusualLimits(unlikeness: Float64Array, activation: Float64Array, sides: 1 | 2): UnusualLimits {
  const sorted = Float64Array.from(unlikeness).sort();
  const sideShare = SHARE / sides;
  const distance = scoreAt(scoreTable(unlikeness), 1 - sideShare) ?? roundUp(sorted.at(-1)!);
  const center = median(unlikeness);
  const count = activation.length;
  // The rank below which a new image is with a probability of `sideShare`, as in `conformalRank`.
  const rank = Math.max(1, Math.floor((count + 1) * sideShare + 1e-9));
  const least = Float64Array.from(activation).sort()[rank - 1]!;
  return {
    distance,
    far: Number((center + FAR * (distance - center)).toPrecision(6)),
    activation: roundedDown(least),
    faint: roundedDown(sides === 1 ? FAINT * least : least),
    share: sides * Math.max(sideShare, 1 / (count + 1)),
  };
}

/** `x`, at least 0, rounded down to six digits. */
function roundedDown(x: number): number {
  const rounded = Number(x.toPrecision(6));
  return rounded <= x ? rounded : Number((x * (1 - 1e-5)).toPrecision(6));
}

/** How the image is unusual; undefined where it is not. NaN signals count as another kind. */
export function unusualGrade(
  { unlikeness, activation }: UnusualSignals,
  limits: Omit<UnusualLimits, 'share'>,
): UnusualGrade | undefined {
  if (activation >= limits.faint && unlikeness <= limits.distance) return undefined;
  return activation >= limits.activation && unlikeness <= limits.far ? 'source' : 'kind';
}
