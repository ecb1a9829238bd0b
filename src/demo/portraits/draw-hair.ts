import type { Random } from '../../base/random.js';
import { chance, range } from './chance.js';
import { closedCurve, cornered, mirrored, type Point, points, resampled, scalloped, symmetric } from './curves.js';
import type { Hair } from './hair.js';
import { headEdge, headOutline, type Proportions } from './head.js';
import type { Skin } from './skin.js';
import { both, clipped, d, ellipse, fill, glow, linearGradient, stroke, tag } from './svg.js';

/** The gradient that all parts of the hair share, and that is drawn before them. */
const HAIR = 'url(#hair)';

export function hairGradient(p: Proportions, hair: Hair): string {
  const [from, to]: [Point, Point] = [
    [-p.templeW * 0.8, p.skullY - 8],
    [p.templeW, p.chinY],
  ];
  return linearGradient('hair', from, to, [0, hair.light], [0.3, hair.tone], [1, hair.dark]);
}

/** How far the hair stands off the sides of the head. */
const sideOf = ({ cut, volume }: Hair): number =>
  cut === 'buzz' ? 0.6 : cut === 'short' ? 0.8 + volume * 0.2 : 1.6 + volume * 0.32;

/** The hair behind head and neck. */
export function drawHairBack(p: Proportions, hair: Hair): string {
  const [w, v] = [p.templeW + sideOf(hair), hair.volume];
  if (hair.cut === 'afro') {
    const r = Math.max(p.templeW * 1.2, p.templeW + 8);
    const ring = Array.from({ length: 18 }, (_, i): Point => {
      const angle = (i / 18) * 2 * Math.PI;
      return [Math.sin(angle) * r * 1.08, p.templeY - 6 - Math.cos(angle) * (r * 1.02)];
    });
    return fill(HAIR)(scalloped(ring, 9));
  }
  const mass = (endY: number, endW: number): string => {
    const ring = symmetric(points`
      0 ${p.skullY - v + 4}  ${w * 0.8} ${p.skullY + 14}  ${w} ${p.templeY + 4}
      ${Math.min(w + 2.5, endW + 6)} ${p.cheekY + 4}  ${endW} ${endY - 8}  ${endW * 0.82} ${endY}  0 ${endY + 2}`);
    return fill(hair.dark)(hair.wavy && hair.extra === 'none' ? scalloped(ring, 10) : closedCurve(ring));
  };
  switch (hair.extra) {
    case 'bun':
      return drawBun(hair, hair.part * 2, p.skullY - v - 2) + mass(p.earY + 4, p.cheekW - 6);
    case 'ponytail':
      return drawPonytail(p, hair, w) + mass(p.earY + 4, p.cheekW - 6);
    case 'pigtails':
      return drawPigtails(p, hair, w) + mass(p.earY + 6, p.cheekW - 3);
    default:
      if (hair.cut === 'long') return mass(124, w + (hair.wavy ? 12 : 6));
      if (hair.cut === 'bob') return mass(p.jawY + (hair.wavy ? 14 : 18), w + (hair.wavy ? 6 : 3));
      if (hair.cut === 'horseshoe') return ellipse(0, p.earY - 5, p.cheekW + 3.2, 13, hair.dark);
      if (hair.cut === 'curls') return mass(p.earY + 14, p.cheekW);
      return '';
  }
}

const drawBun = (hair: Hair, x: number, y: number, r = 14): string =>
  ellipse(x, y, r, r * 0.92, HAIR) +
  stroke(hair.dark, 1.2, 0.5)`M${x - r * 0.6} ${y + r * 0.2}Q${x} ${y - r * 0.9} ${x + r * 0.6} ${y + r * 0.2}` +
  stroke(hair.light, 1, 0.5)`M${x - r * 0.3} ${y + r * 0.5}Q${x} ${y - r * 0.2} ${x + r * 0.4} ${y + r * 0.5}`;

function drawPonytail(p: Proportions, hair: Hair, w: number): string {
  const s = hair.part;
  const tail = points`
    ${s * 20} ${p.skullY + 6}  ${s * (w + 10)} ${p.skullY + 18}  ${s * (w + 18)} ${p.cheekY - 4}
    ${s * (w + 9)} ${p.jawY + 18}  ${s * (w + 2)} ${p.jawY + 4}  ${s * (w - 2)} ${p.templeY}`;
  const course = d`M${s * 26} ${p.skullY + 8}Q${s * (w + 14)} ${p.skullY + 30} ${s * (w + 9)} ${p.jawY + 12}`;
  return fill(HAIR)(closedCurve(tail)) + stroke(hair.light, 1.4, 0.45)(course);
}

function drawPigtails(p: Proportions, hair: Hair, w: number): string {
  const low = hair.cut === 'long' ? p.jawY + 16 : p.earY + 6;
  return both(s => {
    const tail = points`
      ${s * (w - 4)} ${p.templeY - 2}  ${s * (w + 9)} ${p.templeY - 6}  ${s * (w + 17)} ${p.earY - 2}
      ${s * (w + 12)} ${low}  ${s * (w + 5)} ${low - 3}  ${s * (w + 1)} ${p.earY}`;
    const course = d`M${s * w} ${p.templeY}Q${s * (w + 13)} ${p.templeY + 6} ${s * (w + 11)} ${low - 4}`;
    return fill(HAIR)(closedCurve(tail)) + stroke(hair.light, 1.3, 0.45)(course);
  });
}

/** Locks that fall over the ears, in front of the shoulders. */
function drawLocks(p: Proportions, hair: Hair): string {
  const w = p.templeW + sideOf(hair);
  const end = hair.cut === 'long' ? p.neckY + 26 : p.jawY + 14;
  const middle = (p.cheekY + end) / 2;
  return both(s => {
    const outline = closedCurve(points`
      ${s * (w - 9)} ${p.templeY - 12}  ${s * w} ${p.templeY - 4}  ${s * (w + 3)} ${p.cheekY}
      ${s * (w + 4 + (hair.wavy ? 4 : 0))} ${middle}  ${s * (w + 1)} ${end - 5}  ${s * (w - 5)} ${end}
      ${s * (w - 8)} ${end - 12}  ${s * (p.cheekW - 4)} ${p.cheekY + 10}  ${s * (p.templeW - 6)} ${p.templeY + 12}`);
    const strand = (dx: number, color: string): string => {
      const bend = w + dx - (hair.wavy ? 6 : 0);
      const draw = stroke(color, 1.1, 0.38);
      return draw`M${s * (w - 5 + dx)} ${p.templeY - 4}C${s * (w + dx)} ${p.cheekY} ${s * bend} ${middle} ${s * (w - 4 + dx)} ${end - 4}`;
    };
    const strands = strand(-4, hair.dark) + strand(-1.5, hair.light) + strand(1.5, hair.dark);
    return fill(HAIR)(outline) + clipped(s < 0 ? 'lockL' : 'lockR', outline, strands);
  });
}

/** The right half of the outer edge of the cap, from the top down to the ear. */
function capEdge(p: Proportions, hair: Hair): Point[] {
  const side = sideOf(hair);
  const [v, w] = [hair.volume, p.templeW + side];
  const height = p.chinY - p.skullY;
  return points`
    0 ${p.skullY - v}  ${0.54 * w} ${p.skullY + 0.064 * height - v * 0.9}
    ${0.88 * w} ${p.skullY + 0.215 * height - v * 0.5}  ${w} ${p.templeY}
    ${p.cheekW + side * 0.8} ${p.earY - p.earH * 0.85}`;
}

/** How far down the hair reaches in front of the ears; gathered hair ends higher. */
const burnY = (p: Proportions, hair: Hair): number =>
  hair.extra === 'none' ? p.earY + (hair.cut === 'buzz' ? -3 : 0) : p.earY - p.earH * 0.75;

const partingX = (p: Proportions, hair: Hair): number => hair.part * p.templeW * 0.42;

/** The hairline from right to left, in pieces that meet at corners. */
function hairline(p: Proportions, hair: Hair, random: Random): Point[][] {
  const short = hair.cut === 'short' || hair.cut === 'buzz';
  const burn: Point = [p.cheekW - (short ? 2.6 : 4.5), burnY(p, hair) - 1.5];
  const temple: Point = [p.templeW - 5.5, p.templeY + 3];
  const [w, back] = [p.templeW, hair.recession];
  const y = p.hairlineY - back * 9;
  switch (hair.fringe) {
    case 'bangs': {
      const [corner, low]: [Point, number] = [[w - 3, p.browY + 4], p.browY - 4.5];
      const right = [corner, ...points`${w * 0.55} ${low + 0.5}`];
      return [[burn, corner], [...right, [0, low - 2], ...mirrored(right)], mirrored([burn, corner])];
    }
    case 'center': {
      const rise = points`${w - 3.5} ${p.templeY + 7}  ${w * 0.72} ${y + 9}  ${w * 0.35} ${y - 1}  0 ${y - 8}`;
      return [[burn, ...rise], mirrored([burn, ...rise])];
    }
    case 'side': {
      const [x, s] = [partingX(p, hair), hair.part];
      const parted = points`
        ${x} ${y - 6}  ${s * w * 0.72} ${y + 5 - back * 10}  ${s * temple[0]} ${temple[1]}  ${s * burn[0]} ${burn[1]}`;
      const sweep = points`
        ${-s * burn[0]} ${burn[1]}  ${-s * (w - 4)} ${p.templeY + 5}  ${-s * w * 0.72} ${y + 12 - back * 12}
        ${-s * w * 0.15} ${y + 5 - back * 6}  ${x} ${y - 6}`;
      return s > 0 ? [parted.reverse(), sweep.reverse()] : [sweep, parted];
    }
    case 'spiky': {
      const zigzag = Array.from({ length: 10 }, (_, i): Point => {
        const across = 1 - 2 * (i / 9);
        return [across * (w - 8), y + 3 + (i % 2 === 0 ? 0 : range(random, 6, 10)) + Math.abs(across) * 5];
      });
      return [
        [burn, temple, zigzag[0]!],
        ...zigzag.slice(1).map((point, i): Point[] => [zigzag[i]!, point]),
        mirrored([burn, temple, [w - 8, zigzag.at(-1)![1]]]),
      ];
    }
    default: {
      const rise = points`${w * (0.66 - back * 0.12)} ${y + 4 - back * 16}  ${w * 0.3} ${y - back * 2}`;
      const right = [burn, temple, ...rise];
      return [[...right, [0, y - 1 + back * 3], ...mirrored(right)]];
    }
  }
}

/** Strands from the crown to the hairline, dark and light in turn. */
function strands(p: Proportions, hair: Hair, edge: readonly Point[], random: Random): string {
  const [x, y] = [hair.fringe === 'side' ? partingX(p, hair) : 0, p.skullY - hair.volume * 0.8];
  const draw = ([edgeX, edgeY]: Point, i: number): string => {
    const [toX, toY] = [edgeX + range(random, -1, 1), edgeY + 1];
    const wave = hair.wavy ? range(random, -5, 5) : 0;
    const course = d`M${x} ${y}Q${toX * 1.12 + wave} ${y * 0.72 + toY * 0.28} ${toX} ${toY}`;
    const [color, opacity] = i % 2 === 0 ? [hair.dark, 0.32] : [hair.light, 0.38];
    return stroke(color!, range(random, 0.7, 1.3), opacity)(course);
  };
  return resampled(edge, 4.6).map(draw).join('');
}

/** Short arcs all over the top of curly hair. */
function curls(p: Proportions, hair: Hair, random: Random): string[] {
  return Array.from({ length: 26 }, () => {
    const t = range(random, -0.9, 0.9);
    const x = t * p.templeW;
    const y = p.skullY - hair.volume * 0.6 + t * t * 26 + range(random, 0, 14);
    const r = range(random, 2, 3.6);
    return stroke(chance(random, 0.5) ? hair.dark : hair.light, 1, 0.5)`M${x - r} ${y}a${r} ${r} 0 0 1 ${2 * r} 0`;
  });
}

/** The hair around the face, with its shadow on the forehead. */
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
  const cap = cornered([[-ear[0], ear[1]], ...top], ...inner);
  const edge = inner.flat();
  if (hair.cut === 'buzz') return fill(HAIR, 0.82)(cap) + shine(0.2);

  const cast = tag('g', { transform: 'translate(1.5 3.5)' }, fill(skin.line, 0.3)(cap));
  const shadow = clipped('hairShadow', headOutline(p), cast);
  if (hair.cut === 'curls' || hair.cut === 'afro') {
    const arcs = curls(p, hair, random);
    const outline = scalloped([...top, ...edge.slice(1)], hair.cut === 'afro' ? 8 : 8.5);
    return shadow + fill(HAIR)(outline) + clipped('curls', outline, ...arcs);
  }
  const gloss = stroke(hair.light, 5, 0.4);
  return (
    shadow +
    (hair.overEars ? drawLocks(p, hair) : '') +
    fill(HAIR)(cap) +
    clipped(
      'cap',
      cap,
      strands(p, hair, edge, random),
      gloss`M${-p.templeW * 0.78} ${p.templeY - 8}Q${-p.templeW * 0.62} ${p.skullY + 4} ${-p.templeW * 0.05} ${p.skullY + 2 - hair.volume * 0.3}`,
    )
  );
}

/** The hair of a baby: thin and short over the visible scalp, with a tuft on top of some. */
function drawFuzz(p: Proportions, hair: Hair, random: Random): string {
  const outer = headEdge(p, 0.8).slice(0, 4);
  const down = (by: number): string => {
    const inner = points`
      ${p.templeW - 0.4} ${p.templeY + 1}  ${p.templeW * 0.86} ${p.templeY - 4 - by}
      ${p.templeW * 0.6} ${p.hairlineY - 4 - by}  0 ${p.hairlineY - 6 - by}`;
    const pieces = [
      [...mirrored(outer), ...outer.slice(1)],
      [...inner, ...mirrored(inner).slice(1)],
    ];
    return fill(HAIR, 0.3)(cornered(...pieces));
  };
  const hairs = Array.from({ length: 44 }, () => {
    const t = range(random, -0.86, 0.86);
    const [x, y] = [t * p.templeW * 0.9, p.skullY + 2.5 + t * t * 18 + range(random, 0, 7)];
    const [dx, dy] = [t * 5 + hair.part * 1.2, 1.8 + Math.abs(t) * 3.5];
    return stroke(hair.tone, 0.75, 0.4)`M${x} ${y}q${dx * 0.8} ${dy * 0.2} ${dx} ${dy}`;
  });
  const [s, y] = [hair.part, p.skullY + 2];
  const lock = stroke(hair.tone, 1.9);
  const tuft =
    lock`M${-s * 2} ${y}c${s} -9 ${s * 11} -12 ${s * 12} -5.5c${s * 0.5} 3.5 ${-s * 4.5} 4 ${-s * 4.6} 0.8` +
    stroke(hair.tone, 1.6)`M${s} ${y + 0.5}c${-s} -6 ${-s * 6} -8 ${-s * 8.5} -5`;
  return (hair.extra === 'tuft' ? tuft : '') + down(0) + down(6) + hairs.join('');
}

/** The hair of a bald head: patches over the ears, and strands combed over the skull of some. */
function drawWreath(p: Proportions, hair: Hair, random: Random): string {
  const ring = points`
    ${p.templeW - 2} ${p.templeY - 7}  ${p.templeW + 2.2} ${p.templeY - 1}  ${p.cheekW + 3.4} ${p.earY - p.earH * 0.6}
    ${p.cheekW + 0.5} ${p.earY - 1}  ${p.cheekW - 2.8} ${p.earY - 2}  ${p.templeW - 4} ${p.templeY + 9}`;
  const strand = stroke(hair.tone, 1, 0.55);
  const combed = Array.from({ length: 7 }, (_, i) => {
    const [x, y] = [hair.part * p.templeW * 0.75, p.skullY];
    const end = -x * range(random, 0.7, 1);
    return strand`M${x} ${y + 19 - i * 0.7}Q${-x * 0.1} ${y + 2 + i * 2.2} ${end} ${y + 17 + i * 1.4}`;
  });
  const patches = both(s => {
    const placed = s > 0 ? ring : mirrored(ring);
    return fill(HAIR)(hair.wavy ? scalloped(placed, 5) : closedCurve(placed));
  });
  return patches + (hair.fringe === 'side' ? clipped('combed', headOutline(p), ...combed) : '');
}
