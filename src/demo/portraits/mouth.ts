import type { Random } from '../../base/random.js';
import { chance, curve, oneOf, range } from './chance.js';
import { mix } from './color.js';
import type { Looks } from './looks.js';
import type { Proportions } from './proportions.js';
import type { Skin } from './skin.js';
import { clipped, d, ellipse, glow, line, path, tag } from './svg.js';

/** What the mouth does. */
export interface Mouth {
  /** How far the corners are raised, -0.3 (earnest) to 1 (beaming). */
  readonly smile: number;
  /** How far the mouth is open, 0 (closed) to 1. */
  readonly open: number;
  /** Full set, none yet, two milk teeth, or a gap where one has fallen out. */
  readonly teeth: 'full' | 'none' | 'two' | 'gap';
}

/** A mild expression; babies have no or two teeth, children of about seven lack one. */
export function chooseMouth(looks: Looks, random: Random): Mouth {
  const smile = range(random, -0.1, 1.1);
  const open = smile > 0.5 && chance(random, 0.6) ? range(random, 0.55, 1) : 0;
  const teeth =
    looks.age < 1.5
      ? oneOf(random, ['none', 'two'] as const)
      : looks.age < 3
        ? 'two'
        : looks.age > 5 && looks.age < 9 && chance(random, 0.65)
          ? 'gap'
          : 'full';
  return { smile, open, teeth };
}

/** The mouth: lips, and teeth where it is open. */
export function drawMouth(p: Proportions, mouth: Mouth, skin: Skin): string {
  const w = p.mouthW * (1 + Math.max(mouth.smile, 0) * 0.14);
  const y = p.mouthY;
  const lift = mouth.smile * 2.6;
  const dark = mix(skin.lip, '#2a0a0c', 0.62);
  const gape = mouth.open * (4 + w * 0.32);
  const upperY = y - (mouth.open > 0 ? gape * 0.25 : 0) + mouth.smile * 0.9;
  const lowerY = upperY + gape * 1.3;
  const lip = p.lip;
  const top = d`C${-w * 0.55} ${upperY - lip * 0.6} ${-w * 0.3} ${upperY - lip * 1.3} 0 ${upperY - lip * 0.72}C${w * 0.3} ${upperY - lip * 1.3} ${w * 0.55} ${upperY - lip * 0.6} ${w} ${y - lift}`;
  const back = d`C${w * 0.5} ${upperY + 0.6 + lift * 0.3} ${-w * 0.5} ${upperY + 0.6 + lift * 0.3} ${-w} ${y - lift}`;
  const upperLip = d`M${-w} ${y - lift}${top}${back}Z`;
  const middle = upperY + 0.5 + lift * 0.25;
  const sag = mouth.open > 0 ? lowerY : middle;
  const lowerLip = d`M${-w * 0.92} ${y - lift}C${-w * 0.5} ${sag + lip * 0.2} ${w * 0.5} ${sag + lip * 0.2} ${w * 0.92} ${y - lift}C${w * 0.6} ${sag + lip * 1.75} ${-w * 0.6} ${sag + lip * 1.75} ${-w * 0.92} ${y - lift}Z`;
  const shade = ellipse(0, sag + lip * 1.5 + 1.6, w * 0.5, 1.5, { fill: skin.shadow, opacity: 0.5 });
  const corner = (side: number): string =>
    line(d`M${side * w} ${y - lift - 0.8}q${side * 1.2} 0.8 ${side * 0.8} 2`, skin.line, 0.9, { opacity: 0.45 });
  const shine = ellipse(-w * 0.15, sag + lip * 0.85, w * 0.28, lip * 0.22, { fill: '#ffffff', opacity: 0.28 });
  if (mouth.open === 0) {
    const seam = line(
      d`M${-w} ${y - lift}C${-w * 0.5} ${middle + 0.7} ${w * 0.5} ${middle + 0.7} ${w} ${y - lift}`,
      dark,
      1.25,
    );
    return (
      shade +
      path(lowerLip, { fill: skin.lip }) +
      path(upperLip, { fill: mix(skin.lip, dark, 0.22) }) +
      seam +
      shine +
      corner(-1) +
      corner(1)
    );
  }
  const inside = d`M${-w * 0.94} ${y - lift}C${-w * 0.5} ${upperY + lift * 0.3} ${w * 0.5} ${upperY + lift * 0.3} ${w * 0.94} ${y - lift}C${w * 0.62} ${lowerY + 1.4} ${-w * 0.62} ${lowerY + 1.4} ${-w * 0.94} ${y - lift}Z`;
  return (
    shade +
    path(lowerLip, { fill: skin.lip }) +
    path(inside, { fill: '#4a1218' }) +
    clipped(
      'mouth',
      inside,
      ellipse(0, lowerY + 1, w * 0.5, gape * 0.4, { fill: '#c4525a' }),
      drawTeeth(mouth.teeth, w, upperY, gape),
    ) +
    path(upperLip, { fill: mix(skin.lip, dark, 0.22) }) +
    shine +
    corner(-1) +
    corner(1)
  );
}

function drawTeeth(teeth: Mouth['teeth'], w: number, y: number, gape: number): string {
  if (teeth === 'none') return '';
  if (teeth === 'two') {
    const tooth = (x: number): string =>
      tag('rect', { x, y: y - 1, width: w * 0.24, height: gape * 0.5 + 1, rx: 0.9, fill: '#fffaf0' });
    return tooth(-w * 0.25) + tooth(w * 0.02);
  }
  const band = path(
    d`M${-w} ${y - 4}L${w} ${y - 4}L${w} ${y + gape * 0.3}Q0 ${y + gape * 0.78} ${-w} ${y + gape * 0.3}Z`,
    { fill: '#fffaf0' },
  );
  const seams = [-0.44, -0.2, 0.04, 0.28, 0.52].map(x =>
    line(d`M${x * w} ${y - 1}v${gape * 0.6}`, '#cdbfae', 0.4, { opacity: 0.6 }),
  );
  const gap =
    teeth === 'gap' ? tag('rect', { x: w * 0.04, y: y - 4, width: w * 0.25, height: gape + 6, fill: '#4a1218' }) : '';
  return band + seams.join('') + gap;
}

/** The nose: a shaded side, wings with nostrils, and a light on its tip. A baby's is little but a button. */
export function drawNose(p: Proportions, skin: Skin, bones: number): string {
  const { noseW: w, noseY: y } = p;
  const bridge = curve(bones, [2, 0], [9, 0.35], [18, 1]);
  const root = y - (y - p.eyeY) * curve(bones, [1, 0.35], [18, 0.86]);
  const side = path(
    d`M${w * 0.22} ${root}C${w * 0.1} ${(root + y) / 2} ${w * 0.55} ${y - 7} ${w * 0.98} ${y - 2}L${w * 0.2} ${y - 0.5}C${-w * 0.1} ${y - 6} ${w * 0.05} ${root + 4} ${w * 0.22} ${root}Z`,
    {
      fill: skin.shadow,
      opacity: 0.22 + 0.3 * bridge,
    },
  );
  const wings = d`M${-w} ${y - 2.6}C${-w * 1.12} ${y + 0.9} ${-w * 0.62} ${y + 1} ${-w * 0.42} ${y + 0.3}C${-w * 0.2} ${y + 2} ${w * 0.2} ${y + 2} ${w * 0.42} ${y + 0.3}C${w * 0.62} ${y + 1} ${w * 1.12} ${y + 0.9} ${w} ${y - 2.6}`;
  const nostril = (s: number): string =>
    ellipse(s * w * 0.48, y + 0.1, w * 0.19, 0.85, { fill: skin.line, opacity: 0.7 });
  return (
    side +
    ellipse(0, y + 3, w * 0.75, 1.6, { fill: skin.shadow, opacity: 0.35 }) +
    line(wings, skin.line, curve(bones, [2, 0.9], [18, 1.2]), { opacity: 0.62 }) +
    nostril(-1) +
    nostril(1) +
    glow('tip', [-w * 0.18, y - 3.4], w * 0.6, w * 0.52, skin.light, 0.9) +
    (bridge > 0.3
      ? line(d`M${-w * 0.12} ${root + 4}L${-w * 0.16} ${y - 7}`, skin.light, 1.8, { opacity: 0.4 * bridge })
      : '')
  );
}
