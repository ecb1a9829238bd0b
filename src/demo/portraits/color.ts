// Colors are texts: `#rrggbb`.

const channels = (hex: string): number[] => [1, 3, 5].map(i => Number.parseInt(hex.slice(i, i + 2), 16));

/** The color `share` (0 to 1) of the way from `a` to `b` in sRGB. */
export function mix(a: string, b: string, share: number): string {
  const to = channels(b);
  const values = channels(a).map((v, i) => Math.round(Math.min(Math.max(v + (to[i]! - v) * share, 0), 255)));
  return `#${values.map(v => v.toString(16).padStart(2, '0')).join('')}`;
}

/** The color at `t` (0 to 1) of a ramp of evenly spaced colors. */
export function along(ramp: readonly string[], t: number): string {
  const place = Math.min(Math.max(t, 0), 1) * (ramp.length - 1);
  const i = Math.min(Math.floor(place), ramp.length - 2);
  return mix(ramp[i]!, ramp[i + 1]!, place - i);
}

/** The lightness of a color, 0 to 1 (Rec. 601 luma). */
export function luma(hex: string): number {
  const [r = 0, g = 0, b = 0] = channels(hex);
  return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
}
