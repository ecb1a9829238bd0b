import type { Random } from '../../base/random.js';
import { chance, curve, oneOf, range, weighted } from './chance.js';
import { FABRICS } from './color.js';
import type { Hair } from './hair.js';
import type { Looks } from './looks.js';

/** What somebody wears on the head. */
export interface Accessories {
  readonly glasses:
    | { readonly frame: 'round' | 'square' | 'half'; readonly color: string; readonly thickness: number }
    | undefined;
  readonly earrings: { readonly kind: 'stud' | 'hoop' | 'drop'; readonly color: string } | undefined;
  readonly hat:
    | { readonly kind: 'beanie' | 'cap' | 'scarf' | 'headband' | 'bow'; readonly main: string; readonly second: string }
    | undefined;
  /** Colour of the beads of a necklace. */
  readonly beads: string | undefined;
}

const BEADS = ['#f7f1e6', '#f7f1e6', '#c8503c', '#3d8f8a', '#e0a93c'];

/** Glasses (more of them with age), earrings and now and then something on the hair. */
export function chooseAccessories(looks: Looks, random: Random): Accessories {
  const { age, sex } = looks;
  const metal = oneOf(random, ['#d9b24a', '#cfd3d8', '#e8e2d8', '#b8785a']);
  const girl = sex === 'female';
  const glasses = chance(random, curve(age, [4, 0], [10, 0.13], [40, 0.24], [55, 0.48], [80, 0.6]));
  const [main, second] = random.shuffle(FABRICS);
  const hat = chance(random, age < 13 && girl ? 0.26 : 0.09);
  return {
    glasses: glasses
      ? {
          frame: weighted(random, { round: 1, square: 1.2, half: curve(age, [40, 0.2], [70, 1]) }),
          color: oneOf(random, ['#2a2422', '#5a3420', '#8a8d92', '#b08a3a', '#7a2f3a', '#2f4a6a']),
          thickness: range(random, 1.1, 2.2),
        }
      : undefined,
    earrings:
      age > 5 && chance(random, girl ? curve(age, [6, 0.25], [20, 0.6]) : 0.04)
        ? { kind: oneOf(random, age < 16 ? ['stud'] : ['stud', 'hoop', 'drop']), color: metal }
        : undefined,
    beads: girl && chance(random, curve(age, [5, 0.05], [30, 0.12], [65, 0.4])) ? oneOf(random, BEADS) : undefined,
    hat: hat
      ? {
          kind: weighted(random, {
            beanie: 1,
            cap: age > 3 ? 1 : 0.2,
            scarf: girl && age > 14 ? 0.9 : 0,
            headband: girl ? 0.8 : 0,
            bow: girl && age < 12 ? 2.5 : 0,
          }),
          main: main!,
          second: second!,
        }
      : undefined,
  };
}

/** Hair as it lies under what is worn on it: nothing tall, nothing on top. */
export function underHat(hair: Hair, accessories: Accessories): Hair {
  const kind = accessories.hat?.kind;
  if (kind === undefined || kind === 'bow' || kind === 'headband') return hair;
  const cut = hair.cut === 'afro' || hair.cut === 'curls' ? 'short' : hair.cut;
  if (kind === 'scarf') return { ...hair, cut: 'bald', extra: 'none', overEars: false };
  return { ...hair, cut, volume: Math.min(hair.volume, 2), extra: hair.extra === 'pigtails' ? 'pigtails' : 'none' };
}
