import type { Random } from '../../base/random.js';
import { chance, range, weighted } from './chance.js';
import { mix } from './color.js';
import { d, ellipse, glow, linearGradient, path, tag } from './svg.js';

/** What is behind somebody, and the light in which it all lies; both say nothing about the age. */
export interface Backdrop {
  readonly motif: 'plain' | 'disc' | 'diagonal' | 'hills' | 'lights' | 'window';
  readonly top: string;
  readonly bottom: string;
  readonly accent: string;
  /** Colour and strength (0 to 0.12) of the light over everything. */
  readonly tint: string;
  readonly tintStrength: number;
  /** How dark the corners are, 0 to 0.18. */
  readonly vignette: number;
}

/** Walls, skies and papers, from pale to deep. */
const PAPERS = [
  '#fbe8d0',
  '#fbd9b5',
  '#f9c6ae',
  '#f6d6d8',
  '#d9e9f5',
  '#b9dcec',
  '#a9d5cf',
  '#cfe6cc',
  '#e4ebc0',
  '#fbe7a2',
  '#ddd6ee',
  '#e6e3dd',
  '#cdd6df',
  '#f2a98c',
  '#8fc1c9',
  '#e9c46a',
  '#2f5d73',
  '#38605a',
  '#6a5a86',
  '#b0563f',
  '#3c4a66',
  '#7a8a99',
];

/** A backdrop and a light of chance: mostly pale, at times deep. */
export function chooseBackdrop(random: Random): Backdrop {
  const [top, other] = random.shuffle(PAPERS);
  const bottom = mix(top!, mix(other!, '#3a3550', 0.4), range(random, 0.1, 0.28));
  const tint = weighted(random, { '#ffb766': 1, '#9cc4ff': 0.7, '#ffffff': 0.7, '#201830': 0.4 });
  return {
    motif: weighted(random, { plain: 1, disc: 1.2, diagonal: 0.7, hills: 0.8, lights: 0.8, window: 0.6 }),
    top: top!,
    bottom,
    accent: mix(top!, chance(random, 0.5) ? '#ffffff' : other!, range(random, 0.3, 0.6)),
    tint,
    // Cold light makes skin look ill sooner than warm light.
    tintStrength: range(random, 0, tint === '#9cc4ff' ? 0.06 : 0.12),
    vignette: range(random, 0, 0.18),
  };
}

/** The backdrop over the whole image, whose middle is (0, 0). */
export function drawBackdrop(backdrop: Backdrop, random: Random): string {
  const { accent, top, bottom } = backdrop;
  const paint =
    linearGradient(
      'backdrop',
      [-60, -100],
      [60, 100],
      [
        [0, top],
        [1, bottom],
      ],
    ) + tag('rect', { x: -100, y: -100, width: 200, height: 200, fill: 'url(#backdrop)' });
  const motif = {
    plain: () => '',
    disc: () =>
      ellipse(range(random, -10, 10), range(random, -12, 6), range(random, 70, 88), range(random, 70, 88), {
        fill: accent,
        opacity: 0.7,
      }),
    diagonal: () => {
      const x = range(random, -50, 50);
      return path(d`M${x} -100L100 -100L100 100L${x - range(random, 20, 80)} 100Z`, { fill: accent, opacity: 0.7 });
    },
    hills: () => {
      const y = range(random, 0, 40);
      const hill = (dy: number, color: string): string =>
        path(
          d`M-100 ${y + dy}Q-60 ${y + dy - range(random, 10, 45)} -15 ${y + dy}T100 ${y + dy - range(random, 0, 25)}V100H-100Z`,
          { fill: color, opacity: 0.75 },
        );
      return (
        ellipse(range(random, -70, 70), range(random, -75, -40), 15, 15, {
          fill: mix(accent, '#fff3d0', 0.6),
          opacity: 0.8,
        }) +
        hill(0, mix(bottom, accent, 0.4)) +
        hill(26, bottom)
      );
    },
    lights: () =>
      Array.from({ length: 11 }, () => {
        const r = range(random, 6, 22);
        return ellipse(range(random, -100, 100), range(random, -100, 60), r, r, {
          fill: accent,
          opacity: range(random, 0.2, 0.5),
        });
      }).join(''),
    window: () => {
      const [x, y] = [range(random, -95, 10), range(random, -95, -70)];
      const pane = (dx: number, dy: number): string =>
        tag('rect', {
          x: x + dx,
          y: y + dy,
          width: 40,
          height: 52,
          rx: 3,
          fill: mix(accent, '#ffffff', 0.4),
          opacity: 0.6,
        });
      return pane(0, 0) + pane(45, 0) + pane(0, 57) + pane(45, 57);
    },
  }[backdrop.motif]();
  return paint + motif;
}

/** The light over everything: a tint, a glow from the upper left, darker corners. */
export function drawLight(backdrop: Backdrop): string {
  const whole = { x: -100, y: -100, width: 200, height: 200 };
  const corners = tag(
    'radialGradient',
    { id: 'corners', gradientUnits: 'userSpaceOnUse', cx: 0, cy: -5, r: 135 },
    tag('stop', { offset: 0.55, 'stop-color': '#140c18', 'stop-opacity': 0 }),
    tag('stop', { offset: 1, 'stop-color': '#140c18', 'stop-opacity': backdrop.vignette }),
  );
  return (
    tag('rect', { ...whole, fill: backdrop.tint, 'fill-opacity': backdrop.tintStrength }) +
    glow('lamp', [-70, -80], 110, 110, '#fff6e0', 0.22) +
    corners +
    tag('rect', { ...whole, fill: 'url(#corners)' })
  );
}
