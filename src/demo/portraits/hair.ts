import type { Random } from '../../base/random.js';
import { anySide, chance, clamp, curve, oneOf, range, spread, weighted } from './chance.js';
import { along, luma, mix } from './color.js';
import type { Appearance } from './head.js';

type Cut = 'fuzz' | 'bald' | 'horseshoe' | 'buzz' | 'short' | 'curls' | 'afro' | 'bob' | 'long';
type Extra = 'none' | 'bun' | 'ponytail' | 'pigtails' | 'tuft';

export type Hair = ReturnType<typeof chooseHair>;

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

function chooseColor(appearance: Appearance, depth: number, random: Random) {
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
    platinum: (appearance.age < 8 ? 1 : 0.25) * fair,
  });
  const natural = mix(NATURAL[kind], oneOf(random, ['#7a4a2a', '#2a2a3a', '#c89a5a']), range(random, 0, 0.1));
  const onset = spread(random, 47, 8);
  const dyes = appearance.sex === 'female' ? curve(appearance.age, [40, 0.35], [65, 0.25], [85, 0.05]) : 0.05;
  const dyed = appearance.age > 38 && chance(random, dyes);
  const gray = dyed ? 0 : clamp((appearance.hair - onset) / 20, 0, 1);
  const bright = appearance.age > 15 && appearance.age < 38 && chance(random, 0.05);
  const tone = bright
    ? oneOf(random, ['#e07a9a', '#5aa6a8', '#7a68b8', '#c8443a', '#4a78b8'])
    : mix(natural, along(['#8b8784', '#b9b6b2', '#e6e4e0'], gray), Math.min(gray * 1.35, 1));
  const pale = luma(tone) > 0.55;
  return {
    /** The color without gray. */
    natural,
    /** Share of gray, 0 to 1; 0 in dyed hair. */
    gray,
    tone,
    light: mix(tone, pale ? '#ffffff' : '#ffdfb8', pale ? 0.5 : 0.26),
    dark: mix(tone, pale ? (gray > 0.4 ? '#6a6472' : '#7a4a1c') : '#0d0708', pale ? 0.46 : 0.45),
  };
}

function chooseCut({ age, sex }: Appearance, recession: number, depth: number, random: Random): Cut {
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

function chooseFringe({ age, sex }: Appearance, cut: Cut, recession: number, random: Random) {
  const girl = sex === 'female';
  const bangs = girl ? curve(age, [4, 1.6], [14, 0.9], [60, 0.5]) : curve(age, [3, 2.2], [12, 1], [20, 0.25]);
  return weighted(random, {
    swept: girl ? 0.5 : 1.4,
    side: 1.6,
    center: cut === 'long' || cut === 'bob' ? 1.4 : 0,
    bangs: recession > 0.2 || (girl && age > 14 && cut === 'short') ? 0 : bangs,
    spiky: cut === 'short' && recession < 0.25 ? curve(age, [4, 0.4], [16, 1.2], [35, 0.5], [50, 0]) : 0,
  });
}

/** What long hair is gathered into, and what the little hair of babies and girls has. */
function chooseExtra({ age, sex }: Appearance, cut: Cut, random: Random): Extra {
  const girl = sex === 'female';
  const gathered =
    cut === 'long'
      ? weighted(random, {
          none: 3.2,
          bun: curve(age, [5, 0.3], [60, 1.2], [80, 3]),
          ponytail: curve(age, [14, 1.2], [50, 0.7], [70, 0.2]),
          pigtails: age < 12 && girl ? 2.2 : 0,
        })
      : 'none';
  if (cut === 'fuzz' && chance(random, 0.6)) return 'tuft';
  return girl && age < 7 && cut === 'short' && chance(random, 0.5) ? 'pigtails' : gathered;
}

/**
 * Hair of a person with skin of the given depth (0 light to 1 dark). Babies have fuzz; half of the men lose hair from their thirties on, at
 * different rates; gray begins at 47, plus or minus eight years.
 */
export function chooseHair(appearance: Appearance, depth: number, random: Random) {
  const man = appearance.sex === 'male';
  const losing = man && chance(random, 0.58);
  const recession = man
    ? clamp(
        ((appearance.hair - spread(random, losing ? 27 : 48, 5)) / (losing ? 32 : 90)) * spread(random, 1, 0.35),
        0,
        1,
      )
    : clamp((appearance.hair - 60) / 120, 0, 0.25);
  const cut = chooseCut(appearance, recession, depth, random);
  const fringe = chooseFringe(appearance, cut, recession, random);
  const extra = chooseExtra(appearance, cut, random);
  const most = cut === 'short' ? (man ? 4 : 6) : 2;
  return {
    cut,
    fringe: cut === 'buzz' ? 'swept' : fringe,
    extra,
    wavy: chance(random, 0.4),
    overEars: (cut === 'bob' || cut === 'long') && (extra === 'none' ? chance(random, 0.75) : false),
    /** The side of the parting. */
    part: anySide(random),
    /** How far the hair stands off the top of the skull, in units. */
    volume:
      (curve(appearance.bones, [1, 2], [8, 5], [18, 7]) + range(random, -1.5, most)) *
      curve(appearance.hair, [50, 1], [85, 0.72]),
    /** How far the hairline has moved back, 0 to 1; above 0.72 most of the hair is gone. */
    recession,
    ...chooseColor(appearance, depth, random),
  };
}
