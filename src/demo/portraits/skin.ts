import type { Random } from '../../base/random.js';
import { chance, curve, range } from './chance.js';
import { along, luma, mix } from './color.js';
import type { Looks } from './looks.js';

/** The colours of somebody's skin. */
export interface Skin {
  readonly tone: string;
  readonly light: string;
  readonly shadow: string;
  /** The darkest: lines, nostrils, creases. */
  readonly line: string;
  readonly blush: string;
  readonly lip: string;
  /** How dark the skin is, 0 (lightest) to 1 (darkest). */
  readonly depth: number;
  /** How many freckles lie over nose and cheeks. */
  readonly freckles: number;
}

const TONES = [
  '#fee5d6',
  '#fad9c0',
  '#f5cba8',
  '#eabb92',
  '#dda67a',
  '#cb8f62',
  '#b57a4e',
  '#9c643e',
  '#815033',
  '#683f2a',
];

/** Colours of skin from very light to very dark; old skin is a little paler, a child's rosier, some women paint their lips. */
export function chooseSkin(looks: Looks, random: Random): Skin {
  const depth = random.uniform();
  const undertone = range(random, -1, 1);
  const plain = mix(along(TONES, depth), undertone > 0 ? '#e8a24a' : '#e07a80', Math.abs(undertone) * 0.1);
  const tone = mix(plain, '#d8cdbf', curve(looks.skin, [50, 0], [90, 0.16]) * (1 - depth * 0.6));
  const line = mix(tone, luma(tone) > 0.4 ? '#6b2a1c' : '#1c0a08', 0.62);
  const natural = mix(tone, depth > 0.6 ? '#8a3a3c' : '#c8504f', curve(looks.age, [10, 0.42], [60, 0.42], [85, 0.3]));
  const painted = looks.sex === 'female' && looks.age > 17 && chance(random, 0.4);
  const paints = ['#c2223a', '#b23a5a', '#d4586a', '#8e2440', '#cc4b3c'];
  return {
    tone,
    light: mix(tone, '#ffeacb', 0.34),
    shadow: mix(tone, depth > 0.6 ? '#35141a' : '#9a4034', 0.3),
    line,
    blush: mix(tone, '#e8403c', 0.55),
    lip: painted ? mix(natural, paints[random.integer(paints.length)]!, 0.75) : natural,
    depth,
    freckles:
      depth < 0.5 && looks.age > 3 && chance(random, curve(looks.age, [8, 0.3], [40, 0.12]))
        ? 14 + random.integer(16)
        : 0,
  };
}
