import type { Random } from '../../base/random.js';
import { chance, clamp, curve, oneOf, range, spread, weighted } from './chance.js';
import { along, luma, mix } from './color.js';
import type { Looks } from './looks.js';

export type Cut = 'fuzz' | 'bald' | 'horseshoe' | 'buzz' | 'short' | 'curls' | 'afro' | 'bob' | 'long';
export type Fringe = 'swept' | 'side' | 'centre' | 'bangs' | 'spiky';
export type Extra = 'none' | 'bun' | 'ponytail' | 'pigtails' | 'tuft';

/** Somebody's hair. */
export interface Hair {
  readonly cut: Cut;
  readonly fringe: Fringe;
  readonly extra: Extra;
  readonly wavy: boolean;
  /** Whether the hair falls over the ears. */
  readonly overEars: boolean;
  /** On which side the parting is: -1 left, 1 right. */
  readonly part: 1 | -1;
  /** How far the hair stands off the skull at the top, in units. */
  readonly volume: number;
  /** How far the hairline has moved back, 0 to 1; beyond 0.72 only a wreath is left. */
  readonly recession: number;
  /** The colour before any grey. */
  readonly natural: string;
  /** Share of grey, 0 to 1; 0 where it is dyed away. */
  readonly grey: number;
  readonly tone: string;
  readonly light: string;
  readonly dark: string;
}

const NATURAL = {
  black: '#1e1a1b',
  darkBrown: '#36241a',
  brown: '#5a3b25',
  chestnut: '#70401f',
  auburn: '#86391c',
  ginger: '#c06426',
  darkBlond: '#a37d47',
  blond: '#d6b06a',
  platinum: '#ecd9a8',
} as const;

const DYES = ['#e07a9a', '#5aa6a8', '#7a68b8', '#c8443a', '#4a78b8'];

function chooseColor(
  looks: Looks,
  depth: number,
  random: Random,
): Pick<Hair, 'natural' | 'grey' | 'tone' | 'light' | 'dark'> {
  const fair = Math.max(0, 1 - depth * 2.4);
  const kind = weighted(random, {
    black: 0.5 + 3 * depth,
    darkBrown: 1,
    brown: 0.3 + fair,
    chestnut: 0.2 + 0.6 * fair,
    auburn: 0.5 * fair,
    ginger: 0.6 * fair,
    darkBlond: 0.9 * fair,
    blond: 1.1 * fair,
    platinum: (looks.age < 8 ? 1 : 0.25) * fair,
  });
  const natural = mix(NATURAL[kind], oneOf(random, ['#7a4a2a', '#2a2a3a', '#c89a5a']), range(random, 0, 0.1));
  const onset = spread(random, 47, 8);
  const dyed =
    looks.age > 38 &&
    chance(random, looks.sex === 'female' ? curve(looks.age, [40, 0.35], [65, 0.25], [85, 0.05]) : 0.05);
  const grey = dyed ? 0 : clamp((looks.hair - onset) / 20, 0, 1);
  const bright = looks.age > 15 && looks.age < 38 && chance(random, 0.05);
  const tone = bright
    ? oneOf(random, DYES)
    : mix(natural, along(['#8b8784', '#b9b6b2', '#e6e4e0'], grey), Math.min(grey * 1.35, 1));
  const pale = luma(tone) > 0.55;
  return {
    natural,
    grey,
    tone,
    light: mix(tone, pale ? '#ffffff' : '#ffdfb8', pale ? 0.5 : 0.26),
    dark: mix(tone, pale ? (grey > 0.4 ? '#6a6472' : '#7a4a1c') : '#0d0708', pale ? 0.46 : 0.45),
  };
}

function chooseCut(looks: Looks, recession: number, depth: number, random: Random): Cut {
  const { age, sex } = looks;
  if (age < 3 && chance(random, curve(age, [1, 0.85], [2.9, 0.12]))) return 'fuzz';
  const curly = 0.35 + 1.3 * depth;
  if (sex === 'male') {
    if (recession > 0.72)
      return weighted(random, { horseshoe: 3, bald: age < 65 ? 1.6 : 0.6, buzz: age < 60 ? 0.6 : 0 });
    return weighted(random, {
      buzz: age < 6 ? 0.3 : 0.7 + depth * 1.2,
      short: 4,
      curls: curly,
      afro: age < 60 ? depth * 0.8 : 0,
      bob: age > 13 && age < 45 ? 0.35 : 0,
      long: age > 17 && age < 45 && recession < 0.3 ? 0.3 : 0,
    });
  }
  const young = curve(age, [12, 1.2], [55, 0.7], [75, 0.18]);
  return weighted(random, {
    short: curve(age, [4, 0.8], [14, 0.2], [45, 0.7], [70, 2.2]),
    curls: curly * curve(age, [40, 0.6], [70, 2]),
    afro: depth * 0.9 * young,
    bob: 1.6,
    long: 2.8 * young * curve(age, [2, 0.2], [6, 1]),
  });
}

/**
 * Hair for somebody with a skin of the given depth (0 light to 1 dark). Fuzz is for the first years; half of the men lose hair from
 * their thirties on, each at his own pace; grey begins about 47, eight years more or less.
 */
export function chooseHair(looks: Looks, depth: number, random: Random): Hair {
  const { age, sex } = looks;
  const losing = sex === 'male' && chance(random, 0.58);
  const recession =
    sex === 'male'
      ? clamp(((looks.hair - spread(random, losing ? 27 : 48, 5)) / (losing ? 32 : 90)) * spread(random, 1, 0.35), 0, 1)
      : clamp((looks.hair - 60) / 120, 0, 0.25);
  const cut = chooseCut(looks, recession, depth, random);
  const girl = sex === 'female';
  const fringe = weighted(random, {
    swept: girl ? 0.5 : 1.4,
    side: 1.6,
    centre: cut === 'long' || cut === 'bob' ? 1.4 : 0,
    bangs:
      recession > 0.2 || (girl && age > 14 && cut === 'short')
        ? 0
        : girl
          ? curve(age, [4, 1.6], [14, 0.9], [60, 0.5])
          : curve(age, [3, 2.2], [12, 1], [20, 0.25]),
    spiky: cut === 'short' && recession < 0.25 ? curve(age, [4, 0.4], [16, 1.2], [35, 0.5], [50, 0]) : 0,
  });
  const gathered =
    cut === 'long'
      ? weighted(random, {
          none: 3.2,
          bun: curve(age, [5, 0.3], [60, 1.2], [80, 3]),
          ponytail: curve(age, [14, 1.2], [50, 0.7], [70, 0.2]),
          pigtails: age < 12 && girl ? 2.2 : 0,
        })
      : 'none';
  const extra: Extra =
    cut === 'fuzz' && chance(random, 0.6)
      ? 'tuft'
      : girl && age < 7 && cut === 'short' && chance(random, 0.5)
        ? 'pigtails'
        : gathered;
  const thin = curve(looks.hair, [50, 1], [85, 0.72]);
  return {
    cut,
    fringe: cut === 'buzz' ? 'swept' : fringe,
    extra,
    wavy: chance(random, 0.4),
    overEars: (cut === 'bob' || cut === 'long') && (extra === 'none' ? chance(random, 0.75) : false),
    part: chance(random, 0.5) ? 1 : -1,
    volume:
      (curve(looks.bones, [1, 2], [8, 5], [18, 7]) + range(random, -1.5, cut === 'short' ? (girl ? 6 : 4) : 2)) * thin,
    recession,
    ...chooseColor(looks, depth, random),
  };
}
