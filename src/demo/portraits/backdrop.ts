import type { Random } from '../../base/random.js';
import { chance, range, weighted } from './chance.js';
import { mix } from './color.js';
import { ellipse, fill, glow, linearGradient, tag } from './svg.js';

/** Walls, skies and papers, from pale to deep. */
const PAPERS = (
  '#fbe8d0 #fbd9b5 #f9c6ae #f6d6d8 #d9e9f5 #b9dcec #a9d5cf #cfe6cc #e4ebc0 #fbe7a2 #ddd6ee ' +
  '#e6e3dd #cdd6df #f2a98c #8fc1c9 #e9c46a #2f5d73 #38605a #6a5a86 #b0563f #3c4a66 #7a8a99'
).split(' ');

export type Backdrop = ReturnType<typeof chooseBackdrop>;

/** What is behind a person, and the light; both are independent of the age. */
export function chooseBackdrop(random: Random) {
  const [top = '', other = ''] = random.shuffle(PAPERS);
  const bottom = mix(top, mix(other, '#3a3550', 0.4), range(random, 0.1, 0.28));
  const tint = weighted(random, { '#ffb766': 1, '#9cc4ff': 0.7, '#ffffff': 0.7, '#201830': 0.4 });
  return {
    motif: weighted(random, { plain: 1, disc: 1.2, diagonal: 0.7, hills: 0.8, lights: 0.8, window: 0.6 }),
    top,
    bottom,
    accent: mix(top, chance(random, 0.5) ? '#ffffff' : other, range(random, 0.3, 0.6)),
    /** Color and strength of the light over everything; less of cold light, in which skin looks ill. */
    tint,
    tintStrength: range(random, 0, tint === '#9cc4ff' ? 0.06 : 0.12),
    /** How dark the corners are. */
    vignette: range(random, 0, 0.18),
  };
}

const WHOLE = { x: -100, y: -100, width: 200, height: 200 };

/** The backdrop of the whole image, whose center is (0, 0). */
export function drawBackdrop(backdrop: Backdrop, random: Random): string {
  const { top, bottom, motif } = backdrop;
  return (
    linearGradient('backdrop', [-60, -100], [60, 100], [0, top], [1, bottom]) +
    tag('rect', { ...WHOLE, fill: 'url(#backdrop)' }) +
    motifs[motif](backdrop, (low, high) => range(random, low, high))
  );
}

type Draw = (backdrop: Backdrop, within: (low: number, high: number) => number) => string;

const motifs: Readonly<Record<Backdrop['motif'], Draw>> = {
  plain: () => '',
  disc: ({ accent }, within) => ellipse(within(-10, 10), within(-12, 6), within(70, 88), within(70, 88), accent, 0.7),
  diagonal: ({ accent }, within) => {
    const x = within(-50, 50);
    return fill(accent, 0.7)`M${x} -100L100 -100L100 100L${x - within(20, 80)} 100Z`;
  },
  hills: ({ accent, bottom }, within) => {
    const low = within(0, 40);
    const hill = (y: number, color: string): string =>
      fill(color, 0.75)`M-100 ${y}Q-60 ${y - within(10, 45)} -15 ${y}T100 ${y - within(0, 25)}V100H-100Z`;
    const sun = ellipse(within(-70, 70), within(-75, -40), 15, 15, mix(accent, '#fff3d0', 0.6), 0.8);
    return sun + hill(low, mix(bottom, accent, 0.4)) + hill(low + 26, bottom);
  },
  lights: ({ accent }, within) =>
    Array.from({ length: 11 }, () => {
      const r = within(6, 22);
      return ellipse(within(-100, 100), within(-100, 60), r, r, accent, within(0.2, 0.5));
    }).join(''),
  window: ({ accent }, within) => {
    const [x, y] = [within(-95, 10), within(-95, -70)];
    const pane = { width: 40, height: 52, rx: 3, fill: mix(accent, '#ffffff', 0.4), opacity: 0.6 };
    const at = (dx: number, dy: number): string => tag('rect', { x: x + dx, y: y + dy, ...pane });
    return at(0, 0) + at(45, 0) + at(0, 57) + at(45, 57);
  },
};

/** The light over everything: a tint, a glow from the upper left, darker corners. */
export function drawLight({ tint, tintStrength, vignette }: Backdrop): string {
  const corner = (offset: number, opacity: number): string =>
    tag('stop', { offset, 'stop-color': '#140c18', 'stop-opacity': opacity });
  const circle = { id: 'corners', gradientUnits: 'userSpaceOnUse', cx: 0, cy: -5, r: 135 };
  return (
    tag('rect', { ...WHOLE, fill: tint, 'fill-opacity': tintStrength }) +
    glow('lamp', [-70, -80], 110, 110, '#fff6e0', 0.22) +
    tag('radialGradient', circle, corner(0.55, 0), corner(1, vignette)) +
    tag('rect', { ...WHOLE, fill: 'url(#corners)' })
  );
}
