import type { Random } from '../../base/random.js';
import { chance, curve, oneOf, range, weighted } from './chance.js';
import { FABRICS } from './clothes.js';
import { mix } from './color.js';
import { closedCurve, cornered, mirrored, type Point, points, resampled, scalloped, symmetric } from './curves.js';
import type { Hair } from './hair.js';
import type { Appearance, Proportions } from './head.js';
import { both, clipped, d, ellipse, fill, stroke, tag } from './svg.js';

export type Accessories = ReturnType<typeof chooseAccessories>;
type Glasses = NonNullable<Accessories['glasses']>;
type Earrings = NonNullable<Accessories['earrings']>;
type Hat = NonNullable<Accessories['hat']>;

/** Glasses (more often with age), earrings, a necklace, and sometimes a hat. */
export function chooseAccessories({ age, sex }: Appearance, random: Random) {
  const metal = oneOf(random, ['#d9b24a', '#cfd3d8', '#e8e2d8', '#b8785a']);
  const girl = sex === 'female';
  const glasses = chance(random, curve(age, [4, 0], [10, 0.13], [40, 0.24], [55, 0.48], [80, 0.6]));
  const [main = '', second = ''] = random.shuffle(FABRICS);
  const hat = chance(random, age < 13 && girl ? 0.26 : 0.09);
  const kinds = age < 16 ? (['stud'] as const) : (['stud', 'hoop', 'drop'] as const);
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
        ? { kind: oneOf<'stud' | 'hoop' | 'drop'>(random, kinds), color: metal }
        : undefined,
    /** Color of the beads of a necklace. */
    beads:
      girl && chance(random, curve(age, [5, 0.05], [30, 0.12], [65, 0.4]))
        ? oneOf(random, ['#f7f1e6', '#f7f1e6', '#c8503c', '#3d8f8a', '#e0a93c'])
        : undefined,
    hat: hat
      ? {
          kind: weighted(random, {
            beanie: 1,
            cap: age > 3 ? 1 : 0.2,
            scarf: girl && age > 14 ? 0.9 : 0,
            headband: girl ? 0.8 : 0,
            bow: girl && age < 12 ? 2.5 : 0,
          }),
          main,
          second,
        }
      : undefined,
  };
}

/** The hair under a hat: nothing tall, nothing on top. */
export function underHat(hair: Hair, { hat }: Accessories): Hair {
  if (hat === undefined || hat.kind === 'bow' || hat.kind === 'headband') return hair;
  if (hat.kind === 'scarf') return { ...hair, cut: 'bald', extra: 'none', overEars: false };
  const cut = hair.cut === 'afro' || hair.cut === 'curls' ? 'short' : hair.cut;
  return { ...hair, cut, volume: Math.min(hair.volume, 2), extra: hair.extra === 'pigtails' ? 'pigtails' : 'none' };
}

export function drawGlasses(p: Proportions, { color, thickness, frame }: Glasses): string {
  const [rx, ry] = [Math.min(p.eyeX - 3.2, p.eyeW * 1.75), frame === 'round' ? Math.min(p.eyeX - 3.2, 12.6) : 9.6];
  const [y, center] = [p.eyeY + 1.2, p.eyeX + 0.6];
  const corner = frame === 'round' ? { rx, ry } : { rx: 4.5, ry: 4.5 };
  const halfRim = stroke(color, thickness * 0.6);
  const lens = (s: number): string => {
    const x = s * center;
    const box = { x: x - rx, y: y - ry, width: 2 * rx, height: 2 * ry, ...corner };
    const rim =
      frame === 'half'
        ? halfRim`M${x - rx} ${y - ry * 0.7}Q${x - rx} ${y + ry} ${x} ${y + ry}Q${x + rx} ${y + ry} ${x + rx} ${y - ry * 0.7}` +
          stroke(color, thickness * 1.5)`M${x - rx} ${y - ry * 0.8}H${x + rx}`
        : tag('rect', { ...box, fill: 'none', stroke: color, 'stroke-width': thickness });
    const glare = stroke('#ffffff', 1.6, 0.5)`M${x - rx * 0.74} ${y - ry * 0.05}L${x - rx * 0.36} ${y - ry * 0.62}`;
    return tag('rect', { ...box, fill: '#eaf4ff', opacity: 0.14 }) + rim + glare;
  };
  const arm = stroke(color, thickness * 1.1);
  return (
    both(s => arm`M${s * (center + rx)} ${y - ry * 0.45}L${s * (p.cheekW + 1)} ${y - ry * 0.3}`) +
    both(lens) +
    stroke(color, thickness)`M${rx - center} ${y - 2}Q0 ${y - 5.5} ${center - rx} ${y - 2}`
  );
}

/** A necklace that hangs down `depth` units, a little less. */
export function drawBeads(p: Proportions, color: string, depth: number): string {
  const [w, y] = [p.neckW, p.neckY];
  const half = points`${-w - 2} ${y + 1}  ${-w * 0.62} ${y + depth * 0.52}`;
  const edge = { stroke: mix(color, '#4a3020', 0.35), 'stroke-width': 0.4 };
  return resampled([...half, [0, y + depth * 0.78], ...mirrored(half)], 4)
    .map(([x, y]) => ellipse(x, y, 2, 2, color, undefined, edge))
    .join('');
}

export const drawEarrings = (p: Proportions, { kind, color }: Earrings): string =>
  both(s => {
    const [x, y] = [s * (p.cheekW + p.earW * 0.28), p.earY + p.earH * 0.9];
    const edge = { stroke: mix(color, '#3a2a10', 0.35), 'stroke-width': 0.5 };
    if (kind === 'stud') return ellipse(x, y, 1.7, 1.7, color, undefined, edge);
    if (kind === 'hoop') return ellipse(x, y + 4, 3.4, 4.2, 'none', undefined, { stroke: color, 'stroke-width': 1.4 });
    return stroke(color, 0.9)`M${x} ${y}v5` + ellipse(x, y + 7, 2.1, 2.9, color);
  });

/** The hat, over hair and brow; `side` is that of the parting. */
export const drawHat = (p: Proportions, hat: Hat, side: 1 | -1): string =>
  hats[hat.kind]({
    p,
    ...hat,
    side,
    w: p.templeW * 0.96 + 3.5,
    rim: p.hairlineY + 8,
    dark: mix(hat.main, '#120c18', 0.35),
  });

interface HatPlan {
  readonly p: Proportions;
  readonly main: string;
  readonly second: string;
  readonly dark: string;
  readonly side: 1 | -1;
  /** Half width, and height of the lower edge on the forehead. */
  readonly w: number;
  readonly rim: number;
}

const crown = ({ p, w, rim }: HatPlan): string => {
  const top = p.skullY - 9;
  const right = points`0 ${top}  ${w * 0.5} ${top + 4}  ${w * 0.87} ${top + 17}  ${w} ${rim}`;
  return cornered([...mirrored(right), ...right.slice(1)], points`${w} ${rim}  0 ${rim - 6}  ${-w} ${rim}`);
};

/** A closed outline of two lines from side to side, given by their left halves, both ends included. */
const between = (upper: Point[], lower: Point[]): string =>
  cornered([...upper, ...mirrored(upper).slice(1)], [...lower, ...mirrored(lower).slice(1)].reverse());

const hats: Readonly<Record<Hat['kind'], (plan: HatPlan) => string>> = {
  beanie(plan) {
    const { p, main, second, dark, w, rim } = plan;
    const band = between(
      points`${-w - 1.5} ${rim + 3}  ${-w - 1} ${rim - 7}  ${-w * 0.5} ${rim - 11.5}  0 ${rim - 13}`,
      points`${-w - 1.5} ${rim + 3}  ${-w * 0.5} ${rim - 2}  0 ${rim - 3.5}`,
    );
    const ball = Array.from({ length: 10 }, (_, i): Point => {
      const angle = (i / 10) * 2 * Math.PI;
      return [Math.sin(angle) * 8.5, p.skullY - 14 - Math.cos(angle) * 8];
    });
    const [knit, rib] = [stroke(dark, 1, 0.25), stroke(dark, 0.9, 0.4)];
    const knits = [-0.55, -0.2, 0.2, 0.55].map(
      t => knit`M${t * w * 0.5} ${p.skullY - 4}Q${t * w * 1.2} ${p.skullY + 6} ${t * w * 1.35} ${rim - 12}`,
    );
    const ribs = Array.from({ length: 11 }, (_, i) => {
      const t = (i - 5) / 5.4;
      return rib`M${t * w} ${rim - 10.5 + t * t * 5}v6.5`;
    });
    const pompom = fill(second)(scalloped(ball, 5));
    return [pompom, fill(main)(crown(plan)), ...knits, fill(mix(main, second, 0.4))(band), ...ribs].join('');
  },
  cap(plan) {
    const { p, main, second, dark, w, rim } = plan;
    const top = p.skullY - 9;
    const peak = between(
      points`${-w * 0.92} ${rim - 1}  ${-w * 0.5} ${rim - 7.5}  0 ${rim - 9.5}`,
      points`${-w * 0.92} ${rim - 1}  ${-w * 0.7} ${rim + 5}  0 ${rim + 8}`,
    );
    const seam = stroke(dark, 0.9, 0.4);
    const light = stroke(mix(main, '#ffffff', 0.35), 1, 0.7);
    return (
      fill(main)(crown(plan)) +
      both(s => seam`M0 ${top}Q${s * w * 0.55} ${p.skullY - 2} ${s * w * 0.5} ${rim - 9}`) +
      ellipse(0, rim - 18, 5.5, 5, second, 0.9) +
      ellipse(0, top, 2.4, 1.5, dark) +
      fill(mix(main, dark, 0.7))(peak) +
      light`M${-w * 0.86} ${rim - 2}Q0 ${rim - 15.5} ${w * 0.86} ${rim - 2}`
    );
  },
  scarf({ p, main, dark, side: s, w }) {
    const outer = points`
      0 ${p.skullY - 8}  ${w * 0.7} ${p.skullY}  ${w + 4} ${p.templeY}  ${w + 4} ${p.cheekY + 6}
      ${p.jawW + 12} ${p.chinY}  ${p.neckW + 18} ${p.neckY + 14}  0 ${p.neckY + 26}`;
    const face = closedCurve(
      symmetric(points`
        0 ${p.hairlineY}  ${p.templeW * 0.62} ${p.hairlineY + 5}  ${p.templeW - 3.5} ${p.templeY + 9}
        ${p.cheekW - 2.5} ${p.cheekY + 4}  ${p.jawW - 1} ${p.jawY + 1}  ${p.chinW + 2} ${p.chinY - 1}  0 ${p.chinY + 1.5}`),
    );
    const fold = stroke(dark, 1.2, 0.5);
    const folds = [0, 7, 14].map(
      (dy, i) =>
        fold`M${-s * (p.jawW + 4)} ${p.chinY - 12 + dy}Q${s * 4} ${p.chinY + 14 + dy} ${s * (p.jawW + 8)} ${p.chinY - 2 + i * 6}`,
    );
    const light = stroke(mix(main, '#ffffff', 0.45), 4, 0.35);
    return (
      fill(main, undefined, { 'fill-rule': 'evenodd' })(closedCurve(symmetric(outer)) + face) +
      tag('path', { d: face, fill: 'none', stroke: dark, 'stroke-width': 1.4, opacity: 0.4 }) +
      light`M${-w - 1} ${p.cheekY}Q${-w} ${p.skullY + 8} ${-w * 0.3} ${p.skullY - 3}` +
      // The folds are clipped to what is below the chin, so that they do not cross the face.
      clipped('folds', d`M-100 ${p.chinY + 2}H100V140H-100Z`, ...folds)
    );
  },
  headband({ main, w, rim }) {
    const [band, light] = [stroke(main, 4.4), stroke(mix(main, '#ffffff', 0.5), 1, 0.6)];
    return (
      band`M${-w + 2} ${rim + 2}Q${-w * 0.75} ${rim - 17} 0 ${rim - 18}Q${w * 0.75} ${rim - 17} ${w - 2} ${rim + 2}` +
      light`M${-w + 3} ${rim}Q${-w * 0.72} ${rim - 17.5} 0 ${rim - 18.5}`
    );
  },
  bow({ p, main, dark, side }) {
    const [x, y] = [side * p.templeW * 0.55, p.skullY + 5];
    const wing = (s: number): string => {
      const outline = points`${x} ${y}  ${x + s * 6} ${y - 6.5}  ${x + s * 11.5} ${y - 5}  ${x + s * 11} ${y + 4.5}  ${x + s * 5} ${y + 5}`;
      return fill(main, undefined, { stroke: dark, 'stroke-width': 0.7 })(closedCurve(outline));
    };
    const knot = ellipse(x, y, 3, 3.4, mix(main, dark, 0.4));
    return tag('g', { transform: `rotate(${side * 24} ${x} ${y})` }, both(wing), knot);
  },
};
