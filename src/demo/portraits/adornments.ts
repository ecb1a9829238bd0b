import type { Accessories } from './accessories.js';
import { mix } from './color.js';
import type { Proportions } from './proportions.js';
import { d, ellipse, line, resampled, tag } from './svg.js';

/** Spectacles before the eyes. */
export function drawGlasses(p: Proportions, glasses: NonNullable<Accessories['glasses']>): string {
  const { color, thickness, frame } = glasses;
  const [rx, ry] = [Math.min(p.eyeX - 3.2, p.eyeW * 1.75), frame === 'round' ? Math.min(p.eyeX - 3.2, 12.6) : 9.6];
  const y = p.eyeY + 1.2;
  const lens = (s: number): string => {
    const x = s * (p.eyeX + 0.6);
    const box = {
      x: x - rx,
      y: y - ry,
      width: 2 * rx,
      height: 2 * ry,
      rx: frame === 'round' ? rx : 4.5,
      ry: frame === 'round' ? ry : 4.5,
    };
    const rim =
      frame === 'half'
        ? line(
            d`M${x - rx} ${y - ry * 0.7}Q${x - rx} ${y + ry} ${x} ${y + ry}Q${x + rx} ${y + ry} ${x + rx} ${y - ry * 0.7}`,
            color,
            thickness * 0.6,
          ) + line(d`M${x - rx} ${y - ry * 0.8}H${x + rx}`, color, thickness * 1.5)
        : tag('rect', { ...box, fill: 'none', stroke: color, 'stroke-width': thickness });
    const glare = line(d`M${x - rx * 0.74} ${y - ry * 0.05}L${x - rx * 0.36} ${y - ry * 0.62}`, '#ffffff', 1.6, {
      opacity: 0.5,
    });
    return tag('rect', { ...box, fill: '#eaf4ff', opacity: 0.14 }) + rim + glare;
  };
  const arm = (s: number): string =>
    line(d`M${s * (p.eyeX + 0.6 + rx)} ${y - ry * 0.45}L${s * (p.cheekW + 1)} ${y - ry * 0.3}`, color, thickness * 1.1);
  const inner = p.eyeX + 0.6 - rx;
  return (
    arm(-1) +
    arm(1) +
    lens(-1) +
    lens(1) +
    line(d`M${-inner} ${y - 2}Q0 ${y - 5.5} ${inner} ${y - 2}`, color, thickness)
  );
}

/** A string of beads round the neck. */
export function drawBeads(p: Proportions, color: string, depth: number): string {
  const string = resampled(
    [
      [-p.neckW - 2, p.neckY + 1],
      [-p.neckW * 0.62, p.neckY + depth * 0.52],
      [0, p.neckY + depth * 0.78],
      [p.neckW * 0.62, p.neckY + depth * 0.52],
      [p.neckW + 2, p.neckY + 1],
    ],
    4,
  );
  return string
    .map(([x, y]) => ellipse(x, y, 2, 2, { fill: color, stroke: mix(color, '#4a3020', 0.35), 'stroke-width': 0.4 }))
    .join('');
}

/** Something at the lobe of either ear. */
export function drawEarrings(p: Proportions, earrings: NonNullable<Accessories['earrings']>): string {
  const { kind, color } = earrings;
  return [-1, 1]
    .map(s => {
      const [x, y] = [s * (p.cheekW + p.earW * 0.28), p.earY + p.earH * 0.9];
      if (kind === 'stud')
        return ellipse(x, y, 1.7, 1.7, { fill: color, stroke: mix(color, '#3a2a10', 0.35), 'stroke-width': 0.5 });
      if (kind === 'hoop') return ellipse(x, y + 4, 3.4, 4.2, { fill: 'none', stroke: color, 'stroke-width': 1.4 });
      return line(d`M${x} ${y}v5`, color, 0.9) + ellipse(x, y + 7, 2.1, 2.9, { fill: color });
    })
    .join('');
}
