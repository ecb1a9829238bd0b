/** The colours in which things to wear are dyed. */
export const FABRICS = [
  '#d9694f',
  '#e8a13c',
  '#f0c965',
  '#7fa65a',
  '#3f8f7a',
  '#3d7ea6',
  '#2f4b7c',
  '#6c8ebf',
  '#8a6fb0',
  '#b5546f',
  '#e79aa3',
  '#8c5a3c',
  '#d8c3a0',
  '#56606e',
  '#2e3138',
  '#a8c9c1',
];

const channels = (hex: string): [number, number, number] => [
  Number.parseInt(hex.slice(1, 3), 16),
  Number.parseInt(hex.slice(3, 5), 16),
  Number.parseInt(hex.slice(5, 7), 16),
];

const hexOf = (rgb: readonly number[]): string =>
  `#${rgb
    .map(v =>
      Math.round(Math.min(Math.max(v, 0), 255))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;

/** The colour `share` (0 to 1) of the way from `a` to `b`, both `#rrggbb`, in sRGB. */
export function mix(a: string, b: string, share: number): string {
  const [from, to] = [channels(a), channels(b)];
  return hexOf(from.map((v, i) => v + (to[i]! - v) * share));
}

/** The colour at `t` (0 to 1) of a ramp of evenly spaced colours. */
export function along(ramp: readonly string[], t: number): string {
  const place = Math.min(Math.max(t, 0), 1) * (ramp.length - 1);
  const i = Math.min(Math.floor(place), ramp.length - 2);
  return mix(ramp[i]!, ramp[i + 1]!, place - i);
}

/** The perceived lightness of a colour, 0 to 1 (Rec. 601 luma). */
export function luma(hex: string): number {
  const [r, g, b] = channels(hex);
  return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
}
