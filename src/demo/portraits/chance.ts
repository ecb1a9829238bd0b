import type { Random } from '../../base/random.js';

/** A piecewise linear function of `x` through `stops`, constant before the first and after the last. */
export function curve(x: number, ...stops: readonly (readonly [x: number, value: number])[]): number {
  const next = stops.findIndex(([edge]) => x < edge);
  if (next === 0) return stops[0]![1];
  if (next === -1) return stops.at(-1)![1];
  const [[x0, y0], [x1, y1]] = [stops[next - 1]!, stops[next]!];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/** `value`, at least `low` and at most `high`. */
export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** True with probability `share`. */
export const chance = (random: Random, share: number): boolean => random.uniform() < share;

/** Left (-1) or right (1). */
export const anySide = (random: Random): 1 | -1 => (chance(random, 0.5) ? 1 : -1);

/** A uniform number from `low` to `high`. */
export const range = (random: Random, low: number, high: number): number => low + (high - low) * random.uniform();

/** A normal number, clamped to two standard deviations, so that no portrait is a caricature. */
export const spread = (random: Random, mean: number, deviation: number): number =>
  mean + deviation * clamp(random.normal(), -2, 2);

/** One of `items`, all equally likely. */
export const oneOf = <T>(random: Random, items: readonly T[]): T => items[random.integer(items.length)]!;

/** One key of `weights`, with a probability proportional to its weight; negative weights count as 0. */
export function weighted<K extends string>(random: Random, weights: Readonly<Record<K, number>>): K {
  const entries = Object.entries(weights) as [K, number][];
  let left = random.uniform() * entries.reduce((sum, [, weight]) => sum + Math.max(weight, 0), 0);
  for (const [key, weight] of entries) {
    left -= Math.max(weight, 0);
    if (left < 0) return key;
  }
  return entries[0]![0];
}
