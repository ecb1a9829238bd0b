import { median } from '../metrics/statistics.js';
import { roundUp, scoreAt, scoreTable } from './conformal.js';

/**
 * How an unusual image is unlike those of the training: `kind`, it shows something else, or nothing; `source`, it may show the same, but
 * another camera, site or crop made it.
 */
export type UnusualGrade = 'kind' | 'source';

/** What is known of an image: how unlike the training images it is, and how strongly it excites the backbone. */
export interface UnusualSignals {
  readonly unlikeness: number;
  readonly activation: number;
}

/**
 * An image is unusual where it is further from the training images than `distance`, or excites the backbone less than `faint`. Then it is of
 * another kind where it is further than `far` or excites the backbone less than `activation`, and else from another source.
 */
export interface UnusualLimits {
  readonly distance: number;
  readonly far: number;
  readonly activation: number;
  /** At most `activation`. */
  readonly faint: number;
  /** The share of images like those of the training that are unusual, at the most. */
  readonly share: number;
}

// Of images like those of the training.
const SHARE = 0.01;
// Where a middle stage tells, activation alone decides only far below the limit: of few images the lowest activation is a bad guess of the
// lowest that is to come, and the distance finds blank images.
const FAINT = 0.5;
// As far beyond the limit again as that lies from the middle: on faces nothing else that was tried came there.
const FAR = 2;

/**
 * The limits beyond which one per cent of images like these lie; of fewer than 99 images those who lie furthest stand for it, and the share
 * is that of them.
 *
 * @param unlikeness `[N]`, of images that the Gaussian behind it was fitted without; N at least 1.
 * @param activation `[N]`
 * @param sides 1: the distance alone decides, for it is that of a middle stage. 2: it is of the features, which blank images do not move far
 * from the middle, so half of the share is that of the least activation.
 */
export function unusualLimits(unlikeness: Float64Array, activation: Float64Array, sides: 1 | 2): UnusualLimits {
  const sorted = Float64Array.from(unlikeness).sort();
  const aSide = SHARE / sides;
  const distance = scoreAt(scoreTable(unlikeness), 1 - aSide) ?? roundUp(sorted.at(-1)!);
  const centre = median(unlikeness);
  const count = activation.length;
  // The rank from below that a new image lies under with a probability of `aSide`, as in `conformalRank`.
  const rank = Math.max(1, Math.floor((count + 1) * aSide + 1e-9));
  const least = Float64Array.from(activation).sort()[rank - 1]!;
  return {
    distance,
    far: Number((centre + FAR * (distance - centre)).toPrecision(6)),
    activation: roundedDown(least),
    faint: roundedDown(sides === 1 ? FAINT * least : least),
    share: sides * Math.max(aSide, 1 / (count + 1)),
  };
}

/** `x` of 0 or above with six digits, never more than it was. */
function roundedDown(x: number): number {
  const rounded = Number(x.toPrecision(6));
  return rounded <= x ? rounded : Number((x * (1 - 1e-5)).toPrecision(6));
}

/** How the image is unusual; undefined where it is not. An image whose signals are no numbers is of another kind. */
export function unusualGrade(
  { unlikeness, activation }: UnusualSignals,
  limits: Omit<UnusualLimits, 'share'>,
): UnusualGrade | undefined {
  if (activation >= limits.faint && unlikeness <= limits.distance) return undefined;
  return activation >= limits.activation && unlikeness <= limits.far ? 'source' : 'kind';
}
