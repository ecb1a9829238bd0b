import type { Random } from '../../base/random.js';
import { chance, clamp, curve, range, spread } from './chance.js';
import { mix } from './color.js';
import type { Looks } from './looks.js';
import { headOutline, type Proportions } from './proportions.js';
import type { Skin } from './skin.js';
import { clipped, d, ellipse, line, type Point, tag } from './svg.js';

/** What time has written on a skin; every strength is 0 (nothing) to about 1 (very marked). */
export interface AgeMarks {
  readonly forehead: number;
  readonly frown: number;
  readonly crowsFeet: number;
  readonly bags: number;
  /** From the wings of the nose to the corners of the mouth. */
  readonly folds: number;
  /** From the corners of the mouth down. */
  readonly marionette: number;
  readonly hollows: number;
  /** How many age spots there are. */
  readonly spots: number;
  /** How many pimples there are, in some between 12 and 20. */
  readonly pimples: number;
}

/** Marks for a skin that looks `looks.skin` years old; each has its own strength in everybody, and thick dark skin lines less. */
export function chooseAgeMarks(looks: Looks, skin: Skin, random: Random): AgeMarks {
  const kind = 1 - 0.12 * skin.depth;
  const own = (...stops: readonly (readonly [age: number, strength: number])[]): number =>
    clamp(curve(looks.skin, ...stops) * spread(random, 1, 0.3) * kind, 0, 1.15);
  return {
    forehead: own([27, 0], [45, 0.45], [65, 0.75], [90, 1.1]),
    frown: own([32, 0], [50, 0.5], [75, 0.9]),
    crowsFeet: own([28, 0], [42, 0.4], [60, 0.75], [88, 1.1]),
    bags: own([26, 0], [45, 0.5], [65, 0.75], [90, 1.1]),
    folds: own([20, 0], [35, 0.35], [50, 0.6], [70, 0.85], [90, 1.1]),
    marionette: own([42, 0], [60, 0.45], [88, 1.1]),
    hollows: own([55, 0], [90, 1]),
    spots:
      looks.skin > 55 && chance(random, 0.75) ? Math.round(curve(looks.skin, [55, 1], [90, 14]) * random.uniform()) : 0,
    pimples: looks.age >= 12 && looks.age <= 20 && chance(random, 0.4) ? 2 + random.integer(5) : 0,
  };
}

/** Lines, folds, bags, spots and freckles on a face that is turned by `turn`, inside the head. */
export function drawAgeMarks(p: Proportions, marks: AgeMarks, skin: Skin, turn: Point, random: Random): string {
  const crease = (d: string, strength: number, width = 1.15): string =>
    strength < 0.06
      ? ''
      : line(d, skin.light, width, { opacity: (0.45 + 0.25 * skin.depth) * strength, transform: 'translate(0 1)' }) +
        line(d, skin.line, width, { opacity: Math.min(0.22 + 0.55 * strength, 0.8) * Math.min(strength * 4, 1) });
  const parts: string[] = [];

  for (let i = 0; i < Math.round(marks.forehead * 3.6); i++) {
    const y = p.browY - 7.5 - i * 5.2 + range(random, -0.8, 0.8);
    const half = p.templeW * range(random, 0.36, 0.55) * (i === 0 ? 0.85 : 1);
    const shift = range(random, -3, 3);
    const dip = range(random, 0.4, 1.8);
    parts.push(
      crease(
        d`M${shift - half} ${y + 1.2}C${shift - half * 0.5} ${y - dip} ${shift - half * 0.25} ${y + dip} ${shift} ${y + dip * 0.7}S${shift + half * 0.5} ${y - dip} ${shift + half} ${y + 1}`,
        marks.forehead * 0.9,
      ),
    );
  }
  for (const side of [-1, 1]) {
    const x = (dx: number): number => side * (p.eyeX + dx);
    parts.push(
      crease(
        d`M${side * 2.6} ${p.browY + 2.5}Q${side * 3.4} ${p.browY - 1} ${side * 2.2} ${p.browY - 4.5}`,
        marks.frown,
      ),
    );
    const rays = marks.crowsFeet < 0.12 ? 0 : 2 + Math.round(marks.crowsFeet * 1.8);
    for (let i = 0; i < rays; i++) {
      const turn = (i - (rays - 1) / 2) * 0.42 + 0.08;
      const long = range(random, 4.5, 7) * (0.6 + 0.5 * marks.crowsFeet);
      const [sx, sy] = [p.eyeW + 2.6, p.eyeY + turn * 3.5];
      parts.push(
        crease(
          d`M${x(sx)} ${sy}Q${x(sx + long * 0.5)} ${sy + Math.sin(turn) * long * 0.35} ${x(sx + Math.cos(turn) * long)} ${sy + Math.sin(turn) * long}`,
          marks.crowsFeet * 0.85,
          0.95,
        ),
      );
    }
    const under = p.eyeY + p.eyeH + 2.2;
    parts.push(
      ellipse(x(-0.5), under, p.eyeW * 0.95, 3, {
        fill: mix(skin.shadow, '#6a3a5a', 0.25),
        opacity: 0.36 * marks.bags,
      }),
    );
    parts.push(
      crease(
        d`M${x(-p.eyeW * 0.95)} ${under - 1.6}Q${x(0)} ${under + 4.6 + marks.bags} ${x(p.eyeW * 0.95)} ${under - 0.4}`,
        marks.bags,
      ),
    );
    const fold = [
      side * (p.noseW + 1.6),
      p.noseY - 1.5,
      side * (p.noseW + 6.5),
      p.noseY + 5,
      side * (p.mouthW + 3.5 + p.jowl),
      p.mouthY + marks.folds * 2.5,
    ] as const;
    parts.push(
      crease(
        d`M${fold[0]} ${fold[1]}Q${fold[2]} ${fold[3]} ${fold[4]} ${fold[5]}`,
        marks.folds,
        1.15 + 0.5 * marks.folds,
      ),
    );
    parts.push(
      crease(
        d`M${side * (p.mouthW + 1.5)} ${p.mouthY + 2.5}Q${side * (p.mouthW + 3)} ${p.mouthY + 7} ${side * (p.mouthW + 1)} ${p.mouthY + 11}`,
        marks.marionette,
      ),
    );
    parts.push(
      crease(
        d`M${side * (p.chinW + 6)} ${p.chinY - 6}Q${side * (p.jawW - 3)} ${p.chinY - 8} ${side * (p.jawW - 0.5)} ${p.jawY - 3}`,
        p.jowl * 0.75,
      ),
    );
    parts.push(
      ellipse(side * p.cheekW * 0.74, p.mouthY - 3, 4.5, 10, {
        fill: skin.shadow,
        opacity: 0.4 * marks.hollows,
        transform: `rotate(${side * 14} ${side * p.cheekW * 0.74} ${p.mouthY - 3})`,
      }),
    );
  }
  for (let i = 0; i < marks.spots; i++) {
    const high = chance(random, 0.5);
    const cx = range(random, -0.85, 0.85) * p.templeW;
    const cy = high ? range(random, p.skullY + 10, p.browY - 5) : range(random, p.eyeY + 9, p.jawY);
    if (!high && Math.abs(cx) < p.templeW * 0.4) continue;
    const r = range(random, 0.9, 2.1);
    parts.push(
      ellipse(cx, cy, r, r * range(random, 0.6, 1), {
        fill: mix(skin.line, '#8a5a2c', 0.4),
        opacity: range(random, 0.3, 0.55),
      }),
    );
  }
  for (let i = 0; i < marks.pimples; i++) {
    const low = chance(random, 0.6);
    const cx = range(random, -0.8, 0.8) * p.jawW;
    const cy = low ? range(random, p.noseY, p.chinY - 6) : range(random, p.hairlineY + 4, p.browY - 5);
    parts.push(ellipse(cx, cy, 1.15, 1.15, { fill: mix(skin.tone, '#d83a3a', 0.6), opacity: 0.75 }));
  }
  for (let i = 0; i < skin.freckles; i++) {
    const [cx, cy] = [random.normal() * p.cheekW * 0.4, p.noseY - 4 + random.normal() * 4];
    if (Math.abs(cx) > p.cheekW * 0.85) continue;
    parts.push(ellipse(cx, cy, 0.75, 0.65, { fill: '#a8562a', opacity: range(random, 0.35, 0.7) }));
  }
  return clipped('marks', headOutline(p), tag('g', { transform: `translate(${turn.join(' ')})` }, ...parts));
}
