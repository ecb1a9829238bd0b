import type { Random } from '../../base/random.js';
import { chance, clamp, curve, oneOf, range, spread } from './chance.js';
import { luma, mix } from './color.js';
import { closedCurve, type Point } from './curves.js';
import type { Hair } from './hair.js';
import type { Appearance, Proportions } from './head.js';
import type { Skin } from './skin.js';
import { both, clipped, d, ellipse, fill, glow, stroke, tag } from './svg.js';

const DARK_IRISES = ['#2a1810', '#3d2414', '#4a2e18', '#5e3d1e'];
const LIGHT_IRISES = ['#6b4a24', '#7a6230', '#5a7046', '#4f7f6a', '#4a7fa6', '#5f93b8', '#6d7f8c'];

export type Eyes = ReturnType<typeof chooseEyes>;

/** Eyes and brows. Lashes are stronger in women; brows thicken until adulthood, and turn gray later than the hair. */
export function chooseEyes(appearance: Appearance, skin: Skin, hair: Hair, random: Random) {
  const man = appearance.sex === 'male';
  const light = skin.depth < 0.42 && chance(random, 0.25 + luma(hair.natural));
  const faint = curve(appearance.bones, [0.5, 0.55], [3, 0.3], [9, 0.1], [15, 0]);
  const plain = mix(hair.natural, luma(hair.natural) > 0.35 ? '#3d2614' : '#17110e', 0.35);
  const [young, grown, old] = man ? ([3.6, 3.7, 3.8] as const) : ([2.6, 2.3, 1.8] as const);
  const thickness = curve(appearance.bones, [1, 1.5], [8, 2.1], [18, young], [60, grown], [85, old]);
  const lashes = man ? 0.15 : curve(appearance.age, [2, 0.35], [16, 0.75], [60, 0.6], [85, 0.3]);
  return {
    iris: oneOf(random, light ? LIGHT_IRISES : DARK_IRISES),
    /** Shift of the irises in units. */
    gaze: [spread(random, 0, 0.5), spread(random, 0, 0.25)] as const,
    /** Strength, 0 to 1. */
    lashes: clamp(lashes + spread(random, 0, 0.15), 0, 1),
    /** How far the lids are open, about 0.75 to 1.1. */
    open: range(random, 0.9, 1.08),
    /** How much skin hangs over the outer corner, 0 to 1. */
    hooded: curve(appearance.skin, [38, 0], [60, 0.5], [82, 1]) * range(random, 0.6, 1.2),
    brow: mix(mix(plain, skin.tone, faint), '#d8d5d0', clamp(hair.gray * 1.15 - 0.3, 0, 0.9)),
    browThickness: thickness * spread(random, 1, 0.14),
    browArch: spread(random, man ? 1.4 : 2, 0.7),
    browRaise: spread(random, 0.8, 1),
    /** Long single hairs in the brows of some old men. */
    bushy: man && appearance.hair > 58 && chance(random, 0.5),
  };
}

/** Both eyes with lids and lashes. */
export const drawEyes = (p: Proportions, eyes: Eyes, skin: Skin, appearance: Appearance): string =>
  both(side => {
    const [w, h, tilt] = [p.eyeW, p.eyeH * eyes.open, p.eyeTilt];
    const cx = side * p.eyeX;
    const at = (x: number, y: number): string => d`${cx + side * x} ${p.eyeY + y}`;
    const lid = d`M${at(-w, 0.9)}C${at(-w * 0.62, -h * 1.25)} ${at(w * 0.45, -h * 1.38)} ${at(w, -tilt)}`;
    const outline = d`${lid}C${at(w * 0.62, h * 0.98)} ${at(-w * 0.45, h * 1.02)} ${at(-w, 0.9)}Z`;
    const r = p.irisR;
    const [gx, gy] = [cx + eyes.gaze[0], p.eyeY + eyes.gaze[1] - h * 0.06];
    const lash = mix('#1d120d', skin.line, skin.depth > 0.6 ? 0 : 0.25);
    const white = mix(mix('#fffdf8', skin.tone, 0.08), '#e9d9b8', curve(appearance.skin, [45, 0], [85, 1]) * 0.35);
    const hang = eyes.hooded;
    const crease = h * (0.55 - 0.25 * hang);
    const top = -h * 1.15 - crease;
    const fold = stroke(skin.line, 0.9 + 0.7 * hang, 0.4 + 0.25 * hang);
    const end = at(w * (1.02 + 0.14 * hang), -tilt - 0.8 + hang * 2.2);
    const corner = [at(w * 0.55, -h * 0.72), at(w * 1.05, -h * 0.5), at(w * 1.32, -tilt - 2.4)];
    const back = [at(w * 1.15, -tilt + 0.4), at(w * 0.86, -tilt + 0.8)];
    return [
      fill(skin.shadow, 0.28)`${lid}L${at(w * 0.95, -h * 1.3)}L${at(0, -h * 1.3 - crease)}L${at(-w * 0.8, -h * 0.8)}Z`,
      fill(white)(outline),
      clipped(
        side < 0 ? 'eyeL' : 'eyeR',
        outline,
        ellipse(gx, gy, r, r, mix(eyes.iris, '#0c0706', 0.5)),
        ellipse(gx, gy + r * 0.12, r * 0.84, r * 0.82, eyes.iris),
        ellipse(gx, gy + r * 0.4, r * 0.55, r * 0.42, mix(eyes.iris, '#ffe6b0', 0.4), 0.6),
        ellipse(gx, gy, r * 0.5, r * 0.5, '#0d0807'),
        stroke('#1a0c08', h * 0.62, 0.22)(lid),
      ),
      ellipse(gx - r * 0.34, gy - r * 0.36, r * 0.25, r * 0.25, '#ffffff', 0.95),
      ellipse(gx + r * 0.32, gy + r * 0.34, r * 0.12, r * 0.12, '#ffffff', 0.6),
      fold`M${at(-w * 0.8, -h * 0.55 - 0.4)}C${at(-w * 0.5, top)} ${at(w * 0.55, top)} ${end}`,
      stroke(lash, 1.2 + eyes.lashes * 1.1)(lid),
      stroke(skin.line, 0.7, 0.4)`M${at(w * 0.75, h * 0.5)}Q${at(0, h * 1.15)} ${at(-w * 0.7, h * 0.55)}`,
      eyes.lashes > 0.4 ? fill(lash)`M${corner[0]!}Q${corner[1]!} ${corner[2]!}Q${back[0]!} ${back[1]!}Z` : '',
    ].join('');
  });

/** Both brows; bushy ones have stray hairs. */
export function drawBrows(p: Proportions, eyes: Eyes, random: Random): string {
  const brows = both(side => {
    const [inner, outer] = [p.eyeX - p.eyeW * 1.02, p.eyeX + p.eyeW * 1.28];
    const y = p.browY - eyes.browRaise;
    const at = (share: number, dy: number): Point => [side * (inner + (outer - inner) * share), y + dy];
    const [t, arch] = [eyes.browThickness / 2, eyes.browArch];
    const top = [at(0.02, -t * 0.9 - 0.4), at(0.35, -arch * 0.7 - t), at(0.68, -arch - t * 0.75)];
    const bottom = [at(0.68, -arch + t * 0.55), at(0.35, -arch * 0.6 + t)];
    const hairs = Array.from({ length: eyes.bushy ? 7 : 0 }, () => {
      const [x, y] = at(range(random, 0.05, 0.95), -arch * 0.7);
      return stroke(eyes.brow, 0.9)`M${x} ${y + 1}L${x + side * range(random, 0.5, 2)} ${y - range(random, 2.2, 3.6)}`;
    });
    return fill(eyes.brow)(closedCurve([at(0, t * 0.8 - 0.4), ...top, at(1, 0.9), ...bottom])) + hairs.join('');
  });
  return tag('g', {}, brows);
}

export type Mouth = ReturnType<typeof chooseMouth>;
type Teeth = 'full' | 'none' | 'two' | 'gap';

/** A mild expression. Babies have no teeth or two, some children of about seven have a gap. */
export function chooseMouth({ age }: Appearance, random: Random) {
  const smile = range(random, -0.1, 1.1);
  const open = smile > 0.5 && chance(random, 0.6) ? range(random, 0.55, 1) : 0;
  let teeth: Teeth = 'full';
  if (age < 1.5) teeth = oneOf<Teeth>(random, ['none', 'two']);
  else if (age < 3) teeth = 'two';
  else if (age > 5 && age < 9 && chance(random, 0.65)) teeth = 'gap';
  return {
    /** How far the corners are raised, -0.3 to 1. */
    smile,
    /** How far the mouth is open, 0 to 1. */
    open,
    teeth,
  };
}

/** Lips, and the inside of an open mouth. */
export function drawMouth(p: Proportions, mouth: Mouth, skin: Skin): string {
  const w = p.mouthW * (1 + Math.max(mouth.smile, 0) * 0.14);
  const lift = mouth.smile * 2.6;
  const y = p.mouthY - lift;
  const lip = p.lip;
  const gape = mouth.open * (4 + w * 0.32);
  const top = p.mouthY - (mouth.open > 0 ? gape * 0.25 : 0) + mouth.smile * 0.9;
  const low = top + gape * 1.3;
  const middle = top + 0.5 + lift * 0.25;
  const sag = mouth.open > 0 ? low : middle;
  const dark = mix(skin.lip, '#2a0a0c', 0.62);
  const bow = d`C${-w * 0.55} ${top - lip * 0.6} ${-w * 0.3} ${top - lip * 1.3} 0 ${top - lip * 0.72}C${w * 0.3} ${top - lip * 1.3} ${w * 0.55} ${top - lip * 0.6} ${w} ${y}`;
  const under = top + 0.6 + lift * 0.3;
  const [upper, lower] = [fill(mix(skin.lip, dark, 0.22)), fill(skin.lip)];
  const upperLip = upper`M${-w} ${y}${bow}C${w * 0.5} ${under} ${-w * 0.5} ${under} ${-w} ${y}Z`;
  const lowerLip = lower`M${-w * 0.92} ${y}C${-w * 0.5} ${sag + lip * 0.2} ${w * 0.5} ${sag + lip * 0.2} ${w * 0.92} ${y}C${w * 0.6} ${sag + lip * 1.75} ${-w * 0.6} ${sag + lip * 1.75} ${-w * 0.92} ${y}Z`;
  const shade = ellipse(0, sag + lip * 1.5 + 1.6, w * 0.5, 1.5, skin.shadow, 0.5);
  const shine = ellipse(-w * 0.15, sag + lip * 0.85, w * 0.28, lip * 0.22, '#ffffff', 0.28);
  const corners = both(s => stroke(skin.line, 0.9, 0.45)`M${s * w} ${y - 0.8}q${s * 1.2} 0.8 ${s * 0.8} 2`);
  if (mouth.open === 0) {
    const seam = stroke(dark, 1.25)`M${-w} ${y}C${-w * 0.5} ${middle + 0.7} ${w * 0.5} ${middle + 0.7} ${w} ${y}`;
    return shade + lowerLip + upperLip + seam + shine + corners;
  }
  const inside = d`M${-w * 0.94} ${y}C${-w * 0.5} ${top + lift * 0.3} ${w * 0.5} ${top + lift * 0.3} ${w * 0.94} ${y}C${w * 0.62} ${low + 1.4} ${-w * 0.62} ${low + 1.4} ${-w * 0.94} ${y}Z`;
  const tongue = ellipse(0, low + 1, w * 0.5, gape * 0.4, '#c4525a');
  const hollow = fill('#4a1218')(inside) + clipped('mouth', inside, tongue, drawTeeth(mouth.teeth, w, top, gape));
  return shade + lowerLip + hollow + upperLip + shine + corners;
}

function drawTeeth(teeth: Teeth, w: number, y: number, gape: number): string {
  if (teeth === 'none') return '';
  if (teeth === 'two') {
    const size = { width: w * 0.24, height: gape * 0.5 + 1, rx: 0.9 };
    return [-0.25, 0.02].map(x => tag('rect', { x: w * x, y: y - 1, ...size, fill: '#fffaf0' })).join('');
  }
  const white = fill('#fffaf0');
  const seams = [-0.44, -0.2, 0.04, 0.28, 0.52].map(x => stroke('#cdbfae', 0.4, 0.6)`M${x * w} ${y - 1}v${gape * 0.6}`);
  const gap = tag('rect', { x: w * 0.04, y: y - 4, width: w * 0.25, height: gape + 6, fill: '#4a1218' });
  return (
    white`M${-w} ${y - 4}L${w} ${y - 4}L${w} ${y + gape * 0.3}Q0 ${y + gape * 0.78} ${-w} ${y + gape * 0.3}Z` +
    seams.join('') +
    (teeth === 'gap' ? gap : '')
  );
}

/** The nose: a shaded side, nostrils, and a light on the tip; babies have hardly any bridge. */
export function drawNose(p: Proportions, skin: Skin, bones: number): string {
  const { noseW: w, noseY: y } = p;
  const bridge = curve(bones, [2, 0], [9, 0.35], [18, 1]);
  const root = y - (y - p.eyeY) * curve(bones, [1, 0.35], [18, 0.86]);
  const shade = fill(skin.shadow, 0.22 + 0.3 * bridge);
  const wings = stroke(skin.line, curve(bones, [2, 0.9], [18, 1.2]), 0.62);
  return (
    shade`M${w * 0.22} ${root}C${w * 0.1} ${(root + y) / 2} ${w * 0.55} ${y - 7} ${w * 0.98} ${y - 2}L${w * 0.2} ${y - 0.5}C${-w * 0.1} ${y - 6} ${w * 0.05} ${root + 4} ${w * 0.22} ${root}Z` +
    ellipse(0, y + 3, w * 0.75, 1.6, skin.shadow, 0.35) +
    wings`M${-w} ${y - 2.6}C${-w * 1.12} ${y + 0.9} ${-w * 0.62} ${y + 1} ${-w * 0.42} ${y + 0.3}C${-w * 0.2} ${y + 2} ${w * 0.2} ${y + 2} ${w * 0.42} ${y + 0.3}C${w * 0.62} ${y + 1} ${w * 1.12} ${y + 0.9} ${w} ${y - 2.6}` +
    both(s => ellipse(s * w * 0.48, y + 0.1, w * 0.19, 0.85, skin.line, 0.7)) +
    glow('tip', [-w * 0.18, y - 3.4], w * 0.6, w * 0.52, skin.light, 0.9) +
    (bridge > 0.3 ? stroke(skin.light, 1.8, 0.4 * bridge)`M${-w * 0.12} ${root + 4}L${-w * 0.16} ${y - 7}` : '')
  );
}
