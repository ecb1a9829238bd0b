import type { Hair } from './hair.js';
import { HAIR_FILL, sideOf } from './hair-paint.js';
import type { Proportions } from './proportions.js';
import { clipped, closedCurve, d, ellipse, line, mirrored, type Point, path, scalloped } from './svg.js';

/** What lies behind head and neck. */
export function drawHairBack(p: Proportions, hair: Hair): string {
  const side = sideOf(hair);
  const dark = { fill: hair.dark };
  const [w, v] = [p.templeW + side, hair.volume];
  if (hair.cut === 'afro') {
    const r = Math.max(p.templeW * 1.2, p.templeW + 8);
    const [cy, ry] = [p.templeY - 6, r * 1.02];
    const ring = Array.from(
      { length: 18 },
      (_, i): Point => [Math.sin((i / 18) * 2 * Math.PI) * r * 1.08, cy - Math.cos((i / 18) * 2 * Math.PI) * ry],
    );
    return path(scalloped(ring, 9), HAIR_FILL);
  }
  const mass = (endY: number, endW: number): string => {
    const right: Point[] = [
      [0, p.skullY - v + 4],
      [w * 0.8, p.skullY + 14],
      [w, p.templeY + 4],
      [Math.min(w + 2.5, endW + 6), p.cheekY + 4],
      [endW, endY - 8],
      [endW * 0.82, endY],
      [0, endY + 2],
    ];
    const ring = [...right, ...mirrored(right).slice(1, -1)];
    return path(hair.wavy && hair.extra === 'none' ? scalloped(ring, 10) : closedCurve(ring), dark);
  };
  const knot = (x: number, y: number, r: number): string =>
    ellipse(x, y, r, r * 0.92, HAIR_FILL) +
    line(d`M${x - r * 0.6} ${y + r * 0.2}Q${x} ${y - r * 0.9} ${x + r * 0.6} ${y + r * 0.2}`, hair.dark, 1.2, {
      opacity: 0.5,
    }) +
    line(d`M${x - r * 0.3} ${y + r * 0.5}Q${x} ${y - r * 0.2} ${x + r * 0.4} ${y + r * 0.5}`, hair.light, 1, {
      opacity: 0.5,
    });
  switch (hair.extra) {
    case 'bun':
      return knot(hair.part * 2, p.skullY - v - 2, 14) + mass(p.earY + 4, p.cheekW - 6);
    case 'ponytail': {
      const s = hair.part;
      const tail = closedCurve([
        [s * 20, p.skullY + 6],
        [s * (w + 10), p.skullY + 18],
        [s * (w + 18), p.cheekY - 4],
        [s * (w + 9), p.jawY + 18],
        [s * (w + 2), p.jawY + 4],
        [s * (w - 2), p.templeY],
      ]);
      return (
        path(tail, HAIR_FILL) +
        line(
          d`M${s * 26} ${p.skullY + 8}Q${s * (w + 14)} ${p.skullY + 30} ${s * (w + 9)} ${p.jawY + 12}`,
          hair.light,
          1.4,
          { opacity: 0.45 },
        ) +
        mass(p.earY + 4, p.cheekW - 6)
      );
    }
    case 'pigtails': {
      const low = hair.cut === 'long' ? p.jawY + 16 : p.earY + 6;
      const bunch = (s: number): string => {
        const tail = closedCurve([
          [s * (w - 4), p.templeY - 2],
          [s * (w + 9), p.templeY - 6],
          [s * (w + 17), p.earY - 2],
          [s * (w + 12), low],
          [s * (w + 5), low - 3],
          [s * (w + 1), p.earY],
        ]);
        return (
          path(tail, HAIR_FILL) +
          line(d`M${s * w} ${p.templeY}Q${s * (w + 13)} ${p.templeY + 6} ${s * (w + 11)} ${low - 4}`, hair.light, 1.3, {
            opacity: 0.45,
          })
        );
      };
      return bunch(-1) + bunch(1) + mass(p.earY + 6, p.cheekW - 3);
    }
    default:
      if (hair.cut === 'long') return mass(124, w + (hair.wavy ? 12 : 6));
      if (hair.cut === 'bob') return mass(p.jawY + (hair.wavy ? 14 : 18), w + (hair.wavy ? 6 : 3));
      if (hair.cut === 'horseshoe') return ellipse(0, p.earY - 5, p.cheekW + 3.2, 13, dark);
      if (hair.cut === 'curls') return mass(p.earY + 14, p.cheekW);
      return '';
  }
}

/** A lock on either side that falls over the ears, in front of the shoulders. */
export function drawLocks(p: Proportions, hair: Hair): string {
  const w = p.templeW + sideOf(hair);
  const end = hair.cut === 'long' ? p.neckY + 26 : p.jawY + 14;
  const lock = (s: number): string => {
    const outline = closedCurve([
      [s * (w - 9), p.templeY - 12],
      [s * w, p.templeY - 4],
      [s * (w + 3), p.cheekY],
      [s * (w + 4 + (hair.wavy ? 4 : 0)), (p.cheekY + end) / 2],
      [s * (w + 1), end - 5],
      [s * (w - 5), end],
      [s * (w - 8), end - 12],
      [s * (p.cheekW - 4), p.cheekY + 10],
      [s * (p.templeW - 6), p.templeY + 12],
    ]);
    const at = (dx: number, color: string): string =>
      line(
        d`M${s * (w - 5 + dx)} ${p.templeY - 4}C${s * (w + dx)} ${p.cheekY} ${s * (w + dx - (hair.wavy ? 6 : 0))} ${(p.cheekY + end) / 2} ${s * (w - 4 + dx)} ${end - 4}`,
        color,
        1.1,
        { opacity: 0.38 },
      );
    return (
      path(outline, HAIR_FILL) +
      clipped(s < 0 ? 'lockL' : 'lockR', outline, at(-4, hair.dark), at(-1.5, hair.light), at(1.5, hair.dark))
    );
  };
  return lock(-1) + lock(1);
}
