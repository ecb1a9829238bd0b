/** Maps values to pixels and back. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  toPx(value: number): number;
  fromPx(px: number): number;
}

/** A linear scale; an empty domain is widened. */
export function scaleOf([low, high]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  const top = high > low ? high : low + 1;
  const factor = (to - from) / (top - low);
  return { low, high: top, toPx: value => from + (value - low) * factor, fromPx: px => low + (px - from) / factor };
}

/** Round numbers from `low` to `high`, at most about `count` of them. */
export function ticks(low: number, high: number, count = 6): number[] {
  const raw = (high - low) / count;
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(digit => digit * power).find(step => step >= raw)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
