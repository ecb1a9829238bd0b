import type { ScaleOptions } from '@observablehq/plot';

/** About six ticks, all of them whole numbers. */
export function wholeTicks(from: number, to: number): number[] {
  const ticks: number[] = [];
  const step = roundStep(to - from);
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) ticks.push(tick);
  return ticks;
}

/** The smallest of 1, 2, 5, 10, 20 ... that fits into `span` at most seven times. */
function roundStep(span: number): number {
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) if (span / (digit * power) <= 7) return digit * power;
  }
}

/** 1, 2 and 5 of each power of ten within the range, or the powers alone where those would be more than eight. */
function logTicks(low: number, high: number): number[] {
  const exponents: number[] = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) exponents.push(e);
  const ticks = exponents.flatMap(e => [10 ** e, 2 * 10 ** e, 5 * 10 ** e]).filter(tick => tick >= low && tick <= high);
  return ticks.length <= 8 ? ticks : exponents.map(e => 10 ** e).filter(tick => tick >= low && tick <= high);
}

const compactFormat = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** `value` in at most seven characters: `1.2M`, `5e-4`. */
export function compact(value: number): string {
  // Ticks are sums of steps: 0.00030000000000000003 is 3e-4.
  const rounded = Number(value.toPrecision(3));
  const isTiny = rounded !== 0 && Math.abs(rounded) < 0.001;
  return (isTiny ? rounded.toExponential() : compactFormat.format(rounded)).replace(/^-/, '\u2212');
}

/** An axis from `low` to `high` with its name and unit; numbers that are too wide for the margin are shortened. */
export function axis(
  name: string,
  unit: string | undefined,
  [low, high]: readonly [number, number],
  type: 'linear' | 'log' = 'linear',
): ScaleOptions {
  const label = unit === undefined || unit === '' ? name : `${name} (${unit})`;
  if (type === 'log') {
    // A transform instead of a scale of type log, which omits labels of requested ticks.
    const ticks = logTicks(low, high).map(Math.log10);
    const domain = [low, high].map(Math.log10);
    return { label, transform: Math.log10, domain, ticks, tickFormat: (tick: number) => compact(10 ** tick) };
  }
  // An empty range cannot be drawn: perfect predictions, a loss of 0.
  const domain = low < high ? [low, high] : [low - 1, high + 1];
  const largest = Math.max(...domain.map(Math.abs));
  // Three digits cannot tell 1,000,001 from 1,000,002.
  const isWide = domain[1]! - domain[0]! > largest / 50;
  const isCompact = isWide && (largest >= 10_000 || largest < 0.01);
  return { label, domain, ticks: 6, ...(isCompact ? { tickFormat: compact } : {}) };
}
