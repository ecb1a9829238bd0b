import type { Random } from '../../base/random.js';
import { chance, clamp, curve, range, weighted } from './chance.js';
import { mix } from './color.js';
import { closedCurve, cornered, mirrored, type Point, points, symmetric } from './curves.js';
import type { Hair } from './hair.js';
import { type Appearance, headEdge, type Proportions } from './head.js';
import { clipped, fill, stroke } from './svg.js';

export type Beard = NonNullable<ReturnType<typeof chooseBeard>>;

/** A beard of a man of 18 or more, or none; most frequent from thirty on. It turns gray somewhat before the hair. */
export function chooseBeard({ age, sex }: Appearance, hair: Hair, random: Random) {
  if (sex === 'female' || age < 18) return undefined;
  if (!chance(random, curve(age, [18, 0.25], [30, 0.55], [70, 0.42]))) return undefined;
  const kind = weighted(random, {
    stubble: curve(age, [18, 2], [60, 1]),
    moustache: curve(age, [22, 0.2], [60, 1]),
    goatee: 0.8,
    full: curve(age, [18, 0.2], [28, 1.6]),
  });
  const gray = clamp(hair.gray > 0 ? hair.gray * 1.2 + 0.1 : 0, 0, 1);
  const tone = mix(mix(hair.natural, '#3a2012', 0.15), '#dedad5', gray * 0.92);
  return {
    kind,
    /** How far it reaches below the chin, in units. */
    length: kind === 'full' ? range(random, 1.5, 5) + (chance(random, 0.25) ? 9 : 0) : range(random, 0.5, 3),
    tone,
    dark: mix(tone, '#150b08', 0.35),
    light: mix(tone, '#fff0dd', 0.3),
  };
}

/** The beard; the mouth is drawn over it. */
export function drawBeard(p: Proportions, beard: Beard, random: Random): string {
  const { mouthW: w, mouthY: y } = p;
  const lip = points`0 ${p.noseY + 3.6}  ${p.noseW * 0.9} ${p.noseY + 4.2}  ${w + 2.5} ${y + 0.5}  ${w * 0.55} ${y - 0.6}`;
  const moustache = closedCurve(symmetric([...lip, [0, y - 1.8]]));
  const full = fullOutline(p, beard.length);
  const whiskers = (count: number, width: number, top: number): string =>
    Array.from({ length: count }, (_, i) => {
      const [x, from] = [range(random, -width, width), range(random, top, p.chinY - 3)];
      const draw = stroke(i % 2 === 0 ? beard.dark : beard.light, 0.9, 0.42);
      return draw`M${x} ${from}q${x * 0.03} 2.4 ${x * 0.02 + range(random, -0.8, 0.8)} 4.6`;
    }).join('');
  switch (beard.kind) {
    case 'stubble':
      return fill(beard.dark, 0.2)(full);
    case 'moustache': {
      const light = stroke(beard.light, 0.8, 0.5);
      return fill(beard.tone)(moustache) + light`M${-w * 0.7} ${y - 1.6}Q0 ${p.noseY + 5} ${w * 0.7} ${y - 1.6}`;
    }
    case 'goatee': {
      const right = points`
        0 ${y + p.lip * 2}  ${w * 0.6} ${y + p.lip * 1.6}  ${w + 1.5} ${y + 1}  ${w + 2.2} ${y + 7}
        ${p.chinW * 0.9} ${p.chinY - 1}  0 ${p.chinY + beard.length}`;
      const paint = fill(beard.tone);
      return paint(closedCurve(symmetric(right))) + paint(moustache) + whiskers(10, p.chinW * 0.8, y + 7);
    }
    case 'full':
      return (
        fill(beard.tone)(full) +
        clipped('beard', full, whiskers(26, p.jawW * 0.8, y + 6)) +
        fill(beard.dark, 0.4)(moustache)
      );
  }
}

function fullOutline(p: Proportions, length: number): string {
  const [, , , , , side, chin, tip] = headEdge(p, 1.4) as [Point, Point, Point, Point, Point, Point, Point, Point];
  const jaw = [[p.cheekW + 0.2, p.earY - 3], side, [chin[0] + length * 0.35, chin[1] + length * 0.75]] as Point[];
  const below: Point[] = [...jaw, [0, tip[1] + length]];
  const cheek = points`
    0 ${p.noseY + 3.6}  ${p.noseW + 2} ${p.noseY + 4.6}  ${p.mouthW + 5} ${p.mouthY - 3.5}
    ${p.cheekW * 0.74} ${p.mouthY - 7}  ${p.cheekW - 3.2} ${p.earY + 6}  ${p.cheekW - 2.4} ${p.earY - 3}`;
  return cornered([...below, ...mirrored(below).slice(1)], [...mirrored(cheek), ...cheek.slice(1)]);
}
