import type { Hair } from './hair.js';
import type { Proportions } from './proportions.js';
import { linearGradient } from './svg.js';

/** The paint of `hairPaint`. */
export const HAIR_FILL = { fill: 'url(#hair)' };

/** The gradient that all pieces of the hair share; drawn before any of them. */
export function hairPaint(p: Proportions, hair: Hair): string {
  return linearGradient(
    'hair',
    [-p.templeW * 0.8, p.skullY - 8],
    [p.templeW, p.chinY],
    [
      [0, hair.light],
      [0.3, hair.tone],
      [1, hair.dark],
    ],
  );
}

/** How far the hair stands off the sides of the head. */
export const sideOf = (hair: Hair): number =>
  hair.cut === 'buzz' ? 0.6 : hair.cut === 'short' ? 0.8 + hair.volume * 0.2 : 1.6 + hair.volume * 0.32;
