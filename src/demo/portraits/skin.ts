import type { Random } from '../../base/random.js';
import { chance, clamp, curve, range, spread } from './chance.js';
import { along, luma, mix } from './color.js';
import { closedCurve, mirrored, type Point, points } from './curves.js';
import { type Appearance, headOutline, type Proportions } from './head.js';
import { both, clipped, d, ellipse, fill, glow, linearGradient, stroke, tag } from './svg.js';

const TONES = '#fee5d6 #fad9c0 #f5cba8 #eabb92 #dda67a #cb8f62 #b57a4e #9c643e #815033 #683f2a'.split(' ');
const LIPSTICKS = ['#c2223a', '#b23a5a', '#d4586a', '#8e2440', '#cc4b3c'];

export type Skin = ReturnType<typeof chooseSkin>;

/** Colors of skin from very light to very dark. Old skin is somewhat paler, that of children rosier; some women wear lipstick. */
export function chooseSkin(appearance: Appearance, random: Random) {
  const depth = random.uniform();
  const undertone = range(random, -1, 1);
  const plain = mix(along(TONES, depth), undertone > 0 ? '#e8a24a' : '#e07a80', Math.abs(undertone) * 0.1);
  const tone = mix(plain, '#d8cdbf', curve(appearance.skin, [50, 0], [90, 0.16]) * (1 - depth * 0.6));
  const natural = mix(
    tone,
    depth > 0.6 ? '#8a3a3c' : '#c8504f',
    curve(appearance.age, [10, 0.42], [60, 0.42], [85, 0.3]),
  );
  const painted = appearance.sex === 'female' && appearance.age > 17 && chance(random, 0.4);
  const lip = painted ? mix(natural, LIPSTICKS[random.integer(LIPSTICKS.length)]!, 0.75) : natural;
  const freckled = depth < 0.5 && appearance.age > 3 && chance(random, curve(appearance.age, [8, 0.3], [40, 0.12]));
  return {
    tone,
    light: mix(tone, '#ffeacb', 0.34),
    shadow: mix(tone, depth > 0.6 ? '#35141a' : '#9a4034', 0.3),
    /** The darkest: lines, nostrils, creases. */
    line: mix(tone, luma(tone) > 0.4 ? '#6b2a1c' : '#1c0a08', 0.62),
    blush: mix(tone, '#e8403c', 0.55),
    lip,
    /** From 0 (lightest) to 1 (darkest). */
    depth,
    /** Number of freckles. */
    freckles: freckled ? 14 + random.integer(16) : 0,
  };
}

export const drawEars = (p: Proportions, skin: Skin): string =>
  both(side => {
    const { earW: w, earH: h } = p;
    const at = (dx: number, dy: number): Point => [side * (p.cheekW - 0.6) + side * dx, p.earY + dy];
    const edge = [at(w * 0.45, -h), at(w, -h * 0.45), at(w * 0.78, h * 0.35), at(w * 0.3, h)];
    const outline = closedCurve([at(-4, -h * 0.75), ...edge, at(-4, h * 0.6)]);
    const [a, b, c] = [at(1, -h * 0.45), at(w * 0.95, -h * 0.8), at(w * 0.15, h * 0.5)];
    return (
      fill(side < 0 ? skin.tone : mix(skin.tone, skin.shadow, 0.6))(outline) +
      stroke(skin.line, 1.1, 0.45)`M${a[0]} ${a[1]}Q${b[0]} ${b[1]} ${c[0]} ${c[1]}`
    );
  });

/** The head without hair, shaded from the upper left, with rosy cheeks. */
export function drawHead(p: Proportions, skin: Skin, bones: number): string {
  const outline = headOutline(p);
  const rosy = curve(bones, [1, 0.62], [10, 0.42], [25, 0.26], [80, 0.22]);
  const cheek = (side: number): string => {
    const center: Point = [side * p.cheekW * 0.6, p.noseY + 3];
    return glow(side < 0 ? 'rosyL' : 'rosyR', center, p.cheekW * 0.33, p.cheekW * 0.27, skin.blush, rosy);
  };
  const colors = [[0, skin.light] as const, [0.42, skin.tone] as const, [1, skin.shadow] as const];
  return (
    linearGradient('face', [-p.templeW, p.skullY], [p.templeW, p.chinY], ...colors) +
    fill('url(#face)')(outline) +
    clipped(
      'head',
      outline,
      tag('g', { transform: 'translate(-9 -3)' }, fill(skin.tone, 0.55)(outline)),
      glow('forehead', [-p.templeW * 0.3, p.hairlineY + 12], p.templeW * 0.6, 17, skin.light, 0.75),
      glow('chin', [-2, p.chinY - 7], p.chinW * 1.1, 7, skin.light, 0.45),
      both(cheek),
    )
  );
}

/** The neck, from behind the head down to `depth` below the shoulders, with the shadow of the head; `old` is the strength of lines, 0 to 1. */
export function drawNeck(p: Proportions, skin: Skin, depth: number, width: number, old: number): string {
  const right = points`
    ${p.neckW} ${p.mouthY}  ${p.neckW - 0.5} ${(p.chinY + p.neckY) / 2}  ${p.neckW + 2.5} ${p.neckY - 2}
    ${width} ${p.neckY + 4}  ${width * 0.72} ${p.neckY + depth * 0.75}  0 ${p.neckY + depth}`;
  const outline = closedCurve([...right, ...mirrored(right).slice(1)]);
  const ring = d`M${-p.neckW * 0.7} ${p.neckY - 4}Q0 ${p.neckY + 1} ${p.neckW * 0.7} ${p.neckY - 4}`;
  const cord = stroke(skin.line, 1.1, 0.35 * old);
  return (
    fill(skin.tone)(outline) +
    clipped(
      'neck',
      outline,
      ellipse(p.neckW * 0.9, p.neckY, p.neckW * 0.8, 60, skin.shadow, 0.35),
      tag('g', { transform: 'translate(2 8)' }, fill(skin.shadow, 0.85)(headOutline(p))),
      both(s => cord`M${s * 5} ${p.chinY + 5}Q${s * 7} ${p.neckY - 3} ${s * 3.5} ${p.neckY + 5}`),
      stroke(skin.line, 1, 0.3 * old)(ring),
    )
  );
}

export type AgeMarks = ReturnType<typeof chooseAgeMarks>;

/** Marks of age, with strengths from 0 (none) to about 1, which vary by person; dark skin has weaker lines. */
export function chooseAgeMarks(appearance: Appearance, skin: Skin, random: Random) {
  const own = (...stops: readonly (readonly [age: number, strength: number])[]): number =>
    clamp(curve(appearance.skin, ...stops) * spread(random, 1, 0.3) * (1 - 0.12 * skin.depth), 0, 1.15);
  return {
    forehead: own([27, 0], [45, 0.45], [65, 0.75], [90, 1.1]),
    frown: own([32, 0], [50, 0.5], [75, 0.9]),
    crowsFeet: own([28, 0], [42, 0.4], [60, 0.75], [88, 1.1]),
    bags: own([26, 0], [45, 0.5], [65, 0.75], [90, 1.1]),
    /** From the nose to the corners of the mouth. */
    folds: own([20, 0], [35, 0.35], [50, 0.6], [70, 0.85], [90, 1.1]),
    /** From the corners of the mouth down. */
    marionette: own([42, 0], [60, 0.45], [88, 1.1]),
    hollows: own([55, 0], [90, 1]),
    /** Numbers of age spots and pimples. */
    spots:
      appearance.skin > 55 && chance(random, 0.75)
        ? Math.round(curve(appearance.skin, [55, 1], [90, 14]) * random.uniform())
        : 0,
    pimples: appearance.age >= 12 && appearance.age <= 20 && chance(random, 0.4) ? 2 + random.integer(5) : 0,
  };
}

type Crease = (strength: number, width?: number) => ReturnType<typeof stroke>;

/** A line in the skin with a light edge below it; nothing where it is too weak to be visible. */
const creaseOf =
  (skin: Skin): Crease =>
  (strength, width = 1.15) =>
  (course, ...values) => {
    if (strength < 0.06) return '';
    const below = { transform: 'translate(0 1)' };
    const dark = Math.min(0.22 + 0.55 * strength, 0.8) * Math.min(strength * 4, 1);
    return (
      stroke(skin.light, width, (0.45 + 0.25 * skin.depth) * strength, below)(course, ...values) +
      stroke(skin.line, width, dark)(course, ...values)
    );
  };

/** Lines, folds, bags, spots and freckles on a face that is turned by `turn`, clipped to the head. */
export function drawAgeMarks(p: Proportions, marks: AgeMarks, skin: Skin, turn: Point, random: Random): string {
  const crease = creaseOf(skin);
  const parts = [
    ...foreheadLines(p, marks.forehead, crease, random),
    both(side => sideMarks(p, marks, skin, side, crease, random)),
    ...spots(p, marks, skin, random),
  ];
  return clipped('marks', headOutline(p), tag('g', { transform: `translate(${turn.join(' ')})` }, ...parts));
}

function foreheadLines(p: Proportions, strength: number, crease: Crease, random: Random): string[] {
  const draw = crease(strength * 0.9);
  return Array.from({ length: Math.round(strength * 3.6) }, (_, i) => {
    const y = p.browY - 7.5 - i * 5.2 + range(random, -0.8, 0.8);
    const half = p.templeW * range(random, 0.36, 0.55) * (i === 0 ? 0.85 : 1);
    const x = range(random, -3, 3);
    const dip = range(random, 0.4, 1.8);
    return draw`M${x - half} ${y + 1.2}C${x - half * 0.5} ${y - dip} ${x - half * 0.25} ${y + dip} ${x} ${y + dip * 0.7}S${x + half * 0.5} ${y - dip} ${x + half} ${y + 1}`;
  });
}

/** The marks of one side: frown line, crow's feet, bag, folds beside nose and mouth, jowl, hollow cheek. */
function sideMarks(p: Proportions, marks: AgeMarks, skin: Skin, side: number, crease: Crease, random: Random): string {
  const x = (dx: number): number => side * (p.eyeX + dx);
  const rays = marks.crowsFeet < 0.12 ? 0 : 2 + Math.round(marks.crowsFeet * 1.8);
  const crowsFeet = Array.from({ length: rays }, (_, i) => {
    const angle = (i - (rays - 1) / 2) * 0.42 + 0.08;
    const long = range(random, 4.5, 7) * (0.6 + 0.5 * marks.crowsFeet);
    const [sx, sy, rise] = [p.eyeW + 2.6, p.eyeY + angle * 3.5, Math.sin(angle) * long];
    const draw = crease(marks.crowsFeet * 0.85, 0.95);
    return draw`M${x(sx)} ${sy}Q${x(sx + long * 0.5)} ${sy + rise * 0.35} ${x(sx + Math.cos(angle) * long)} ${sy + rise}`;
  });
  const under = p.eyeY + p.eyeH + 2.2;
  const [w, y, hollowX] = [p.mouthW, p.mouthY, side * p.cheekW * 0.74];
  const [bag, fold, jowl] = [crease(marks.bags), crease(marks.folds, 1.15 + 0.5 * marks.folds), crease(p.jowl * 0.75)];
  const turned = { transform: `rotate(${side * 14} ${hollowX} ${y - 3})` };
  return [
    crease(marks.frown)`M${side * 2.6} ${p.browY + 2.5}Q${side * 3.4} ${p.browY - 1} ${side * 2.2} ${p.browY - 4.5}`,
    ...crowsFeet,
    ellipse(x(-0.5), under, p.eyeW * 0.95, 3, mix(skin.shadow, '#6a3a5a', 0.25), 0.36 * marks.bags),
    bag`M${x(-p.eyeW * 0.95)} ${under - 1.6}Q${x(0)} ${under + 4.6 + marks.bags} ${x(p.eyeW * 0.95)} ${under - 0.4}`,
    fold`M${side * (p.noseW + 1.6)} ${p.noseY - 1.5}Q${side * (p.noseW + 6.5)} ${p.noseY + 5} ${side * (w + 3.5 + p.jowl)} ${y + marks.folds * 2.5}`,
    crease(marks.marionette)`M${side * (w + 1.5)} ${y + 2.5}Q${side * (w + 3)} ${y + 7} ${side * (w + 1)} ${y + 11}`,
    jowl`M${side * (p.chinW + 6)} ${p.chinY - 6}Q${side * (p.jawW - 3)} ${p.chinY - 8} ${side * (p.jawW - 0.5)} ${p.jawY - 3}`,
    ellipse(hollowX, y - 3, 4.5, 10, skin.shadow, 0.4 * marks.hollows, turned),
  ].join('');
}

/** Age spots, pimples and freckles; spots and freckles at unsuitable places are left out. */
function spots(p: Proportions, marks: AgeMarks, skin: Skin, random: Random): string[] {
  const parts: string[] = [];
  for (let i = 0; i < marks.spots; i++) {
    const high = chance(random, 0.5);
    const cx = range(random, -0.85, 0.85) * p.templeW;
    const cy = high ? range(random, p.skullY + 10, p.browY - 5) : range(random, p.eyeY + 9, p.jawY);
    if (!high && Math.abs(cx) < p.templeW * 0.4) continue;
    const r = range(random, 0.9, 2.1);
    const ry = r * range(random, 0.6, 1);
    parts.push(ellipse(cx, cy, r, ry, mix(skin.line, '#8a5a2c', 0.4), range(random, 0.3, 0.55)));
  }
  for (let i = 0; i < marks.pimples; i++) {
    const low = chance(random, 0.6);
    const cx = range(random, -0.8, 0.8) * p.jawW;
    const cy = low ? range(random, p.noseY, p.chinY - 6) : range(random, p.hairlineY + 4, p.browY - 5);
    parts.push(ellipse(cx, cy, 1.15, 1.15, mix(skin.tone, '#d83a3a', 0.6), 0.75));
  }
  for (let i = 0; i < skin.freckles; i++) {
    const [cx, cy] = [random.normal() * p.cheekW * 0.4, p.noseY - 4 + random.normal() * 4];
    if (Math.abs(cx) > p.cheekW * 0.85) continue;
    parts.push(ellipse(cx, cy, 0.75, 0.65, '#a8562a', range(random, 0.35, 0.7)));
  }
  return parts;
}
