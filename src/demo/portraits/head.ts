import type { Random } from '../../base/random.js';
import { chance, clamp, curve, spread } from './chance.js';
import { closedCurve, type Point, points, symmetric } from './curves.js';

/**
 * Age and sex of a person. Bones, skin and hair each appear somewhat older or younger than `age`: by up to a sixth for bones, and by about
 * ten years for the skin and hair of adults, so that no single cue determines the age.
 */
export interface Appearance {
  /** The true age in years. */
  readonly age: number;
  readonly sex: 'female' | 'male';
  /** Apparent ages in years: of the proportions of the head; of lines, folds and spots; of hair loss and gray. */
  readonly bones: number;
  readonly skin: number;
  readonly hair: number;
}

export function chooseAppearance(age: number, random: Random): Appearance {
  const deviation = curve(age, [15, 1], [30, 3], [60, 5], [90, 4]);
  const years = (): number => clamp(spread(random, age, deviation), 0.5, 100);
  return {
    age,
    sex: chance(random, 0.5) ? 'female' : 'male',
    bones: age * spread(random, 1, 0.08),
    skin: years(),
    hair: years(),
  };
}

export type Proportions = ReturnType<typeof chooseProportions>;

/**
 * The proportions of a head in units of the drawing: x = 0 is the middle of the face, y grows downward, widths are half widths. The head of
 * an adult reaches from about -60 (skull) to 52 (chin).
 *
 * A baby has a round head, a high forehead and large eyes below the middle. Jaw, nose and neck grow until twenty; later ears and nose grow
 * on, lips become thinner and cheeks sag.
 */
export function chooseProportions({ bones, skin: flesh, sex }: Appearance, random: Random) {
  const grown = (baby: number, child: number, adult: number): number => {
    const [infant, youth] = [baby + (child - baby) * 0.3, child + (adult - child) * 0.6];
    return curve(bones, [0.5, baby], [2.5, infant], [8, child], [14, youth], [19, adult]);
  };
  const man = sex === 'male' ? curve(bones, [9, 0], [19, 1]) : 0;
  const vary = (share: number): number => spread(random, 1, share);
  const fat = curve(bones, [3, 0.5], [20, 1]) * spread(random, curve(flesh, [20, 0], [50, 0.45], [75, 0]), 0.8);
  const long = spread(random, 0, 2.2) * curve(bones, [2, 0.4], [18, 1]);

  const eyeY = grown(9, 3.5, -3) + spread(random, 0, 1);
  const chinY = grown(45, 47, 52) + man * 1.5 + long + fat * 0.8;
  const templeW = grown(49, 44.5, 40.5) * vary(0.025);
  const cheekW = (grown(51.5, 44, 39.5) + fat * 2 - curve(flesh, [55, 0], [85, 2.2])) * vary(0.025);
  const jowl = curve(flesh, [42, 0], [60, 0.4], [80, 1]) * Math.max(0.3, vary(0.3));
  const eyeH = (grown(7.6, 6.5, 5.3) - man * 0.4 - curve(flesh, [35, 0], [60, 0.5], [85, 1.3])) * vary(0.07);
  return {
    skullY: grown(-60, -59, -58) - long * 0.5,
    templeY: grown(-18, -19, -20),
    templeW,
    cheekY: grown(16, 12, 8),
    cheekW,
    jawY: grown(34, 33, 32) + man * 2 + long * 0.5,
    jawW: (grown(39, 31, 28) + man * 3.8 + fat * 2.4 + jowl * 2.6) * vary(0.035),
    chinY,
    chinW: (grown(11, 10, 10.5) + man * 3 + fat * 0.8) * vary(0.08),
    hairlineY: grown(-37, -36, -37.5) - long * 0.3 + spread(random, 0, 1.6),
    browY: eyeY - grown(16.5, 14.5, 12.2) + man * 1.4 + curve(flesh, [50, 0], [85, 1.2]),
    eyeY,
    /** From the middle of the face to the center of an eye. */
    eyeX: grown(21, 18.8, 17.3) * vary(0.035),
    eyeW: grown(9.2, 8.7, 8.2) * vary(0.04),
    eyeH,
    irisR: grown(6.6, 5.6, 4.75),
    /** Height of the outer corner of an eye above the inner one. */
    eyeTilt: spread(random, 0.6, 0.9) - curve(flesh, [40, 0], [85, 2.2]),
    noseY: grown(21.5, 18.5, 18) + curve(flesh, [30, 0], [85, 2.8]) + long * 0.3 + spread(random, 0, 0.9),
    noseW: (grown(4.8, 5.4, 6.4) + man * 0.9 + curve(flesh, [40, 0], [85, 1.5])) * vary(0.12),
    mouthY: grown(31.5, 31, 33) + man * 0.8 + long * 0.6 + curve(flesh, [60, 0], [85, 0.8]),
    mouthW: (grown(8.2, 10, 12) + man * 0.8) * vary(0.08),
    lip: (grown(2.6, 2.8, 3.3) - man * 0.5 - curve(flesh, [35, 0], [60, 0.8], [85, 1.7])) * vary(0.16),
    earY: grown(14, 10, 7) + curve(flesh, [50, 0], [85, 2]),
    earW: (grown(6.5, 6.6, 6.4) + curve(flesh, [40, 0], [85, 1.6])) * vary(0.12),
    earH: (grown(9.5, 10.5, 11.5) + man * 0.8 + curve(flesh, [40, 0], [85, 3.6])) * vary(0.07),
    neckW: (grown(14.5, 14, 16) + man * 5 + fat * 1.4 - curve(flesh, [65, 0], [88, 2.5])) * vary(0.05),
    /** Where the neck meets the shoulders. */
    neckY: chinY + grown(3, 10, 15) - fat - curve(flesh, [60, 0], [88, 4]),
    shoulderW: (grown(40, 52, 67) + man * 14 + fat * 3 - curve(flesh, [65, 0], [88, 9])) * vary(0.04),
    /** How far the cheeks hang over the jaw, 0 to 1. */
    jowl,
  };
}

/** The right half of the head's outline from the top of the skull to the chin, `by` units further out. */
export function headEdge(p: Proportions, by = 0): Point[] {
  const height = p.chinY - p.skullY;
  return points`
    0 ${p.skullY - by}  ${0.52 * (p.templeW + by)} ${p.skullY + 0.068 * height - by}
    ${0.86 * (p.templeW + by)} ${p.skullY + 0.215 * height - by * 0.6}  ${p.templeW + by} ${p.templeY}
    ${p.cheekW + by} ${p.cheekY}  ${p.jawW + by} ${p.jawY + p.jowl * 1.5}
    ${p.chinW + by * 0.7} ${p.chinY - 2.6 + by}  0 ${p.chinY + by}`;
}

export const headOutline = (p: Proportions): string => closedCurve(symmetric(headEdge(p)));
