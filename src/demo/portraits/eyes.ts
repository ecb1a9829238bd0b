import type { Random } from '../../base/random.js';
import { chance, clamp, curve, oneOf, range, spread } from './chance.js';
import { luma, mix } from './color.js';
import type { Looks } from './looks.js';
import type { Proportions } from './proportions.js';
import type { Skin } from './skin.js';
import { clipped, closedCurve, d, ellipse, line, type Point, path, tag } from './svg.js';

/** Eyes and brows. */
export interface Eyes {
  readonly iris: string;
  /** Where the eyes look, in units: right and down positive. */
  readonly gaze: Point;
  /** How strong the lashes are, 0 to 1. */
  readonly lashes: number;
  /** How far the lids are open, about 0.75 to 1.1. */
  readonly open: number;
  /** How much skin hangs over the outer corner, 0 to 1. */
  readonly hooded: number;
  readonly brow: string;
  readonly browThickness: number;
  readonly browArch: number;
  /** How far the brows are raised in units. */
  readonly browRaise: number;
  /** Long single hairs in the brows of some old men. */
  readonly bushy: boolean;
}

const DARK_IRISES = ['#2a1810', '#3d2414', '#4a2e18', '#5e3d1e'];
const LIGHT_IRISES = ['#6b4a24', '#7a6230', '#5a7046', '#4f7f6a', '#4a7fa6', '#5f93b8', '#6d7f8c'];

/** Eyes for a skin and a hair colour; lashes are stronger in women, brows thicken until grown up and grey with the hair, but later. */
export function chooseEyes(
  looks: Looks,
  skin: Skin,
  hair: { readonly natural: string; readonly grey: number },
  random: Random,
): Eyes {
  const man = looks.sex === 'male';
  const light = skin.depth < 0.42 && chance(random, 0.25 + luma(hair.natural));
  const faint = curve(looks.bones, [0.5, 0.55], [3, 0.3], [9, 0.1], [15, 0]);
  const plain = mix(hair.natural, luma(hair.natural) > 0.35 ? '#3d2614' : '#17110e', 0.35);
  return {
    iris: oneOf(random, light ? LIGHT_IRISES : DARK_IRISES),
    gaze: [spread(random, 0, 0.5), spread(random, 0, 0.25)],
    lashes: clamp(
      (man ? 0.15 : curve(looks.age, [2, 0.35], [16, 0.75], [60, 0.6], [85, 0.3])) + spread(random, 0, 0.15),
      0,
      1,
    ),
    open: range(random, 0.9, 1.08),
    hooded: curve(looks.skin, [38, 0], [60, 0.5], [82, 1]) * range(random, 0.6, 1.2),
    brow: mix(mix(plain, skin.tone, faint), '#d8d5d0', clamp(hair.grey * 1.15 - 0.3, 0, 0.9)),
    browThickness:
      curve(looks.bones, [1, 1.5], [8, 2.1], [18, man ? 3.6 : 2.6], [60, man ? 3.7 : 2.3], [85, man ? 3.8 : 1.8]) *
      spread(random, 1, 0.14),
    browArch: spread(random, man ? 1.4 : 2, 0.7),
    browRaise: spread(random, 0.8, 1),
    bushy: man && looks.hair > 58 && chance(random, 0.5),
  };
}

/** Both eyes with lids and lashes. */
export function drawEyes(p: Proportions, eyes: Eyes, skin: Skin, looks: Looks): string {
  return drawEye(p, eyes, skin, looks, -1) + drawEye(p, eyes, skin, looks, 1);
}

function drawEye(p: Proportions, eyes: Eyes, skin: Skin, looks: Looks, side: 1 | -1): string {
  const w = p.eyeW;
  const h = p.eyeH * eyes.open;
  const cx = side * p.eyeX;
  const at = (x: number, y: number): string => d`${cx + side * x} ${p.eyeY + y}`;
  const upper = d`C${at(-w * 0.62, -h * 1.25)} ${at(w * 0.45, -h * 1.38)} ${at(w, -p.eyeTilt)}`;
  const start = d`M${at(-w, 0.9)}`;
  const outline = d`${start}${upper}C${at(w * 0.62, h * 0.98)} ${at(-w * 0.45, h * 1.02)} ${at(-w, 0.9)}Z`;
  const r = p.irisR;
  const [gx, gy] = [cx + eyes.gaze[0], p.eyeY + eyes.gaze[1] - h * 0.06];
  const lash = mix('#1d120d', skin.line, skin.depth > 0.6 ? 0 : 0.25);
  const old = curve(looks.skin, [45, 0], [85, 1]);
  const white = mix(mix('#fffdf8', skin.tone, 0.08), '#e9d9b8', old * 0.35);
  const hang = eyes.hooded;
  const crease = h * (0.55 - 0.25 * hang);
  const creaseLine = d`M${at(-w * 0.8, -h * 0.55 - 0.4)}C${at(-w * 0.5, -h * 1.15 - crease)} ${at(w * 0.55, -h * 1.15 - crease)} ${at(w * (1.02 + 0.14 * hang), -p.eyeTilt - 0.8 + hang * 2.2)}`;
  return (
    path(d`${start}${upper}L${at(w * 0.95, -h * 1.3)}L${at(0, -h * 1.3 - crease)}L${at(-w * 0.8, -h * 0.8)}Z`, {
      fill: skin.shadow,
      opacity: 0.28,
    }) +
    path(outline, { fill: white }) +
    clipped(
      side < 0 ? 'eyeL' : 'eyeR',
      outline,
      ellipse(gx, gy, r, r, { fill: mix(eyes.iris, '#0c0706', 0.5) }),
      ellipse(gx, gy + r * 0.12, r * 0.84, r * 0.82, { fill: eyes.iris }),
      ellipse(gx, gy + r * 0.4, r * 0.55, r * 0.42, { fill: mix(eyes.iris, '#ffe6b0', 0.4), opacity: 0.6 }),
      ellipse(gx, gy, r * 0.5, r * 0.5, { fill: '#0d0807' }),
      line(d`${start}${upper}`, '#1a0c08', h * 0.62, { opacity: 0.22 }),
    ) +
    ellipse(gx - r * 0.34, gy - r * 0.36, r * 0.25, r * 0.25, { fill: '#ffffff', opacity: 0.95 }) +
    ellipse(gx + r * 0.32, gy + r * 0.34, r * 0.12, r * 0.12, { fill: '#ffffff', opacity: 0.6 }) +
    line(creaseLine, skin.line, 0.9 + 0.7 * hang, { opacity: 0.4 + 0.25 * hang }) +
    line(d`${start}${upper}`, lash, 1.2 + eyes.lashes * 1.1) +
    line(d`M${at(w * 0.75, h * 0.5)}Q${at(0, h * 1.15)} ${at(-w * 0.7, h * 0.55)}`, skin.line, 0.7, { opacity: 0.4 }) +
    (eyes.lashes > 0.4
      ? path(
          d`M${at(w * 0.55, -h * 0.72)}Q${at(w * 1.05, -h * 0.5)} ${at(w * 1.32, -p.eyeTilt - 2.4)}Q${at(w * 1.15, -p.eyeTilt + 0.4)} ${at(w * 0.86, -p.eyeTilt + 0.8)}Z`,
          { fill: lash },
        )
      : '')
  );
}

/** Both brows; bushy ones have stray hairs. */
export function drawBrows(p: Proportions, eyes: Eyes, random: Random): string {
  const sides = ([-1, 1] as const).map(side => {
    const y = p.browY - eyes.browRaise;
    const [inner, outer] = [p.eyeX - p.eyeW * 1.02, p.eyeX + p.eyeW * 1.28];
    const at = (share: number, dy: number): Point => [side * (inner + (outer - inner) * share), y + dy];
    const t = eyes.browThickness / 2;
    const arch = eyes.browArch;
    const shape = closedCurve([
      at(0, t * 0.8 - 0.4),
      at(0.02, -t * 0.9 - 0.4),
      at(0.35, -arch * 0.7 - t),
      at(0.68, -arch - t * 0.75),
      at(1, 0.9),
      at(0.68, -arch + t * 0.55),
      at(0.35, -arch * 0.6 + t),
    ]);
    const hairs = Array.from({ length: eyes.bushy ? 7 : 0 }, () => {
      const [x, top] = at(range(random, 0.05, 0.95), -arch * 0.7);
      return line(
        d`M${x} ${top + 1}L${x + side * range(random, 0.5, 2)} ${top - range(random, 2.2, 3.6)}`,
        eyes.brow,
        0.9,
      );
    });
    return path(shape, { fill: eyes.brow }) + hairs.join('');
  });
  return tag('g', {}, ...sides);
}
