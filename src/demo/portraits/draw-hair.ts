import type { Random } from '../../base/random.js';
import { chance, range } from './chance.js';
import type { Hair } from './hair.js';
import { drawLocks } from './hair-back.js';
import { HAIR_FILL, sideOf } from './hair-paint.js';
import { headOutline, type Proportions } from './proportions.js';
import type { Skin } from './skin.js';
import { drawFuzz, drawWreath } from './sparse-hair.js';
import { clipped, cornered, d, glow, line, mirrored, type Point, path, resampled, scalloped, tag } from './svg.js';

/** The right half of the cap's outer edge, from the top down to the ear. */
function capEdge(p: Proportions, hair: Hair): Point[] {
  const side = sideOf(hair);
  const [v, w] = [hair.volume, p.templeW + side];
  const height = p.chinY - p.skullY;
  return [
    [0, p.skullY - v],
    [0.54 * w, p.skullY + 0.064 * height - v * 0.9],
    [0.88 * w, p.skullY + 0.215 * height - v * 0.5],
    [w, p.templeY],
    [p.cheekW + side * 0.8, p.earY - p.earH * 0.85],
  ];
}

/** How far down the hair reaches in front of the ears; hair that is gathered behind hardly does. */
const burnY = (p: Proportions, hair: Hair): number =>
  hair.extra === 'none' ? p.earY + (hair.cut === 'buzz' ? -3 : 0) : p.earY - p.earH * 0.75;

/** The hairline from right to left, in pieces that meet at corners. */
function hairline(p: Proportions, hair: Hair, random: Random): Point[][] {
  const short = hair.cut === 'short' || hair.cut === 'buzz';
  const burn: Point = [p.cheekW - (short ? 2.6 : 4.5), burnY(p, hair) - 1.5];
  const temple: Point = [p.templeW - 5.5, p.templeY + 3];
  const back = hair.recession;
  const y = p.hairlineY - back * 9;
  switch (hair.fringe) {
    case 'bangs': {
      const low = p.browY - 4.5;
      return [
        [burn, [p.templeW - 3, p.browY + 4]],
        [
          [p.templeW - 3, p.browY + 4],
          [p.templeW * 0.55, low + 0.5],
          [0, low - 2],
          [-p.templeW * 0.55, low + 0.5],
          [-p.templeW + 3, p.browY + 4],
        ],
        mirrored([burn, [p.templeW - 3, p.browY + 4]]),
      ];
    }
    case 'centre': {
      const right: Point[] = [
        burn,
        [p.templeW - 3.5, p.templeY + 7],
        [p.templeW * 0.72, y + 9],
        [p.templeW * 0.35, y - 1],
        [0, y - 8],
      ];
      return [right, mirrored(right)];
    }
    case 'side': {
      const part = hair.part * p.templeW * 0.42;
      const s = hair.part;
      const short: Point[] = [
        [part, y - 6],
        [s * p.templeW * 0.72, y + 5 - back * 10],
        [s * temple[0], temple[1]],
        [s * burn[0], burn[1]],
      ];
      const sweep: Point[] = [
        [-s * burn[0], burn[1]],
        [-s * (p.templeW - 4), p.templeY + 5],
        [-s * p.templeW * 0.72, y + 12 - back * 12],
        [-s * p.templeW * 0.15, y + 5 - back * 6],
        [part, y - 6],
      ];
      return s > 0 ? [[...short].reverse(), [...sweep].reverse()] : [sweep, short];
    }
    case 'spiky': {
      const steps = 9;
      const zigzag = Array.from({ length: steps + 1 }, (_, i): Point => {
        const t = i / steps;
        const x = (1 - 2 * t) * (p.templeW - 8);
        return [x, y + 3 + (i % 2 === 0 ? 0 : range(random, 6, 10)) + Math.abs(1 - 2 * t) * 5];
      });
      return [
        [burn, temple, zigzag[0]!],
        ...zigzag.slice(1).map((point, i): Point[] => [zigzag[i]!, point]),
        mirrored([burn, temple, [p.templeW - 8, zigzag.at(-1)![1]]]),
      ];
    }
    case 'swept': {
      const dent = p.templeW * (0.66 - back * 0.12);
      const right: Point[] = [burn, temple, [dent, y + 4 - back * 16], [p.templeW * 0.3, y - back * 2]];
      return [[...right, [0, y - 1 + back * 3], ...mirrored(right)]];
    }
  }
}

/** Strands from the crown to the hairline, lighter and darker in turn. */
function strands(p: Proportions, hair: Hair, edge: readonly Point[], random: Random): string {
  const origin: Point = [hair.fringe === 'side' ? hair.part * p.templeW * 0.42 : 0, p.skullY - hair.volume * 0.8];
  const curls = (target: Point): string => {
    const bend: Point = [target[0] * 1.12, origin[1] * 0.72 + target[1] * 0.28];
    const wave = hair.wavy ? range(random, -5, 5) : 0;
    return d`M${origin[0]} ${origin[1]}Q${bend[0] + wave} ${bend[1]} ${target[0]} ${target[1]}`;
  };
  const targets = resampled(edge, 4.6);
  return targets
    .map((target, i) => {
      const color = i % 2 === 0 ? hair.dark : hair.light;
      return line(curls([target[0] + range(random, -1, 1), target[1] + 1]), color, range(random, 0.7, 1.3), {
        opacity: i % 2 === 0 ? 0.32 : 0.38,
      });
    })
    .join('');
}

/** The hair that frames the face, with the shadow that it casts on the forehead. */
export function drawHairFront(p: Proportions, hair: Hair, skin: Skin, random: Random): string {
  const shine = (strength: number): string =>
    glow('shine', [-p.templeW * 0.3, p.skullY + 15], p.templeW * 0.42, 11, '#fff6e6', strength);
  if (hair.cut === 'bald') return shine(0.6);
  if (hair.cut === 'fuzz') return drawFuzz(p, hair, random);
  if (hair.cut === 'horseshoe') return shine(0.6) + drawWreath(p, hair, random);

  const outer = capEdge(p, hair);
  const inner = hairline(p, hair, random);
  const ear: Point = [p.cheekW - 0.5, burnY(p, hair)];
  const top = [...mirrored(outer), ...outer.slice(1), ear];
  const curly = hair.cut === 'curls' || hair.cut === 'afro';
  const cap = cornered([[-ear[0], ear[1]], ...top], ...inner);
  const edge = inner.flat();
  const shadow = clipped(
    'hairShadow',
    headOutline(p),
    tag('g', { transform: 'translate(1.5 3.5)' }, path(cap, { fill: skin.line, opacity: 0.3 })),
  );
  if (hair.cut === 'buzz') {
    return path(cap, { ...HAIR_FILL, opacity: 0.82 }) + shine(0.2);
  }
  if (curly) {
    const ring = [...top, ...edge.slice(1)];
    const size = hair.cut === 'afro' ? 8 : 8.5;
    const curl = Array.from({ length: 26 }, () => {
      const t = range(random, -0.9, 0.9);
      const x = t * p.templeW;
      const y = p.skullY - hair.volume * 0.6 + t * t * 26 + range(random, 0, 14);
      const r = range(random, 2, 3.6);
      return line(d`M${x - r} ${y}a${r} ${r} 0 0 1 ${2 * r} 0`, chance(random, 0.5) ? hair.dark : hair.light, 1, {
        opacity: 0.5,
      });
    });
    const outline = scalloped(ring, size);
    return shadow + path(outline, HAIR_FILL) + clipped('curls', outline, ...curl);
  }
  const gloss = line(
    d`M${-p.templeW * 0.78} ${p.templeY - 8}Q${-p.templeW * 0.62} ${p.skullY + 4} ${-p.templeW * 0.05} ${p.skullY + 2 - hair.volume * 0.3}`,
    hair.light,
    5,
    { opacity: 0.4 },
  );
  return (
    shadow +
    (hair.overEars ? drawLocks(p, hair) : '') +
    path(cap, HAIR_FILL) +
    clipped('cap', cap, strands(p, hair, edge, random), gloss)
  );
}
