import { InvalidArgumentError } from 'commander';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600 };

/** Seconds of a text such as `90s`, `10m`, `1.5h` or `1h30m`. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smh])/g)];
  const seconds = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNIT_SECONDS[unit as 's' | 'm' | 'h'],
    0,
  );
  if (parts.map(([part]) => part).join('') !== text || seconds === 0)
    throw new InvalidArgumentError('Expected a duration such as 90s, 10m or 1h30m.');
  return seconds;
}

/** Formats seconds: `8.0 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
