import type { Random } from '../../base/random.js';
import { chance, clamp, curve, spread } from './chance.js';
import type { Sex } from './proportions.js';

/**
 * Who is drawn, before anything is. Nobody looks their age everywhere: bones, skin and hair each have an age of their own, so that no
 * single cue gives the age away.
 */
export interface Looks {
  /** The true age in years. */
  readonly age: number;
  readonly sex: Sex;
  /** The age that the proportions of the head look. */
  readonly bones: number;
  /** The age that the skin looks: lines, folds, spots. */
  readonly skin: number;
  /** The age that the hair looks: its loss and its grey. */
  readonly hair: number;
}

/** Somebody of `age` years whose parts look a little older or younger: by up to a sixth for bones, about ten years for grown-up skin and hair. */
export function chooseLooks(age: number, random: Random): Looks {
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
