import type { Random } from '../../base/random.js';
import { chance, clamp, curve, range, weighted } from './chance.js';
import { mix } from './color.js';
import type { Hair } from './hair.js';
import type { Looks } from './looks.js';
import { headEdge, type Proportions } from './proportions.js';
import { clipped, closedCurve, cornered, d, line, mirrored, type Point, path } from './svg.js';

/** Hair on the face of a man. */
export interface Beard {
  readonly kind: 'stubble' | 'moustache' | 'goatee' | 'full';
  /** How far it reaches below the chin, in units. */
  readonly length: number;
  readonly tone: string;
  readonly dark: string;
  readonly light: string;
}

/** The youngest age at which a beard is drawn. */
export const BEARD_FROM = 18;

/** A beard, or none: for men from 18 on alone, more often from thirty on; it greys somewhat before the hair. */
export function chooseBeard(looks: Looks, hair: Hair, random: Random): Beard | undefined {
  if (
    looks.sex === 'female' ||
    looks.age < BEARD_FROM ||
    !chance(random, curve(looks.age, [18, 0.25], [30, 0.55], [70, 0.42]))
  )
    return undefined;
  const kind = weighted(random, {
    stubble: curve(looks.age, [18, 2], [60, 1]),
    moustache: curve(looks.age, [22, 0.2], [60, 1]),
    goatee: 0.8,
    full: curve(looks.age, [18, 0.2], [28, 1.6]),
  });
  const grey = clamp(hair.grey > 0 ? hair.grey * 1.2 + 0.1 : 0, 0, 1);
  const tone = mix(mix(hair.natural, '#3a2012', 0.15), '#dedad5', grey * 0.92);
  return {
    kind,
    length: kind === 'full' ? range(random, 1.5, 5) + (chance(random, 0.25) ? 9 : 0) : range(random, 0.5, 3),
    tone,
    dark: mix(tone, '#150b08', 0.35),
    light: mix(tone, '#fff0dd', 0.3),
  };
}

/** The beard; the mouth is drawn over it. */
export function drawBeard(p: Proportions, beard: Beard, random: Random): string {
  const lip: Point[] = [
    [0, p.noseY + 3.6],
    [p.noseW * 0.9, p.noseY + 4.2],
    [p.mouthW + 2.5, p.mouthY + 0.5],
  ];
  const moustache = closedCurve([
    ...lip,
    [p.mouthW * 0.55, p.mouthY - 0.6],
    [0, p.mouthY - 1.8],
    ...mirrored([...lip, [p.mouthW * 0.55, p.mouthY - 0.6]]).slice(0, -1),
  ]);
  const edge = headEdge(p, 1.4);
  const jaw: Point[] = [
    [p.cheekW + 0.2, p.earY - 3],
    edge[5]!,
    [edge[6]![0] + beard.length * 0.35, edge[6]![1] + beard.length * 0.75],
    [0, edge[7]![1] + beard.length],
  ];
  const cheek: Point[] = [
    [0, p.noseY + 3.6],
    [p.noseW + 2, p.noseY + 4.6],
    [p.mouthW + 5, p.mouthY - 3.5],
    [p.cheekW * 0.74, p.mouthY - 7],
    [p.cheekW - 3.2, p.earY + 6],
    [p.cheekW - 2.4, p.earY - 3],
  ];
  const full = cornered([...jaw, ...mirrored(jaw).slice(1)], [...mirrored(cheek), ...cheek.slice(1)]);
  const whiskers = (count: number, width: number, top: number): string =>
    Array.from({ length: count }, (_, i) => {
      const x = range(random, -width, width);
      const y = range(random, top, p.chinY - 3);
      return line(
        d`M${x} ${y}q${x * 0.03} 2.4 ${x * 0.02 + range(random, -0.8, 0.8)} 4.6`,
        i % 2 === 0 ? beard.dark : beard.light,
        0.9,
        { opacity: 0.42 },
      );
    }).join('');
  switch (beard.kind) {
    case 'stubble':
      return path(full, { fill: beard.dark, opacity: 0.2 });
    case 'moustache':
      return (
        path(moustache, { fill: beard.tone }) +
        line(
          d`M${-p.mouthW * 0.7} ${p.mouthY - 1.6}Q0 ${p.noseY + 5} ${p.mouthW * 0.7} ${p.mouthY - 1.6}`,
          beard.light,
          0.8,
          { opacity: 0.5 },
        )
      );
    case 'goatee': {
      const right: Point[] = [
        [0, p.mouthY + p.lip * 2],
        [p.mouthW * 0.6, p.mouthY + p.lip * 1.6],
        [p.mouthW + 1.5, p.mouthY + 1],
        [p.mouthW + 2.2, p.mouthY + 7],
        [p.chinW * 0.9, p.chinY - 1],
        [0, p.chinY + beard.length],
      ];
      return (
        path(closedCurve([...right, ...mirrored(right).slice(1, -1)]), { fill: beard.tone }) +
        path(moustache, { fill: beard.tone }) +
        whiskers(10, p.chinW * 0.8, p.mouthY + 7)
      );
    }
    case 'full':
      return (
        path(full, { fill: beard.tone }) +
        clipped('beard', full, whiskers(26, p.jawW * 0.8, p.mouthY + 6)) +
        path(moustache, { fill: beard.dark, opacity: 0.4 })
      );
  }
}
