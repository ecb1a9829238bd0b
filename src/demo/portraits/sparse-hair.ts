import type { Random } from '../../base/random.js';
import { range } from './chance.js';
import type { Hair } from './hair.js';
import { HAIR_FILL } from './hair-paint.js';
import { headEdge, headOutline, type Proportions } from './proportions.js';
import { clipped, closedCurve, cornered, d, line, mirrored, type Point, path, scalloped } from './svg.js';

/** The first hair of a baby: thin, short, with the scalp shining through, and a curl on top of some. */
export function drawFuzz(p: Proportions, hair: Hair, random: Random): string {
  const outer = headEdge(p, 0.8).slice(0, 4);
  const down = (by: number): string => {
    const inner: Point[] = [
      [p.templeW - 0.4, p.templeY + 1],
      [p.templeW * 0.86, p.templeY - 4 - by],
      [p.templeW * 0.6, p.hairlineY - 4 - by],
      [0, p.hairlineY - 6 - by],
    ];
    return path(cornered([...mirrored(outer), ...outer.slice(1)], [...inner, ...mirrored(inner).slice(1)]), {
      ...HAIR_FILL,
      opacity: 0.3,
    });
  };
  const hairs = Array.from({ length: 44 }, () => {
    const t = range(random, -0.86, 0.86);
    const [x, y] = [t * p.templeW * 0.9, p.skullY + 2.5 + t * t * 18 + range(random, 0, 7)];
    const [dx, dy] = [t * 5 + hair.part * 1.2, 1.8 + Math.abs(t) * 3.5];
    return line(d`M${x} ${y}q${dx * 0.8} ${dy * 0.2} ${dx} ${dy}`, hair.tone, 0.75, { opacity: 0.4 });
  });
  const s = hair.part;
  const y = p.skullY + 2;
  const tuft =
    line(
      d`M${-s * 2} ${y}c${s * 1} -9 ${s * 11} -12 ${s * 12} -5.5c${s * 0.5} 3.5 ${-s * 4.5} 4 ${-s * 4.6} 0.8`,
      hair.tone,
      1.9,
    ) + line(d`M${s * 1} ${y + 0.5}c${-s * 1} -6 ${-s * 6} -8 ${-s * 8.5} -5`, hair.tone, 1.6);
  return (hair.extra === 'tuft' ? tuft : '') + down(0) + down(6) + hairs.join('');
}

/** What is left round a bald head: patches over the ears, and single strands across the skull of some. */
export function drawWreath(p: Proportions, hair: Hair, random: Random): string {
  const patch = (s: number): string => {
    const ring: Point[] = [
      [p.templeW - 2, p.templeY - 7],
      [p.templeW + 2.2, p.templeY - 1],
      [p.cheekW + 3.4, p.earY - p.earH * 0.6],
      [p.cheekW + 0.5, p.earY - 1],
      [p.cheekW - 2.8, p.earY - 2],
      [p.templeW - 4, p.templeY + 9],
    ];
    const placed = s > 0 ? ring : mirrored(ring);
    return path(hair.wavy ? scalloped(placed, 5) : closedCurve(placed), HAIR_FILL);
  };
  const thin = Array.from({ length: 7 }, (_, i) => {
    const x = hair.part * p.templeW * 0.75;
    return line(
      d`M${x} ${p.skullY + 19 - i * 0.7}Q${-x * 0.1} ${p.skullY + 2 + i * 2.2} ${-x * range(random, 0.7, 1)} ${p.skullY + 17 + i * 1.4}`,
      hair.tone,
      1,
      { opacity: 0.55 },
    );
  });
  return patch(-1) + patch(1) + (hair.fringe === 'side' ? clipped('combed', headOutline(p), ...thin) : '');
}
