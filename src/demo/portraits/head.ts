import { curve } from './chance.js';
import { mix } from './color.js';
import { headOutline, type Proportions } from './proportions.js';
import type { Skin } from './skin.js';
import {
  clipped,
  closedCurve,
  d,
  ellipse,
  glow,
  line,
  linearGradient,
  mirrored,
  type Point,
  path,
  tag,
} from './svg.js';

/** Ears, one on either side, behind the head. */
export function drawEars(p: Proportions, skin: Skin): string {
  const ear = (side: number): string => {
    const { earW: w, earH: h } = p;
    const x = side * (p.cheekW - 0.6);
    const at = (dx: number, dy: number): Point => [x + side * dx, p.earY + dy];
    const outline = closedCurve([
      at(-4, -h * 0.75),
      at(w * 0.45, -h),
      at(w, -h * 0.45),
      at(w * 0.78, h * 0.35),
      at(w * 0.3, h),
      at(-4, h * 0.6),
    ]);
    const [a, b, c] = [at(1, -h * 0.45), at(w * 0.95, -h * 0.8), at(w * 0.15, h * 0.5)];
    return (
      path(outline, { fill: side < 0 ? skin.tone : mix(skin.tone, skin.shadow, 0.6) }) +
      line(d`M${a[0]} ${a[1]}Q${b[0]} ${b[1]} ${c[0]} ${c[1]}`, skin.line, 1.1, { opacity: 0.45 })
    );
  };
  return ear(-1) + ear(1);
}

/** The bare head: its outline, shaded from the upper left, with rosy cheeks. */
export function drawHead(p: Proportions, skin: Skin, bones: number): string {
  const outline = headOutline(p);
  const rosy = curve(bones, [1, 0.62], [10, 0.42], [25, 0.26], [80, 0.22]);
  const cheek = (side: number): string =>
    glow(
      side < 0 ? 'rosyL' : 'rosyR',
      [side * p.cheekW * 0.6, p.noseY + 3],
      p.cheekW * 0.33,
      p.cheekW * 0.27,
      skin.blush,
      rosy,
    );
  const moved = tag('g', { transform: 'translate(-9 -3)' }, path(outline, { fill: skin.tone, opacity: 0.55 }));
  return (
    linearGradient(
      'face',
      [-p.templeW, p.skullY],
      [p.templeW, p.chinY],
      [
        [0, skin.light],
        [0.42, skin.tone],
        [1, skin.shadow],
      ],
    ) +
    path(outline, { fill: 'url(#face)' }) +
    clipped(
      'head',
      outline,
      moved,
      glow('forehead', [-p.templeW * 0.3, p.hairlineY + 12], p.templeW * 0.6, 17, skin.light, 0.75),
      glow('chin', [-2, p.chinY - 7], p.chinW * 1.1, 7, skin.light, 0.45),
      cheek(-1),
      cheek(1),
    )
  );
}

/** The neck, reaching up behind the head and down to `neckline` below the shoulders' start, with the shadow that the head casts. */
export function drawNeck(p: Proportions, skin: Skin, neckline: number, width: number, old: number): string {
  const right: Point[] = [
    [p.neckW, p.mouthY],
    [p.neckW - 0.5, (p.chinY + p.neckY) / 2],
    [p.neckW + 2.5, p.neckY - 2],
    [width, p.neckY + 4],
    [width * 0.72, p.neckY + neckline * 0.75],
    [0, p.neckY + neckline],
  ];
  const outline = closedCurve([...right, ...mirrored(right).slice(1)]);
  const cord = (side: number): string =>
    line(d`M${side * 5} ${p.chinY + 5}Q${side * 7} ${p.neckY - 3} ${side * 3.5} ${p.neckY + 5}`, skin.line, 1.1, {
      opacity: 0.35 * old,
    });
  const ring = line(
    d`M${-p.neckW * 0.7} ${p.neckY - 4}Q0 ${p.neckY + 1} ${p.neckW * 0.7} ${p.neckY - 4}`,
    skin.line,
    1,
    { opacity: 0.3 * old },
  );
  return (
    path(outline, { fill: skin.tone }) +
    clipped(
      'neck',
      outline,
      ellipse(p.neckW * 0.9, p.neckY, p.neckW * 0.8, 60, { fill: skin.shadow, opacity: 0.35 }),
      tag('g', { transform: 'translate(2 8)' }, path(headOutline(p), { fill: skin.shadow, opacity: 0.85 })),
      cord(-1),
      cord(1),
      ring,
    )
  );
}
